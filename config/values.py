"""The values that the configuration files hold, as the rest of the software uses them: typed, frozen and in plain units."""

from dataclasses import dataclass
from datetime import date, timedelta

import holidays

from cme.config.authority_shapes import AuthorityFile, MessageShape
from cme.config.shapes import CodesFile, NumberShape, SchoolFile, Value, YearShape
from cme.rules.book import Number
from cme.rules.contact_ladder import Times
from cme.rules.message_brakes import Limits
from cme.rules.identifiers import laestab, urn
from cme.rules.marks import AttendanceCode, Category, CodeTable, LocalCode
from cme.rules.messages import MESSAGES
from cme.rules.school_days import SchoolCalendar, Term


@dataclass(frozen=True)
class SessionTimes:
    """A session's start, the moment its register closes (later is U) and its end: "HH:MM", Europe/London wall time."""

    starts: str
    closes: str
    ends: str


@dataclass(frozen=True)
class Feed:
    """The source of registers: how often it is read (minutes), and when operations are called about it."""

    polled_every: int
    silent: int                              # minutes beyond a reading's own pace without one, while registers are due
    due_at_once: int                         # so many registers due and not one taken is a fault of the source
    loss_percent: int                        # more of a day's marks gone at once is not believed


@dataclass(frozen=True)
class ReferringSchool:
    """A school that sends children here and keeps them on its roll: whom to tell of an absence, and where to ring."""

    name: str
    mailbox: str
    telephone: str


@dataclass(frozen=True)
class Practice:
    """What an authority wants of one message: its form's name, "mail" or "telephone", the mailbox, "tls" or "pdf_password", the file of
    its Word form (empty: none), the fields it asks for."""

    form: str
    channel: str
    mailbox: str
    protection: str
    word_form: str
    required_fields: tuple[str, ...]


@dataclass(frozen=True)
class School:
    """What only the school can say. Minutes, school days and calendar days are whole numbers as their names say."""

    name: str
    laestab: str
    urn: str
    local_authority: str                     # the key of its authority
    establishment_type: str
    sessions: dict[str, SessionTimes]        # "AM", "PM"
    register_overdue_minutes: int
    contact_answer_minutes: int
    unexplained_codes: frozenset[str]        # codes of an absence of which a parent or carer is asked
    ladder: Times
    dsl_answer_minutes: int                  # a question about an absence without an answer is due after so many minutes
    marks_age_minutes: int                   # nobody is written to by marks read longer ago
    limits: Limits
    routine_review_school_days: int          # a routine review is due at the end of that school day
    day_one_minutes: int                     # a review of a safety concern is due after so many minutes
    code_valid_minutes: int
    overdue_review_reminder_minutes: int
    longest_wait_days: int                   # calendar days: no deadline lies further off, holidays or not
    day_one_reminder_minutes: int
    report_answer_minutes: int               # for what the attendance officer establishes after a report that a child is missing
    reply_read_minutes: int                  # until a reply of a parent that nobody has read is brought to the next person
    second_person_for: tuple[str, ...]       # which decisions need a second person: "no referral", "close"
    day_one_flags: tuple[str, ...]           # flags of a pupil whose unexplained absence goes to the DSL at once, in lower case
    follow_up_school_days: int
    ack_due_school_days: int
    absent_again_days: int                   # so many more days missed after a case was closed open a new one
    pull_window_days: int
    feed: Feed
    procedure_review_date: date
    referring_schools: tuple[ReferringSchool, ...]
    told_to_referring_school: frozenset[str]     # codes of an absence that a referring school hears of in the same session
    confirmed_translations: frozenset[str]       # languages whose letters to parents somebody who speaks them has read and confirmed

    def referring_school(self, name: str) -> ReferringSchool | None:
        """The referring school of that name, however it is spaced and capitalised; None where the school has not named it."""
        wanted = " ".join(name.casefold().split())
        return next((each for each in self.referring_schools if " ".join(each.name.casefold().split()) == wanted), None)

    def procedure_overdue(self, today: date) -> str:
        """One sentence when the written procedure's own review date has passed, else nothing."""
        if today <= self.procedure_review_date:
            return ""
        return (f"the school's written procedure was to be reviewed by {self.procedure_review_date:%d %B %Y}; "
                "ask the DSL to review it")


@dataclass(frozen=True)
class Authority:
    """The practice of one local authority. ``attendance_return_rules`` names the rules that call for its attendance return."""

    name: str
    key: str
    la_code: str
    attendance_return: Number
    attendance_return_rules: tuple[str, ...]
    forms: tuple[str, ...]
    sickness_return: Number
    cme_referral: Number
    whereabouts_unknown: bool                # a referral is for children whose whereabouts are not known
    mailbox: str
    telephone: str
    childrens_services: str                  # telephone numbers, as people dial them
    childrens_services_out_of_hours: str
    police_emergency: str
    police: str
    messages: dict[str, Practice]            # by the keys of rules.messages.MESSAGES
    acknowledgement_school_days: int
    notes: tuple[str, ...]

    @property
    def mailboxes(self) -> frozenset[str]:
        """Every address of the authority to which a message about a child may go."""
        return frozenset({self.mailbox, *(each.mailbox for each in self.messages.values())})


def bank_holidays(school: SchoolFile) -> frozenset[date]:
    """The bank holidays of England around the school years of the calendar."""
    years = [term.first.year for year in school.calendar.values() for term in year.terms]
    return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=range(min(years) - 2, max(years) + 4)))


