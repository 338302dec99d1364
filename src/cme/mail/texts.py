"""Text messages by GOV.UK Notify: the only module that imports its client.

The client (13.0.0) turns every lost reply into an error 503, whose documentation says "retry": the message may have been accepted all the
same, and a ``reference`` is a label and no idempotency key, so that sending twice gives two texts. But the service can be asked what it
holds under a reference. So a lost reply is Ambiguous here, and ``find`` is the oracle that settles it.

==================================  =========================================================================
what the service says               what it means
==================================  =========================================================================
201 with an id                      accepted (which is not yet delivery: ``statuses``)
400 about the number or the text    Permanent
400 about the service, 401-404      Misconfigured: certainly not accepted, a person must mend key, template or permission
429                                 Transient: certainly not accepted
any 5xx, no answer, no JSON         Ambiguous: may have been accepted
no connection could be made         Transient: certainly not accepted
==================================  =========================================================================
"""

import json
import logging
import re
import ssl
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from notifications_python_client.errors import APIError
from notifications_python_client.notifications import NotificationsAPIClient
from requests import ConnectTimeout
from requests import ConnectionError as NoConnection
from urllib3.exceptions import NewConnectionError

from cme.errors import Ambiguous, BadInput, CmeError, Misconfigured, Permanent, Transient
from cme.mail.numbers import is_nobodys, number_of

PLACEHOLDER = "message"          # the one placeholder of the one template: ((message)). The approved wording lives with us
LONGEST = 918                    # characters of one text: the service's own limit
MOST_PAGES = 20                  # of 250 each
TEMPLATE = "notify_template"     # the setting that holds the template's id
UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_KEY = re.compile(rf".*-{UUID}-{UUID}")
_OF_THE_SERVICE = re.compile(r"team-only|trial mode|[Tt]emplate (?:not found|.*deleted|.*archived)|Missing personalisation|not allowed to send|"
                             r"sms_sender_id|template_id")
_DIGITS = re.compile(r"\d[\d ]{4,}")
logging.getLogger("notifications_python_client").setLevel(logging.ERROR)      # it logs the body of every error; a parent's number may stand there


class Accepted(NamedTuple):
    """The service's word that it has taken a text: ``text`` is its id of it."""

    text: str


class Status(NamedTuple):
    """What the service says of a text it holds. ``reference`` is the outbox row's id; ``status`` its word (see docs/texts.md)."""

    service_id: str
    reference: str
    status: str


class Received(NamedTuple):
    """A text that somebody sent to the school's number. ``sender`` is in international form where it can be read."""

    service_id: str
    sender: str
    sent_at: datetime
    text: str


def text_wire(text: str, reference: str) -> bytes:
    """The bytes of a text as the outbox keeps them. ``reference`` (the outbox row's id) says nothing about anyone."""
    if not text.strip() or len(text) > LONGEST:
        raise BadInput(f"a text message needs between 1 and {LONGEST} characters: shorten the approved wording")
    return json.dumps({"text": text, "template": TEMPLATE, "reference": reference}, ensure_ascii=False, sort_keys=True).encode()


def usable_key(key: str) -> bool:
    """Has an API key its form? (The client only asserts it, which vanishes under ``python -O``.)"""
    return bool(_KEY.fullmatch(key))


