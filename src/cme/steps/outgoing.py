"""Render one of the five messages once, as the authority wants it, and put it into the outbox: in the caller's transaction."""

import secrets
from typing import Any

from sqlalchemy.orm import Session

from cme.config.policies import FOLDER, Practice
from cme.mail.message import compose, message_id_for
from cme.mail.notification import Notification
from cme.mail.pdf import UncoveredText, encrypt, notification_pdf
from cme.mail.render import Letter, letter, notification_letter
from cme.mail.word_form import MEDIA_TYPE, UnusableForm, fill
from cme.records import outbox
from cme.records.alarms import raise_alarm
from cme.records.history import Stamp, record
from cme.records.message_passwords import keep_password
from cme.rules.messages import DAY_ONE_REPORT
from cme.steps.office import Office

_SYLLABLES = [c + v for c in "bdfghklmnprstvz" for v in "aeiou"]
Attachments = tuple[tuple[str, str, bytes], ...]


def spoken_password() -> str:
    """A new password that is easily read out: five words of two syllables and four digits, about 75 bits."""
    words = ["".join(secrets.choice(_SYLLABLES) for _ in range(2)) for _ in range(5)]
    return f"{' '.join(words)} {secrets.randbelow(10_000):04d}"


def queue_message(office: Office, session: Session, notification: Notification, *, to: str, dedupe_key: str, kind: str, stamp: Stamp,
                  data: dict[str, Any]) -> str:
    """Render ``notification`` for ``to`` and queue it; returns the outbox row's id.

    By TLS alone it is the letter in full with the PDF, and the authority's Word form where there is one. Where the authority asks for a
    password, nothing about the child stands outside of the encrypted PDF; the password is kept sealed, and a person reads it out.
    """
    practice, row_id = office.policies.authority.messages[notification.kind], outbox.new_row_id()
    protected = practice.protection == "pdf_password"
    pdf, uncovered = _pdf(notification, stamp, "lies inside this file as text" if protected else "stands in the message that brought this")
    notes: dict[str, Any] = {"protected": protected, "spelled": uncovered}
    name = f"{notification.reference}.pdf"
    if protected:
        text, password = _cover(office, notification), spoken_password()
        inside = {f"{notification.reference}.txt": notification_letter(notification).text.encode()}
        attachments: Attachments = ((name, "application/pdf", encrypt(pdf, password, inside)),)
        keep_password(session, office.sealer, row_id, notification.reference, password, stamp)
    else:
        text, attachments = notification_letter(notification), ((name, "application/pdf", pdf),)
        attachments += _word_form(office, session, notification, practice, stamp, notes)
    message_id = message_id_for(row_id, office.settings.mail_sender.partition("@")[2])
    wire = compose(office.settings.mail_sender, office.settings.mail_sender_name or office.policies.school.name, to, text.subject, text.text,
                   message_id, stamp.at, attachments=attachments, reply_to=office.replies_to())
    record(session, notification.reference, "notification.rendered", stamp, f"{notification.kind.replace('_', ' ')} rendered once", {
        "kind": notification.kind, "outbox": row_id, "not_held": list(notification.lacks), **notes, **data})
    return outbox.queue(session, sealer=office.sealer, dedupe_key=dedupe_key, kind=kind, subject_of=notification.reference, recipient=to,
                        mail_subject=text.subject, message_id=message_id, wire=wire, row_id=row_id, stamp=stamp, keep_body=True)


def _pdf(notification: Notification, stamp: Stamp, exact_text: str) -> tuple[bytes, str]:
    """The PDF, and which letters had to be spelled as numbers: a name that no font of ours can print never stops a message, and never
    comes out as empty boxes."""
    try:
        return notification_pdf(notification, stamp.at), ""
    except UncoveredText as error:
        return notification_pdf(notification, stamp.at, exact_text=exact_text), str(error).partition(":")[0]


def _cover(office: Office, notification: Notification) -> Letter:
    urgent = {"urgent": "yes"} if notification.kind == DAY_ONE_REPORT else {}
    return letter("la_cover", subject=notification.subject, reference=notification.reference, one=notification.one,
                  answer_by=notification.answer_by, telephone=notification.school.telephone, referrer=notification.school.referrer,
                  school=notification.school.name, **urgent)


def _word_form(office: Office, session: Session, notification: Notification, practice: Practice, stamp: Stamp,
               notes: dict[str, Any]) -> Attachments:
    """The authority's own form, filled; a form that cannot be used is an alarm, and the message leaves without it."""
    if not practice.word_form or notification.passed_on:
        return ()
    try:
        form = ((office.settings.config_dir or FOLDER) / "authorities" / "forms" / practice.word_form).read_bytes()
        return ((f"{notification.reference}.docx", MEDIA_TYPE, fill(form, notification)),)
    except (OSError, UnusableForm) as error:
        why = str(error) if isinstance(error, UnusableForm) else "the Word form cannot be read: put it into authorities/forms"
        notes["without_form"] = why
        raise_alarm(session, f"word-form:{practice.word_form}", notification.reference,
                    f"A {notification.subject} leaves without the authority's Word form: {why}", stamp)
        return ()
