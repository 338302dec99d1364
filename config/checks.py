"""Checks that reach over one value: each gives sentences "file: key: what is wrong; what to do"."""

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from itertools import pairwise

from cme.config.authority_shapes import AuthorityFile, MessageShape
from cme.config.shapes import CodesFile, NumberShape, SchoolFile, StatutoryFile, Value, YearShape
from cme.rules.identifiers import BadIdentifier, laestab, urn
from cme.rules.languages import NAMES
from cme.rules.marks import MISSING, Category
from cme.rules.message_fields import FIELDS, TOGETHER
from cme.rules.messages import DAY_ONE_REPORT, MESSAGES

# the numbers without which the rules cannot run, by the file that must hold them
STATUTORY = ("continuous_absence", "persistent_absence", "severe_absence", "sickness_return", "unresolved_n", "ten_sessions",
             "twenty_day_evidence", "register_open", "register_kept")
SCHOOL = ("cumulative_absence", "rolling_absence", "not_seen", "holiday_sweep", "rate_sessions", "trend_weeks", "vulnerable_absence")
UNITS = {"continuous_absence": "school days", "persistent_absence": "percent", "severe_absence": "percent",
         "sickness_return": "school days", "unresolved_n": "school days", "ten_sessions": "sessions",
         "twenty_day_evidence": "school days", "register_open": "minutes", "register_kept": "years",
         "cumulative_absence": "school days", "rolling_absence": "school days", "not_seen": "calendar days",
         "holiday_sweep": "calendar days", "rate_sessions": "sessions", "trend_weeks": "school weeks",
         "vulnerable_absence": "sessions"}
SECOND_PERSON = ("no referral", "close")
WINDOWS = {"ten_sessions": "school weeks", "rolling_absence": "school days"}
WITHOUT_CODES = ("persistent_absence", "severe_absence", "rate_sessions", "trend_weeks", "register_open", "register_kept")


def codes(table: CodesFile | None, school: SchoolFile | None, statutory: StatutoryFile | None,
          pack: AuthorityFile | None, shown: str) -> Iterator[str]:
    """Codes given twice for one day, categories against ``possible``, and codes used elsewhere that the table lacks."""
    if table is None:
        return
    file = "attendance_codes.yaml"
    spans: dict[str, list[tuple[date, date]]] = {}
    for row in table.codes:
        first, last = row.valid_from or date.min, row.valid_to or date.max
        if row.code == MISSING:
            yield f"{file}: {row.code}: this stands for a mark not entered and is no code; remove the row"
        if first > last:
            yield f"{file}: {row.code}: it ends before it begins; correct from or until"
        if any(first <= end and start <= last for start, end in spans.get(row.code, [])):
            yield f"{file}: {row.code}: the code is given twice for the same day; remove one, or set from and until"
        if Category(row.category).possible != row.possible:
            yield f"{file}: {row.code}: possible does not fit the category {row.category!r}; correct one of them"
        spans.setdefault(row.code, []).append((first, last))
    used = [*(_used(statutory.numbers, "statutory.yaml") if statutory else ()),
            *(_used(school.numbers, "school.yaml") if school else ()),
            *(("school.yaml: contact_ladder, codes", code) for code in (school.contact_ladder.codes.value if school else ()))]
    if pack:
        returns = (("attendance_return", pack.attendance_return.number), ("sickness_return", pack.sickness_return),
                   ("cme_referral", pack.cme_referral.number))
        used += [(f"{shown}: {name}", code) for name, value in returns for code in value.codes]
    for place, code in used:
        if code not in spans:
            yield f"{place}: the code {code!r} is not in attendance_codes.yaml; correct it"
    for row in school.local_codes if school else ():
        first, last = row.valid_from or date.min, row.valid_to or date.max
        if row.statutory not in spans:
            yield (f"school.yaml: local_codes, {row.local}: {row.statutory!r} is not in attendance_codes.yaml; "
                   "map it to a code that is")
        elif not any(start <= first and last <= end for start, end in spans[row.statutory]):
            yield (f"school.yaml: local_codes, {row.local}: {row.statutory!r} cannot be entered on all of these days; "
                   "set from and until within its own")
        if row.local == MISSING or any(first <= end and start <= last for start, end in spans.get(row.local, [])):
            yield f"school.yaml: local_codes, {row.local}: this is a statutory code with a meaning of its own; use another"
    local = school.local_codes if school else ()
    for i, one in enumerate(local):
        for other in local[i + 1:]:
            if one.local == other.local and (one.valid_from or date.min) <= (other.valid_to or date.max) \
                    and (other.valid_from or date.min) <= (one.valid_to or date.max):
                yield f"school.yaml: local_codes, {one.local}: two meanings on the same day; set from and until"


def _used(numbers: dict[str, NumberShape], file: str) -> Iterator[tuple[str, str]]:
    for name, number in numbers.items():
        yield from ((f"{file}: {name}", code) for value in number.values for code in value.codes)


