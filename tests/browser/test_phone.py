"""The page of the demo's telephones in a browser: a parent reads a text in her own language and answers it."""

from playwright.sync_api import Page as BrowserPage
from playwright.sync_api import expect
from tests.browser.test_demo import shot

from cme.mail.fake_notify import FakeNotify
from cme.mail.fake_phones import KEY, TEMPLATE
from cme.mail.phone import Page
from cme.mail.render import text_message
from cme.mail.texts import SafeTexts, text_wire

FIELDS = {"date": "Monday 23 November 2026", "telephone": "0121 496 0104", "school": "Larkspur Bridge School"}


def test_a_parent_reads_a_text_and_answers_it(page: BrowserPage) -> None:
    with FakeNotify(handler=Page) as service:
        texts = SafeTexts(KEY, TEMPLATE, url=service.url)
        for number, language in (("07700 900102", "en"), ("07700 900104", "ar"), ("07700 900101", "en")):
            texts.hand_over(number, text_wire(text_message("parent_contact_text", language, **FIELDS), "row1"), lambda: None)
        page.goto(service.url)
        expect(page.get_by_text("Please ring us today on 0121 496 0104")).to_be_visible()
        answer = page.get_by_label("Answer as the parent or carer")
        answer.fill("She left for the bus at 8:10 as always. Is she not there?")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_text("She left for the bus")).to_be_visible()
        assert [(reply.sender, reply.body[:8]) for reply in service.phones.replies] == [("+447700900101", "She left")]
        shot(page, "phone")
        service.phones.receive("+447700900101", "Please ring me.")                # the page looks again by itself
        expect(page.get_by_text("Please ring me.")).to_be_visible(timeout=10_000)
        page.get_by_role("link", name="+447700900104").click()
        arabic = page.locator("li.theirs p")
        assert arabic.evaluate("element => getComputedStyle(element).direction") == "rtl"
