"""Alternative Provision: the school that keeps a child on its roll hears of every unexplained absence in the same session.

Once for each child and session; a mark that changes afterwards is told as a correction, once. Where that school cannot be written to,
the attendance officer is asked to ring it, and an alarm stands until somebody has. Sources: Keeping children safe in education (the
placing school remains responsible); the school's procedure, "communication with the referring school".
"""

import secrets
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cme import clock
from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records import reviews
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.history import Stamp, record
from cme.records.registers import current_marks
from cme.records.tables import HomeSchoolNotice, Pupil
from cme.rules.marks import MISSING, SessionMark
from cme.rules.possible_sessions import one_mark_a_session
from cme.steps import duty
from cme.steps.day_one import days_judged
from cme.steps.office import Office
from cme.steps.report_form import reference_of

ELSEWHERE_ON_ROLL = ("guest", "dual-subsidiary")
SESSION_WORDS = {"AM": "morning", "PM": "afternoon"}


@dataclass
class Told:
    """What was done: how many absences were told, how many corrected, and for how many somebody must ring."""

    told: int = 0
    corrected: int = 0
    to_ring: list[str] = field(default_factory=list)


def watch(office: Office, stamp: Stamp) -> Told:
    """Tell the schools of registration what is new since the last look, one transaction a child; the same again tells nothing."""
    result, today = Told(), clock.local(stamp.at).date()
    first = today - timedelta(days=office.policies.school.pull_window_days)
    with office.transaction() as session:
        pupils = list(session.scalars(select(Pupil.id).where(
            Pupil.school == office.school, Pupil.registration.in_(ELSEWHERE_ON_ROLL), or_(Pupil.left.is_(None), Pupil.left >= first)).order_by(Pupil.id)))
        marks = current_marks(session, office.school, first, today, pupils=pupils) if pupils else {}
        known, recent = _known(session, first), days_judged(office, session, today)[0]
    for pupil_id in pupils:
        news = _news(office, list(one_mark_a_session(list(marks.get(pupil_id, ())), office.policies.codes)), known.get(pupil_id, {}), recent)
        if news:
            with office.transaction() as session:
                pupil = session.get_one(Pupil, pupil_id, with_for_update=True)      # two at once: the second finds what the first wrote
                now = _known(session, first, pupil_id).get(pupil_id, {})
                for mark in _news(office, news, now, recent):
                    _tell(office, session, pupil, mark, now.get((mark.day, mark.session)), stamp, result)
    return result


def _known(session: Session, first: date, pupil_id: int | None = None) -> dict[int, dict[tuple[date, str], HomeSchoolNotice]]:
    query = select(HomeSchoolNotice).where(HomeSchoolNotice.day >= first)
    found: dict[int, dict[tuple[date, str], HomeSchoolNotice]] = {}
    for row in session.scalars(query if pupil_id is None else query.where(HomeSchoolNotice.pupil_id == pupil_id)):
        found.setdefault(row.pupil_id, {})[(row.day, row.session)] = row
    return found


def _news(office: Office, marks: list[SessionMark], known: dict[tuple[date, str], HomeSchoolNotice],
          recent: date) -> list[SessionMark]:
    """The marks to be told: unexplained absences from ``recent`` on that were not, and changes of what was told. A mark
    not entered says nothing, and N that becomes O is still the same absence."""
    told = office.policies.school.told_to_referring_school
    news = []
    for mark in marks:
        row = known.get((mark.day, mark.session))
        if row is None and mark.day >= recent and mark.code in told:
            news.append(mark)
        elif row is not None and mark.code != MISSING and (row.code in told) != (mark.code in told):
            news.append(mark)
    return news


def _tell(office: Office, session: Session, pupil: Pupil, mark: SessionMark, row: HomeSchoolNotice | None, stamp: Stamp, result: Told) -> None:
    correction = row is not None
    school = office.policies.school.referring_school(pupil.home_school)
    if row is None:
        row = HomeSchoolNotice(reference=f"HOME-{secrets.token_hex(4).upper()}", pupil_id=pupil.id, day=mark.day, session=mark.session,
                               code=mark.code, told_at=stamp.at, by_mail=school is not None)
        session.add(row)
    row.code, row.told_at, row.by_mail = mark.code, stamp.at, school is not None
    session.flush()
    record(session, row.reference, "home_school.corrected" if correction else "home_school.told", stamp,
           "by e-mail" if school else "somebody must ring: no mailbox is held", {"notice": row.id, "day": mark.day.isoformat(), "session": mark.session})
    officer = office.person(duty.chain(office, reviews.CONTACT_OUTCOME, stamp.at)[0])
    when = {"reference": row.reference, "date": f"{mark.day:%A %-d %B %Y}", "session": SESSION_WORDS.get(mark.session, mark.session)}
    key = f"home-school:{row.reference}:{mark.code}:{stamp.at.isoformat()}"
    if school:
        office.queue_letter(session, "home_school_correction" if correction else "home_school_absence", to=school.mailbox, subject_of=row.reference,
                            stamp=stamp, dedupe_key=key, child=f"{pupil.forename} {pupil.surname}".strip() or "name not held",
                            year=pupil.year_group or "year not held", upn=pupil.upn or "not held", code=mark.code, telephone=officer.telephone,
                            meaning=office.policies.codes.lookup(mark.code, mark.day).meaning, **when)
    else:
        office.queue_letter(session, "home_school_ring", to=officer.email, subject_of=row.reference, stamp=stamp, dedupe_key=key,
                            number=reference_of(pupil.id), command=f"cme home-schools {row.reference}", **when)
        raise_alarm(session, f"home-school:{row.reference}", row.reference, f"The school of registration of {reference_of(pupil.id)} must be rung about an "
                    f"unexplained absence: it has no mailbox here; `cme home-schools {row.reference}` says which", stamp)
        result.to_ring.append(row.reference)
    result.told += not correction
    result.corrected += correction


@dataclass(frozen=True)
class Notice:
    """One notice as `cme home-schools` lists it: names the child, for this machine's screen only."""

    reference: str
    when: str
    child: str
    school: str
    code: str
    by_mail: bool


def notices(office: Office, day: date, reference: str = "") -> list[Notice]:
    """What was told of a day, or the one notice of a reference."""
    with office.transaction() as session:
        rows = session.execute(select(HomeSchoolNotice, Pupil).join(Pupil, Pupil.id == HomeSchoolNotice.pupil_id).where(
            HomeSchoolNotice.reference == reference.strip().upper() if reference else HomeSchoolNotice.day == day)
            .order_by(HomeSchoolNotice.day, HomeSchoolNotice.session, HomeSchoolNotice.id)).all()
    return [Notice(row.reference, f"{row.day:%a %-d %b %Y} {row.session}", f"{pupil.forename} {pupil.surname}".strip(), pupil.home_school or "not held",
                   row.code, row.by_mail) for row, pupil in rows]


def rung(office: Office, reference: str, what: str, stamp: Stamp) -> None:
    """A person records that the school of registration was told by telephone, and by whom it was heard; the alarm ends."""
    require_role(stamp.who, office.settings.people)
    if len(what.strip()) < 5:
        raise BadInput("say in a few words who at the school was told")
    with office.transaction() as session:
        if not clear_alarm(session, f"home-school:{reference.strip().upper()}", stamp, what.strip()):
            raise BadInput(f"no call about {reference!r} waits; `cme home-schools` lists what was told")
