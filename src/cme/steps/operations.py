"""What operations staff see in Prefect, as tables: today's registers, cases by state and age, overdue questions, the outbox. Opaque."""

from datetime import datetime

from sqlalchemy import func, select

from cme import clock
from cme.records.tables import Case, Outbox, Review
from cme.steps.feed import WORDS, counts
from cme.steps.figures import WAITING
from cme.steps.office import Office
from cme.steps.register_verdicts import judge_day

Rows = list[dict[str, str]]
DONE = ("on time", "late")
QUESTION = {"contact_outcome": "what the parents said", "safeguarding": "the DSL's decision", "confirmation": "a second person's confirmation",
            "missing_report": "what is known of a missing child"}


def registers_today(office: Office, now: datetime) -> tuple[Rows, float]:
    """(a line for each lesson or session, per cent taken of those required)."""
    with office.transaction() as session:
        judged = judge_day(office, session, clock.local(now).date(), now)
    slots = sorted({(j.state.starts_at, j.state.kind, j.state.slot) for j in judged})
    rows = []
    for starts, kind, slot in slots:
        own = counts([j for j in judged if (j.state.starts_at, j.state.kind, j.state.slot) == (starts, kind, slot)])
        rows.append({"starts": f"{clock.local(starts):%H:%M}", "register": f"{kind} {slot}", **{word: str(own[word]) for word in WORDS}})
    all_of = counts(judged)
    required = sum(all_of.values()) - all_of["not required"]
    taken = sum(all_of[word] for word in DONE)
    return rows or [{"register": "none expected today"}], round(100 * taken / required, 1) if required else 100.0


def cases_by_state(office: Office, now: datetime) -> Rows:
    """Open cases by state: how many, how many past their next step's time, how long the oldest has been open and in this state."""
    with office.transaction() as session:
        found = session.execute(select(Case.state, func.count(), func.count().filter(Case.next_step_due <= now), func.min(Case.opened_at),
                                       func.min(Case.state_since)).where(Case.closed_at.is_(None)).group_by(Case.state).order_by(Case.state)).all()
    return [{"state": state, "open": str(number), "overdue": str(late), "oldest opened": clock.age(now - opened),
             "longest in this state": clock.age(now - since)}
            for state, number, late, opened, since in found] or [{"state": "no case is open"}]


def overdue_questions(office: Office, now: datetime) -> Rows:
    """Each question past its due time, the latest first: what is asked, of whom now, how late, how often it was brought on."""
    with office.transaction() as session:
        found = session.execute(select(Review, Case.reference).join(Case, Case.id == Review.case_id).where(
            Review.state == "open", Review.due_at <= now).order_by(Review.due_at)).all()
    return [{"case": reference, "question": QUESTION.get(review.kind, review.kind.replace("_", " ")),
             "asked now": review.assigned_to.replace("_", " "),
             "due": f"{clock.local(review.due_at):%a %-d %b %H:%M}", "late by": clock.age(now - review.due_at), "brought on": f"{review.escalations} x"}
            for review, reference in found] or [{"case": "no question is overdue"}]


def outbox_by_age(office: Office, now: datetime) -> Rows:
    """Messages by kind, way and state, with the age of the oldest that is not settled."""
    with office.transaction() as session:
        found = session.execute(select(Outbox.kind, Outbox.route, Outbox.state, func.count(), func.min(Outbox.created_at)).group_by(
            Outbox.kind, Outbox.route, Outbox.state).order_by(Outbox.kind, Outbox.state)).all()
    return [{"kind": kind.replace("_", " "), "by": route, "state": state, "messages": str(number),
             "oldest": clock.age(now - oldest) if state in WAITING else ""} for kind, route, state, number, oldest in found] or [{"kind": "none"}]
