"""The shapes of the configuration files, as pydantic models: what may stand in a file, and in which form.

Every value carries where it comes from and whether a person has confirmed it. Unknown keys are refused everywhere.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr

_WRITTEN = "%A %d %B %Y"


def _text_code(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(f"the code reads as {value!r}, not as text; put it in quotes")
    if value != value.strip() or not 1 <= len(value) <= 2:
        raise ValueError("a statutory code is one or two characters without spaces; correct it")
    return value


def _day(value: Any) -> Any:
    """A date as YAML reads it, or written out with its weekday ("Monday 1 September 2025"), which is then checked."""
    if isinstance(value, str):
        try:
            read = datetime.strptime(value, _WRITTEN).date()
        except ValueError:
            raise ValueError(f"{value!r} is not a date; write 2026-09-01 or \"Tuesday 1 September 2026\"") from None
        if f"{read:%A}" != value.split()[0]:
            raise ValueError(f"{value!r} falls on a {read:%A}; correct the weekday or the date")
        return read
    if isinstance(value, datetime) or not isinstance(value, date):
        raise ValueError(f"{value!r} is not a date; write 2026-09-01 or \"Tuesday 1 September 2026\"")
    return value


def _clock(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a time as text; put it in quotes, as in \"08:50\"")
    try:
        if datetime.strptime(value, "%H:%M").strftime("%H:%M") != value:
            raise ValueError
    except ValueError:
        raise ValueError(f"{value!r} is not a time; write hours and minutes with two digits each, as in \"08:50\"") from None
    return value


def _positive(value: int) -> int:
    if value < 1:
        raise ValueError(f"{value} is too small; give a whole number of at least 1")
    return value


Code = Annotated[str, BeforeValidator(_text_code)]
Day = Annotated[date, BeforeValidator(_day)]
Clock = Annotated[str, BeforeValidator(_clock)]
Count = Annotated[StrictInt, AfterValidator(_positive)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)


class Backed(Shape):
    """What every value says of itself. ``matters`` is no only for what no decision about a child depends on."""

    source: StrictStr
    confirmed: StrictBool
    matters: StrictBool = True


class Minutes(Backed):
    value: Count
    unit: Literal["minutes"]


class Days(Backed):
    value: Count
    unit: Literal["school days", "calendar days"]


class Text(Backed):
    value: StrictStr


class CodesValue(Backed):
    value: tuple[Code, ...] = Field(min_length=1)


class DayValue(Backed):
    value: Day


class ReferringSchoolShape(Backed):
    """A school that sends children here and keeps them on its roll."""

    name: StrictStr
    mailbox: StrictStr
    telephone: StrictStr


class Value(Backed):
    """One value of a number, in force from a day on."""

    value: Count
    unit: Literal["school days", "school weeks", "calendar days", "sessions", "percent", "minutes", "years"]
    valid_from: Day = Field(alias="from")
    codes: tuple[Code, ...] = ()
    window: Count | None = None
    window_unit: Literal["school days", "school weeks"] | None = None


class NumberShape(Shape):
    """A number: what it means in one sentence, and its values by date."""

    meaning: StrictStr
    values: tuple[Value, ...] = Field(min_length=1)


class CodeShape(Backed):
    code: Code
    meaning: StrictStr
    category: Literal["present", "approved educational activity", "authorised absence", "unauthorised absence",
                      "not a possible session", "administrative"]
    possible: StrictBool
    valid_from: Day | None = Field(default=None, alias="from")
    valid_to: Day | None = Field(default=None, alias="until")


class CodesFile(Shape):
    codes: tuple[CodeShape, ...] = Field(min_length=1)


class StatutoryFile(Shape):
    numbers: dict[StrictStr, NumberShape]


class TermShape(Shape):
    name: StrictStr
    first: Day
    last: Day
    half_term: tuple[Day, Day] | None = None


class YearShape(Backed):
    """One school year. ``days`` counts the days of the terms without bank holidays, ``pupil_days`` those without INSET too."""

    terms: tuple[TermShape, ...] = Field(min_length=1)
    inset: tuple[Day, ...] = ()
    closures: tuple[Day, ...] = ()
    no_session: tuple[tuple[Day, Literal["AM", "PM"]], ...] = ()
    days: Count
    pupil_days: Count


class SessionShape(Backed):
    starts: Clock
    closes: Clock
    ends: Clock


class SessionsShape(Shape):
    AM: SessionShape
    PM: SessionShape


class ReviewDueShape(Shape):
    routine: Days
    day_one: Minutes
    longest: Days


class LadderShape(Shape):
    codes: CodesValue
    next_person: Minutes
    call: Minutes
    visit: Minutes
    dsl: Minutes
    dsl_answer: Minutes
    marks_age: Minutes


class Amount(Backed):
    value: Count
    unit: Literal["registers", "percent", "children", "messages"]


class ClockValue(Backed):
    value: Clock


class BrakesShape(Shape):
    quiet_from: ClockValue
    quiet_until: ClockValue
    share_of_roll: Amount
    share_from: Amount
    a_minute: Amount


class FeedShape(Shape):
    polled_every: Minutes
    silent: Minutes
    due_at_once: Amount
    loss: Amount


class Choice(Backed):
    """A set of words, each of those the software knows."""

    value: tuple[StrictStr, ...]


class LocalCodeShape(Shape):
    local: Annotated[str, BeforeValidator(_text_code)]
    statutory: Code
    valid_from: Day | None = Field(default=None, alias="from")
    valid_to: Day | None = Field(default=None, alias="until")


class SchoolFile(Shape):
    name: Text
    laestab: Text
    urn: Text
    local_authority: Text
    establishment_type: Text
    sessions: SessionsShape
    register_overdue_minutes: Minutes
    contact_answer_minutes: Minutes
    contact_ladder: LadderShape
    message_brakes: BrakesShape
    review_due: ReviewDueShape
    code_valid_minutes: Minutes
    overdue_review_reminder_minutes: Minutes
    day_one_reminder_minutes: Minutes
    report_answer_minutes: Minutes
    reply_read_minutes: Minutes
    second_person_for: Choice
    day_one_flags: Choice
    follow_up_school_days: Days
    ack_due_school_days: Days
    absent_again_days: Days
    pull_window_days: Days
    feed: FeedShape
    procedure_review_date: DayValue
    local_codes: tuple[LocalCodeShape, ...] = ()
    referring_schools: tuple[ReferringSchoolShape, ...] = ()
    told_to_referring_school: CodesValue
    confirmed_translations: Choice
    numbers: dict[StrictStr, NumberShape]
    calendar: dict[StrictStr, YearShape] = Field(min_length=1)
