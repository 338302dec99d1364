"""Safeguarding and agency flags of pupils, as they were held at a time."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cme.records.tables import Flag, Pupil


def flags_held(session: Session, school: str, since: datetime, until: datetime, pupils: Collection[int] | None = None) -> dict[int, tuple[str, ...]]:
    """The flags of each pupil (or of those in ``pupils``) that were held at any moment from ``since`` to ``until``, in order of the
    alphabet, by the pupil's number; pupils without one are left out."""
    query = (select(Flag.pupil_id, Flag.flag).join(Pupil, Pupil.id == Flag.pupil_id)
             .where(Pupil.school == school, Flag.valid_from <= until, or_(Flag.valid_to.is_(None), Flag.valid_to >= since)).distinct()
             .order_by(Flag.pupil_id, Flag.flag))
    found: dict[int, list[str]] = defaultdict(list)
    for pupil, flag in session.execute(query if pupils is None else query.where(Flag.pupil_id.in_(pupils))):
        found[pupil].append(flag)
    return {pupil: tuple(flags) for pupil, flags in found.items()}