class SafeTexts:
    """One way to the text service. Not for several threads at once.

    ``key`` and ``template`` are the service's; ``sender_id`` chooses one of its senders; ``url`` is only another address of the service
    (a fake). ``anybody`` no: only numbers that are nobody's telephone are texted (demo, tests). ``timeout`` in seconds.
    """

    def __init__(self, key: str, template: str, *, url: str = "", sender_id: str = "", anybody: bool = False, timeout: float = 30):
        if not usable_key(key):
            raise Misconfigured("CME_NOTIFY_KEY is not an API key of GOV.UK Notify (name, service id and secret, joined by dashes): copy "
                                "it again")
        self._client = NotificationsAPIClient(key, timeout=timeout, **({"base_url": url} if url else {}))
        self._template, self._sender_id, self._anybody = template, sender_id, anybody

    def hand_over(self, recipient: str, wire: bytes, point_of_no_return: Callable[[], None]) -> Accepted:
        """Hand a stored text to the service for one number; return the service's id of it or raise one of the four errors.

        ``point_of_no_return`` is called just before the request goes out. If it raises, nothing is sent and its exception passes through.
        """
        number = number_of(recipient)
        if not self._anybody and not is_nobodys(number):
            raise Misconfigured("outside of production texts go only to the numbers that Ofcom keeps for drama (07700 900000 to 900999)")
        stored = json.loads(wire)
        if not stored["text"].isascii():
            self._check_letters(stored["text"])
        point_of_no_return()
        try:
            said = self._client.send_sms_notification(number, self._template, {PLACEHOLDER: stored["text"]}, stored["reference"],
                                                      self._sender_id or None)
        except APIError as error:
            raise _outcome(error, sending=True) from None
        if not (isinstance(said, dict) and isinstance(said.get("id"), str)):
            raise Ambiguous("the text service answered without an id: it may have accepted the text")
        return Accepted(said["id"])

    def _check_letters(self, text: str) -> None:
        """Ask for a preview, and see that no letter becomes a question mark: a service may not know every alphabet."""
        preview = self._asked(lambda: self._client.post_template_preview(self._template, {PLACEHOLDER: text}))
        if preview.get("body", "").count("?") > text.count("?"):
            raise Permanent("the text service cannot write the letters of this language: write by e-mail, or ring")

    def find(self, reference: str) -> list[Status]:
        """What the service holds under a reference, newest first; empty: it has accepted nothing. Raises Transient or Misconfigured."""
        return [_status(each) for each in self._asked(self._client.get_all_notifications, reference=reference)["notifications"]]

    def statuses(self) -> Iterator[Status]:
        """The texts the service still holds (seven days), newest first, page by page as they are asked for."""
        last = None
        for _ in range(MOST_PAGES):
            page = self._asked(self._client.get_all_notifications, template_type="sms", older_than=last)["notifications"]
            yield from (_status(each) for each in page)
            if not page:
                return
            last = page[-1]["id"]

    def received_pages(self, most: int = MOST_PAGES) -> Iterator[list[Received]]:
        """The texts that came in and that the service still holds (seven days), newest first, page by page as they are asked for.

        Paged here: the client's own iterator raises TypeError on a page without a "next" link.
        """
        last = None
        for _ in range(most):
            page = self._asked(self._client.get_received_texts, older_than=last)["received_text_messages"]
            if not page:
                return
            yield [Received(each["id"], _international(each["user_number"]), _moment(each["created_at"]), each["content"]) for each in page]
            last = page[-1]["id"]

    def check(self) -> None:
        """Ask the service for the template, and see that it has its one placeholder. Raises Transient or Misconfigured."""
        template = self._asked(lambda: self._client.get_template(self._template))
        if re.findall(r"\(\((.*?)\)\)", template.get("body", "")) != [PLACEHOLDER] or template.get("type") != "sms":
            raise Misconfigured(f"the template of CME_NOTIFY_TEMPLATE must be one for text messages that holds (({PLACEHOLDER})) and no other "
                                "placeholder: correct it in GOV.UK Notify")

    def _asked(self, ask: Callable[..., Any], **wanted: Any) -> dict[str, Any]:
        try:
            said = ask(**wanted)
        except APIError as error:
            raise _outcome(error, sending=False) from None
        if not isinstance(said, dict):
            raise Transient("the text service answered something else than was asked")
        return said


def _status(said: dict[str, Any]) -> Status:
    return Status(said["id"], said.get("reference") or "", said["status"])


def _international(number: str) -> str:
    """The service gives numbers without their "+"."""
    try:
        return number_of(number if number.startswith(("+", "0")) else f"+{number}")
    except BadInput:
        return number


def _moment(said: str) -> datetime:
    return datetime.fromisoformat(said.replace("Z", "+00:00"))


def _outcome(error: APIError, *, sending: bool) -> CmeError:
    """The error that an answer other than success stands for. A question that was not answered can simply be asked again."""
    status = getattr(error.response, "status_code", None)
    if status is None:
        return _unanswered(error.__cause__, sending)
    said = f"the text service answered {status}: {_in_words(error)}"
    if status == 429:
        return Transient(said)
    if status in (401, 403, 404) or status == 400 and (not sending or _OF_THE_SERVICE.search(_in_words(error))):
        return Misconfigured(said)
    if 400 <= status < 500:
        return Permanent(said)
    return Ambiguous(said + ": it may have accepted the text") if sending else Transient(said)


def _unanswered(cause: BaseException | None, sending: bool) -> CmeError:
    chain: list[Any] = [cause]
    while chain[-1] is not None and len(chain) < 8:
        inner = getattr(chain[-1], "reason", None) or next((a for a in getattr(chain[-1], "args", ()) if isinstance(a, BaseException)), None)
        chain.append(inner)
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in chain):
        return Misconfigured("the text service's certificate was not believed: look at what stands between this machine and the service")
    if not sending or isinstance(cause, ConnectTimeout) or isinstance(cause, NoConnection) and any(isinstance(e, NewConnectionError) for e in chain):
        return Transient("the text service cannot be reached")
    return Ambiguous("the text service did not answer: it may have accepted the text")


def _in_words(error: APIError) -> str:
    said = error.message
    parts = [str(each.get("message", "")) for each in said if isinstance(each, dict)] if isinstance(said, list) else [str(said)]
    return _DIGITS.sub("(number)", " ".join(" ".join(parts).split()))[:200]