def number_of(name: str, value: Value) -> Number:
    """One value of a number as the rules read it."""
    return Number(name, value.value, value.unit, value.valid_from, value.source, frozenset(value.codes), value.window or 0,
                  value.window_unit or "", value.confirmed)


def numbers_of(name: str, shape: NumberShape) -> tuple[Number, ...]:
    """All values of a number, by date."""
    return tuple(number_of(name, value) for value in shape.values)


def code_table_of(codes: CodesFile, school: SchoolFile) -> CodeTable:
    """The statutory codes, and the school's own beside them."""
    return CodeTable(
        tuple(AttendanceCode(code=c.code, meaning=c.meaning, category=Category(c.category), valid_from=c.valid_from or date.min,
                             valid_to=c.valid_to or date.max, source=c.source, confirmed=c.confirmed) for c in codes.codes),
        tuple(LocalCode(c.local, c.statutory, c.valid_from or date.min, c.valid_to or date.max) for c in school.local_codes))


def calendar_of(school: SchoolFile) -> SchoolCalendar:
    """The school's calendar over all its years, with the bank holidays of England."""
    years: list[YearShape] = list(school.calendar.values())
    return SchoolCalendar(
        terms=tuple(sorted((Term(t.name, t.first, t.last, t.half_term) for y in years for t in y.terms), key=lambda t: t.first)),
        inset=frozenset(day for y in years for day in y.inset), closures=frozenset(day for y in years for day in y.closures),
        bank_holidays=bank_holidays(school), no_session=frozenset(gone for y in years for gone in y.no_session))


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def school_of(s: SchoolFile) -> School:
    """The school's values without their sources."""
    return School(
        name=s.name.value, laestab=laestab(s.laestab.value), urn=urn(s.urn.value), local_authority=s.local_authority.value,
        establishment_type=s.establishment_type.value,
        sessions={"AM": SessionTimes(s.sessions.AM.starts, s.sessions.AM.closes, s.sessions.AM.ends),
                  "PM": SessionTimes(s.sessions.PM.starts, s.sessions.PM.closes, s.sessions.PM.ends)},
        register_overdue_minutes=s.register_overdue_minutes.value, contact_answer_minutes=s.contact_answer_minutes.value,
        unexplained_codes=frozenset(s.contact_ladder.codes.value), ladder=Times(
            next_person=minutes(s.contact_ladder.next_person.value), call=minutes(s.contact_ladder.call.value),
            visit=minutes(s.contact_ladder.visit.value), dsl=minutes(s.contact_ladder.dsl.value)),
        dsl_answer_minutes=s.contact_ladder.dsl_answer.value, marks_age_minutes=s.contact_ladder.marks_age.value,
        limits=Limits(s.message_brakes.quiet_from.value, s.message_brakes.quiet_until.value, s.message_brakes.share_of_roll.value,
                      s.message_brakes.share_from.value, s.message_brakes.a_minute.value),
        routine_review_school_days=s.review_due.routine.value, day_one_minutes=s.review_due.day_one.value,
        code_valid_minutes=s.code_valid_minutes.value, overdue_review_reminder_minutes=s.overdue_review_reminder_minutes.value,
        longest_wait_days=s.review_due.longest.value, day_one_reminder_minutes=s.day_one_reminder_minutes.value,
        report_answer_minutes=s.report_answer_minutes.value, reply_read_minutes=s.reply_read_minutes.value, second_person_for=s.second_person_for.value,
        day_one_flags=tuple(flag.lower() for flag in s.day_one_flags.value),
        follow_up_school_days=s.follow_up_school_days.value, ack_due_school_days=s.ack_due_school_days.value,
        absent_again_days=s.absent_again_days.value, pull_window_days=s.pull_window_days.value,
        feed=Feed(s.feed.polled_every.value, s.feed.silent.value, s.feed.due_at_once.value, s.feed.loss.value),
        procedure_review_date=s.procedure_review_date.value,
        referring_schools=tuple(ReferringSchool(r.name, r.mailbox, r.telephone) for r in s.referring_schools),
        told_to_referring_school=frozenset(s.told_to_referring_school.value),
        confirmed_translations=frozenset(s.confirmed_translations.value))


def _practice(m: MessageShape, mailbox: str) -> Practice:
    return Practice(m.form, m.channel, m.mailbox or mailbox, m.protection, m.word_form or "", m.required_fields)


def authority_of(a: AuthorityFile) -> Authority:
    """The authority's practice without its sources."""
    cumulative = () if a.attendance_return.counting == "continuous" else ("cumulative_absence",)
    return Authority(
        name=a.name, key=a.key, la_code=a.la_code, attendance_return=number_of("attendance_return", a.attendance_return.number),
        attendance_return_rules=("continuous_absence", *cumulative), forms=a.attendance_return.forms,
        sickness_return=number_of("sickness_return", a.sickness_return),
        cme_referral=number_of("referral_days", a.cme_referral.number), whereabouts_unknown=a.cme_referral.whereabouts_unknown,
        mailbox=a.mailbox.value, telephone=a.telephone.value, childrens_services=a.childrens_services.value,
        childrens_services_out_of_hours=a.childrens_services_out_of_hours.value, police_emergency=a.police_emergency.value, police=a.police.value,
        messages={key: _practice(getattr(a.messages, key), a.mailbox.value) for key in MESSAGES},
        acknowledgement_school_days=a.acknowledgement_school_days.value, notes=a.notes)
