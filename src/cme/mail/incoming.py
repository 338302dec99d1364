"""What a mail in the school's mailbox is: a message that came back, a delay, an automatic answer, or something that a person has written.

Nothing of its text is kept. A mail belongs to a message of ours by our own Message-ID, wherever it stands: in the report's headers, in
In-Reply-To or References, or in the text of a bounce that is no standard report. Sources: RFC 3464 (delivery status), RFC 3834 (automatic answers).
"""

import hashlib
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr

BOUNCED, DELAYED, DELIVERED, AUTOMATIC, WRITTEN = "bounced", "delayed", "delivered", "automatic", "written"
_ID = re.compile(r"<[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,64}>")
_REFERENCE = re.compile(r"\b(?:CME|ROLL)-\d{4}-[A-Z0-9]{4,8}\b|\bHOME-[A-F0-9]{8}\b")
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_POSTMASTER = re.compile(r"(?i)^(mailer-daemon|postmaster|mail-daemon)@|^microsoftexchange[0-9a-f]+@")
_DELAY = re.compile(r"(?i)delay|not yet been delivered|still (being )?(trying|retried|attempt)|will (keep|continue) (on )?trying|could not be delivered within")
_ANSWER = re.compile(r"(?i)^\s*(automatic reply|auto(matic|mated)?[- ]?(reply|response|answer)|auto:|out of (the )?office)")
_SEVERITY = {"failed": 3, "delayed": 2, "relayed": 1, "expanded": 1, "delivered": 1}
_ADDRESS = re.compile(r"\S+@\S+")


@dataclass(frozen=True)
class Incoming:
    """One mail. ``ids``: Message-IDs it may speak of; ``references``: case references in its subject; ``said``: of a
    report, its status and the server's words without addresses."""

    digest: str
    message_id: str
    sender: str
    kind: str
    ids: tuple[str, ...]
    references: tuple[str, ...]
    said: str = ""


def read_mail(raw: bytes) -> Incoming:
    """What the bytes of a mail say. Never raises: what cannot be read is a mail that a person wrote, about nothing we know."""
    digest = hashlib.sha256(raw).hexdigest()
    try:
        return _read(digest, message_from_bytes(raw))
    except Exception:                # the parser meets every kind of broken mail: none of them may stop the others
        return Incoming(digest, "", "", WRITTEN, tuple(dict.fromkeys(_ID.findall(raw.decode("latin-1")))), ())


def _read(digest: str, mail: Message) -> Incoming:
    subject = _header(mail, "Subject")
    own = next(iter(_ID.findall(_header(mail, "Message-ID"))), "")
    sender = parseaddr(_header(mail, "From"))[1].lower()
    quoted = _ID.findall(f"{_header(mail, 'In-Reply-To')} {_header(mail, 'References')}")
    kind, said, returned = _report(mail)
    if not kind:
        kind = _without_report(mail, sender, subject)
        if kind in (BOUNCED, DELAYED):
            text = _text(mail)
            returned, said = _ID.findall(text), " ".join(_STATUS.findall(text)[:1])
    ids = tuple(each for each in dict.fromkeys([*returned, *quoted]) if each != own)
    return Incoming(digest, own, sender, kind, ids, tuple(dict.fromkeys(_REFERENCE.findall(subject.upper()))), said)


def _report(mail: Message) -> tuple[str, str, list[str]]:
    """The kind, the words and the returned Message-IDs of a delivery status report; an empty kind: it is none."""
    action, said, ids = "", "", []
    for part in mail.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            for group in part.get_payload() if part.is_multipart() else ():
                found = _header(group, "Action").strip().lower() if isinstance(group, Message) else ""
                if _SEVERITY.get(found, 0) > _SEVERITY.get(action, 0):
                    action, said = found, f"{_header(group, 'Status')} {_header(group, 'Diagnostic-Code').partition(';')[2]}"
        elif kind == "message/rfc822" and part.is_multipart():
            ids += _ID.findall(_header(part.get_payload(0), "Message-ID"))  # type: ignore[arg-type]
        elif kind == "text/rfc822-headers":
            ids += _ID.findall(_header(message_from_bytes(_payload(part)), "Message-ID"))
    if not action:
        return "", "", []
    kind = BOUNCED if action == "failed" else DELAYED if action == "delayed" else DELIVERED
    return kind, _ADDRESS.sub("(address)", " ".join(said.split()))[:200], ids or _ID.findall(_text(mail))


def _without_report(mail: Message, sender: str, subject: str) -> str:
    automatic = _header(mail, "Auto-Submitted").strip().lower()
    if mail["Return-Path"] is not None and _header(mail, "Return-Path").strip() == "<>" and not automatic.startswith("auto-replied") \
            and not _ANSWER.match(subject) or _POSTMASTER.match(sender):
        return DELAYED if _DELAY.search(f"{subject} {_text(mail)[:2000]}") else BOUNCED
    if automatic not in ("", "no") or any(mail[name] is not None for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponse")) \
            or _header(mail, "Precedence").strip().lower() in ("auto_reply", "bulk", "junk") or _ANSWER.match(subject):
        return AUTOMATIC
    return WRITTEN


def _header(mail: Message, name: str) -> str:
    value = mail.get(name)
    try:
        return " ".join(str(make_header(decode_header(str(value)))).split()) if value is not None else ""
    except (ValueError, LookupError):
        return " ".join(str(value).split())


def _payload(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _text(mail: Message) -> str:
    """The text parts, as far as they can be read; of a mail without any, nothing."""
    return "\n".join(_payload(part).decode("utf-8", "replace") for part in mail.walk() if part.get_content_maintype() == "text")[:200_000]