def numbers(statutory: StatutoryFile | None, school: SchoolFile | None, pack: AuthorityFile | None, shown: str) -> Iterator[str]:
    """Numbers that are missing, unknown, in the wrong unit, or given twice for one day."""
    for file, held, names in (("statutory.yaml", statutory, STATUTORY), ("school.yaml", school, SCHOOL)):
        if held is None:
            continue
        for name in names:
            if name not in held.numbers:
                yield f"{file}: numbers: {name} is missing; add it"
        for name, number in held.numbers.items():
            if name not in names:
                yield f"{file}: numbers, {name}: no rule uses a number of this name; remove it or correct its spelling"
                continue
            starts = [value.valid_from for value in number.values]
            if len(set(starts)) < len(starts):
                yield f"{file}: numbers, {name}: two values hold from the same day; remove one"
            for value in number.values:
                yield from _value(f"{file}: numbers, {name}", name, value)
    if pack:
        for name, like, value in (("attendance_return", "continuous_absence", pack.attendance_return.number),
                                  ("sickness_return", "sickness_return", pack.sickness_return),
                                  ("cme_referral", "continuous_absence", pack.cme_referral.number)):
            yield from _value(f"{shown}: {name}", like, value)
    if pack and statutory:
        for name, like, value in (("attendance_return", "continuous_absence", pack.attendance_return.number),
                                  ("sickness_return", "sickness_return", pack.sickness_return)):
            held_by_law = statutory.numbers.get(like)
            if held_by_law and value.value > held_by_law.values[-1].value:
                yield (f"{shown}: {name}: {value.value} is later than the statutory {held_by_law.values[-1].value} school days; "
                       "lower it")


def _value(place: str, name: str, value: Value) -> Iterator[str]:
    if value.unit != UNITS[name]:
        yield f"{place}: the unit must be {UNITS[name]!r}, not {value.unit!r}; correct it"
    if value.window_unit != WINDOWS.get(name) or (value.window is None) != (name not in WINDOWS):
        needs = f"a window in {WINDOWS[name]}" if name in WINDOWS else "no window"
        yield f"{place}: it takes {needs}; correct window and window_unit"
    if not value.codes and name not in WITHOUT_CODES:
        yield f"{place}: the codes that it counts are missing; add them"
    if value.codes and name in WITHOUT_CODES:
        yield f"{place}: it counts no particular codes; remove them"
    if value.unit == "percent" and value.value > 100:
        yield f"{place}: {value.value} per cent cannot be reached; correct it"


def calendar(held: SchoolFile, bank: frozenset[date]) -> Iterator[str]:
    """Terms in order, half-terms and INSET days inside them, nothing on a bank holiday, and the totals."""
    for name, year in held.calendar.items():
        yield from _year(f"school.yaml: calendar {name}", year, bank)
    terms = sorted((t for y in held.calendar.values() for t in y.terms), key=lambda t: t.first)
    for one, other in pairwise(terms):
        if other.first <= one.last:
            yield (f"school.yaml: calendar: the term from {other.first} begins before the term from {one.first} has ended; "
                   "correct the dates")


def _year(place: str, year: YearShape, bank: frozenset[date]) -> Iterator[str]:
    open_days: set[date] = set()
    for term in year.terms:
        if term.last < term.first:
            yield f"{place}, {term.name}: the term ends before it begins; correct the dates"
            continue
        days = {term.first + timedelta(n) for n in range((term.last - term.first).days + 1)}
        if term.half_term:
            start, end = term.half_term
            if not term.first < start <= end < term.last:
                yield f"{place}, {term.name}: the half-term is not inside the term; correct its dates"
            days -= {day for day in days if start <= day <= end}
        for label, day in (("first", term.first), ("last", term.last)):
            if day.isoweekday() > 5 or day in bank:
                also = " and a bank holiday" if day in bank else ""
                yield f"{place}, {term.name}: the {label} day {day} is a {day:%A}{also}; correct it"
        open_days |= {day for day in days if day.isoweekday() <= 5 and day not in bank}
    for label, listed in (
        ("inset", year.inset),
        ("closures", year.closures),
        ("no_session", tuple(d for d, _ in year.no_session)),
    ):
        if label != "no_session" and len(set(listed)) < len(listed):
            yield f"{place}, {label}: a day is listed twice; remove one"
        for day in listed:
            if day in bank:
                yield f"{place}, {label}: {day} ({day:%A}) is a bank holiday; correct the date"
            elif day not in open_days:
                yield f"{place}, {label}: {day} ({day:%A}) is not a day of any term; correct the date"
    if len(open_days) != year.days:
        yield f"{place}: the terms hold {len(open_days)} days without bank holidays, not {year.days}; correct the dates or days"
    pupil_days = len(open_days - set(year.inset))
    if pupil_days != year.pupil_days:
        yield f"{place}: {pupil_days} days remain for pupils after INSET, not {year.pupil_days}; correct the dates or pupil_days"


