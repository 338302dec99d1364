"""What a school's own export calls the documented columns, and how it is laid out: one YAML file per school.

No two schools export the same columns, so nothing is assumed: a file without a map must have the documented columns.
docs/sources.md shows the file.
"""

import codecs
import re
from collections.abc import Sequence
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cme.errors import BadInput
from cme.sources.columns import CONTACTS, PUPILS, REGISTERS, STAFF, TIMETABLE, MissingColumns, Shape, matched, plain, positions

SHAPES = {shape.name: shape for shape in (REGISTERS, PUPILS, CONTACTS, STAFF, TIMETABLE)}
_OWN_OF_LAYOUT = {"long": frozenset(), "week": frozenset({"week_starting"}), "packed": frozenset({"marks", "starting", "ending"})}
_REPLACED_BY = {"long": frozenset(), "week": frozenset({"date", "session", "mark"}), "packed": frozenset({"date", "session", "mark"})}


class ColumnMap(BaseModel):
    """How one kind of file is to be read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layout: Literal["long", "week", "packed"] = "long"           # one mark a row; a week a row; the whole year in one cell
    columns: dict[str, str] = Field(default_factory=dict)         # documented column -> the export's own name for it
    fixed: dict[str, str] = Field(default_factory=dict)           # documented column -> a value that holds for every row
    dates: str = ""                                               # e.g. "%d %b %Y"; left out: 2026-11-23 or 23/11/2026
    encoding: str = ""                                            # left out: UTF-16 by its mark, UTF-8, else Windows-1252
    sheet: str = ""                                               # of an XLSX file; left out: the one visible sheet that fits
    packed_days: Literal["weekdays", "every day", "school days"] = "weekdays"    # the days that a packed string counts
    separator: str = ""                                           # between the marks of a packed string

    @field_validator("columns", "fixed", mode="before")
    @classmethod
    def _texts(cls, value: object) -> object:
        return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else value

    @field_validator("dates")
    @classmethod
    def _a_whole_date(cls, value: str) -> str:
        parts = set(re.findall(r"%(.)", value))
        if value and not (parts & {"d"} and parts & {"m", "b", "B"} and parts & {"Y", "y"} and parts <= set("dmbBYyaA")):
            raise ValueError('must be a date with day, month and year, such as "%d %b %Y"')
        return value

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            return codecs.lookup(value).name if value else value
        except LookupError:
            raise ValueError("is no encoding; write utf-8, cp1252, utf-16 or iso-8859-1") from None

    @model_validator(mode="after")
    def _said_once(self) -> "ColumnMap":
        if both := sorted(self.columns.keys() & self.fixed.keys()):
            raise ValueError(f"{', '.join(both)} cannot stand under both columns and fixed")
        named = [plain(name) for name in self.columns.values()]
        if twice := sorted(documented for documented, name in self.columns.items() if named.count(plain(name)) > 1):
            raise ValueError(f"{', '.join(twice)} cannot be one and the same column of the export; leave all but one out")
        return self

    def shape(self, of: Shape) -> Shape:
        """The columns that the file itself must and may hold."""
        own, replaced = _OWN_OF_LAYOUT[self.layout], _REPLACED_BY[self.layout]
        if self.fixed.get("kind", "").strip().casefold() == "lesson" and of is REGISTERS and self.layout == "long":
            of = Shape(of.name, of.required - {"session"} | {"slot"}, of.optional - {"slot"} | {"session"}, of.contacts)
        needed = own - {"week_starting"}
        return Shape(of.name, (of.required - replaced | needed) - self.fixed.keys(),
                     (of.optional | own) - replaced - needed - self.fixed.keys(), of.contacts)

    def naming(self, header: Sequence[str]) -> list[str]:
        """The header in documented names; a column that only happens to bear one is left out. Raises MissingColumns."""
        if not self.columns:
            return list(header)
        own = {plain(name): documented for documented, name in self.columns.items()}
        names = [own.get(plain(name), "" if plain(name) in self.columns else name) for name in header]
        if gone := sorted(name for documented, name in self.columns.items() if documented not in names):
            raise MissingColumns(f"the column map names columns that the file does not hold ({', '.join(gone)}): correct "
                                 "the export or the map")
        return names

    def placed(self, header: Sequence[str], of: Shape) -> tuple[list[str], dict[str, int]]:
        """The header in documented names, and where each documented column stands in it. Raises MissingColumns."""
        names = self.naming(header)
        return names, positions(names, self.shape(of))

    def fits(self, header: Sequence[str], of: Shape) -> int:
        """How many documented columns the header gives with this map; -1: the map does not fit it at all."""
        try:
            return matched(self.naming(header), self.shape(of))
        except MissingColumns:
            return -1


PLAIN = ColumnMap()


def read_maps(text: str, place: str) -> dict[str, ColumnMap]:
    """The maps of a school by kind of file. Raises BadInput that says what of ``place`` is to be corrected."""
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(f"{place}: is no YAML ({type(error).__name__}); mend the file") from None
    if not isinstance(given, dict) or given.keys() - SHAPES.keys():
        raise BadInput(f"{place}: must hold one part for each kind of file, named {', '.join(SHAPES)}; see docs/sources.md")
    faults, found = [], {}
    for kind, part in given.items():
        try:
            found[kind] = _checked(SHAPES[kind], ColumnMap.model_validate(part or {}))
        except ValidationError as error:
            faults += [f"{'.'.join(map(str, (kind, *f['loc'])))}: {f['msg'].removeprefix('Value error, ')}" for f in error.errors()]
        except ValueError as error:
            faults.append(f"{kind}: {error}")
    if faults:
        raise BadInput(f"{place}: " + "; ".join(faults))
    return found


def _checked(of: Shape, given: ColumnMap) -> ColumnMap:
    if of is not REGISTERS and given.layout != "long":
        raise ValueError("only registers may be laid out as week or packed")
    if given.dates and of not in (REGISTERS, PUPILS):
        raise ValueError("dates may be set for registers and pupils only")
    known = of.required | of.optional | _OWN_OF_LAYOUT[given.layout]
    unknown = sorted(name for name in {*given.columns, *given.fixed} if name not in known and not (
        of.contacts and re.fullmatch(r"contact_[1-9]_\w+", name)))
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is no column of {of.name} (docs/registers-csv.md lists them)")
    return given
