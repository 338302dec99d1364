"""Who is asked, in which order: the people on duty for a question of a kind, and who stands in for whoever is away.

Source: KCSIE (the DSL or a deputy is always available in school hours); the cover calendar stands in the people file.
"""

from datetime import datetime

from cme.config.people import People
from cme.records.reviews import CONFIRMATION, CONTACT_OUTCOME, MISSING_REPORT, SAFEGUARDING
from cme.steps.office import Office

KINDS = (SAFEGUARDING, CONFIRMATION, CONTACT_OUTCOME, MISSING_REPORT)
OFFICER = "attendance_officer"


def order(people: People, kind: str, moment: datetime, barred: str = "") -> tuple[str, ...]:
    """Everybody who may be asked for a question of ``kind``, first to last, on duty or away: the rota's people before the others.

    No person stands in it twice (under two keys), and ``barred`` not at all, under no key.
    """
    usual = {SAFEGUARDING: people.safeguarding, CONFIRMATION: (*people.deputies, "head", "dsl"),
             CONTACT_OUTCOME: (OFFICER, *people.deputies, "dsl", "head"), MISSING_REPORT: (OFFICER, *people.deputies, "dsl", "head")}[kind]
    first = [OFFICER] if usual[0] == OFFICER else []
    found: list[str] = []
    for key in (*first, *people.rota(moment), *usual):
        if not people.same(key, barred) and not any(people.same(key, other) for other in found):
            found.append(key)
    return tuple(found)


def chain(office: Office, kind: str, moment: datetime, barred: str = "") -> tuple[str, ...]:
    """The person keys to ask for a question of ``kind`` at ``moment``, in order; never empty, never ``barred``.

    Who is away is left out. Where nobody is left, everybody is in it all the same (``uncovered`` says so, and operations are called).
    """
    people = office.settings.people
    everybody = order(people, kind, moment, barred)
    return tuple(key for key in everybody if not people.is_away(key, moment)) or everybody


def uncovered(office: Office, kind: str, moment: datetime, barred: str = "") -> bool:
    """Whether nobody who may be asked for a question of ``kind`` is on duty."""
    people = office.settings.people
    return all(people.is_away(key, moment) for key in order(people, kind, moment, barred))


def next_after(office: Office, kind: str, moment: datetime, person: str, barred: str = "", asked: int = 0) -> str:
    """Who comes after ``person`` in the chain, round and round. ``person`` may be away; one who has left counts by how many were
    ``asked`` before."""
    on_duty = chain(office, kind, moment, barred)
    if person in on_duty:
        return on_duty[(on_duty.index(person) + 1) % len(on_duty)]
    everybody = order(office.settings.people, kind, moment, barred)
    if person not in everybody:
        return on_duty[asked % len(on_duty)]
    behind = everybody[everybody.index(person) + 1:]
    return next((key for key in behind if key in on_duty), on_duty[0])


def stand_in(office: Office, owner: str, moment: datetime) -> str:
    """Who takes care of a task of ``owner`` at that moment: the owner, or the first on duty while they are away or have left."""
    people = office.settings.people
    if owner in people.keys and not people.is_away(owner, moment):
        return owner
    return chain(office, CONTACT_OUTCOME if owner == OFFICER else SAFEGUARDING, moment)[0]


def ladder(office: Office, owner: str, moment: datetime) -> tuple[str, ...]:
    """Who hears of a task past its time, one after another: its owner (or who stands in), the DSL on duty, the head."""
    on_duty = chain(office, SAFEGUARDING, moment)
    found: list[str] = []
    for key in (stand_in(office, owner, moment), on_duty[0], *(["head"] if "head" in on_duty else on_duty[1:2])):
        if not any(office.settings.people.same(key, other) for other in found):
            found.append(key)
    return tuple(found)
