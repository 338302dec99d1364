"""Find the reference of a child by its name, on the school's own machine: references cross into Prefect, names never do."""

from dataclasses import dataclass

from sqlalchemy import func, or_, select

from cme import clock
from cme.errors import BadInput
from cme.records.tables import Pupil
from cme.steps.office import Office
from cme.steps.report_form import reference_of

MOST = 30


@dataclass(frozen=True)
class FoundPupil:
    """A child as `cme pupil` lists it: names the child, for this machine's screen only."""

    reference: str
    name: str
    group: str
    left: str


def find(office: Office, part: str) -> list[FoundPupil]:
    """The pupils of the school whose name holds every word of ``part`` in any order and spelling of capitals, those on roll first.

    Raises BadInput for fewer than two letters, and where more are found than anybody can choose from.
    """
    words = part.casefold().split()
    if sum(map(len, words)) < 2:
        raise BadInput("give at least two letters of the child's name")
    name = func.lower(func.concat(Pupil.forename, " ", Pupil.surname))
    query = select(Pupil).where(Pupil.school == office.school, *(name.contains(word, autoescape=True) for word in words))
    today = clock.today()
    with office.transaction() as session:
        rows = session.scalars(query.order_by(or_(Pupil.left.is_(None), Pupil.left >= today).desc(), Pupil.surname, Pupil.forename, Pupil.id)
                               .limit(MOST + 1)).all()
    if len(rows) > MOST:
        raise BadInput(f"more than {MOST} pupils have that in their name; give more of it")
    return [FoundPupil(reference_of(row.id), f"{row.forename} {row.surname}".strip(), row.group_key,
                       f"left on {row.left:%-d %B %Y}" if row.left and row.left < today else "") for row in rows]
