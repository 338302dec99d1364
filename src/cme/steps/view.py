"""What people look at: lists and histories. Those called opaque may cross into Prefect; the others stay on the machine."""

from collections import Counter
from dataclasses import dataclass
from datetime import timezone
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import cases, outbox
from cme.records.alarms import open_alarms
from cme.records.history import events
from cme.records.tables import Case, CaseEvent, Outbox, Pupil
from cme.steps.dossier import dossier_of
from cme.steps.office import Office
from cme.steps.staff import shown_then

# what each event of the history is called where people read it
WORDS = {
    "case.opened": "case opened", "finding.made": "threshold crossed", "finding.retracted": "finding retracted",
    "contact.attempted": "parent or carer contacted", "contact.incomplete": "contacts incomplete", "contact.outcome": "outcome of contact",
    "review.opened": "question opened", "review.rung": "paused step ready", "review.code_issued": "one-time code mailed",
    "review.answer_refused": "answer not accepted", "review.answered": "question answered", "review.reminded": "reminded",
    "review.handed_over": "handed over", "review.voided": "question withdrawn", "decision.made": "decision",
    "action.chosen": "action chosen", "action.done": "action done", "case.to_dsl": "handed to the DSL",
    "case.approved": "notification approved", "case.followed_up": "follow-up set", "case.closed": "case closed",
    "case.notified": "notification accepted by the mail server", "case.acknowledged": "acknowledged by the authority",
    "case.back_to_dsl": "back to the DSL", "case.urgent": "day-one matter", "case.to_second_person": "handed to a second person",
    "decision.confirmed": "decision confirmed", "decision.not_confirmed": "decision not confirmed", "review.hastened": "question made urgent",
    "review.dossier_changed": "facts changed", "dossier.read": "dossier read",
    "report.made": "reported missing by a member of staff", "report.established": "what was established about a report",
    "report.unanswered": "report not answered in time", "report.unread": "report that names no known child",
    "police_pack.made": "police report pack made", "resume.requested": "Resume pressed",
    "notification.rendered": "notification rendered", "mail.queued": "message queued",
    "mail.sent": "message sent", "mail.delayed": "message delayed", "mail.failed": "message refused", "mail.ambiguous": "message uncertain",
    "mail.found": "uncertain message found", "mail.not_accepted": "message certainly not accepted", "text.receipt": "receipt of a text",
    "message.in_english": "written to in English", "reply.received": "reply received", "reply.done": "reply seen to",
    "mail.recovered": "message taken back", "mail.cancelled": "message cancelled", "alarm.raised": "alarm", "alarm.cleared": "alarm cleared",
    "alarm.called": "operations called", "action.called": "told of a task", "review.codes_ended": "codes and links ended",
    "people.changed": "people changed", "password.made": "file of a message protected", "password.read": "password read out",
    "message.drafted": "message drafted", "roll_change.reported": "roll change reported", "home_school.told": "referring school told",
    "mail.confirmed": "message confirmed", "mail.resent": "message sent again", "mail.retried": "message tried again",
    "mail.receipt_late": "message accepted late", "mail.bounced": "message came back", "mail.held_up": "message held up on its way", "mail.delivered": "message delivered",
    "mail.auto_answered": "automatic answer", "mail.answered": "message answered", "mail.made_anew": "message to be made anew",
    "mail.tried": "test message sent", "mail.received": "mail came in", "mail.seen_to": "mail seen to",
    "mailbox.first_read": "mailbox read for the first time", "case.returned": "notification came back", "case.chased": "authority chased",
    "case.authority_reported": "authority reported back",
    "absence.noticed": "unexplained absence", "absence.reopened": "unexplained absence again", "absence.told": "attendance officer told",
    "absence.corrected": "the register says otherwise", "absence.seen": "child seen since", "absence.answered": "reason recorded",
    "absence.to_dsl": "no answer: with the DSL", "absence.joined": "absence joined to the case", "absence.register_changed": "register changed",
    "absence.call_asked": "a call asked for", "absence.visit_asked": "a home visit asked for", "absence.visited": "home visit",
    "absence.code_issued": "one-time code mailed", "absence.answer_refused": "answer not accepted",
    "absence.hastened": "absence made urgent", "absence.professional_told": "professional told",
    "messages.stopped": "messages to parents stopped", "messages.released": "messages to parents released",
    "home_school.corrected": "referring school told of a correction",
    "hold.set": "legal hold set", "hold.lifted": "legal hold lifted", "retention.erased": "erased with a person's approval",
    "rights.asked": "request about the child's records", "rights.extended": "request given more time", "rights.decided": "request decided",
    "subject_access.made": "subject-access export made", "record.read": "record read",
    "bundle.made": "bundle made", "concern.exported": "concern exported",
    "key.rotation_begun": "change of key begun", "key.rotation_ended": "all sealed by the new key", "key.forgotten": "former keys forgotten",
    "record.anchored": "record anchored", "runs.copied": "copied from Prefect",
}
# of these the sentence may cross into Prefect: it is made of fixed words, dates and counts, never typed by a person
OPAQUE_WHY = {"contact.attempted", "contact.incomplete", "contact.outcome", "case.to_dsl", "case.approved", "case.followed_up", "case.closed",
              "case.notified", "case.acknowledged", "case.back_to_dsl", "decision.made", "action.chosen", "review.rung",
              "review.code_issued", "review.answer_refused", "case.urgent", "case.to_second_person", "decision.confirmed",
              "decision.not_confirmed", "review.hastened", "review.dossier_changed", "review.voided",
              "report.made", "report.established", "report.unanswered", "review.reminded", "review.handed_over",
              "review.codes_ended", "action.called", "case.returned", "case.chased", "case.authority_reported",
              "absence.noticed", "absence.reopened", "absence.told", "absence.corrected", "absence.seen",
              "absence.answered", "absence.to_dsl", "absence.joined", "absence.register_changed", "absence.call_asked", "absence.visit_asked",
              "absence.visited", "absence.hastened", "absence.professional_told", "absence.code_issued", "absence.answer_refused"}


