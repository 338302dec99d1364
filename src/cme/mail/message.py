"""One message to one recipient as bytes, exactly as they will go over the wire. Nothing here touches the network.

The text is text: it is never taken for a path, an address of a page or HTML, and there is no HTML part. Bytes are made
once, stored, and sent again unchanged, because the same Message-ID with the same Date is what receivers deduplicate on.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import NamedTuple

from cme.errors import BadInput

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@.{{1,253}}\Z){_ATOM}(?:\.{_ATOM})*@(?:[A-Za-z0-9-]{{1,63}}\.)+[A-Za-z0-9-]{{2,63}}")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,64}>")
_SUBJECT = re.compile(r"[\x20-\x7e]{1,150}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_STRAY_BREAK = re.compile(rb"(?<!\r)\n|\r(?!\n)")
LONGEST_ID = 76          # an identifier of 78 characters or more is mangled when it is quoted in References (RFC 2047)
LONGEST_LINE = 998       # RFC 5322 2.1.1, without CR LF


class Attachment(NamedTuple):
    """A file of a message. ``name`` holds a reference at most, never what identifies a child."""

    name: str
    media_type: str
    content: bytes


def usable(address: str) -> bool:
    """Is this one plain mail address (ASCII, one ``@``, a domain with a dot)?"""
    return isinstance(address, str) and bool(_ADDRESS.fullmatch(address))


def permitted(address: str, allowed: Collection[str] | None) -> bool:
    """Does the allow-list let mail go to ``address``? None lets everything pass, an empty list nothing.

    An entry is an address (``cme@la.example``), a domain (``la.example``, exactly) or ``*.example`` (every domain that
    ends in ``.example``). Case does not count.
    """
    if allowed is None:
        return True
    address = address.lower()
    domain = address.rpartition("@")[2]
    return any(address == entry or domain == entry or entry.startswith("*.") and domain.endswith(entry[1:])
               for entry in (each.lower() for each in allowed))


def message_id_for(row_id: str, domain: str) -> str:
    """The Message-ID of an outbox row: two rows never share one, and a row keeps its own when it is sent again."""
    identity = f"<{row_id}@{domain}>"
    if not _MESSAGE_ID.fullmatch(identity) or len(identity) > LONGEST_ID:
        raise BadInput(f"no Message-ID can be made with the mail domain {domain!r}: give a plain domain of at most 45 characters")
    return identity


def compose(sender: str, sender_name: str, recipient: str, subject: str, text: str, message_id: str, date: datetime,
            attachments: Sequence[tuple[str, str, bytes]] = (), reply_to: str | Sequence[str] = (), answers: str = "") -> bytes:
    """The wire bytes of a message: CR LF line ends, 7-bit, text/plain, attachments after it, without the final dot.

    ``subject`` is printable ASCII and must hold nothing about a child; ``date`` is aware and is frozen in the message;
    ``attachments`` are (file name, media type, bytes); ``reply_to`` one address or several; ``answers`` is the Message-ID of the message
    that this one follows up. Raises BadInput, with a sentence that quotes none of the content.
    """
    replies = (reply_to,) if isinstance(reply_to, str) else tuple(reply_to)
    for label, address in (("sender", sender), ("recipient", recipient), *(("reply-to address", each) for each in replies)):
        if not usable(address):
            raise BadInput(f"the {label} is not one usable mail address: correct it where it is held")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject) or not subject.strip():
        raise BadInput("the subject must be one line of plain ASCII, at most 150 characters")
    if not isinstance(text, str) or not text.strip():
        raise BadInput("the message has no text")
    if any(not _MESSAGE_ID.fullmatch(each) or len(each) > LONGEST_ID for each in (message_id, answers or message_id)):
        raise BadInput("the Message-ID must look like <row@domain> and have at most 76 characters")
    if date.tzinfo is None:
        raise BadInput("the date of a message needs a time zone")
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))      # refuses line breaks in headers and doubled headers
    try:
        message["From"] = Address(_one_line(sender_name), addr_spec=sender)
        message["To"] = Address(addr_spec=recipient)
        if replies:
            message["Reply-To"] = tuple(Address(addr_spec=each) for each in replies)
        message["Subject"], message["Message-ID"], message["Date"] = subject, message_id, date.replace(microsecond=0)
        if answers:
            message["In-Reply-To"], message["References"] = answers, answers
        message["Auto-Submitted"] = "auto-generated"                # RFC 3834: no out-of-office answers
        message.set_content(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))
        for name, media_type, content in attachments:
            message.add_attachment(*_checked(name, media_type, content), filename=name)
        wire = message.as_bytes()
    except UnicodeEncodeError:
        raise BadInput("the message holds half a character (a lone surrogate): its text was cut or wrongly decoded") from None
    check_wire(wire)
    return wire


def check_wire(wire: bytes) -> None:
    """Refuse bytes that a server might read as more than one message, or cannot take (RFC 5321 2.3.8, 4.5.3.1.6)."""
    if not wire.endswith(b"\r\n") or _STRAY_BREAK.search(wire):
        raise BadInput("the message's lines must all end in CR LF")
    if not wire.isascii() or b"\0" in wire:
        raise BadInput("the message must be 7-bit without NUL")
    if max(map(len, wire.split(b"\r\n"))) > LONGEST_LINE:
        raise BadInput(f"the message has a line of more than {LONGEST_LINE} characters")


def _one_line(name: str) -> str:
    return " ".join(_CONTROL.sub(" ", name).split())


def _checked(name: str, media_type: str, content: bytes) -> tuple[bytes, str, str]:
    if not _FILE_NAME.fullmatch(name):
        raise BadInput("the name of an attached file may hold letters, digits, dots and dashes only, at most 80")
    if not _MEDIA_TYPE.fullmatch(media_type) or media_type.startswith(("text/", "message/", "multipart/")):
        raise BadInput(f"{media_type!r} cannot be attached: give a media type such as application/pdf")
    if not content:
        raise BadInput(f"the attached file {name} is empty")
    maintype, _, subtype = media_type.partition("/")
    return bytes(content), maintype, subtype