def school(held: SchoolFile, statutory: StatutoryFile | None) -> Iterator[str]:
    """The school's identifiers and session times, and the legal limit of an open register."""
    for name, check, text in (("laestab", laestab, held.laestab.value), ("urn", urn, held.urn.value)):
        try:
            check(text)
        except BadIdentifier as error:
            yield f"school.yaml: {name}: {error}"
    longest = statutory.numbers["register_open"].values[-1].value if statutory and "register_open" in statutory.numbers else None
    for name in ("AM", "PM"):
        times = getattr(held.sessions, name)
        if not times.starts < times.closes <= times.ends:
            yield (f"school.yaml: sessions, {name}: it must start before its register closes, and close before it ends; "
                   "correct the times")
        minutes = _minutes(times.closes) - _minutes(times.starts)
        if longest is not None and minutes > longest:
            yield f"school.yaml: sessions, {name}: the register stays open for {minutes} minutes; {longest} are allowed"
    if held.sessions.PM.starts < held.sessions.AM.ends:
        yield "school.yaml: sessions, PM: the afternoon starts before the morning ends; correct the times"
    for place, days in (("review_due, routine", held.review_due.routine), ("follow_up_school_days", held.follow_up_school_days),
                        ("ack_due_school_days", held.ack_due_school_days), ("absent_again_days", held.absent_again_days)):
        if days.unit != "school days":
            yield f"school.yaml: {place}: the unit must be 'school days', not {days.unit!r}; correct it"
    for place, days in (("pull_window_days", held.pull_window_days), ("review_due, longest", held.review_due.longest)):
        if days.unit != "calendar days":
            yield f"school.yaml: {place}: the unit must be 'calendar days', not {days.unit!r}; correct it"
    for place, amount, unit in (("due_at_once", held.feed.due_at_once, "registers"), ("loss", held.feed.loss, "percent")):
        if amount.unit != unit:
            yield f"school.yaml: feed, {place}: the unit must be {unit!r}, not {amount.unit!r}; correct it"
    for word in held.second_person_for.value:
        if word not in SECOND_PERSON:
            yield f"school.yaml: second_person_for: {word!r} is no decision; use some of {', '.join(SECOND_PERSON)}, or none"
    for language in held.confirmed_translations.value:
        if language not in NAMES:
            yield f"school.yaml: confirmed_translations: {language!r} is no language of the letters; use some of {', '.join(NAMES)}"
    for referring in held.referring_schools:
        if not _address(referring.mailbox):
            yield f"school.yaml: referring_schools, {referring.name}: {referring.mailbox!r} is not one e-mail address; correct it"
    if not held.day_one_flags.value:
        yield "school.yaml: day_one_flags: no flag is given, so no vulnerable child would reach the DSL on day one; list them"


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def authority(pack: AuthorityFile, key: str | None, shown: str, forms: Collection[str]) -> Iterator[str]:
    """The pack's own key, number and mailbox, and what it wants of each message. ``forms``: the Word forms that there are."""
    if pack.key != key:
        yield f"{shown}: key: it is {pack.key!r}; it must be the file's name"
    if not (pack.la_code.isascii() and pack.la_code.isdigit() and len(pack.la_code) == 3):
        yield f"{shown}: la_code: {pack.la_code!r} is not three digits; correct it"
    if not _address(pack.mailbox.value):
        yield f"{shown}: mailbox: {pack.mailbox.value!r} is not one e-mail address; correct it"
    for name in MESSAGES:
        wanted: MessageShape = getattr(pack.messages, name)
        place = f"{shown}: messages, {name}"
        if wanted.mailbox is not None and not _address(wanted.mailbox):
            yield f"{place}: mailbox: {wanted.mailbox!r} is not one e-mail address; correct it"
        if len(set(wanted.required_fields)) < len(wanted.required_fields):
            yield f"{place}: required_fields: a field is listed twice; remove one"
        if absent := [field for field in wanted.required_fields if field not in FIELDS and field not in TOGETHER]:
            yield f"{place}: required_fields: {', '.join(absent)} is no field of a message; docs/messages.md lists them"
        if wanted.channel == "telephone" and name != DAY_ONE_REPORT:
            yield f"{place}: channel: only a day-one report may be by telephone alone; set mail"
        if wanted.word_form and wanted.protection == "pdf_password":
            yield f"{place}: word_form: a Word form cannot be protected; leave it out, or set protection: tls"
        if wanted.word_form and wanted.word_form not in forms:
            yield f"{place}: word_form: there is no file {wanted.word_form!r} in authorities/forms; add it or leave word_form out"


def _address(text: str) -> bool:
    return text.count("@") == 1 and all(text.split("@")) and " " not in text
