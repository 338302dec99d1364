"""The school day of `make demo`, lived through in a browser as the DSL would; the tests build on each other in this order."""

import json
import os
import re
import subprocess
import urllib.request
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import RunningDemo, start_demo
from tests.browser.privacy import secrets_of, texts_of_database, texts_of_files

from cme.config.policies import load
from cme.services.keeper import MARK
from cme.services.prefect_api import PrefectApi, wait_for

SHOTS = Path(__file__).parent.parent.parent / "docs/screenshots"
SLOW = 60_000
DSL = "dsl@larkspur-bridge.example"


def shot(page: Page, name: str) -> None:
    """Keep a screenshot for the README where CME_SCREENSHOTS says so."""
    if os.environ.get("CME_SCREENSHOTS"):
        SHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SHOTS / f"{name}.png")


def mails(demo: RunningDemo) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{demo.address('The inbox')}/api/messages", timeout=10) as reply:
        found: list[dict[str, Any]] = json.loads(reply.read())
    return found


def raw(demo: RunningDemo, mail: dict[str, Any]) -> Any:
    with urllib.request.urlopen(f"{demo.address('The inbox')}/api/messages/{mail['id']}.eml", timeout=10) as reply:
        return message_from_bytes(reply.read(), policy=policy.default)


def to_the_authority(demo: RunningDemo) -> list[dict[str, Any]]:
    return [mail for mail in mails(demo) if mail["to"] == load().authority.mailbox]


def reference(demo: RunningDemo) -> str:
    found = re.search(r"about (CME-\d{4}-\d{4})", "".join(demo.said))
    assert found
    return found[1]


def press_resume(page: Page) -> None:
    """Give the answer and leave Prefect's pages: left open, they keep half a core busy while the flows work."""
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Flow run resumed").first).to_be_visible(timeout=SLOW)
    page.goto("about:blank")


def open_form(page: Page, address: str) -> None:
    """Open the form of a paused run, as the mail tells the DSL to."""
    page.goto(address)
    page.locator("button[aria-haspopup=menu]").first.click(timeout=SLOW)
    page.get_by_role("menuitem", name="Resume").click()
    page.get_by_role("dialog").get_by_text("Decision", exact=True).wait_for(timeout=SLOW)


def answer(page: Page, decision: str, action: str, reason: str, code: str) -> None:
    """Fill the form with the mouse and the keyboard, as a person does."""
    form = page.get_by_role("dialog")
    for choice in (decision, action):
        form.get_by_text("Select", exact=True).first.click()
        page.get_by_role("option", name=choice, exact=True).click()
    page.keyboard.press("Escape")
    for _ in range(9):                 # the eight reasons of the procedure, and whether other agencies know the child
        form.get_by_text("Select", exact=True).last.click()        # the list of actions keeps that word
        page.get_by_role("option", name="Unknown", exact=True).click()
    form.locator("textarea").nth(0).fill(reason)
    form.locator("textarea").nth(1).fill(code)


def test_the_demo_tells_its_story_and_prints_three_addresses(demo: RunningDemo) -> None:
    story = "".join(demo.said)
    for word in ("120 pupils", "register that is overdue", "crossed a threshold", "recorded: no answer"):
        assert word in story
    assert all(demo.address(label) for label in ("Prefect UI", "The paused run", "The inbox"))


def test_a_parent_was_texted_has_answered_and_the_reason_stands_in_the_history(demo: RunningDemo, page: Page) -> None:
    page.goto(demo.address("The telephones"))
    expect(page.locator("li.theirs p").first).to_be_visible(timeout=SLOW)
    texted = json.loads(urllib.request.urlopen(f"{demo.address('The telephones')}/api/texts", timeout=10).read())
    assert len(texted) >= 2 and all(re.fullmatch(r"\+447700900\d{3}", text["to"]) for text in texted)
    assert any("Please ring us today" in text["text"] for text in texted), "others in their own language"
    absence = found(r"form record-contact: (ABS-\d+): recorded", " ".join("".join(demo.said).split()))
    [mail] = [mail for mail in mails(demo) if mail["subject"] == f"{absence}: record the reason of an absence"]
    code = found(r"One-time code:\s+(\d{6})", raw(demo, mail).get_body(("plain",)).get_content())
    history = demo.cme("contact", "show", absence)
    assert "reason recorded" in history and "attendance officer" in history and code not in history
    assert absence in demo.cme("contact", "changes")
    assert any("Please contact the school today" in mail["subject"] for mail in mails(demo)), "who has no mobile telephone is written to"
    wait_for(lambda: "fever" in demo.cme("replies"), 150, "the parent's answer to be read")


