"""Why a finding no longer holds, said by the marks that changed."""

from datetime import date

from cme.rules.corrections import changed_marks, retraction
from cme.rules.marks import SessionMark

BEFORE = tuple(SessionMark(date(2025, 11, day), session, "N") for day in range(17, 22) for session in ("AM", "PM"))


def now(**codes: str) -> tuple[SessionMark, ...]:
    return tuple(SessionMark(m.day, m.session, codes.get(f"{m.session}{m.day.day}", m.code)) for m in BEFORE)


def test_a_changed_mark_is_named_with_both_codes() -> None:
    assert retraction(BEFORE, now(AM19="I")) == "no longer holds: 1 of its 10 marks changed (19 Nov 2025 AM: N is now I)"


def test_a_change_is_one_whichever_code_comes_first_in_the_alphabet() -> None:
    assert retraction(BEFORE, now(AM19="/", PM19="\\", AM20="U")).endswith(
        "3 of its 10 marks changed (19 Nov 2025 AM: N is now /, 19 Nov 2025 PM: N is now \\, 20 Nov 2025 AM: N is now U)")


def test_a_mark_that_vanished_is_a_mark_not_entered() -> None:
    assert changed_marks(BEFORE, BEFORE[1:]) == [(BEFORE[0], "-")]
    assert changed_marks(BEFORE, now(AM17="")) == [(BEFORE[0], "-")]


def test_of_many_changes_six_are_named_and_the_rest_counted() -> None:
    said = retraction(BEFORE, ())
    assert said.count("is now -") == 6 and said.endswith("19 Nov 2025 PM: N is now - and 4 more)")
    assert "more" not in retraction(BEFORE, now(AM17="I", PM17="I", AM18="I", PM18="I", AM19="I", PM19="I"))


def test_without_a_changed_mark_the_sentence_says_what_else_may_have() -> None:
    said = retraction(BEFORE, BEFORE)
    assert said.startswith("no longer holds, although none of its marks has changed: other marks, the dates on roll")
