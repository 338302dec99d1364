"""Who held which person key since when, and what of theirs ends when somebody else does."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cme.records.history import Stamp, record
from cme.records.tables import AbsenceCode, Case, Review, ReviewCode, ReviewLink, RoleHolder


def current_holders(session: Session) -> dict[str, RoleHolder]:
    """The latest row of every key that was ever noted. An empty name: nobody has held it since."""
    rows = session.scalars(select(RoleHolder).distinct(RoleHolder.person).order_by(RoleHolder.person, RoleHolder.id.desc()))
    return {row.person: row for row in rows}


def holder_at(session: Session, person: str, moment: datetime) -> RoleHolder | None:
    """Who held a key at that moment, or None where it was not noted."""
    return session.scalar(select(RoleHolder).where(RoleHolder.person == person, RoleHolder.since <= moment)
                          .order_by(RoleHolder.id.desc()).limit(1))


def holders_by_time(session: Session) -> dict[str, list[RoleHolder]]:
    """All that was ever noted, by key, oldest first."""
    found: dict[str, list[RoleHolder]] = {}
    for row in session.scalars(select(RoleHolder).order_by(RoleHolder.id)):
        found.setdefault(row.person, []).append(row)
    return found


def note_holder(session: Session, person: str, name: str, email: str, stamp: Stamp, why: str) -> None:
    """Write down that from now on ``person`` is this one (an empty name: nobody)."""
    session.add(RoleHolder(person=person, name=name, email=email, since=stamp.at))
    session.flush()
    record(session, "school", "people.changed", stamp, why, {"person": person, "name": name})


def end_credentials(session: Session, person: str, stamp: Stamp, why: str) -> int:
    """End every code and link that was mailed to the holder of a key; returns for how many reviews. A new holder gets new ones."""
    touched: set[int] = set()
    for table in (ReviewCode, ReviewLink):
        live = update(table).where(table.person == person, table.void_at.is_(None), table.expires_at > stamp.at)
        if table is ReviewCode:
            live = live.where(ReviewCode.used_at.is_(None))
        touched |= set(session.scalars(live.values(void_at=stamp.at).returning(table.review_id),
                                       execution_options={"synchronize_session": False}))
    session.execute(update(AbsenceCode).where(AbsenceCode.person == person, AbsenceCode.void_at.is_(None), AbsenceCode.used_for == "",
                                              AbsenceCode.expires_at > stamp.at).values(void_at=stamp.at))
    for review, reference in session.execute(select(Review.id, Case.reference).join(Case, Case.id == Review.case_id)
                                             .where(Review.id.in_(touched)).order_by(Review.id)).all():
        record(session, reference, "review.codes_ended", stamp, why, {"review": review, "person": person})
    return len(touched)
