"""What a vendor's interface answered, as it came: sealed, once for each content, for four weeks.

Where a vendor does not publish the fields of its records, what was made of them can be checked only against what came.
"""

import hashlib
import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from cme import clock
from cme.errors import BadInput
from cme.records.tables import SourceAnswer
from cme.sources.source import Answer

KEPT = timedelta(days=28)        # since it was last seen: twice the time in which the registers of a day are read again


def keep_answers(session: Session, school: str, source: str, pull_id: int, answers: Sequence[Answer], at: datetime) -> None:
    """Keep what is new; the same again only moves ``last_seen``, once a day. What was not seen for ``KEPT`` goes."""
    if not answers:
        return
    own = (SourceAnswer.school == school, SourceAnswer.source == source)
    today = clock.local(at).date()
    given = {(answer.place, hashlib.sha256(answer.text.encode()).digest()): answer for answer in answers}
    known = {(place, digest): (number, seen) for number, place, digest, seen in session.execute(
        select(SourceAnswer.id, SourceAnswer.place, SourceAnswer.digest, SourceAnswer.last_seen)
        .where(*own, SourceAnswer.digest.in_({digest for _, digest in given})))}
    session.add_all([SourceAnswer(school=school, source=source, place=place, digest=digest, pull_id=pull_id, first_seen=at, last_seen=today,
                                  content=b64encode(zlib.compress(answer.text.encode(), 9)).decode())
                     for (place, digest), answer in given.items() if (place, digest) not in known])
    if again := [number for key, (number, seen) in known.items() if key in given and seen < today]:
        session.execute(update(SourceAnswer).where(SourceAnswer.id.in_(again)).values(last_seen=today))
    session.execute(delete(SourceAnswer).where(*own, SourceAnswer.last_seen < today - KEPT))


def answers_of(session: Session, school: str) -> Sequence[SourceAnswer]:
    """What is kept, newest first."""
    return session.scalars(select(SourceAnswer).where(SourceAnswer.school == school).order_by(SourceAnswer.id.desc())).all()


def answer_text(session: Session, school: str, number: int) -> str:
    """An answer as it came. Raises BadInput for a number that is none."""
    found = session.scalar(select(SourceAnswer).where(SourceAnswer.school == school, SourceAnswer.id == number))
    if found is None:
        raise BadInput(f"no answer {number} is kept: `cme sources answers` lists them")
    return zlib.decompress(b64decode(found.content)).decode()
