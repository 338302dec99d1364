"""A file of JSON as rows: the records of one list. Answers of XoD (Groupcall) and SIF UK objects are known; any other list needs a map.

Nested objects are flattened (``Student.Id``). The number of a row counts the records from 1.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from cme import clock
from cme.errors import BadInput
from cme.sources.api_rows import raw_of, text_of
from cme.sources.column_map import PLAIN, ColumnMap
from cme.sources.columns import Shape
from cme.sources.csv_text import Line, decoded
from cme.sources.json_forms import FORMS, KNOWN, Form, newest
from cme.sources.sql_cells import cell
from cme.sources.values import Unreadable, unfit

_MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})T00:00:00(?:\.0+)?Z?", re.ASCII)
_TWICE = "\0twice"              # no name of a field: it stands for one that stands in the object twice
_DEEPEST = 4
_EXCEPTIONS = ("ExceptionMessage", "ExceptionType", "exceptionMessage")


class JsonTable:
    """The records of a file. ``as_of`` is how old the file itself says its data are, ``notes`` what was passed over.

    Raises BadInput from the start where nothing can be read: one sentence for the file.
    """

    def __init__(self, data: bytes, shape: Shape, given: ColumnMap = PLAIN) -> None:
        self.notes: list[str] = []
        found = _parsed(data, given)
        if isinstance(found, dict):
            _no_error(found)
        lists = dict(_lists(found))
        form, self._records = self._chosen(lists, shape, given)
        self.as_of = _age(lists)
        for name, records in lists.items():
            if name.endswith("_deleted") and records:
                self.notes.append(f"{len(records)} record(s) that the source calls deleted were left as they are: export all, not the changes")
        if form is not None:
            self._records, replaced = newest(self._records)
            if replaced:
                self.notes.append(f"{replaced} record(s) passed over: a later one of the same RefId stands in their place")
            self._names: list[str] = list(form.columns)
            self._rows = [_formed(form, record) for record in self._records]
        else:
            flat = [_flat(record) for record in self._records]
            self._names = list(dict.fromkeys(name for fields, _ in flat for name in fields))
            self._rows = [([fields.get(name, "") for name in self._names], fault) for fields, fault in flat]
        self.header, self.where = (PLAIN if form else given).placed(self._names, shape)

    @staticmethod
    def _chosen(lists: dict[str, list[Any]], shape: Shape, given: ColumnMap) -> tuple[Form | None, list[Any]]:
        """The list that counts, and how its records are read where that is known."""
        if not given.columns:
            for name, form in FORMS.get(shape.name, {}).items():
                if name in lists:
                    return form, lists[name]
        if given.sheet:
            if given.sheet not in lists:
                raise BadInput("the file has no list of the name that the column map gives (sheet): correct the export or the map")
            return None, lists[given.sheet]
        filled = [records for records in lists.values() if records]
        if len(filled) != 1:
            raise BadInput("the file holds no list of records" if not filled else
                           "the file holds several lists: name the one that counts in the column map (sheet)")
        return None, filled[0]

    def __iter__(self) -> Iterator[Line]:
        """The records. One that holds nothing is none, but of a known form."""
        for number, (record, (cells, fault)) in enumerate(zip(self._records, self._rows, strict=True), 1):
            if fault or any(text.strip() for text in cells):
                yield Line(number, cells, raw_of(record), fault or unfit(cells))


def _parsed(data: bytes, given: ColumnMap) -> Any:
    try:
        return json.loads(decoded(data, given.encoding), object_pairs_hook=_object, parse_constant=_no_number)
    except RecursionError:
        raise BadInput("the JSON is nested deeper than any register: export it again") from None
    except ValueError as error:
        raise BadInput(f"the JSON breaks off or is damaged ({type(error).__name__}): was the export still being written?") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else {**found, _TWICE: True}


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _no_error(answer: dict[str, Any]) -> None:
    """Refuse an error that was saved in place of data. XoD gives them as HTTP 200; its words are not repeated."""
    if any(answer.get(name) for name in _EXCEPTIONS) or answer.get("success") is False:
        raise BadInput("the file holds an error of the source in place of data: ask the source again and see what it says")


def _lists(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """Every list that holds an object or nothing, by its name; the outermost of a name counts."""
    if isinstance(value, list):
        if not value or any(isinstance(one, dict) for one in value):
            yield name or "records", value
    elif isinstance(value, dict) and name in KNOWN and not any(isinstance(inner, (list, dict)) for inner in value.values()):
        yield name, [value]                  # one record alone may stand there without its list
    elif isinstance(value, dict) and depth < _DEEPEST:
        for key, inner in reversed(value.items()):
            yield from _lists(inner, key, depth + 1)


def _age(lists: dict[str, list[Any]]) -> datetime | None:
    """XoD's own word for the age of its cache (meta: DateTime), by the school's clock; the oldest where there are several."""
    found = []
    for record in lists.get("meta", []):
        try:
            moment = datetime.fromisoformat(text_of(record.get("DateTime")))
            found.append((moment if moment.tzinfo else moment.replace(tzinfo=clock.LONDON)).astimezone(timezone.utc))
        except (ValueError, AttributeError, OverflowError):
            continue
    return min(found, default=None)


def _formed(form: Form, record: Any) -> tuple[list[str], str]:
    if not isinstance(record, dict):
        return [""] * len(form.columns), "the record is no object: correct the export"
    try:
        if _TWICE in record:
            raise Unreadable("a field stands twice in the record: correct the export")
        given = form.cells(record)
        return [_day(given.get(name, "")) for name in form.columns], ""
    except Unreadable as reason:
        return [""] * len(form.columns), str(reason)


def _flat(record: Any) -> tuple[dict[str, str], str]:
    """The fields of a record as text, and why it cannot be read."""
    if not isinstance(record, dict):
        return {}, "the record is no object: correct the export"
    found: dict[str, str] = {}
    fault = ""
    for name, value in record.items():
        if name == _TWICE:
            fault = "a field stands twice in the record: correct the export"
        elif isinstance(value, dict):
            inner, wrong = _flat(value)
            found |= {f"{name}.{own}": text for own, text in inner.items()}
            fault = fault or wrong
        elif isinstance(value, list):
            found[name] = "|".join(cell(one) for one in value if not isinstance(one, (dict, list)))
        else:
            found[name] = _day(cell(value))
    return found, fault


def _day(text: str) -> str:
    """A day that is written as its midnight."""
    return match[1] if (match := _MIDNIGHT.fullmatch(text)) else text
