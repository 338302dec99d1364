"""What the procedure required in a span of time, read from the records: every row with its due time, when it was done, and who held it.

Only reads. ``rules/procedure.py`` says which records tell; ``rules/compliance.py`` judges.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from cme import clock
from cme.records.tables import Action, Alarm, Case, Finding, HomeSchoolNotice, MissingReport, Outbox
from cme.rules.compliance import Required
from cme.rules.messages import DAY_ONE_REPORT
from cme.rules.procedure import AUTHORITY, SCHOOL, SOFTWARE
from cme.steps import required_answers
from cme.steps.day_one import FOLLOW_UPS
from cme.steps.decisions import URGENT
from cme.steps.office import Office
from cme.steps.report_form import reference_of
from cme.steps.required_registers import registers
from cme.steps.required_span import Span
from cme.steps.safeguarding_record import TASK as SAFEGUARDING_RECORD

_STATES = ("case.approved", "case.notified", "case.acknowledged", "case.back_to_dsl", "case.returned")


def required(office: Office, session: Session, span: Span, now: datetime) -> list[Required]:
    """Everything that was due in ``span`` (of one case: everything of it), by due time."""
    found = [*_cases(office, session, span), *required_answers.questions(session, span), *required_answers.appraisals(session, span),
             *_reports(office, session, span), *_tasks(session, span), *_day_one_reports(office, session, span),
             *_messages(office, session, span)]
    if span.case is None:
        found += [*registers(office, session, span, now), *_home_schools(office, session, span), *_procedure(office, span)]
    return sorted(found, key=lambda row: (row.due, row.step, row.reference, row.evidence))


def _cases(office: Office, session: Session, span: Span) -> list[Required]:
    """Of each case: that it was opened on the day of its threshold, reached the attendance officer, and parents were contacted."""
    minutes = timedelta(minutes=office.policies.school.contact_answer_minutes)
    asked, tried = required_answers.first_questions(session), required_answers.first_attempts(session)
    found = []
    for case in session.scalars(span.among(select(Case), Case.opened_at, slack=timedelta(days=2))):
        child, closed = reference_of(case.pupil_id), case.closed_at
        if case.origin != "report":
            found.append(span.row("absence_reported", case.reference, child, _same_session(office, case.opened_at, minutes), asked.get(case.id),
                                  "attendance_officer", f"case {case.id}, first question to the attendance officer", closed))
        first = tried.get(case.id)
        found.append(span.row("contact_begun", case.reference, child, case.opened_at + minutes, first[0] if first else None, "attendance_officer",
                              f"contact_attempt {first[1]}" if first else f"case {case.id}: no attempt on record", closed))
    # a finding that reached its number long ago (a code that was corrected) is late, and is seen however long ago
    for finding, reference in session.execute(span.within(select(Finding, Case.reference).join(Case, Case.id == Finding.case_id))).tuples():
        found.append(span.row("thresholds", reference, reference_of(finding.pupil_id), clock.wall(finding.reached_on, "23:59"),
                              finding.found_at, SOFTWARE, f"finding {finding.id}"))
    return span.kept(found)


def _same_session(office: Office, moment: datetime, minutes: timedelta) -> datetime:
    """The end of the session in which ``moment`` lies, or that comes next on its day; after the last one, ``minutes`` later."""
    day = clock.local(moment).date()
    ends = (clock.wall(day, times.ends) for times in office.policies.school.sessions.values())
    return next((end for end in sorted(ends) if end >= moment), moment + minutes)


def _reports(office: Office, session: Session, span: Span) -> list[Required]:
    minutes = timedelta(minutes=office.policies.school.report_answer_minutes)
    rows = session.execute(span.among(select(MissingReport, Case.reference, Case.pupil_id).join(Case, Case.id == MissingReport.case_id),
                                      MissingReport.reported_at, slack=timedelta(days=2))).tuples().all()
    said = required_answers.events(session, {reference for _, reference, _ in rows}, "report.established")
    found = []
    for report, reference, pupil in rows:
        first = next((event for event in said.get(reference, []) if event.at >= report.reported_at), None)
        found.append(span.row("staff_report", reference, reference_of(pupil), report.reported_at + minutes, first.at if first else None,
                              first.who if first else "attendance_officer", f"event {first.id}" if first else f"missing_report {report.id}"))
    return span.kept(found)


def _tasks(session: Session, span: Span) -> list[Required]:
    steps = {URGENT: "referral_day_one", SAFEGUARDING_RECORD: "safeguarding_record", **dict.fromkeys(FOLLOW_UPS.values(), "meetings")}
    rows = session.execute(span.among(select(Action, Case.reference, Case.pupil_id).join(Case, Case.id == Action.case_id), Action.due_at))
    return span.kept([span.row(steps.get(task.kind, "actions"), reference, reference_of(pupil), task.due_at, task.done_at, task.owner,
                               f"action {task.id}") for task, reference, pupil in rows.tuples()])


def _day_one_reports(office: Office, session: Session, span: Span) -> list[Required]:
    if office.policies.authority.messages[DAY_ONE_REPORT].channel != "mail":
        return []
    rows = session.execute(span.among(select(Action, Case.reference, Case.pupil_id).join(Case, Case.id == Action.case_id)
                                      .where(Action.kind == URGENT), Action.due_at)).tuples().all()
    sent = {key: (row, at) for key, row, at in session.execute(select(Outbox.dedupe_key, Outbox.id, Outbox.sent_at).where(
        Outbox.kind == f"la_{DAY_ONE_REPORT}")).tuples()}
    found = []
    for task, reference, pupil in rows:
        row, at = sent.get(f"day-one-report:{task.id}", ("", None))
        found.append(span.row("day_one_report", reference, reference_of(pupil), task.due_at, at, SOFTWARE,
                              f"outbox {row}" if row else f"action {task.id}: no message"))
    return span.kept(found)


def _messages(office: Office, session: Session, span: Span) -> list[Required]:
    """After each approval the message; after each message the acknowledgement, or that somebody rings."""
    reminder = timedelta(minutes=office.policies.school.overdue_review_reminder_minutes)
    longest = timedelta(days=office.policies.school.longest_wait_days + 1) + reminder
    query = select(Case.reference, Case.pupil_id)
    living = span.within(query) if span.case else query.where(Case.opened_at < span.end, (Case.closed_at.is_(None)) | (Case.closed_at >= span.start - longest))
    pupils = dict(session.execute(living).tuples().all())
    told = required_answers.events(session, pupils, *_STATES, "case.chased")
    found = []
    for reference, events in told.items():
        child, moved = reference_of(pupils[reference]), [event for event in events if event.what != "case.chased"]
        for event, after in zip(moved, [*moved[1:], None], strict=True):
            if event.what in ("case.approved", "case.returned"):
                done = after if after and after.what == "case.notified" else None
                found.append(span.row("notification", reference, child, _due(event.data), done.at if done else None, SOFTWARE,
                                      f"event {(done or event).id}"))
            if event.what == "case.notified":
                found += _acknowledgement(span, child, event, after, [e for e in events if e.what == "case.chased"], reminder)
    return span.kept(found)


def _acknowledgement(span: Span, child: str, sent: Row[Any], after: Row[Any] | None, chased: list[Row[Any]], reminder: timedelta) -> list[Required]:
    """What followed a message: the authority's word, or a reminder, a call or the DSL; or it came back, and another one follows."""
    due = _due(sent.data)
    heard = after if after and after.what == "case.acknowledged" else None
    ended = after if after and heard is None else None
    asked = next((e for e in chased if e.id > sent.id and (after is None or e.id < after.id)), ended if ended and ended.what == "case.back_to_dsl" else None)
    found = [span.row("acknowledgement", sent.subject, child, due, heard.at if heard else None, AUTHORITY, f"event {(heard or sent).id}",
                      ended.at if ended else None)]
    over = after.at if after and asked is not after else None            # nobody had to be rung any more
    if over is None or over > due + reminder:
        found.append(span.row("chase", sent.subject, child, due + reminder, asked.at if asked else None, SOFTWARE, f"event {(asked or sent).id}", over))
    return found