def test_the_register_that_was_not_marked_was_reported_once_to_its_teachers_and_the_officer(demo: RunningDemo) -> None:
    told = [mail["to"] for mail in mails(demo) if "egister" in mail["subject"]]
    assert len(told) == len(set(told)) == 3          # the teacher, the cover teacher and the attendance officer
    assert "attendance@larkspur-bridge.example" in told


def test_the_dsl_goes_from_the_inbox_to_the_form_and_a_wrong_code_asks_again(demo: RunningDemo, page: Page) -> None:
    page.goto(demo.address("The inbox"))
    shot(page, "inbox")
    page.get_by_text(f"{reference(demo)}: your decision is needed").first.click()
    shot(page, "dsl-mail")
    link = page.locator("a[href*='/runs/flow-run/']").first
    assert link.get_attribute("href") == demo.address("The paused run")
    open_form(page, demo.address("The paused run"))
    answer(page, DECISION, "Home visit", "No word from the family for ten school days.", "000000")
    shot(page, "dsl-form")
    press_resume(page)
    wait_for(lambda: "answer not accepted" in demo.cme("history", reference(demo)), 60, "the answer to be refused")
    run = demo.address("The paused run").rpartition("/")[2]
    api = PrefectApi(f"{demo.address('Prefect UI')}/api")
    wait_for(lambda: api.state(run) == "PAUSED", 60, "the question to be asked again")
    assert to_the_authority(demo) == []
    open_form(page, demo.address("The paused run"))
    expect(page.get_by_text("Your last answer was not accepted")).to_be_visible(timeout=SLOW)
    shot(page, "asked-again")


DECISION = "CME referral to the authority: whereabouts unknown"


def test_the_right_code_decides_and_the_authoritys_mail_arrives_with_the_history(demo: RunningDemo, page: Page) -> None:
    [call, *_] = [mail for mail in mails(demo) if mail["to"] == DSL and reference(demo) in mail["subject"]]
    code = re.search(r"One-time code:\s+(\d{6})", raw(demo, call).get_body(("plain",)).get_content())
    assert code
    answer(page, DECISION, "Home visit", "No word from the family for ten school days.", code[1])
    press_resume(page)
    page.goto(demo.address("The inbox"))
    expect(page.get_by_text(f"CME referral {reference(demo)}").first).to_be_visible(timeout=SLOW)
    page.get_by_text(f"CME referral {reference(demo)}").first.click()
    shot(page, "authority-mail")
    [mail] = to_the_authority(demo)
    message = raw(demo, mail)
    text = " ".join(message.get_body(("plain",)).get_content().split())
    for word in ("HISTORY OF THE CASE", "school days in a row missed without permission", "No word from the family", "0121 496 0101"):
        assert word in text
    pdf, form = message.iter_attachments()             # Birmingham's pack has a Word form of its own
    assert pdf.get_filename() == f"{reference(demo)}.pdf" and pdf.get_content()[:5] == b"%PDF-"
    assert form.get_filename() == f"{reference(demo)}.docx" and form.get_content()[:2] == b"PK"


def test_the_history_says_who_did_what_when_and_in_which_run(demo: RunningDemo) -> None:
    history = demo.cme("history", reference(demo))
    for word in ("case opened", "parent or carer contacted", "Imogen Thistlewick (designated safeguarding lead)",
                 "Cuthbert Featherlow (attendance officer)", "decision", "message sent", "answer not accepted", "notification rendered"):
        assert word in history
    run = demo.address("The paused run").rpartition("/")[2]
    assert run[:8] in history
    assert "notified" in demo.cme("cases") and "whole" in demo.cme("verify")


