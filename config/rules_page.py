"""Writes docs/rules.md from a checkout: law, number, source and worked examples of every rule on one page.

``python -m cme.config.rules_page > docs/rules.md``; a test compares the page with what this gives.
"""

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from cme.config.policies import Policies, load
from cme.rules import day_one, overdue_registers, possible_sessions
from cme.rules.book import Number
from cme.rules.judge import OPENS_A_CASE, RULES
from cme.rules.rates import ENOUGH, PERSISTENT, SEVERE, WEEKS

CASES = Path(__file__).parent.parent / "tests" / "rules" / "cases"
AUTHORITIES = ("birmingham", "hertfordshire", "herefordshire")
NUMBER_OF = {"sickness_in_a_row": "sickness_return", "sickness_together": "sickness_return"}

HEAD = """# The rules

Generated from the rules, their numbers (`config/*.yaml`) and their worked examples (`tests/rules/cases/*.yaml`) by
`python -m cme.config.rules_page > docs/rules.md`; a test compares, and the tests run every example on this page.

A rule takes the day it judges, a pupil's marks and the numbers in force on that day, and answers with a finding: what was reached
and when, the sum in one sentence, the source, and the marks that caused it. A finding of `continuous_absence`,
`cumulative_absence` or `vulnerable_absence` opens a case for the DSL; all others are shown beside it. No rule decides anything about
a child: people do.

*Confirmed* means that a person has compared the value with the text it comes from. In production the software does not start
while a value that matters is not confirmed.
"""

CHECKED = """## How the rules are checked

* Every example on this page is a test.
* An independent implementation, slow and obvious, that shares no code with the rules must find the same on generated pupil
  histories: 300 on each run of the tests, 100,000 by hand (`CME_HISTORIES=100000 pytest tests/rules/test_slow_and_obvious.py`).
* The screen over a whole population must name exactly the pupils in whom these rules find something that opens a case.
* Faults put into the rules on purpose must be noticed by a test (`docs/mutations.md`).
"""


def page() -> str:
    """The whole page. Reads the shipped configuration and the examples beside the checkout's tests."""
    policies = load(authority=AUTHORITIES[0])
    parts = [HEAD, "## What counts\n", _text(possible_sessions), "## The rules on a pupil's marks\n"]
    numbers = {**policies.statutory, **policies.school_numbers, "referral_days": (policies.authority.cme_referral,)}
    meanings = {**policies.meanings, "referral_days": "The authority's number of school days in a row for a CME referral"}
    for rule in RULES:
        name = rule.__name__
        number = NUMBER_OF.get(name, name)
        opens = "Opens a case.\n" if name in OPENS_A_CASE else "Shown, opens no case.\n"
        parts += [f"### {name}\n", f"{meanings[number]}.", opens, _text(sys.modules[rule.__module__]), *_numbers(numbers[number]),
                  *_beside(name, numbers, meanings), "\nWorked examples:\n", *_examples(name), ""]
    parts += ["## The rule of day one\n", f"### {day_one.RULE}\n", f"{meanings[day_one.RULE]}.",
              "Opens a case, and is before the DSL at once; judged whenever registers are read, for children with a flag only.\n",
              _text(day_one), *_numbers(numbers[day_one.RULE]), "\nWorked examples:\n", *_examples(day_one.RULE), ""]
    parts += ["## Registers taken late\n", _text(overdue_registers), "\nWorked examples:\n", *_registers(), ""]
    parts += ["## The attendance codes\n", *_codes(policies), "", "## The authorities\n", *_authorities(), ""]
    return "\n".join([*parts, CHECKED])


def _text(module: Any) -> str:
    """A module's own words."""
    return (module.__doc__ or "").strip() + "\n"


def _numbers(values: tuple[Number, ...]) -> Iterator[str]:
    yield "| From | Value | Codes | Source | Confirmed |\n|---|---|---|---|---|"
    for n in values:
        window = f" in {n.window} {n.window_unit}" if n.window else ""
        codes = " ".join(f"`{code}`" for code in sorted(n.codes)) or "all"
        yield f"| {n.valid_from} | {n.value} {n.unit}{window} | {codes} | {n.source} | {'yes' if n.confirmed else 'no'} |"


def _beside(rule: str, numbers: dict[str, tuple[Number, ...]], meanings: dict[str, str]) -> Iterator[str]:
    """The numbers that only the reason of a rule uses, where it uses some."""
    if rule in (PERSISTENT, SEVERE):
        yield "\nIts reason also uses:\n"
        for n in (*numbers[ENOUGH], *numbers[WEEKS]):
            confirmed = "confirmed" if n.confirmed else "not confirmed"
            yield f"* `{n.name}`, {n.value} {n.unit} from {n.valid_from} ({n.source}; {confirmed}). {meanings[n.name]}."


def _read(rule: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load((CASES / f"{rule}.yaml").read_text(encoding="utf-8"))["examples"])


def _examples(rule: str) -> Iterator[str]:
    for example in _read(rule):
        told = ("flags", "authority", "admitted", "left", "born", "expected")
        conditions = [f"{key} {_shown(example[key])}" for key in told if key in example]
        present = "no other marks" if example.get("otherwise") == "none" else "else present"
        marks = "; ".join(f"`{line}`" for line in example["marks"])
        found = example["found"] or []
        found = found if isinstance(found, list) else [found]
        answer = "; ".join(f"**{f['count']}**, reached on {f['reached_on']}, from {f['episode_start']}" for f in found)
        answer = answer or "**nothing**"
        shown = ", ".join(filter(None, [", ".join(conditions), marks, present]))
        yield f"* {example['says']}.\n  {shown}; judged on {example['as_of']}: {answer}."
        if "reason" in example:
            yield f"  > {example['reason']}"


def _shown(value: object) -> str:
    return (", ".join(map(str, value)) or "none") if isinstance(value, list) else str(value)


def _registers() -> Iterator[str]:
    for example in _read("overdue_registers"):
        yield f"* {example['says']} (`{example['verdict']}`)."


def _codes(policies: Policies) -> Iterator[str]:
    yield "| Code | Meaning | Counts as | Possible session | From | Until | Confirmed |\n|---|---|---|---|---|---|---|"
    for c in policies.codes.codes:
        first = "" if c.valid_from == date.min else c.valid_from
        last = "" if c.valid_to == date.max else c.valid_to
        yield (f"| `{c.code}` | {c.meaning} | {c.category.value} | {'yes' if c.category.possible else 'no'} | {first} | {last} | "
               f"{'yes' if c.confirmed else 'no'} |")
    yield "\nA mark not entered (`-`, or nothing) is neither absence nor presence."


def _authorities() -> Iterator[str]:
    yield ("| Authority | Attendance return | CME referral | Whereabouts unknown | Forms | Message | Acknowledges within |\n"
           "|---|---|---|---|---|---|---|")
    for key in AUTHORITIES:
        a = load(authority=key).authority
        kind = "continuous or cumulative" if "cumulative_absence" in a.attendance_return_rules else "continuous"
        protection = "; ".join(sorted({"TLS" if each.protection == "tls" else "PDF with password" for each in a.messages.values()}))
        whereabouts = "required" if a.whereabouts_unknown else "not required"
        yield (f"| {a.name} | {a.attendance_return.value} {a.attendance_return.unit}, {kind} | "
               f"{a.cme_referral.value} {a.cme_referral.unit} | {whereabouts} | "
               f"{'; '.join(dict.fromkeys((*a.forms, *(each.form for each in a.messages.values()))))} | {protection} | {a.acknowledgement_school_days} school days |")


if __name__ == "__main__":
    sys.stdout.write(page())
