"""CSV that a person opens in a spreadsheet: no cell is ever run as a formula, umlauts are read right, lines end as the standard says."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")      # the last four: their wide forms


def safe_cell(value: object) -> str:
    """``value`` as text that a spreadsheet takes for text: an apostrophe goes before what could begin a formula.

    Numbers of ours (int) are left as they are; a text "-5" is not.
    """
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("\x00", "")
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA) or text[:1] in _FORMULA else text


def csv_bytes(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A table as CSV (RFC 4180, UTF-8 with a byte order mark, by which spreadsheets know it)."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return made.getvalue().encode("utf-8-sig")