def test_the_run_page_shows_the_history_as_an_opaque_artifact(demo: RunningDemo, page: Page) -> None:
    ui = demo.address("Prefect UI")
    page.goto(f"{ui}/v2/artifacts/key/history-{reference(demo).lower()}")
    page.locator("a[href*='/artifacts/artifact/']").first.click(timeout=SLOW)
    expect(page.get_by_text("threshold crossed").first).to_be_visible(timeout=SLOW)
    shot(page, "history-artifact")


def test_operations_staff_read_the_timetable_in_the_ui(demo: RunningDemo, page: Page) -> None:
    ui = demo.address("Prefect UI")
    page.goto(f"{ui}/v2/deployments")
    for name in ("check-absence", "contact-parents", "oversee", "record-contact"):
        expect(page.get_by_text(name).first).to_be_visible(timeout=SLOW)
    shot(page, "timetable")
    page.get_by_role("button", name="Go to next page").click()          # ten on a page, by name
    expect(page.get_by_text("watch-registers").first).to_be_visible(timeout=SLOW)
    page.goto(f"{ui}/v2/runs")
    expect(page.get_by_text(f"review {reference(demo)}").first).to_be_visible(timeout=SLOW)
    shot(page, "runs")
    page.goto("about:blank")


def text_of(demo: RunningDemo, to: str, about: str) -> str:
    """The newest mail to a person about a case; waits for it."""
    [newest, *_] = wait_for(lambda: [mail for mail in mails(demo) if mail["to"] == to and about in mail["subject"]], 120, f"a mail about {about}")
    text: str = raw(demo, newest).get_body(("plain",)).get_content()
    return text


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, text
    return match[1] if match.groups() else match[0]


def test_the_dossiers_page_opens_from_the_mail_and_shows_the_child_outside_prefect(demo: RunningDemo, page: Page) -> None:
    page.goto(found(r"http://\S+/cme/dossier/\S+", text_of(demo, DSL, reference(demo))))
    assert page.title() == reference(demo)
    for word in ("The child", "Why this case was opened", "999", "0121 496 0331"):
        expect(page.get_by_text(word).first).to_be_visible(timeout=SLOW)
    shot(page, "dossier")


def test_any_member_of_staff_reports_a_missing_child_and_the_dsl_is_called_at_once(demo: RunningDemo, page: Page) -> None:
    child = found(r"P-\d+", demo.cme("pupil", "an"))
    page.set_viewport_size({"width": 1280, "height": 1400})      # a list at the bottom of the page opens where a mouse reaches it
    page.goto(f"{demo.address('Prefect UI')}/v2/deployments")
    page.get_by_role("link", name="report-missing", exact=True).first.click(timeout=SLOW)
    page.get_by_role("button", name="Run", exact=True).click(timeout=SLOW)
    page.get_by_role("menuitem", name="Custom run").click()
    page.get_by_text("Reference of the child").wait_for(timeout=SLOW)
    for box, typed in enumerate((child, "09:10", "TQA")):
        page.locator("textarea").nth(box).fill(typed)
    for choice in ("Yes: I am worried", "Today", "In class", "A teacher"):
        page.get_by_text("Select", exact=True).first.click()
        page.get_by_role("option", name=re.compile(f"^{choice}")).click()
    shot(page, "report-form")
    page.get_by_role("button", name="Submit").click()
    page.set_viewport_size({"width": 1280, "height": 900})
    called = text_of(demo, DSL, "CONCERN ABOUT SAFETY")
    page.goto("about:blank")
    assert "RING NOW" in called and "0121 496 0331" in called
    demo.reported = found(r"CME-\d{4}-\d{4}", called)
    assert "Please answer by" in text_of(demo, "attendance@larkspur-bridge.example", demo.reported)