@dataclass(frozen=True)
class Line:
    """One line of a history as people read it; ``who`` and ``when`` are a pair."""

    when: str
    who: str
    what: str
    why: str
    flow_run: str
    kind: str
    utc: str = ""
    task_run: str = ""
    number: int = 0


def history(office: Office, reference: str) -> list[Line]:
    """Everything that happened in a case, oldest first. Names people of the school and free text: not for Prefect."""
    with office.transaction() as session:
        case = cases.by_reference(session, reference)
        shown = shown_then(office, session)
        return [event_line(event, shown(event.who, event.at)) for event in events(session, case.reference)]


def event_line(event: CaseEvent, who: str) -> Line:
    """One event in words, ``who`` as people write the actor."""
    detail = event.why
    if event.what in ("decision.confirmed", "decision.not_confirmed"):
        detail += f" Reason: {event.data['reason']}"
    if event.what == "decision.made":
        detail += f" Reason: {event.data['reason']}" + (f" Actions: {'; '.join(event.data['actions'])}." if event.data["actions"] else "")
    if event.what == "case.authority_reported":
        detail = f"{event.data['person']}: {event.data['reported']}"
    if event.what == "report.established":
        detail += "".join(f". {word}: {event.data[key]}" for key, word in (("where", "Where"), ("tried", "Tried")) if event.data.get(key))
    if event.what.startswith("mail.") and event.data.get("kind"):
        detail = f"{str(event.data['kind']).replace('_', ' ')}" + (f": {detail}" if detail else "")
    return Line(f"{clock.local(event.at):%Y-%m-%d %H:%M:%S}", who, WORDS.get(event.what, event.what), detail,
                event.flow_run_id or "", event.what, f"{event.at.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}", event.task_run_id or "", event.id)


def opaque_history(office: Office, reference: str) -> str:
    """The history as Markdown for Prefect: what, when and in which role; no names, no free text, nothing about the child."""
    with office.transaction() as session:
        case = cases.by_reference(session, reference)
        rows = events(session, case.reference)
    lines = [f"## Case {case.reference}", "", f"State: **{case.state}** since {_minute(case.state_since)}.",
             f"Next: {case.next_step_owner.replace('_', ' ')} by {_minute(case.next_step_due)}." if case.next_step_due else "Closed.", "",
             "| When (Europe/London) | Who | What | |", "|---|---|---|---|"]
    for event in rows:
        why = event.why if event.what in OPAQUE_WHY else ""
        if event.what in ("case.opened", "finding.made"):
            why = " ".join(str(event.data[k]) for k in ("rule", "reached_on") if k in event.data).replace("_", " ")
        if event.what.startswith("mail."):
            why = str(event.data.get("kind", "")).replace("_", " ")
        who = "a user of the machine" if event.who.startswith("user ") else event.who.replace("_", " ")       # a sign-in may be a name
        lines.append(f"| {clock.local(event.at):%Y-%m-%d %H:%M:%S} | {who} | {WORDS.get(event.what, event.what)} "
                     f"| {why.replace('|', '/')} |")
    return "\n".join(lines)


