"""The police report pack: whoever rings has the numbers, the twelve questions and what the school holds in hand."""

import hashlib
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update
from tests.mail.pdf_text import opened, text_of
from tests.steps.answers import RUN, answer, code_for, shown
from tests.steps.conftest import school as school  # noqa: F401
from tests.steps.school import AOIFE, MONDAY, School, a_pupil

from cme.errors import BadInput
from cme.mail.police_pack import QUESTIONS
from cme.records.history import events
from cme.records.reviews import MISSING_REPORT, SAFEGUARDING
from cme.records.tables import Pupil
from cme.rules.reasons import REASONS
from cme.sources.source import Contact
from cme.steps import day_one, decisions, missing_report, police_pack
from cme.steps.review import ring, take_answer

OTHER_RUN = "00000000-0000-0000-0000-000000000009"
BARRED = Contact("Corin Bramblewick", "uncle", 3, "corin@home.example", "07700 900103", do_not_contact=True)


@pytest.fixture
def case(school: School) -> str:  # noqa: F811
    """A looked-after child, absent this morning, reported missing, whose parents do not know where it is."""
    school.write(a_pupil(flags=("looked after", "Medical: epilepsy, carries medication", "child protection plan"), contacts=(AOIFE, BARRED), sex="F"),
                 {MONDAY: ("N", "-")})
    [reference] = day_one.watch(school, school.stamp()).raised
    missing_report.receive(school, {"child": "P-1", "seen_on": "Today", "seen_at": "08:20", "where": "On the way to school",
                                    "seen_by": "A parent or carer", "reported_by": "TQA", "concern": "Yes"}, "run-1", school.stamp())
    ring(school, reference, MISSING_REPORT, RUN, school.stamp())
    said = {"outcome": missing_report.NOT_KNOWN, "tried": "Rang the mother at 09:35", "known": [REASONS["forced_marriage"]],
            "code": code_for(school, "attendance_officer")}
    assert take_answer(school, reference, MISSING_REPORT, "k-d1-00000000", said, RUN).accepted
    return reference


def made(school: School, reference: str, folder: Path, role: str = "dsl") -> str:  # noqa: F811
    path = police_pack.make_pack(school, reference, school.stamp(role), folder / "pack.pdf")
    return text_of(opened(path.read_bytes()))


def test_the_numbers_come_first_and_the_paper_says_that_it_is_not_the_report(school: School, case: str, tmp_path: Path) -> None:  # noqa: F811
    said = made(school, case, tmp_path)
    head = said[:said.index("The child")]
    authority = school.policies.authority
    for word in (case, "Phone now. This paper is not the report", "Police, in an emergency 999", "Police, otherwise 101",
                 authority.childrens_services, authority.childrens_services_out_of_hours):
        assert word in head, word


def test_it_says_who_the_child_is_whom_to_reach_and_who_rings(school: School, case: str, tmp_path: Path) -> None:  # noqa: F811
    said = made(school, case, tmp_path, "deputy_dsl")
    deputy = school.person("deputy_dsl")
    for word in ("Quilla Bramblewick", "Sun 3 Feb 2013", "1 Made-up Lane, ZZ1 1ZZ", AOIFE.telephone, "the school may not contact this person",
                 deputy.name, deputy.telephone, "Year 9", school.policies.school.name):
        assert word in said, word


def test_all_twelve_questions_stand_in_it_and_what_is_on_record_answers_them(school: School, case: str, tmp_path: Path) -> None:  # noqa: F811
    said = made(school, case, tmp_path)
    assert len(QUESTIONS) == 12 and all(question in said for question in QUESTIONS.values())

    def of(key: str) -> str:
        keys = list(QUESTIONS)
        start = said.index(QUESTIONS[key])
        after = keys.index(key) + 1
        return said[start:said.index(QUESTIONS[keys[after]]) if after < len(keys) else len(said)]

    assert "no earlier case on record since 23 November 2026" in of("character")
    assert "Rang the mother at 09:35" in of("intentions")
    assert "Medical: epilepsy" in of("medical") and "child protection plan" in of("exploitation")
    assert "looked after" in of("services") and "child protection plan" in of("services")
    assert "risk of forced marriage" in of("concerns") and "worried about the child" in of("concerns")
    for key in ("companions", "danger", "self_harm", "behaviour"):
        assert "to be told by the person who rings" in of(key)
    assert "last seen today (Monday 23 November 2026) at about 08:20" in said and "on the way to school; by a parent or carer" in said


