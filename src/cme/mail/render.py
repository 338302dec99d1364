"""The approved letters as text. Each is a file of ``letters/``: a line "Subject: ...", an empty line, the text.

A letter is filled with values, never with markup. A missing or empty value is refused, because a letter with a hole in it
is worse than an alarm; line breaks inside a value cannot begin a line of the letter's own.
"""

import re
import textwrap
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import PackageLoader, StrictUndefined, TemplateNotFound
from jinja2.exceptions import TemplateError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cme.errors import BadInput
from cme.mail.notification import Notification, said

WIDTH, MARGIN, WIDE_MARGIN = 76, 24, 30
_NAME = re.compile(r"[a-z_]+")
_SUBJECT = re.compile(r"[\x20-\x7e]{1,150}")


class Letter(NamedTuple):
    """A letter as it will be read."""

    subject: str
    text: str


class _Laid(str):
    """Text that has been laid out and keeps its line breaks."""


def letter(name: str, language: str = "en", **fields: Any) -> Letter:
    """The approved letter ``name``, filled. Where it does not exist in ``language`` the English one is taken.

    Values that the letter does not use are ignored. Raises BadInput for a letter that does not exist and for a value that is
    missing or empty; the sentence names the letter and the field, never a value.
    """
    filled = _filled(name, language, fields)
    first, _, text = filled.partition("\n")
    subject = first.removeprefix("Subject:").strip()
    if not first.startswith("Subject:") or not _SUBJECT.fullmatch(subject) or not text.strip():
        raise BadInput(f"the letter {name} must begin with a line 'Subject: ...' in plain ASCII, and have a text")
    return Letter(subject, text.strip("\n") + "\n")


def text_message(name: str, language: str = "en", **fields: Any) -> str:
    """The approved text message ``name``, filled: a file of the same folder without a subject. Lines of a paragraph are joined, because
    a telephone breaks lines itself. Raises BadInput as ``letter`` does."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in _filled(name, language, fields).split("\n\n"))
    return "\n".join(filter(None, paragraphs))


def _filled(name: str, language: str, fields: dict[str, Any]) -> str:
    if not _NAME.fullmatch(name) or not _NAME.fullmatch(language):
        raise BadInput(f"there is no letter {name!r}")
    try:
        template = _letters().select_template([f"{name}.{language}.txt", f"{name}.en.txt"])
    except TemplateNotFound:
        raise BadInput(f"there is no letter {name!r}") from None
    try:
        return template.render(**fields)
    except UndefinedError as error:
        raise BadInput(f"the letter {name} lacks a value: {error.message}") from None
    except _Empty:
        raise BadInput(f"the letter {name} has an empty value") from None
    except TemplateError as error:
        raise BadInput(f"the letter {name} cannot be filled ({type(error).__name__})") from None


def notification_letter(notification: Notification) -> Letter:
    """The letter that carries a notification of any kind in full."""
    return letter(f"la_{notification.kind}", notification=notification, school=notification.school.name)


@cache
def written_in(name: str) -> frozenset[str]:
    """The languages (ISO 639-1) in which there is wording for a letter or text."""
    return frozenset(path.name.split(".")[1] for path in (files("cme.mail") / "letters").iterdir() if path.name.startswith(f"{name}."))


@cache
def _letters() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("cme.mail", "letters"), undefined=StrictUndefined, autoescape=False, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True, finalize=_only_text)
    environment.filters.update(beside=_beside, held=_held, said=said, dash=_dash, cell=_cell, heading=_heading, paragraph=_paragraph,
                               numeric=_numeric)
    return environment


class _Empty(Exception):
    """A value that is not there or says nothing."""


def _only_text(value: Any) -> Any:
    if isinstance(value, (_Laid, StrictUndefined)):
        return value
    line = "" if value is None else " ".join(str(value).split())
    if not line:
        raise _Empty
    return line


def _beside(value: Any, label: str, margin: int = MARGIN) -> _Laid:
    """"Label:     value", its further lines indented to stand below the value."""
    if value is None or not str(value).strip():
        raise _Empty
    return _Laid(_wrapped(str(value), f"{label}:".ljust(margin - 1) + " ", " " * margin))


def _held(value: str | None, label: str) -> _Laid:
    """The same with a wide margin, for a form's fields: what is not held is said in words."""
    return _beside(said(value), label, WIDE_MARGIN)


def _paragraph(value: Any) -> _Laid:
    """A sentence or more, from the left edge."""
    if not str(value).strip():
        raise _Empty
    return _Laid(_wrapped(str(value), "", ""))


def _dash(value: Any) -> _Laid:
    """An item of a list, its further lines indented."""
    if not str(value).strip():
        raise _Empty
    return _Laid(_wrapped(str(value), "  - ", "    "))


def _cell(value: Any, width: int) -> _Laid:
    return _Laid(_only_text(value).ljust(width))


def _numeric(value: Any) -> Any:
    """"Monday 23 November 2026" as 23/11/2026, for wording in another language; anything else as it is."""
    try:
        return f"{datetime.strptime(str(value), '%A %d %B %Y'):%d/%m/%Y}"
    except ValueError:
        return value


def _heading(value: str) -> _Laid:
    return _Laid(f"{value.upper()}\n{'-' * len(value)}")


def _wrapped(value: str, first: str, others: str) -> str:
    lines = []
    for part in filter(None, (" ".join(line.split()) for line in value.splitlines())):
        lines += textwrap.wrap(part, WIDTH, initial_indent=others if lines else first, subsequent_indent=others,
                               break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)
