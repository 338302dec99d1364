"""The day list: who is unaccounted for right now, oldest first, with the next step, who owns it and since when."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import absences
from cme.records.absences import OPEN, WITH_DSL, name_of
from cme.records.tables import AbsenceRequest, Case, CaseEvent, Pupil
from cme.rules.contact_ladder import CALL, VISIT, next_rung
from cme.steps import duty, message_stops
from cme.steps.ladder import asked
from cme.steps.office import Office
from cme.steps.report_form import reference_of

ASKED = {CALL: "ring: `cme call {}`", VISIT: "visit the home, then `cme visit {}`"}
COMING = {CALL: "a call at {}", VISIT: "a home visit at {}", "dsl": "to the DSL at {}"}


@dataclass(frozen=True)
class Unaccounted:
    """One absence nobody can explain yet. ``child`` is P-1042, or the name where the list stays on this machine."""

    reference: str
    child: str
    absent: str
    since: str
    step: str
    owner: str
    case: str


def day_list(office: Office, *, names: bool = False) -> list[Unaccounted]:
    """Every absence without an answer, oldest first. Opaque unless ``names``."""
    with office.transaction() as session:
        rows = session.execute(absences.of_pupils(session, office.school, OPEN, WITH_DSL).join(Pupil, Pupil.id == AbsenceRequest.pupil_id)
                               .outerjoin(Case, Case.id == AbsenceRequest.case_id)
                               .where(AbsenceRequest.changed_at.is_(None), AbsenceRequest.reason.is_(None))
                               .add_columns(Pupil, Case)).all()
        return [_line(office, session, request, pupil, case, names) for request, pupil, case in rows
                if not (case is not None and case.closed_at is not None)]


def _line(office: Office, session: Session, request: AbsenceRequest, pupil: Pupil, case: Case | None, names: bool) -> Unaccounted:
    step, owner = _next(office, request, case)
    child = f"{pupil.forename} {pupil.surname}".strip() or f"pupil {pupil.mis_id}"
    return Unaccounted(name_of(request), child if names else reference_of(pupil.id), f"{request.day:%a %-d %b} {request.session} ({request.code})",
                       f"{clock.local(request.opened_at):%a %-d %b %H:%M}", step, owner.replace("_", " "), case.reference if case else "")


def _next(office: Office, request: AbsenceRequest, case: Case | None) -> tuple[str, str]:
    """The next step and its owner, as a person key."""
    now = clock.now()
    if request.state == WITH_DSL:
        if case is None:
            return "with the DSL together with others: `cme messages-go` or correct the registers", "dsl"
        return "with the DSL: the case says what is next", case.next_step_owner or "dsl"
    officer = duty.stand_in(office, duty.OFFICER, now)
    if now < request.since:
        return f"contact begins at {clock.local(request.since):%H:%M}", officer
    open_tasks = asked(request)
    said = [ASKED[what].format(name_of(request)) for what in open_tasks]
    what, when = next_rung(now, request.since, office.policies.school.ladder, asked=open_tasks, today=request.day == clock.today())
    return "; ".join([*said, COMING[what].format(f"{clock.local(when):%H:%M}")]), officer


def page(office: Office) -> str:
    """The day list as Markdown for Prefect, opaque; what holds messages to parents back stands first."""
    lines, stops = day_list(office), message_stops.state(office)
    head = [f"# {len(lines)} absence(s) nobody can explain" if lines else "# Nobody is unaccounted for", "",
            *(f"**{sentence}**\n" for sentence in stops), "`cme today` on the school's computer names the children."]
    if not lines:
        return "\n".join(head)
    rows = [f"| {x.reference} | {x.child} | {x.absent} | {x.since} | {x.step.replace('|', '/')} | {x.owner} | {x.case} |" for x in lines]
    return "\n".join([*head, "", "| Absence | Child | Absent | Since | Next step | Owner | Case |", "|---|---|---|---|---|---|---|", *rows])


def history_of(office: Office, reference: str) -> list[tuple[str, str, str, str]]:
    """Everything that happened to one absence, in its own history and its case's: (when, who, event, why)."""
    with office.transaction() as session:
        request = absences.by_reference(session, reference)
        rows = session.scalars(select(CaseEvent).where(
            (CaseEvent.subject == name_of(request)) | (CaseEvent.data["request"].astext == name_of(request))).order_by(CaseEvent.id))
        return [(f"{clock.local(e.at):%Y-%m-%d %H:%M}", e.who.replace("_", " "), e.what, e.why) for e in rows]