def test_the_appraisal_of_the_dsl_and_earlier_cases_are_in_it(school: School, case: str, tmp_path: Path, set_clock: Callable[[str], None]) -> None:  # noqa: F811
    asked = ring(school, case, SAFEGUARDING, OTHER_RUN, school.stamp())
    assert asked is not None
    said = answer(code_for(school, "dsl"), decision=decisions.KEEP_ENQUIRING, neglect_or_abuse=decisions.YES)
    assert take_answer(school, case, SAFEGUARDING, shown("k2", asked), said, OTHER_RUN).accepted
    assert "risk appraisal of the designated safeguarding lead: neglect or abuse" in made(school, case, tmp_path)


def test_a_child_missing_before_is_told_with_dates(school: School, case: str, tmp_path: Path, set_clock: Callable[[str], None]) -> None:  # noqa: F811
    from tests.steps.test_day_one import close

    close(school, case)
    set_clock("2026-12-01T09:30:00")
    again = missing_report.receive(school, {"child": "P-1"}, "run-2", school.stamp()).reference
    assert f"earlier: absent without a known reason, from 23 November 2026 to 23 November 2026 ({case})" in made(school, again, tmp_path)


def test_the_file_is_the_makers_alone_and_the_history_says_who_made_it(school: School, case: str, tmp_path: Path,  # noqa: F811
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = police_pack.make_pack(school, case, school.stamp("head"))
    assert path.name == f"{case}.pdf" and stat.S_IMODE(path.stat().st_mode) == 0o600
    with school.transaction() as session:
        [event] = [e for e in events(session, case) if e.what == "police_pack.made"]
        assert event.who == "head" and event.data["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    path.chmod(0o644)
    police_pack.make_pack(school, case, school.stamp("head"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and [p.name for p in tmp_path.glob(".*")] == []


def test_nothing_is_recorded_where_nothing_could_be_written(school: School, case: str, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(BadInput, match="give another place with --out"):
        police_pack.make_pack(school, case, school.stamp("dsl"), tmp_path / "nowhere" / "pack.pdf")
    with pytest.raises(BadInput, match="not a role"):
        police_pack.make_pack(school, case, school.stamp("machine"), tmp_path / "pack.pdf")
    with school.transaction() as session:
        assert "police_pack.made" not in [e.what for e in events(session, case)]


def test_a_name_our_fonts_lack_never_keeps_the_paper_from_whoever_rings(school: School, case: str, tmp_path: Path) -> None:  # noqa: F811
    assert "Some letters could not be printed" not in made(school, case, tmp_path)
    with school.transaction() as session:
        session.execute(update(Pupil).values(forename="\u674e\u5c0f\u9f8d"))
        assert session.scalars(select(Pupil.forename)).one() == "\u674e\u5c0f\u9f8d"
    said = made(school, case, tmp_path)
    assert "?? Bramblewick" in said and "Some letters could not be printed" in said and f"cme show {case}" in said


def test_of_a_child_of_whom_nothing_is_known_it_says_so_and_asks_all_the_same(school: School, tmp_path: Path) -> None:  # noqa: F811
    school.write(a_pupil(forename="", surname="", born=None, upn="", address="", postcode="", contacts=(), year_group=""), {MONDAY: ("/", "-")})
    reference = missing_report.receive(school, {"child": "P-1"}, "run-1", school.stamp()).reference
    said = made(school, reference, tmp_path)
    assert "The school holds no contact for this child." in said and said.count("not held: to be told by the person who rings") >= 6
    assert all(question in said for question in QUESTIONS.values())


def test_markup_in_a_value_is_text(school: School, case: str, tmp_path: Path) -> None:  # noqa: F811
    with school.transaction() as session:
        session.execute(update(Pupil).values(address="#panic() *bold* $x$ [a](b)"))
    assert "#panic() *bold* $x$ [a](b)" in made(school, case, tmp_path)
