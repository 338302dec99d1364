"""What each kind of source can and cannot say: shown by ``cme sources`` and docs/sources.md, so that nobody expects more of it."""

from dataclasses import dataclass

from cme.sources.source import TimeSemantics
from cme.sources.systems import NAMES, known_system


@dataclass(frozen=True)
class Declaration:
    """``kind`` is how the settings choose it, ``seen_live`` whether it was ever run against a school's own system."""

    kind: str
    title: str
    chosen_by: str
    gives: str
    times: str
    seen_live: str


MEANING = {
    TimeSemantics.FIRST_COMPLETED: "when the register was first completed: lateness is exact",
    TimeSemantics.LAST_SAVED: "when it was last saved: an upper bound, lateness only where that is early enough",
    TimeSemantics.OBSERVED: "none of its own: only what was seen, and when",
    TimeSemantics.NONE: "too old to judge lateness: it is never judged; absence is",
}
AS_SET = "as CME_REGISTERS_TIMES says of the column taken_at"
NOT_LIVE = "not yet run against a live school"

_VENDORS_AND_FILES = (
    Declaration("csv folder", "a folder of exports (CSV, XLSX, SIMS CommandReporter XML)", "CME_REGISTERS_FOLDER",
                "sessions, lessons, pupils, contacts, staff, timetable", AS_SET, "not yet run with a live school's own export"),
    Declaration("csv file", "one export", "CME_REGISTERS_FILE", "sessions, lessons, pupils, contacts; no timetable", AS_SET,
                "not yet run with a live school's own export"),
    Declaration("sql", "a database by SQLAlchemy URL", "CME_REGISTERS_URL", "whatever the school's own queries give", AS_SET, NOT_LIVE),
    Declaration("arbor", "Arbor REST", "CME_REGISTERS_API=arbor", "sessions; lessons of the last day with rooms, teachers and cover; pupils with entry, leaving and guardians; no flags",
                MEANING[TimeSemantics.FIRST_COMPLETED] + " (whether a retake moves it is not documented)", NOT_LIVE),
    Declaration("wonde", "Wonde", "CME_REGISTERS_API=wonde", "sessions; pupils with entry, leaving, care and contacts; no lessons, no timetable",
                MEANING[TimeSemantics.NONE], NOT_LIVE),
    Declaration("bromcom", "Bromcom Partner API v2", "CME_REGISTERS_API=bromcom", "sessions; pupils with care and contacts; no days of entry and leaving, no lessons, no timetable",
                MEANING[TimeSemantics.OBSERVED], NOT_LIVE),
)


def declarations() -> tuple[Declaration, ...]:
    """Every kind of source there is."""
    systems = (known_system(name) for name in NAMES)
    return (*_VENDORS_AND_FILES, *(
        Declaration(system.name, f"the database of {system.title}" if system.times else f"{system.title} in any database", f"CME_REGISTERS_SYSTEM={system.name}", ", ".join(system.queries),
                    MEANING[system.times] if system.times else AS_SET, "run against a live school" if system.verified_live else NOT_LIVE) for system in systems))