def test_a_decision_not_to_refer_takes_effect_only_when_a_second_person_confirms_it(demo: RunningDemo, page: Page) -> None:
    called = text_of(demo, DSL, demo.reported)
    open_form(page, found(r"http://\S+/runs/flow-run/\S+", called))
    answer(page, "No referral now: follow up on the school's date", "Home visit", "The child came back at ten; I spoke to her.",
           found(r"One-time code:\s+(\d{6})", called))
    press_resume(page)
    second = text_of(demo, "deputy-dsl@larkspur-bridge.example", demo.reported)
    assert "confirmation" in demo.cme("cases")
    page.goto(found(r"http://\S+/runs/flow-run/\S+", second))
    page.locator("button[aria-haspopup=menu]").first.click(timeout=SLOW)
    page.get_by_role("menuitem", name="Resume").click()
    form = page.get_by_role("dialog")
    form.get_by_text("Select", exact=True).first.click(timeout=SLOW)
    page.get_by_role("option", name=re.compile("^Yes")).click()
    form.locator("textarea").nth(0).fill("I have seen the child in class myself.")
    form.locator("textarea").nth(1).fill(found(r"One-time code:\s+(\d{6})", second))
    shot(page, "second-person")
    press_resume(page)
    wait_for(lambda: "decision confirmed" in demo.cme("history", demo.reported), 60, "the confirmation")
    assert "following up" in demo.cme("cases")


def test_nothing_that_identifies_a_child_is_in_prefect_the_logs_or_a_subject(demo: RunningDemo) -> None:
    house = json.loads(Path(demo.environment["CME_HOUSE"]).read_text())["environment"]
    secrets = secrets_of(Path(house["CME_REGISTERS_FOLDER"]))
    assert len(secrets) > 300
    # the scan can see: the school's own records do hold them
    assert any(secret in text for text in texts_of_database(house["CME_DATABASE_URL"], Path(house["CME_DATA_DIR"]), None) for secret in list(secrets)[:20])
    places = {"Prefect's database": texts_of_database(house["CME_DATABASE_URL"], Path(house["CME_DATA_DIR"]), "prefect"),
              "the logs and Prefect's files": texts_of_files(Path(house["CME_DATA_DIR"]) / "logs", Path(house["CME_DATA_DIR"]) / "prefect"),
              "the subjects": [mail["subject"] for mail in mails(demo)], "the story": ["".join(demo.said)]}
    for place, texts in places.items():
        whole = "\n".join(texts)
        found = sorted(secret for secret in secrets if secret in whole and re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", whole))
        assert not found, f"{place}: {found[:5]}"


def test_ctrl_c_leaves_no_process_and_no_file_behind(demo: RunningDemo, demo_folder: Path) -> None:
    demo.stop()
    assert demo.process.returncode == 0 and "nothing is left behind" in "".join(demo.said)
    left = [p.info for p in psutil.process_iter(["name", "cmdline", "environ"]) if MARK in (p.info["environ"] or {})
            and str(demo_folder) in str((p.info["environ"] or {}).get("CME_DATA_DIR"))]
    assert left == [] and [path.name for path in demo_folder.iterdir()] == []


@pytest.mark.parametrize("export", ["registers.csv"])
def test_a_second_demo_works_at_once_on_the_users_own_registers(demo_folder: Path, export: str) -> None:
    example = Path(__file__).parent.parent.parent / "src/cme/sources/examples" / export
    second = start_demo(demo_folder, "--registers", str(example))
    try:
        assert "Your registers: registers.csv" in "".join(second.said)
        assert "CME-" in second.cme("cases")
    finally:
        second.stop()
    assert second.process.returncode == 0


def test_a_file_that_is_not_there_is_one_sentence_and_a_non_zero_exit_status(demo_folder: Path, demo: RunningDemo) -> None:
    done = subprocess.run([*demo.process.args[:1], "demo", "--registers", "nowhere.csv"], env=demo.environment, text=True,  # type: ignore[index]
                          capture_output=True, timeout=60)
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1 and "nowhere.csv" in done.stderr
