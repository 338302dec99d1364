"""School systems whose database the software knows: their queries, what their times mean, and in which zone they are written.

Each stands in a file of ``systems/``. None has been run against a live school yet: their schemas were read from the systems' own public
code, and they are tested on databases of that shape.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from cme.errors import Misconfigured
from cme.sources.source import FRESH, TimeSemantics
from cme.sources.sql import SHAPES, SqlSource

_FOLDER = Path(__file__).parent / "systems"
NAMES = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
_DIALECTS = {"postgresql": ("postgresql", "postgres"), "mysql": ("mysql", "mariadb")}


@dataclass(frozen=True)
class System:
    """A known system. ``zone`` is the zone of its moments, None where that is the installation's own; ``session_zone`` is what the
    database is asked to show them in."""

    name: str
    title: str
    dialect: str
    times: TimeSemantics | None         # None: what the settings say
    zone: ZoneInfo | None
    session_zone: str
    queries: dict[str, str] = field(hash=False)
    takes_back: bool = True             # whether a mark that it no longer gives is gone
    verified_live: bool = False
    optional: dict[str, str] = field(default_factory=dict, hash=False)      # queries to the view that each needs, where it may be missing

    def source(self, url: str | URL, zone: ZoneInfo, freshness: timedelta = FRESH,
               times: TimeSemantics = TimeSemantics.FIRST_COMPLETED) -> SqlSource:
        """The system's database as a source; ``zone`` is the wall clock of the machine it runs on, ``times`` what its times mean where
        the system leaves that to the school. Raises Misconfigured for a database of another kind."""
        try:
            backend = make_url(url).get_backend_name()
        except ArgumentError:
            backend = self.dialect          # SqlSource says it better
        if self.dialect != "any" and backend not in _DIALECTS[self.dialect]:
            raise Misconfigured(f"{self.title} is not kept in a database of the kind {backend!r}: correct CME_REGISTERS_URL or "
                                "CME_REGISTERS_SYSTEM")
        return SqlSource(url, self.queries, name=self.name, time_semantics=self.times or times, zone=self.zone or zone,
                         freshness=freshness, session_zone=self.session_zone, takes_back=self.takes_back, optional=self.optional)


def known_system(name: str) -> System:
    """The system called ``name``; raises Misconfigured for one that is not known."""
    if name not in NAMES:
        raise Misconfigured(f"{name!r} is no school system that is known here: use one of {', '.join(NAMES)}, or write the queries "
                            "yourself (CME_REGISTERS_QUERIES)")
    held = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return System(name, held["title"], held["dialect"], TimeSemantics(held["times"]) if held["times"] else None, ZoneInfo(held["zone"]) if held["zone"] else None,
                  held.get("session_zone", ""), {query: held[query] for query in SHAPES if query in held}, held.get("takes_back", True),
                  optional={query: f"cme_{query}" for query in held.get("optional", ())})
