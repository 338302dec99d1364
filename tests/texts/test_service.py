"""What the text service's own documentation promises of each call: the same tests for the fake and, by hand, for GOV.UK Notify itself.

By hand: CME_NOTIFY_CONTRACT_KEY=<a TEST key> CME_NOTIFY_CONTRACT_TEMPLATE=<id of a template that is ((message))> pytest tests/texts/test_service.py
A test key sends nothing. Then the tests run against the real service as well as against the fake.
"""

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from notifications_python_client.errors import HTTPError
from notifications_python_client.notifications import NotificationsAPIClient

from cme.mail.fake_notify import FakeNotify
from cme.mail.fake_phones import KEY, TEMPLATE
from cme.mail.texts import PLACEHOLDER

REAL = os.environ.get("CME_NOTIFY_CONTRACT_KEY", "")
NUMBER = "+447700900111"             # of the drama numbers, but none of the simulator's smoke numbers


@dataclass
class Known:
    """A service with a client to it."""

    client: NotificationsAPIClient
    key: str
    template: str

    def send(self, number: str = "07700900123", **changes: object) -> dict[str, object]:
        wanted = {"personalisation": {PLACEHOLDER: "Please ring us."}, "reference": str(uuid.uuid4()), **changes}
        said: dict[str, object] = self.client.send_sms_notification(number, wanted.pop("template", self.template), **wanted)
        return said

    def with_key(self, key: str) -> NotificationsAPIClient:
        return NotificationsAPIClient(key, base_url=self.client.base_url)


@pytest.fixture(scope="module", params=["fake", *(["GOV.UK Notify"] if REAL else [])])
def known(request: pytest.FixtureRequest) -> Iterator[Known]:
    if request.param == "fake":
        with FakeNotify() as server:
            yield Known(NotificationsAPIClient(KEY, base_url=server.url), KEY, TEMPLATE)
    else:
        yield Known(NotificationsAPIClient(REAL), REAL, os.environ["CME_NOTIFY_CONTRACT_TEMPLATE"])


def refused(error: "pytest.ExceptionInfo[HTTPError]") -> tuple[int, str]:
    return error.value.status_code, error.value.message[0]["error"]


def test_a_text_is_taken_with_an_id_its_reference_and_its_words(known: Known) -> None:
    said = known.send(reference="row-1")
    assert uuid.UUID(str(said["id"])) and said["reference"] == "row-1"
    assert "Please ring us." in said["content"]["body"] and said["template"]["id"] == known.template     # type: ignore[index]


def test_a_reference_is_a_label_and_no_idempotency_key(known: Known) -> None:
    reference = str(uuid.uuid4())
    ids = {str(known.send(reference=reference)["id"]) for _ in range(2)}
    found = known.client.get_all_notifications(reference=reference)["notifications"]
    assert len(ids) == 2 and {each["id"] for each in found} == ids


def test_what_was_never_taken_is_not_found_under_its_reference(known: Known) -> None:
    assert known.client.get_all_notifications(reference=str(uuid.uuid4()))["notifications"] == []


def test_a_text_is_found_by_its_id_with_a_documented_status(known: Known) -> None:
    said = known.send()
    found = known.client.get_notification_by_id(said["id"])
    assert (found["id"], found["reference"], found["type"]) == (said["id"], said["reference"], "sms")
    assert found["status"] in ("created", "sending", "pending", "delivered")


@pytest.mark.parametrize(("number", "status"), [("07700900003", "temporary-failure"), ("07700900002", "permanent-failure"),
                                                ("07700900111", "delivered")])
def test_the_simulators_numbers_end_as_documented(known: Known, number: str, status: str) -> None:
    said = known.send(number) if number != "07700900111" else known.send()
    for _ in range(60):
        found = known.client.get_notification_by_id(said["id"])["status"]
        if found not in ("created", "sending", "pending"):
            break
        time.sleep(1 if known.key == REAL else 0)
    assert found == status


def test_texts_are_listed_newest_first_and_by_status_and_older_than(known: Known) -> None:
    older, newer = known.send(), known.send()
    listed = [each["id"] for each in known.client.get_all_notifications(template_type="sms")["notifications"]]
    assert listed.index(newer["id"]) < listed.index(older["id"])
    below = known.client.get_all_notifications(template_type="sms", older_than=newer["id"])["notifications"]
    assert newer["id"] not in [each["id"] for each in below] and older["id"] in [each["id"] for each in below]
    assert known.client.get_all_notifications(template_type="letter", reference=older["reference"])["notifications"] == []


def test_an_unknown_status_an_unknown_id_and_no_id_are_refused_as_documented(known: Known) -> None:
    with pytest.raises(HTTPError) as elephant:
        known.client.get_all_notifications(status="elephant")
    assert refused(elephant) == (400, "ValidationError")
    with pytest.raises(HTTPError) as nobody:
        known.client.get_notification_by_id(str(uuid.uuid4()))
    assert refused(nobody) == (404, "NoResultFound")
    with pytest.raises(HTTPError) as no_id:
        known.client.get_notification_by_id("not-an-id")
    assert refused(no_id) == (400, "ValidationError")


@pytest.mark.parametrize(("changes", "error"), [
    ({"number": "0770"}, "ValidationError"), ({"template": "x"}, "ValidationError"), ({"template": str(uuid.uuid4())}, "BadRequestError"),
    ({"personalisation": {}}, "BadRequestError"), ({"personalisation": {PLACEHOLDER: "x" * 919}}, "BadRequestError")])
def test_what_cannot_be_sent_is_refused_with_400(known: Known, changes: dict[str, object], error: str) -> None:
    with pytest.raises(HTTPError) as raised:
        known.send(**changes)    # type: ignore[arg-type]
    assert refused(raised) == (400, error)


def test_another_key_is_refused_with_403(known: Known) -> None:
    other = known.with_key(known.key[:-36] + str(uuid.uuid4()))
    with pytest.raises(HTTPError) as raised:
        other.get_all_notifications()
    assert refused(raised) == (403, "AuthError")


def test_the_template_is_shown_with_its_placeholder(known: Known) -> None:
    template = known.client.get_template(known.template)
    assert (template["type"], template["body"]) == ("sms", f"(({PLACEHOLDER}))")


def test_a_preview_shows_the_words_and_refuses_a_missing_value(known: Known) -> None:
    assert known.client.post_template_preview(known.template, {PLACEHOLDER: "Please ring us."})["body"] == "Please ring us."
    with pytest.raises(HTTPError) as raised:
        known.client.post_template_preview(known.template, {})
    assert refused(raised) == (400, "BadRequestError")


def test_received_texts_come_in_pages_with_their_links(known: Known) -> None:
    page = known.client.get_received_texts()
    assert isinstance(page["received_text_messages"], list) and "current" in page["links"]
    for each in page["received_text_messages"]:
        assert {"id", "user_number", "notify_number", "created_at", "service_id", "content"} <= set(each)
