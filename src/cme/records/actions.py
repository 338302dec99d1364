"""Tasks: what a person must do, with an owner and a due time. Nothing but a person's word ends one."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.records.history import Stamp, record
from cme.records.tables import Action, Case


def set_task(session: Session, case: Case, kind: str, *, owner: str, due: datetime, stamp: Stamp, task_key: str | None = None) -> Action | None:
    """Give ``owner`` (a person key) the task ``kind`` on a case, due at ``due``. A task with a ``task_key`` is set once: None the second
    time. ``kind`` is one of fixed phrases and names no child."""
    if task_key and session.scalar(select(Action.id).where(Action.task_key == task_key)):
        return None
    action = Action(case_id=case.id, kind=kind, owner=owner, created_by=stamp.who, created_at=stamp.at, due_at=due, task_key=task_key)
    session.add(action)
    session.flush()
    record(session, case.reference, "action.chosen", stamp, kind, {"action": action.id, "owner": owner, "due": due.isoformat()})
    return action


def open_tasks(session: Session) -> list[tuple[Action, Case]]:
    """The tasks nobody has ended, with their cases, the earliest due first."""
    return [(action, case) for action, case in session.execute(
        select(Action, Case).join(Case, Case.id == Action.case_id).where(Action.done_at.is_(None)).order_by(Action.due_at, Action.id))]
