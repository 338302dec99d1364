"""A notification as a PDF that everyone can read: tagged (PDF/UA-1), with its own fonts, the same bytes for the same facts.

The libraries are imported where they are used: most runs render nothing, and each begins with its imports.
"""

import io
import json
import secrets
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from cme.errors import BadInput, Permanent
from cme.mail.notification import Notification

_MAIL = files("cme.mail")
SHORTEST_PASSWORD = 12


class UncoveredText(Permanent):
    """A text has a character that none of our fonts has: the letter as text can say it, the PDF cannot."""


def notification_pdf(notification: Notification, at: datetime, *, exact_text: str = "") -> bytes:
    """The notification as a PDF/UA-1 file on A4, dated ``at``.

    Raises UncoveredText, naming code points and never the text, where a character would be printed as an empty box; unless
    ``exact_text`` says where the exact text stands ("stands in the message"): then such a character is spelled as its number.
    """
    data = {**notification.as_data(), "spelled": False, "exact_text": exact_text}
    if exact_text:
        data, spelled = legible(data, "[U+{:04X}]")
        data["spelled"] = spelled
    if uncovered := sorted(ord(letter) for letter in {letter for text in _texts(data) for letter in text} if not _printed(letter)):
        raise UncoveredText("the fonts of the PDF lack " + ", ".join(f"U+{point:04X}" for point in uncovered[:5])
                            + ": send the notification as text")
    return typeset("notification.typ", data, at)


def typeset(template: str, data: dict[str, Any], at: datetime) -> bytes:
    """``data`` set by a template of ``letters/`` as a PDF/UA-1 file dated ``at``, with our own fonts. The data is text, never markup."""
    import typst

    with as_file(_MAIL / "fonts") as fonts, as_file(_MAIL / "letters") as letters:
        return typst.compile((letters / template).read_bytes(), root=str(letters), font_paths=[str(fonts)],
                             ignore_system_fonts=True, sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
                             pdf_standards=["ua-1"], timestamp=int(at.timestamp()), format="pdf")


def legible(data: Any, instead: str = "?") -> tuple[Any, bool]:
    """``data`` with ``instead`` (formatted with its number) for every character that none of our fonts has, and whether there was one."""
    if isinstance(data, str):
        text = "".join(letter if _printed(letter) else instead.format(ord(letter)) for letter in data)
        return text, text != data
    if isinstance(data, dict):
        found = {key: legible(value, instead) for key, value in data.items()}
        return {key: value for key, (value, _) in found.items()}, any(lost for _, lost in found.values())
    if isinstance(data, (list, tuple)):
        items = [legible(value, instead) for value in data]
        return [value for value, _ in items], any(lost for _, lost in items)
    return data, False


def encrypt(pdf: bytes, password: str, attached: dict[str, bytes] | None = None) -> bytes:
    """``pdf`` with AES-256 (R6): it opens with ``password`` only, and stays readable for screen readers. ``attached``: text files by
    name, which lie inside it and open with it.

    The password is printable ASCII of at least 12 characters, told by another route. Differs at each call: render once, store.
    """
    if len(password) < SHORTEST_PASSWORD or not password.isascii() or not password.isprintable():
        raise BadInput(f"the password of a PDF needs at least {SHORTEST_PASSWORD} plain characters (no accents, no line breaks)")
    import pikepdf

    made = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        for name, content in (attached or {}).items():
            opened.attachments[name] = pikepdf.AttachedFileSpec(opened, content, filename=name, mime_type="text/plain")
        rights = pikepdf.Permissions(accessibility=True, extract=True)
        opened.save(made, encryption=pikepdf.Encryption(user=password, owner=secrets.token_urlsafe(32), R=6, allow=rights))
    return made.getvalue()


@cache
def _covered() -> frozenset[int]:
    """The code points that the fonts can print."""
    from fontTools.ttLib import TTFont

    points: set[int] = set()
    with as_file(_MAIL / "fonts") as fonts:
        for each in ("OpenSans-Regular.ttf", "DejaVuSans.ttf"):
            with TTFont(Path(fonts) / each, lazy=True) as font:
                points |= font.getBestCmap().keys()
    return frozenset(points)


def _printed(letter: str) -> bool:
    """Whether a letter can be printed, or prints nothing (line breaks, marks of direction)."""
    return ord(letter) in _covered() or unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp")


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for each in data.values():
            yield from _texts(each)
    elif isinstance(data, (list, tuple)):
        for each in data:
            yield from _texts(each)
