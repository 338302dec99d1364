"""What identifies the children of the demo, and all texts of a database or a folder in which it must not stand."""

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from cme.records.postgres_server import OWNER


def secrets_of(registers: Path) -> set[str]:
    """Names, UPNs and dates of birth (as stored, and as people write them) of every pupil, and names and addresses of contacts."""
    found: set[str] = set()
    for name in ("pupils.csv", "contacts.csv"):
        with open(registers / name, encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                for column, value in row.items():
                    if value and column and any(word in column.lower() for word in ("name", "upn", "birth", "email", "telephone", "postcode")):
                        found.add(value)
                        if "birth" in column.lower():
                            born = date.fromisoformat(value) if "-" in value else date(*map(int, reversed(value.split("/"))))
                            found |= {born.isoformat(), f"{born:%d/%m/%Y}", f"{born:%d %B %Y}", f"{born:%a} {born.day} {born:%b %Y}"}
    return {value for value in found if len(value) > 3}


def texts_of_database(url: str, data_dir: Path, database: str | None) -> Iterator[str]:
    """Every row of every table as text, as the owner sees them; ``database`` names another one of the same cluster."""
    password = (data_dir / "postgresql/password").read_text().strip()
    address = make_url(url).set(drivername="postgresql+psycopg2", username=OWNER, password=password)
    engine = create_engine(address.set(database=database) if database else address)
    with engine.connect() as connection:
        tables = connection.execute(text("SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables "
                                         "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"))
        for table in tables.scalars().all():
            for row in connection.execute(text(f"SELECT t::text FROM {table} t")).scalars():
                yield row
    engine.dispose()


def texts_of_files(*folders: Path) -> Iterator[str]:
    """The content and the names of all files below the folders."""
    for folder in folders:
        for path in folder.rglob("*"):
            yield path.name
            if path.is_file() and path.suffix not in (".js", ".css", ".woff2", ".png", ".svg", ".html"):
                yield path.read_text(errors="replace")
