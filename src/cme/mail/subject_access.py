"""The readable page of a subject-access export, and what a person must know before handing it over."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

READ_ME = """WHAT THIS IS
Everything that {school} holds in CME Flows about the child {reference}, as it stood on {made}.
Made by {by}. Request: {request}.

BEFORE ANYTHING IS HANDED OVER a person must go through all of it:
* It names third parties: contacts, staff, and perhaps other children in what people wrote. Take out what the person asking may not see.
* Some of it may be exempt: where telling it could do serious harm, and information about child abuse where telling it is not in the
  child's interests. Ask the designated safeguarding lead, and the data protection officer, each time.
* Make sure who asks, and that they may ask for this child.
* Record the answer: cme rights REFERENCE --decision granted --reason "..." --by dsl

WHAT IS IN IT
record.html     all of it, to read; it loads nothing from outside
record.json     the same, for machines
marks.csv       the child's own mark in every register, each time it changed
message-*.eml   the messages about the child as they left, with attachments

WHAT IS NOT IN IT
Paper; the school's own system; mailboxes and replies that stand there; messages that came back about several children (cme replies);
rows that could not be read (cme quarantine); backups. Codes and keys are left out, and messages that held a code were blanked when sent.

SHA-256
{files}
"""


def page(reference: str, school: str, made: str, rows: dict[str, list[dict[str, Any]]], mark_heads: Sequence[str],
         marks: Sequence[Sequence[object]], events: Sequence[dict[str, str]]) -> str:
    """The page as HTML: nothing in it is markup but our own."""
    return _template().render(reference=reference, school=school, made=made, rows=rows, mark_heads=mark_heads, marks=marks, events=events)


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["words"] = lambda name: str(name).replace("_", " ")
    return environment.from_string((files("cme.mail") / "subject_access.html").read_text(encoding="utf-8"))
