"""The year as the product keeps it: pupils, rosters and register versions in a private PostgreSQL of its own."""

import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from school_year import PUPILS_A_SCHOOL, SchoolYear
from sqlalchemy import Engine

from cme.records import database
from cme.records.embedded import Cluster
from cme.records.sealed_columns import keep_keys
from cme.records.sealing import Sealer

SEALER = Sealer("for the benchmark only")
SEEN = "2026-08-31 12:00+00"


@contextmanager
def private_cluster() -> Iterator[Cluster]:
    """A private PostgreSQL in a temporary folder, with the product's own settings, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="cme-bench-"))
    home.chmod(0o711)      # root lends the server to another user, who must be able to enter
    cluster = Cluster.start(home / "pg")
    try:
        yield cluster
    finally:
        if os.getpid() == cluster._pid:
            cluster.remove()
            shutil.rmtree(home, ignore_errors=True)


def records(cluster: Cluster, name: str) -> Engine:
    """A database of the cluster with the product's tables and no rows."""
    cluster.create_database(name)
    opened = database.engine(cluster.url(name))
    keep_keys(opened, SEALER)
    database.upgrade(opened)
    return opened


def school_key(number: int) -> str:
    """A made-up LAESTAB."""
    return f"999/{number:04d}"


def schools_of(pupils: int) -> list[str]:
    return [school_key(n) for n in range(-(-pupils // PUPILS_A_SCHOOL))]


def keep(engine: Engine, year: SchoolYear, pupils_a_register: int, *, school: str = "", until: int | None = None) -> int:
    """Write the pupils and the days before number ``until`` (None: all) by COPY; pupil n of the year has the number n + 1 and
    belongs to ``school``, where one is given. Returns the number of register versions."""
    raw = engine.raw_connection()
    cursor = raw.cursor()
    cursor.copy_expert("COPY pupil (id, school, mis_id, admitted, \"left\", first_seen, last_seen) FROM STDIN",
                       io.StringIO("\n".join(f"{n + 1}\t{school or school_key(n // PUPILS_A_SCHOOL)}\t{n}\t{year.days[year.joined[n]]}\t"
                                             f"{year.days[year.left[n]]}\t{SEEN}\t{SEEN}" for n in range(year.pupils))))
    rosters = []
    for number, (begin, end) in enumerate(_registers(year, pupils_a_register), start=1):
        pupils = ",".join(str(n + 1) for n in range(begin, end))
        rosters.append(f"{number}\t\\\\x{hashlib.sha256(pupils.encode()).hexdigest()}\t{{{pupils}}}")
    if until == 0:
        rosters = []
    cursor.copy_expert("COPY roster (id, hash, pupils) FROM STDIN", io.StringIO("\n".join(rosters)))
    # the database numbers on from where this left off
    for table, most in (("pupil", year.pupils), ("roster", len(rosters))):
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {max(most, 1)})")
    raw.commit()
    raw.close()
    return keep_days(engine, year, pupils_a_register, 0, len(year.days) if until is None else until, school=school)


def keep_days(engine: Engine, year: SchoolYear, pupils_a_register: int, first: int, until: int, *, school: str = "",
              some: float = 1.0) -> int:
    """Write the registers of the days from number ``first`` to before ``until``, day by day as they come in, or only ``some`` of
    them, and let the database see to its tables as it does between two school days. Returns how many were written."""
    tokens = np.array([int.from_bytes(code.ljust(2).encode(), "little") for code in year.codes], dtype="<u2")
    raw = engine.raw_connection()
    cursor = raw.cursor()
    written, chance = 0, np.random.default_rng(first)
    for day in range(first, until):
        marks = tokens[year.marks[day]]
        lines = []
        for number, (begin, end) in enumerate(_registers(year, pupils_a_register), start=1):
            if some < 1 and chance.random() >= some:
                continue
            for slot, name in enumerate(("AM", "PM")):
                lines.append(f"{school or school_key(begin // PUPILS_A_SCHOOL)}\t{year.days[day]}\tsession\t{name}\t"
                             f"G{begin % PUPILS_A_SCHOOL}\t{SEEN}\tbench\ttaken\t{number}\t\\\\x{marks[slot, begin:end].tobytes().hex()}\t\\\\x00")
        cursor.copy_expert("COPY register_version (school, local_date, kind, slot, group_key, seen_at, source, status, roster_id, "
                           "marks, content_hash) FROM STDIN", io.StringIO("\n".join(lines)))
        written += len(lines)
    raw.commit()
    raw.driver_connection.autocommit = True
    cursor.execute("VACUUM ANALYZE register_version")
    cursor.execute("ANALYZE pupil, roster")
    cursor.execute("CHECKPOINT")
    raw.driver_connection.autocommit = False
    raw.close()
    return written


def _registers(year: SchoolYear, pupils_a_register: int) -> Iterator[tuple[int, int]]:
    """The first pupil of each register, and the one after its last; none has pupils of two schools."""
    for school in range(0, year.pupils, PUPILS_A_SCHOOL):
        last = min(school + PUPILS_A_SCHOOL, year.pupils)
        yield from ((begin, min(begin + pupils_a_register, last)) for begin in range(school, last, pupils_a_register))
