"""Words for tests of the ladder of contact: a crowd of children, a look at everything as the sweep takes it, and a moved clock."""

from datetime import date
from typing import Any

from sqlalchemy import select, update

from cme.records import registers
from cme.records.tables import AbsenceRequest, ParentMessage, Pull
from cme.sources.source import Contact, Mark, Pulled, Pupil, RegisterDocument, TimeSemantics
from cme.steps import absences, ladder, oversee, professionals
from tests.steps.school import MONDAY, School, a_pupil

OFFICER, DSL = "attendance@larkspur-bridge.example", "dsl@larkspur-bridge.example"


def look(school: School, *, fresh: bool = True) -> ladder.Climbed:
    """What a round of the sweep does about absences. ``fresh``: the registers have just been read."""
    if fresh:
        with school.transaction() as session:
            session.execute(update(Pull).values(started_at=school.stamp().at))
    absences.watch(school, school.stamp())
    professionals.tell_the_rest(school, school.stamp())
    done = ladder.climb(school, school.stamp())
    oversee.send_mail(school, school.stamp())
    return done


def through(school: School, set_clock: Any, *times: str, day: date = MONDAY) -> ladder.Climbed:
    """Look at each of these times of the day; returns what the last look did."""
    done = ladder.Climbed()
    for time in times:
        set_clock(f"{day}T{time}:00")
        done = look(school)
    return done


def children(number: int, contacts: tuple[Contact, ...] = ()) -> list[Pupil]:
    """So many pupils of one class, each with a mother of its own."""
    return [a_pupil(mis_id=f"C{n:04d}", surname=f"Fernhollow{n}", group="8C", upn="",
                    contacts=contacts or (Contact(f"Parent {n}", "mother", 1, f"parent{n}@home.example"),)) for n in range(number)]


def register(school: School, pupils: list[Pupil], codes: dict[str, str], slot: str = "AM", day: date = MONDAY) -> None:
    """Store one register of a class: a code for each child named, "/" for the others."""
    marks = tuple(Mark(p.mis_id, codes.get(p.mis_id, "/")) for p in pupils)
    with school.transaction() as session:
        registers.store(session, school.school, Pulled(registers=(RegisterDocument(day, "session", slot, "8C", marks),), pupils=tuple(pupils)), source="test",
                        codes=school.policies.codes, stamp=school.stamp(), time_semantics=TimeSemantics.FIRST_COMPLETED)


def requests(school: School) -> list[AbsenceRequest]:
    with school.transaction() as session:
        return list(session.scalars(select(AbsenceRequest).order_by(AbsenceRequest.id)))


def written(school: School) -> list[str]:
    """The addresses of parents that a message went to."""
    return [to for to, _ in school.post.accepted if to.endswith("home.example")]


def queued(school: School) -> int:
    with school.transaction() as session:
        return len(session.scalars(select(ParentMessage.id)).all())
