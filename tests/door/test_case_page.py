"""What the dossier's page says, and what it never says."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.steps.school import School

from cme.door import case_page
from cme.door.case_page import _weeks
from cme.steps.reading import Reading, read_dossier


@pytest.fixture
def reading(school: School, link: str) -> Reading:
    found = read_dossier(school, link)
    assert found
    return found


def changed(reading: Reading, **parts: object) -> Reading:
    return replace(reading, dossier={**reading.dossier, **parts})


class Tags(HTMLParser):
    """The tags that are opened and not closed again."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_marks_stand_in_weeks_with_each_session_in_its_place() -> None:
    table = _weeks([["2026-11-10", "AM", "N"], ["2026-11-10", "PM", "O"], ["2026-11-13", "PM", "N"], ["2026-11-16", "AM", "G"]])
    assert table["sessions"] == ["AM", "PM"] and table["days"] == ["Mon", "Tue", "Wed", "Thu", "Fri"]
    assert [(monday.isoformat(), days) for monday, days in table["weeks"]] == [
        ("2026-11-09", [None, ["N", "O"], None, None, ["-", "N"]]), ("2026-11-16", [["G", "-"], None, None, None, None])]


def test_a_saturday_gets_a_column_where_the_school_is_open_on_it() -> None:
    assert _weeks([["2026-11-14", "AM", "N"]])["days"][-1] == "Sat"


def test_the_page_is_whole_html(school: School, reading: Reading) -> None:
    tags = Tags()
    tags.feed(case_page.render(reading, school).replace("<!doctype html>", ""))
    assert tags.open == []


def test_what_people_wrote_is_shown_as_text_and_never_runs(school: School, reading: Reading) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    attempt = {**reading.dossier["attempts"][0], "outcome": evil, "note": evil}
    contact = {**reading.dossier["contacts"][0], "name": evil, "telephone": "0121 496 0999\"><script>"}
    shown = case_page.render(changed(reading, attempts=[attempt], contacts=[contact], flags=[evil], missing=[evil]), school, evil)
    assert "<script" not in shown and "<img" not in shown and "&lt;script&gt;alert(1)" in shown


def test_who_must_not_be_contacted_is_marked_and_cannot_be_rung_by_a_tap(school: School, reading: Reading) -> None:
    barred = {**reading.dossier["contacts"][0], "do_not_contact": True, "telephone": "07700 900777"}
    shown = case_page.render(changed(reading, contacts=[barred]), school)
    assert "do not contact" in shown and "07700 900777" in shown and "tel:07700900777" not in shown
    assert "tel:07700900101" in case_page.render(reading, school)


def test_a_report_an_action_and_a_decision_with_its_appraisal_are_shown(school: School, reading: Reading) -> None:
    from cme.steps import decisions

    appraisal = dict.fromkeys(decisions.REASONS, "No") | {"neglect_or_abuse": "Yes"}
    shown = case_page.render(changed(
        reading,
        reports=[{"at": "2026-11-23T09:10:00+00:00", "by": "TCH-07", "last_seen_at": "2026-11-20T15:05:00+00:00", "concern": True,
                  "last_seen": "on Friday at 15:05", "last_seen_where": "bus stop", "last_seen_by": "Mr Quince",
                  "established": "Nobody has seen the child", "established_by": "attendance_officer", "tried": "rang both contacts",
                  "known": ["forced_marriage"]}],
        actions=[{"id": 1, "kind": decisions.HOME_VISIT, "owner": "attendance_officer", "due": "2026-11-24T15:00:00+00:00",
                  "outcome": "curtains drawn", "result": "no entry", "evidence": "visit log 14"}],
        decisions=[{"outcome": decisions.CLOSE, "by": "dsl", "name": "Imogen Thistlewick", "at": "2026-11-23T09:55:00+00:00",
                    "reason": "Said to be on holiday.", "appraisal": appraisal, "agencies": "Unknown", "actions": [], "needs_confirmation": True,
                    "confirmed": None, "confirmed_by": None, "confirmation_reason": None}]), school)
    for word in ("Mon 23 Nov 2026, 09:10", "on Friday at 15:05", "bus stop", "Cuthbert Featherlow", "rang both contacts", "no entry", "visit log 14", decisions.CLOSE,
                 "Waits for a second person", "Said to be on holiday."):
        assert word in shown
    for text in decisions.REASONS.values():
        assert text in shown
    assert shown.count('class="yes">Yes') == 1


def test_a_retracted_finding_stays_with_the_reason_it_was_taken_back(school: School, reading: Reading) -> None:
    finding = {**reading.dossier["findings"][0], "retracted": "the register of 12 November was corrected"}
    assert "the register of 12 November was corrected" in case_page.render(changed(reading, findings=[finding]), school)


def test_what_the_page_does_not_know_it_does_not_show(school: School, reading: Reading) -> None:
    assert case_page.render(changed(reading, safe_word="xyzzy"), school) == case_page.render(reading, school)


def test_a_child_of_whom_nothing_is_held_still_has_a_page(school: School, reading: Reading) -> None:
    nobody = dict.fromkeys(reading.dossier["pupil"], "")
    shown = case_page.render(changed(reading, pupil=nobody, contacts=[], attempts=[], actions=[], findings=[], flags=[], missing=[],
                                     last_attended=""), school)
    assert "Name not held" in shown and "No contact is held" in shown and "not on record" in shown


def test_the_style_allowed_is_exactly_the_style_sent(school: School, reading: Reading) -> None:
    """The policy names one style by its hash; one changed letter and a browser would show the page bare."""
    import base64
    import hashlib
    import re

    [style] = re.findall(r"<style>(.*?)</style>", case_page.render(reading, school), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in dict(case_page.HEADERS)[b"content-security-policy"].decode()


def test_what_parents_wrote_back_is_shown_with_what_came_of_it_and_never_runs(school: School, reading: Reading) -> None:
    reply = {"number": 1, "at": "2026-11-23T09:31:00+00:00", "channel": "text", "from": "Aoife Bramblewick (mother)", "text": "<script>x</script> on the bus",
             "outcome": "", "done_by": ""}
    page = case_page.render(changed(reading, replies=[reply, {**reply, "outcome": "Rang the mother", "done_by": "attendance_officer"}]), school)
    assert "What they wrote back" in page and "nobody has seen to it yet" in page and "Rang the mother" in page
    assert "<script>x" not in page and "&lt;script&gt;x" in page
