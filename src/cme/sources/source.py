"""What every source of registers gives: the canonical documents, and the protocol that all connectors follow."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo


Scope = tuple[date, str]                  # a day, and "session" or "lesson"
Spot = int | str | None                   # where a row stands: a line of a file, a row of a query's answer, or a record's own name at a vendor
FRESH = timedelta(minutes=20)             # what is older says nothing of now, unless a source declares otherwise


class TimeSemantics(StrEnum):
    """What a source's "taken at" really is. Lateness may be judged only where the source can say so."""

    FIRST_COMPLETED = "first_completed"   # exact, never moves
    LAST_SAVED = "last_saved"             # an upper bound
    OBSERVED = "observed"                 # no time of its own: only what we saw, and when we saw it
    NONE = "none"                         # too stale to judge lateness at all


@dataclass(frozen=True)
class Mark:
    """One pupil's mark as the source said it. ``code`` is the raw token; ``-`` or empty means not entered."""

    pupil: str                            # the source's own identifier of the pupil
    code: str
    minutes_late: int | None = None
    note: str = ""


@dataclass(frozen=True)
class RegisterDocument:
    """One whole register: what was marked for one group in one session or lesson of one day."""

    local_date: date
    kind: str                             # "session" (statutory, AM and PM) or "lesson"
    slot: str                             # "AM", "PM", or the lesson's label
    group: str
    marks: tuple[Mark, ...]
    taken_at: datetime | None = None      # UTC; None: the source does not say
    taken_by: str = ""
    complete: bool = True                 # False: a row of it could not be read, so a pupil who is not in it may still be on it
    taken: bool | None = None             # what the source's own header says, whatever the marks are; None: it has no header
    spots: tuple[tuple[str, Mapping[str, Spot]], ...] = field(default=(), compare=False, repr=False)    # place, and where each pupil's row is

    def spot_of(self, pupil: str) -> tuple[str, Spot] | None:
        """The file, query or endpoint from which a pupil's mark came, and where it stands there; None where the source did not say."""
        return next(((place, where[pupil]) for place, where in self.spots if pupil in where), None)


@dataclass(frozen=True)
class ExpectedRegister:
    """A register that ought to be taken. ``staff`` holds the codes of all teachers and cover teachers."""

    local_date: date
    kind: str
    slot: str
    group: str
    starts_at: datetime                   # UTC
    ends_at: datetime                     # UTC
    staff: tuple[str, ...] = ()
    required: bool = True
    not_required_reason: str = ""
    rooms: tuple[str, ...] = ()
    cover: tuple[str, ...] = ()           # those of ``staff`` who stand in for somebody on that day


@dataclass(frozen=True)
class Contact:
    """A parent or carer. ``priority`` 1 is contacted first. The flags stop contact and are never overruled by a machine."""

    name: str
    relationship: str = ""
    priority: int = 1
    email: str = ""
    telephone: str = ""
    language: str = "en"
    do_not_contact: bool = False
    court_order: bool = False             # a court order forbids contact about the child
    no_responsibility: bool = False       # the source says that the person holds no parental responsibility
    interpreter: bool = False             # whoever rings needs an interpreter


@dataclass(frozen=True)
class Professional:
    """Who else is told of an unexplained absence: ``role`` is one of "social worker", "youth justice worker", "virtual school"."""

    role: str
    name: str = ""
    email: str = ""
    telephone: str = ""


@dataclass(frozen=True)
class Pupil:
    """A pupil as the source knows it. ``mis_id`` is the source's own identifier and stays the same for the pupil."""

    mis_id: str
    forename: str = ""
    surname: str = ""
    born: date | None = None
    sex: str = ""
    upn: str = ""
    year_group: str = ""
    group: str = ""
    address: str = ""
    postcode: str = ""
    admitted: date | None = None
    left: date | None = None
    registration: str = "sole"
    home_school: str = ""
    expected_pattern: str = ""            # "" = every session; else e.g. "MonAM MonPM TueAM"
    flags: tuple[str, ...] = ()           # e.g. "social worker", "child protection plan", "looked after", "EHCP"
    contacts: tuple[Contact, ...] = ()
    professionals: tuple[Professional, ...] = ()
    given: frozenset[str] | None = None   # the names of the fields that the source gives (None: all); the others stay as they are


@dataclass(frozen=True)
class Staff:
    """A member of staff who takes registers."""

    code: str
    name: str = ""
    email: str = ""


@dataclass(frozen=True)
class BadRow:
    """A row that could not be read. It is kept in quarantine with its reason; the rest goes on."""

    where: str                            # file name or query name, never a name of a child
    line: Spot
    reason: str                           # one sentence: what, and what to do; quotes no child's data
    raw: str = ""                         # the row itself; stays in the database, never in a log
    day: date | None = None               # the day of the register it belongs to, where that could be read


@dataclass(frozen=True)
class Answer:
    """What a vendor's interface gave, as it came. ``place`` is the endpoint; ``text`` names children and is kept sealed only."""

    place: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class Columns:
    """The documented columns of one file or query: those it gives, those it may give and does not, and its own that are not read."""

    place: str
    given: tuple[str, ...]
    absent: tuple[str, ...]
    unread: tuple[str, ...]


@dataclass(frozen=True)
class Pulled:
    """All that one pull brought. ``rows_read`` is always ``rows_accepted`` plus the number of bad rows."""

    registers: tuple[RegisterDocument, ...] = ()
    expected: tuple[ExpectedRegister, ...] = ()
    pupils: tuple[Pupil, ...] = ()
    staff: tuple[Staff, ...] = ()
    bad_rows: tuple[BadRow, ...] = ()
    waiting: tuple[str, ...] = ()         # files still being written, left for the next pull
    as_of: datetime | None = None         # how old the source itself says its newest data are
    one_moment: bool = True               # False: parts of different age, so that what is not in them may only not have come yet
    rows_read: int = 0
    rows_accepted: int = 0
    notes: tuple[str, ...] = field(default=())      # remarks: nothing of what was judged hangs on them
    gaps: tuple[str, ...] = ()            # why this reading is no evidence that what is not in it was not taken; () for a whole one
    days: tuple[date, ...] | None = None  # the days that were asked for; None: all
    whole: frozenset[Scope] = frozenset()       # read to the end: what is not among ``registers`` of such a day and kind is gone
    expected_whole: frozenset[date] = frozenset()   # the days whose ``expected`` are all there are
    cursor: Mapping[str, str] | None = None     # where the next pull goes on, for a source that keeps count of its changes
    columns: tuple[Columns, ...] = ()     # of each file or query whose columns could be told
    answers: tuple[Answer, ...] = ()      # as they came, where the source's records are not documented well enough to throw them away
    places: tuple[tuple[str, bool], ...] = ()   # the files or queries read; True: also the rows whose day cannot be told


def place_of(where: str, line: Spot) -> str:
    """Where a row stands, for a person: "registers.csv, line 7", "query registers, row 7", "attendance/session/, record A123"."""
    kind = "record" if isinstance(line, str) else "row" if where.startswith("query ") else "line"
    return f"{where}, {kind} {line}" if line else where


class Source(Protocol):
    """A connector. It declares what its times mean, and pulls whole days."""

    name: str
    time_semantics: TimeSemantics
    zone: ZoneInfo                        # whose wall clock a time without an offset is
    freshness: timedelta                  # what is older than this says nothing of now: lateness is then not judged

    def pull(self, days: Iterable[date] | None) -> Pulled:
        """Read the registers of ``days`` (None: all the source has), with pupils, staff and expected registers.

        Raises Transient when the source cannot be reached now, Misconfigured when a person must mend it.
        """
        ...
