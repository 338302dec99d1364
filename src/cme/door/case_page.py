"""The dossier as a page: plain HTML without any script, for a screen, a telephone and paper.

Its address and its title name no child: they stay in the browser's history.
"""

import base64
import hashlib
import re
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined, Template

from cme import clock
from cme.errors import BadInput
from cme.records import reviews
from cme.steps.decisions import REASONS
from cme.steps.dossier import RULES
from cme.steps.office import Office
from cme.steps.reading import Reading

QUESTION = {reviews.SAFEGUARDING: "Decision of the designated safeguarding lead",
            reviews.CONTACT_OUTCOME: "Outcome of the contact with the parent or carer",
            reviews.CONFIRMATION: "A second person's view of a decision",
            reviews.MISSING_REPORT: "What could be established about a child reported missing"}
STYLE = (files("cme.door") / "case_page.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
                                 "frame-ancestors 'none'".encode()),
    (b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer"), (b"x-robots-tag", b"noindex, nofollow, noarchive"),
    (b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"), (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin")]


def render(reading: Reading, office: Office, signed_in_as: str = "") -> str:
    """The page of a dossier. Names the child: only for who holds the link and has signed in."""
    dossier = reading.dossier
    return _template("case_page.html").render(
        style=STYLE, r=reading, d=dossier, child=dossier["pupil"], authority=office.policies.authority, school=office.policies.school.name,
        question=QUESTION.get(reading.kind, "A question about this case"), signed_in_as=signed_in_as,
        answer=f"{office.settings.ui_url}/v2/runs/flow-run/{reading.flow_run_id}" if reading.flow_run_id else "",
        age=_age(dossier["pupil"]["born"], clock.local(reading.frozen_at).date()), person=office.settings.people.shown,
        contact={c["id"]: c for c in dossier["contacts"]}, rules=RULES, reasons=REASONS, marks=_weeks,
        meanings=lambda marks: _meanings(marks, office))


def notice(said: str, more: str = "") -> str:
    """A page that says one thing and shows nothing of any case."""
    return _template("notice.html").render(style=STYLE, said=said, more=more)


@cache
def _template(name: str) -> Template:
    sources = {file: (files("cme.door") / file).read_text(encoding="utf-8") for file in ("case_page.html", "notice.html")}
    environment = Environment(loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(day=_day, moment=_moment, words=lambda text: str(text).replace("_", " "),
                               dialled=lambda text: re.sub(r"[^0-9+]", "", str(text)))
    return environment.get_template(name)


def _day(iso: str) -> str:
    return f"{date.fromisoformat(iso):%a %-d %B %Y}" if iso else ""


def _moment(moment: str | datetime) -> str:
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{clock.local(at):%a %-d %b %Y, %H:%M}"


def _age(born: str, on: date) -> int | None:
    if not born:
        return None
    birthday = date.fromisoformat(born)
    return on.year - birthday.year - ((on.month, on.day) < (birthday.month, birthday.day))


def _weeks(marks: list[list[str]]) -> dict[str, Any]:
    """The marks of a finding as a calendar: one row a week, one cell a day with its codes in the order of the sessions.

    {"sessions": ["AM", "PM"], "days": ["Mon", ...], "weeks": [(Monday, [["N", "N"], None, ...]), ...]}; None where nothing counts.
    """
    sessions = sorted({session for _, session, _ in marks})
    codes = {(date.fromisoformat(day), session): code for day, session, code in marks}
    days = {day for day, _ in codes}
    longest = max([4, *(day.weekday() for day in days)])     # a school that opens on a Saturday has six days
    mondays = sorted({day - timedelta(days=day.weekday()) for day in days})
    weeks = [(monday, [[codes.get((day, session), "-") for session in sessions] if day in days else None
                       for day in (monday + timedelta(days=n) for n in range(longest + 1))]) for monday in mondays]
    return {"sessions": sessions, "days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][:longest + 1], "weeks": weeks}


def _meanings(marks: list[list[str]], office: Office) -> dict[str, str]:
    """What each code among the marks means, as the law words it."""
    said = {}
    for day, _, code in sorted(marks):
        try:
            said[code] = office.policies.codes.lookup(code, date.fromisoformat(day)).meaning
        except BadInput:
            said[code] = "not a code of the register"
    return dict(sorted(said.items()))
