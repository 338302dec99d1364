"""In which order the versions of different registers arrive changes no finding. Of one register the last one counts."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from random import Random

import pytest
from tests.steps.generated_school import Life
from tests.steps.school import School

from cme.records import registers
from cme.rules.finding import Finding
from cme.rules.judge import judge
from cme.sources.source import Pulled, RegisterDocument, TimeSemantics
from cme.steps.replay import marks_from

FIRST, LAST = date(2026, 10, 5), date(2026, 11, 20)
Pull = Sequence[RegisterDocument]


def shuffled(pulls: Sequence[Pull], chance: Random) -> Iterator[Pull]:
    """The same documents in other pulls: of each register the versions in their order, all registers mixed."""
    waiting: dict[tuple[date, str, str], list[RegisterDocument]] = defaultdict(list)
    for pull in pulls:
        for document in pull:
            waiting[document.local_date, document.slot, document.group].append(document)
    while waiting:
        yield [waiting[register].pop(0) for register in chance.sample(sorted(waiting), min(len(waiting), 70))]
        waiting = {register: left for register, left in waiting.items() if left}


def found_after(school: School, key: str, life: Life, pulls: Sequence[Pull],
                set_clock: Callable[[str], None]) -> list[tuple[Finding, ...]]:
    """Each pupil's findings, in the pupils' order, in a school of its own that read ``pulls`` one after the other."""
    book, moment = school.policies.rule_book(), datetime(2026, 11, 20, 8)
    with school.transaction() as session:
        for pull in pulls:
            set_clock((moment := moment + timedelta(minutes=1)).isoformat())
            registers.store(session, key, Pulled(registers=tuple(pull), pupils=tuple(life.people.values())), source="test",
                            codes=book.codes, stamp=school.stamp(), time_semantics=TimeSemantics.FIRST_COMPLETED)
        records = registers.pupil_records(session, key, LAST, marks_from(book.calendar, LAST))
    return [judge(record, LAST, book) for record in records]


@pytest.mark.usefixtures("as_owner")
@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_in_which_register_versions_arrive_changes_no_finding(school: School, set_clock: Callable[[str], None],
                                                                        seed: int) -> None:
    life = Life(Random(seed), leavers=False)
    pulls = [life.documents(life.goes_by(day)) for day in school.policies.calendar.school_days(FIRST, LAST)]
    assert sum(map(len, pulls)) > len({(d.local_date, d.slot, d.group) for pull in pulls for d in pull}), "nothing was corrected"
    in_order = found_after(school, "330/1000", life, pulls, set_clock)
    for other in range(3):
        assert found_after(school, f"330/200{other}", life, [*shuffled(pulls, Random(other))], set_clock) == in_order
    assert sum(map(len, in_order)) > 50
    assert found_after(school, "330/3000", life, pulls[::-1], set_clock) != in_order, "the corrections change nothing"