def _minute(moment: Any) -> str:
    return f"{clock.local(moment):%a %-d %b %Y %H:%M}"


@dataclass(frozen=True)
class CaseLine:
    """One case in the list of `cme cases`."""

    reference: str
    state: str
    since: str
    next_step: str
    owner: str
    overdue: bool


def case_list(office: Office, *, include_closed: bool = False) -> list[CaseLine]:
    """The cases with their next step and its owner; references only, no names."""
    now = clock.now()
    with office.transaction() as session:
        return [CaseLine(c.reference, c.state, _minute(c.state_since), _minute(c.next_step_due) if c.next_step_due else "",
                         c.next_step_owner.replace("_", " "), bool(c.next_step_due and c.next_step_due <= now))
                for c in cases.all_cases(session, only_open=not include_closed)]


def open_cases_table(office: Office) -> list[dict[str, str]]:
    """Open cases for Prefect's table artifact, the earliest next step first; opaque."""
    lines = sorted((line for line in case_list(office)), key=lambda line: (not line.overdue, line.reference))
    return [{"case": line.reference, "state": line.state, "since": line.since, "next step by": line.next_step, "owner": line.owner,
             "overdue": "OVERDUE" if line.overdue else ""} for line in lines] or [{"case": "none open"}]


def alarms_table(office: Office) -> list[dict[str, str]]:
    """The alarms nobody has cleared, for Prefect's table artifact. What a mail server said may hold an address: it stays out."""
    with office.transaction() as session:
        return [{"since": _minute(a.raised_at), "about": a.subject, "what": "a message needs a person: `cme outbox` says why"
                 if a.key.startswith("outbox:") else a.sentence} for a in open_alarms(session)] or [{"what": "none"}]


def outbox_table(office: Office) -> list[dict[str, str]]:
    """How many messages stand in which state, by kind; opaque."""
    with office.transaction() as session:
        rows = session.execute(select(Outbox.kind, Outbox.state, func.count()).group_by(Outbox.kind, Outbox.state).order_by(Outbox.kind)).all()
    return [{"kind": kind.replace("_", " "), "state": state, "messages": str(n)} for kind, state, n in rows] or [{"kind": "none"}]


def outbox_rows(office: Office) -> list[dict[str, str]]:
    """The messages that are not settled, then the newest hundred others, for Prefect's table artifact; opaque: no recipient, no server's words."""
    unsettled = Outbox.state.not_in(["sent", "cancelled"])
    with office.transaction() as session:
        rows = [*session.scalars(select(Outbox).where(unsettled).order_by(Outbox.created_at, Outbox.id)),
                *session.scalars(select(Outbox).where(~unsettled).order_by(Outbox.created_at.desc(), Outbox.id).limit(100))]
        needs = {row.id for row in outbox.needing_a_person(session)}
    return [{"row": row.id, "message": row.kind.replace("_", " "), "about": row.subject_of, "state": row.state, "tries": str(row.tries),
             "since": _minute(row.created_at), "sent": _minute(row.sent_at) if row.sent_at else "",
             "person": "`cme outbox` says why" if row.id in needs else ""} for row in rows] or [{"row": "none"}]


@dataclass(frozen=True)
class CaseView:
    """All of a case for `cme show`: names the child."""

    reference: str
    state: str
    next_step: str
    name: str
    dossier: dict[str, Any]
    messages: dict[str, int]


def show(office: Office, reference: str) -> CaseView:
    """A case with everything on record now. For the machine's own screen only."""
    with office.transaction() as session:
        case = cases.by_reference(session, reference)
        pupil = session.get_one(Pupil, case.pupil_id)
        return CaseView(case.reference, case.state, _next(case), f"{pupil.forename} {pupil.surname}".strip() or f"pupil {pupil.mis_id}",
                        dossier_of(session, office, case), _messages(session, case))


def _next(case: Case) -> str:
    return f"{case.next_step_owner.replace('_', ' ')} by {_minute(case.next_step_due)}" if case.next_step_due else "none: the case is closed"


def _messages(session: Session, case: Case) -> dict[str, int]:
    return dict(Counter(f"{kind.replace('_', ' ')}: {state}" for kind, state in session.execute(
        select(Outbox.kind, Outbox.state).where(Outbox.subject_of == case.reference))))