def _due(data: dict[str, str]) -> datetime:
    return datetime.fromisoformat(data["due"])


def _home_schools(office: Office, session: Session, span: Span) -> list[Required]:
    notices = session.scalars(select(HomeSchoolNotice).where(HomeSchoolNotice.day.between(span.first, span.last)).order_by(HomeSchoolNotice.id)).all()
    names = [notice.reference for notice in notices]
    sent = {of: at for of, at in session.execute(select(Outbox.subject_of, Outbox.sent_at).where(
        Outbox.subject_of.in_(names), Outbox.kind == "home_school_absence").order_by(Outbox.created_at.desc())).tuples()}
    rung = {of: at for of, at in session.execute(select(Alarm.subject, Alarm.cleared_at).where(
        Alarm.subject.in_(names), Alarm.key.like("home-school:%")).order_by(Alarm.id.desc())).tuples()}
    times, found = office.policies.school.sessions, []
    for notice in notices:
        by_mail = notice.reference in sent
        found.append(span.row("home_school", notice.reference, reference_of(notice.pupil_id), clock.wall(notice.day, times[notice.session].ends),
                              sent[notice.reference] if by_mail else rung.get(notice.reference), SOFTWARE if by_mail else "attendance_officer",
                              f"home_school_notice {notice.id}"))
    return span.kept(found)


def _procedure(office: Office, span: Span) -> list[Required]:
    day = office.policies.school.procedure_review_date
    if day > span.last:
        return []
    # a date that has passed stays due in every span until the school writes a later one
    return [Required("procedure_review", "school", "", clock.wall(day, "23:59"), max(day, span.first), None, SCHOOL, "procedure_review_date in school.yaml")]
