"""What a rule answers: a finding, with its reason and the marks that caused it."""

from dataclasses import dataclass
from datetime import date

from cme.rules.marks import SessionMark


@dataclass(frozen=True)
class Enrolment:
    """What decides a pupil's possible sessions, beside the codes.

    ``expected`` holds the (ISO weekday 1-5, "AM" or "PM") on which the pupil is expected; None means every session.
    ``registration`` is "sole", "dual-main", "dual-subsidiary" or "guest" (Alternative Provision without a place on roll).
    """

    admitted: date
    left: date | None = None                 # the last day on roll, counted
    born: date | None = None                 # unknown: treated as of compulsory school age, so that no child is overlooked
    registration: str = "sole"
    expected: frozenset[tuple[int, str]] | None = None


@dataclass(frozen=True)
class PupilRecord:
    """One pupil as the rules see it: an internal number, the enrolment, the current marks in order of (day, session)."""

    pupil_id: int
    enrolment: Enrolment
    marks: tuple[SessionMark, ...]


@dataclass(frozen=True)
class Finding:
    """A threshold that a pupil has crossed.

    ``reached_on`` is the first day on which it was true; ``episode_start`` the day the episode began (two findings of one
    rule with one episode_start are the same finding). ``reason`` is one sentence with the arithmetic and no name.
    ``opens_case`` says whether the finding belongs before the DSL by itself, or is only shown in the dossier.
    """

    rule: str
    rule_version: str
    as_of: date
    reached_on: date
    episode_start: date
    count: int
    threshold: int
    unit: str
    reason: str
    source: str
    marks: tuple[SessionMark, ...]
    opens_case: bool = True
