"""How an office sends text messages: approved wording, queued like a mail, handed to the text service. A part of ``Office``."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cme.config.policies import Policies
from cme.config.settings import Settings
from cme.config.texts import has_texts
from cme.errors import Misconfigured
from cme.mail.numbers import number_of
from cme.mail.render import text_message
from cme.mail.texts import SafeTexts, text_wire
from cme.records import outbox
from cme.records.history import Stamp
from cme.records.sealing import Sealer
from cme.steps.recipients import check_number
from cme.steps.wording import language_for, say_in_english


class Texting:
    """The text channel of an office; without its settings there is none, and everything else works."""

    engine: Engine
    settings: Settings
    policies: Policies
    sealer: Sealer

    def queue_text(self, session: Session, name: str, /, *, to: str, subject_of: str, dedupe_key: str, stamp: Stamp, language: str = "en",
                   valid: timedelta | None = None, **fields: object) -> str:
        """Render an approved text message (``letters/<name>.<language>.txt``, without a subject) once and queue it for one telephone, in
        the caller's transaction; returns the outbox row's id. ``school`` is filled in; ``fields`` are the file's other places.

        ``language`` is the contact's as it is held ("pl", "Polish"); where there is no wording that may be used it is English, and the
        history says so. ``to`` is a number as it is held; ask ``cme.mail.numbers.textable`` first: BadInput for one that no text can go to, in a sentence
        without the number. The same ``dedupe_key`` again queues nothing and returns the first row's id. After ``valid`` it is cancelled
        unsent. It leaves with the next ``deliver``, never twice by itself; what became of it says ``steps.texts.receipt_of``. Raises
        Misconfigured where this installation has no text channel: ask ``has_texts`` first.
        """
        if not self.has_texts:
            raise Misconfigured("there is no text channel here: set CME_NOTIFY_KEY and CME_NOTIFY_TEMPLATE, or write by e-mail")
        number, row_id = number_of(to), outbox.new_row_id()
        spoken, why = language_for(self.policies, name, language, production=self.settings.environment == "production")
        wire = text_wire(text_message(name, spoken, school=self.policies.school.name, **fields), row_id)
        queued = outbox.queue(session, sealer=self.sealer, dedupe_key=dedupe_key, kind=name, subject_of=subject_of, recipient=number,
                            mail_subject="text message", message_id=f"text:{row_id}", wire=wire, row_id=row_id, stamp=stamp,
                            expires_at=stamp.at + valid if valid else None, channel=outbox.TEXT)
        if why and queued == row_id:
            say_in_english(session, name, row_id, subject_of, why, stamp)
        return queued

    @property
    def has_texts(self) -> bool:
        """Whether this installation can send text messages."""
        return has_texts(self.settings)

    def text_service(self) -> SafeTexts | None:
        """A way to the text service, one per worker; None where there is no text channel. Raises Misconfigured for a key without form."""
        s = self.settings
        if not (s.notify_key and s.notify_template):
            return None
        return SafeTexts(s.notify_key.get_secret_value(), s.notify_template, url=s.notify_url, sender_id=s.notify_sender,
                         anybody=s.environment == "production")

    def may_text(self, _kind: str, number: str) -> None:
        """The allow-list of numbers, asked at the last moment. Raises Misconfigured."""
        with Session(self.engine) as session:
            check_number(session, number)

    def text_hand_over(self) -> outbox.HandOver:
        """How texts leave: by the text service. Made only when a text is due, so that a fault in its settings is that text's."""
        made: list[SafeTexts] = []

        def hand_over(recipient: str, wire: bytes, point_of_no_return: Callable[[], None]) -> outbox.Acceptance:
            service = made[0] if made else self.text_service()
            if service is None:
                raise Misconfigured("there is no text channel here any more: set CME_NOTIFY_KEY and CME_NOTIFY_TEMPLATE, or cancel the text")
            made[:] = [service]
            return service.hand_over(recipient, wire, point_of_no_return)

        return hand_over
