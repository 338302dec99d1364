"""The same year as rows: the peers. DuckDB, Polars and PostgreSQL over one row a day, or one row a session, of each pupil.

Codes and days are small numbers in all of them, which is the best case for them. The SQL is the leanest that was found: one
numbering of the school days, and all else only over the days that have an absence without permission.
"""

from pathlib import Path
from typing import Any

import numpy as np
from arrays import Answers, empty_answers
from school_year import NEVER, SchoolYear

_LEAN = """
, d AS {how} (SELECT pupil_id, day, np, na, h, miss, row_number() OVER (PARTITION BY pupil_id ORDER BY day) AS rn
             FROM days WHERE np > 0),
e AS {how} (SELECT pupil_id, day, h, miss, rn FROM d WHERE h > 0),
r AS (SELECT pupil_id, min(day) AS run10 FROM
       (SELECT pupil_id, day, row_number() OVER (PARTITION BY pupil_id, grp ORDER BY day) AS pos FROM
         (SELECT pupil_id, day, rn - row_number() OVER (PARTITION BY pupil_id ORDER BY day) AS grp FROM e WHERE miss = 1) AS a) AS b
      WHERE pos = {in_a_row} GROUP BY pupil_id),
c AS (SELECT pupil_id, min(day) AS cum10 FROM
       (SELECT pupil_id, day, sum(h) OVER (PARTITION BY pupil_id ORDER BY day) AS s FROM e) AS a
      WHERE s >= {together} GROUP BY pupil_id),
t AS (SELECT pupil_id, sum(np) AS np, sum(na) AS na FROM d GROUP BY pupil_id)
SELECT t.pupil_id, coalesce(run10, {never}) AS run10, coalesce(cum10, {never}) AS cum10,
       CAST(100 * na >= {persistent} * np AS integer) AS persistent, CAST(100 * na >= {severe} * np AS integer) AS severe
FROM t LEFT JOIN r ON r.pupil_id = t.pupil_id LEFT JOIN c ON c.pupil_id = t.pupil_id
"""
_FROM_DAYS = "WITH days AS (SELECT m.pupil_id, m.day, p.np, p.na, p.h, p.miss FROM day_row m JOIN pair p ON p.am = m.am AND p.pm = m.pm)"
_FROM_SESSIONS = """WITH sums AS (SELECT m.pupil_id, m.day, sum(c.possible) AS np, sum(c.absent) AS na, sum(c.counted) AS nc
  FROM session_row m JOIN code c ON c.code = m.code WHERE c.possible = 1 GROUP BY m.pupil_id, m.day),
days AS (SELECT pupil_id, day, np, na, CASE WHEN nc = np THEN 2 ELSE nc END AS h, CASE WHEN nc = np THEN 1 ELSE 0 END AS miss FROM sums)"""


def query(year: SchoolYear, rows: str, how: str = "") -> str:
    return (_FROM_DAYS if rows == "day" else _FROM_SESSIONS) + _LEAN.format(
        how=how, in_a_row=year.value("continuous_absence"), together=2 * year.value("cumulative_absence"), never=NEVER,
        persistent=year.value("persistent_absence"), severe=year.value("severe_absence"))


def day_rows(year: SchoolYear) -> dict[str, np.ndarray]:
    """One row for each pupil and day with a mark, day after day as it comes in."""
    am, pm = year.marks[:, 0], year.marks[:, 1]
    there = (am != 0) | (pm != 0)
    day, pupil = np.nonzero(there)
    return {"pupil_id": pupil.astype(np.int32), "day": day.astype(np.int16), "am": am[there], "pm": pm[there]}


def session_rows(year: SchoolYear) -> dict[str, np.ndarray]:
    """One row for each mark."""
    day, slot, pupil = np.nonzero(year.marks)
    return {"pupil_id": pupil.astype(np.int32), "day": day.astype(np.int16), "slot": slot.astype(np.uint8),
            "code": year.marks[year.marks != 0]}


def pair_rows(year: SchoolYear) -> dict[str, np.ndarray]:
    am, pm = np.divmod(np.arange(64 * 64), 64)
    return {"am": am.astype(np.uint8), "pm": pm.astype(np.uint8), **year.pairs}


def code_rows(year: SchoolYear) -> dict[str, np.ndarray]:
    return {"code": np.arange(len(year.codes), dtype=np.uint8),
            **{name: (year.meaning & bit > 0).astype(np.uint8) for name, bit in (("possible", 1), ("absent", 2), ("counted", 4))}}


class Duck:
    """DuckDB on a file of its own, all its threads."""

    def __init__(self, year: SchoolYear, folder: Path, rows: str) -> None:
        import duckdb
        import pyarrow

        self.year, self.rows = year, rows
        self.connection = duckdb.connect(str(folder / f"{rows}.duckdb"))
        tables = ({"day_row": day_rows, "pair": pair_rows} if rows == "day" else {"session_row": session_rows, "code": code_rows})
        for name, make in tables.items():
            self.connection.register("given", pyarrow.table(make(year)))
            self.connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
            self.connection.unregister("given")
        self.connection.execute("CHECKPOINT")

    def answers(self) -> Answers:
        return _filled(self.year, self.connection.execute(query(self.year, self.rows)).fetchnumpy())


