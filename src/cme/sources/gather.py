"""Registers put together from rows of marks, one row per pupil and register. Files and queries share it.

Every row read is either accepted or quarantined with its reason. Two different marks of one pupil in one register are both
quarantined: which is right is not guessed. A row that cannot be read makes the registers it may belong to incomplete.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from cme import clock
from cme.sources.columns import PUPIL_COLUMNS
from cme.sources.people import People, PupilColumns
from cme.sources.source import BadRow, Mark, RegisterDocument, Scope, Spot
from cme.sources.values import Days, Unreadable, identifier, mark, moment, slot_of, whole, yes

Key = tuple[date, str, str, str]        # local date, kind, slot, group
KINDS = ("session", "lesson")
_ONCE_MORE = "the same pupil stands in this register with two different marks: neither is taken, correct the export"


class _Open:
    """A register while its rows come in."""

    __slots__ = ("marks", "lines", "taken_at", "taken_by", "complete", "taken")

    def __init__(self) -> None:
        self.marks: dict[str, Mark | None] = {}     # None: two different marks
        self.lines: dict[str, Spot] = {}
        self.taken_at: datetime | None = None
        self.taken_by = ""
        self.complete = True
        self.taken: bool | None = None


class Gathering:
    """The registers of one file or query. ``wanted`` are the days asked for (None: all)."""

    def __init__(self, place: str, where: dict[str, int], wanted: Collection[date] | None, zone: ZoneInfo,
                 days: Days | None = None) -> None:
        self.place, self.where = place, where
        self.bad: list[BadRow] = []
        self.read = self.accepted = 0
        self.details_refused: Spot = None            # the first line whose pupil details could not be read
        self.days = days or Days()
        self._wanted = frozenset(wanted) if wanted is not None else None
        self._zone = zone
        self._registers: dict[Key, _Open] = {}
        self._pupil = PupilColumns(where, PUPIL_COLUMNS, self.days)
        self._details: dict[str, tuple[tuple[str, ...], dict[str, object]]] = {}
        self._marks: dict[tuple[str, str], Mark] = {}
        self._moments: dict[tuple[str, date], datetime | None] = {}
        self._keys: dict[tuple[str, ...], Key] = {}
        self._key_positions = [where.get(name, -1) for name in ("date", "kind", "session", "slot", "group")]
        self._extras = [where.get(name, -1) for name in ("minutes_late", "note", "taken_at", "taken_by", "taken")]
        self._last: Key | None = None
        self._torn = False                           # the next register may have lost its first row
        self._lost_rows = False                      # what came after cannot be read at all

    def row(self, line: Spot, cells: Sequence[str], raw: str) -> None:
        """One row of marks."""
        key: Key | None = None
        try:
            key = self._key(cells)
            if self._wanted is not None and key[0] not in self._wanted:
                self._last, self._torn = None, False
                if self._pupil.positions and (other := cells[self.where["pupil_id"]].strip()):
                    self._detail(other, "", line, cells)         # who a pupil is does not depend on the day
                return
            pupil = identifier(cells[self.where["pupil_id"]])
            self._keep(key, pupil, line, cells, raw)
            self._last = key
        except Unreadable as reason:
            self.fault(line, str(reason), raw, key)

    def fault(self, line: Spot, reason: str, raw: str, key: Key | None = None) -> None:
        """Put a row into quarantine; the register it belongs to, or may belong to, is incomplete."""
        self.read += 1
        self.bad.append(BadRow(self.place, line, reason, raw.rstrip("\n"), key[0] if key else None))
        if key is not None:
            self._registers.setdefault(key, _Open()).complete = False
            self._last = key
        else:
            self._torn = True
            if self._last is not None:
                self._registers[self._last].complete = False

    def break_off(self, line: int, reason: str, raw: str) -> None:
        """The file ends within this line and the rest is lost: nothing of this place is complete."""
        self.fault(line, reason, raw)
        self._lost_rows = True

    def _key(self, cells: Sequence[str]) -> Key:
        texts = tuple([cells[position] if position >= 0 else "" for position in self._key_positions])
        key = self._keys.get(texts)
        if key is None:
            day = self.days.read(texts[0])
            kind, slot = slot_of(texts[1], texts[2], texts[3])
            if not (group := texts[4].strip()):
                raise Unreadable("the group is empty: every register needs one")
            key = self._keys[texts] = (day, kind, slot, group)
        return key

    def _keep(self, key: Key, pupil: str, line: Spot, cells: Sequence[str], raw: str) -> None:
        register = self._registers.get(key)
        token = mark(cells[self.where["mark"]])
        late, note, taken_at, taken_by, header = self._extras
        minutes = whole(cells[late], "minutes_late", 0, 600) if late >= 0 and cells[late].strip() else None
        remark = cells[note].strip() if note >= 0 else ""
        taken = self._moment(cells[taken_at], key[0]) if taken_at >= 0 else None
        is_taken = yes(cells[header], "taken") if header >= 0 and cells[header].strip() else None
        found = Mark(pupil, token, minutes, remark) if minutes is not None or remark else self._plain(pupil, token)
        if register is None:
            register = self._registers[key] = _Open()
        if pupil in register.marks:
            known = register.marks[pupil]
            if known != found:
                if known is not None:
                    self.accepted -= 1
                    self.bad.append(BadRow(self.place, register.lines[pupil], _ONCE_MORE, f"{pupil} {known.code}", key[0]))
                    register.marks[pupil] = None
                raise Unreadable(_ONCE_MORE)
        else:
            register.marks[pupil], register.lines[pupil] = found, line
        if self._torn:
            register.complete = self._torn = False
        if is_taken is not None:
            register.taken = is_taken if register.taken is None else register.taken and is_taken
        if taken is not None and (register.taken_at is None or taken > register.taken_at):
            register.taken_at = taken
            register.taken_by = cells[taken_by].strip() if taken_by >= 0 else ""
        elif taken_by >= 0 and not register.taken_by:
            register.taken_by = cells[taken_by].strip()
        self.read += 1
        self.accepted += 1
        self._detail(pupil, key[3] if key[1] == "session" else "", line, cells)

    def _moment(self, text: str, day: date) -> datetime | None:
        if (text, day) not in self._moments:
            self._moments[text, day] = moment(text, day, self.days, self._zone) if text.strip() else None
        return self._moments[text, day]

    def _plain(self, pupil: str, token: str) -> Mark:
        found = self._marks.get((pupil, token))
        if found is None:
            found = self._marks[pupil, token] = Mark(pupil, token)
        return found

    def _detail(self, pupil: str, group: str, line: Spot, cells: Sequence[str]) -> None:
        """What the row says of its pupil. If that cannot be read the mark still counts: no child is lost for a slip there."""
        texts = (*self._pupil.cells_of(cells), group)
        known = self._details.get(pupil)
        if known is not None and known[0] == texts:
            return
        try:
            fields = self._pupil.read(cells, filled_only=True)
        except Unreadable:
            self.details_refused = self.details_refused or line or 1
            fields = {}
        if group:
            fields["group"] = group
        self._details[pupil] = texts, {**(known[1] if known else {}), **fields}

    def tell(self, people: People) -> None:
        """Hand over what the rows say of their pupils."""
        for pupil, (_, fields) in self._details.items():
            people.details(pupil, fields)

    def whole(self, days: Iterable[date]) -> frozenset[Scope]:
        """Which of ``days`` were read to the end, by kind of register: none where a row was lost whose day is not known."""
        if self._lost_rows or any(row.day is None for row in self.bad):
            return frozenset()
        lost = {row.day for row in self.bad}
        return frozenset((day, kind) for day in days if day not in lost for kind in KINDS)

    def documents(self) -> dict[Key, RegisterDocument]:
        """The registers read. A register of which no row could be read is none."""
        return {key: RegisterDocument(*key, marks=tuple(m for m in register.marks.values() if m is not None),
                                      taken_at=register.taken_at,
                                      taken_by=register.taken_by,
                                      complete=register.complete and not self._lost_rows and None not in register.marks.values(),
                                      taken=register.taken, spots=((self.place, register.lines),))
                for key, register in self._registers.items() if any(register.marks.values())}


def overlay(older: RegisterDocument, newer: RegisterDocument) -> RegisterDocument:
    """The same register in two files: the newer file's marks, and the older's for pupils whom the newer does not name."""
    marks = {m.pupil: m for m in older.marks} | {m.pupil: m for m in newer.marks}
    return RegisterDocument(newer.local_date, newer.kind, newer.slot, newer.group, tuple(marks.values()),
                            newer.taken_at or older.taken_at,
                            newer.taken_by or older.taken_by, newer.complete or older.complete,
                            older.taken if newer.taken is None else newer.taken, (*newer.spots, *older.spots))


def in_order(documents: Iterable[RegisterDocument]) -> tuple[RegisterDocument, ...]:
    """By day, kind, slot and group."""
    return tuple(sorted(documents, key=lambda d: (d.local_date, d.kind, d.slot, d.group)))


def every_day(documents: dict[Key, RegisterDocument]) -> list[date]:
    """The days from the first to the last register, and today: a day of which nothing came is not forgotten."""
    if not documents:
        return []
    days = [key[0] for key in documents]
    first, last = min(days), max(max(days), min(clock.today(), max(days) + timedelta(days=14)))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