class Polars:
    """Polars in memory, all its threads; the meaning of the codes by a join, like the others."""

    def __init__(self, year: SchoolYear, folder: Path, rows: str) -> None:
        import polars as pl

        self.pl, self.year, self.rows = pl, year, rows
        self.marks = pl.DataFrame(day_rows(year) if rows == "day" else session_rows(year))
        self.meaning = pl.DataFrame(pair_rows(year) if rows == "day" else code_rows(year))

    def answers(self) -> Answers:
        pl, year = self.pl, self.year
        if self.rows == "day":
            days = self.marks.lazy().join(self.meaning.lazy(), on=["am", "pm"])
        else:
            days = (self.marks.lazy().join(self.meaning.lazy(), on="code").filter(pl.col("possible") == 1)
                    .group_by("pupil_id", "day").agg(pl.col("possible").sum().alias("np"), pl.col("absent").sum().alias("na"),
                                                     pl.col("counted").sum().alias("nc"))
                    .with_columns(pl.when(pl.col("nc") == pl.col("np")).then(2).otherwise(pl.col("nc")).alias("h"),
                                  (pl.col("nc") == pl.col("np")).cast(pl.UInt8).alias("miss")))
        d = (days.filter(pl.col("np") > 0).select("pupil_id", "day", "np", "na", "h", "miss").sort("pupil_id", "day")
             .with_columns(pl.int_range(pl.len()).over("pupil_id").alias("rn")).collect())
        e = d.lazy().filter(pl.col("h") > 0)
        run = (e.filter(pl.col("miss") == 1).with_columns((pl.col("rn") - pl.int_range(pl.len()).over("pupil_id")).alias("grp"))
               .with_columns(pl.int_range(pl.len()).over("pupil_id", "grp").alias("pos"))
               .filter(pl.col("pos") == year.value("continuous_absence") - 1).group_by("pupil_id").agg(pl.col("day").min().alias("run10")))
        together = (e.with_columns(pl.col("h").cast(pl.Int32).cum_sum().over("pupil_id").alias("s"))
                    .filter(pl.col("s") >= 2 * year.value("cumulative_absence")).group_by("pupil_id").agg(pl.col("day").min().alias("cum10")))
        totals = d.lazy().group_by("pupil_id").agg(pl.col("np").cast(pl.Int64).sum(), pl.col("na").cast(pl.Int64).sum())
        found = (totals.join(run, on="pupil_id", how="left").join(together, on="pupil_id", how="left")
                 .with_columns(pl.col("run10", "cum10").fill_null(NEVER),
                               *((100 * pl.col("na") >= year.value(f"{name}_absence") * pl.col("np")).alias(name)
                                 for name in ("persistent", "severe"))).collect())
        return _filled(year, {name: found[name].to_numpy() for name in ("pupil_id", "run10", "cum10", "persistent", "severe")})


class Postgres:
    """PostgreSQL's window functions over rows with a primary key, in the database behind ``connection`` (psycopg2)."""

    def __init__(self, year: SchoolYear, rows: str, connection: Any) -> None:
        import io

        self.year, self.rows, self.connection = year, rows, connection
        tables = ({"day_row": (day_rows, "day, pupil_id"), "pair": (pair_rows, "am, pm")} if rows == "day"
                  else {"session_row": (session_rows, "day, pupil_id, slot"), "code": (code_rows, "code")})
        with connection.cursor() as cursor:
            for name, (make, key) in tables.items():
                columns = make(year)
                kinds = ", ".join(f"{column} {'int' if column == 'pupil_id' else 'smallint'} NOT NULL" for column in columns)
                cursor.execute(f"CREATE TABLE {name} ({kinds})")
                together = np.column_stack([values.astype(np.int32) for values in columns.values()])
                for first in range(0, len(together), 500_000):
                    lines = "\n".join(map("\t".join, together[first:first + 500_000].astype("U9").tolist()))
                    cursor.copy_expert(f"COPY {name} FROM STDIN", io.StringIO(lines))
                cursor.execute(f"ALTER TABLE {name} ADD PRIMARY KEY ({key})")
                cursor.execute(f"ANALYZE {name}")
            cursor.execute("SET work_mem = '256MB'; SET max_parallel_workers_per_gather = 2")
        connection.commit()

    def answers(self) -> Answers:
        with self.connection.cursor() as cursor:
            cursor.execute(query(self.year, self.rows))
            found = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, 5).T
        return _filled(self.year, dict(zip(("pupil_id", "run10", "cum10", "persistent", "severe"), found, strict=True)))


def _filled(year: SchoolYear, found: dict[str, np.ndarray]) -> Answers:
    answers = empty_answers(year.pupils)
    for name in answers:
        answers[name][np.asarray(found["pupil_id"])] = np.asarray(found[name]).astype(np.uint8)
    return answers
