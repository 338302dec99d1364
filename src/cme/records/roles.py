"""Roles at the database: who owns the tables changes them; the product writes rows and cannot change history; a reader only reads.

The owner runs migrations, changes keys and carries out erasures. ``cme_app`` is what the product connects as: it owns nothing, so that it can
neither switch a trigger off nor alter a table, and on append-only tables it may only add rows. ``cme_reader`` reads, for reports. Both see
one school's rows, that of the setting ``cme.school``. Where a school's rows stand without its name they are found through their pupil,
case or question. All of this is said again at each start: a new table is covered without being named here.
"""

import hashlib
from collections.abc import Iterator

from psycopg2 import sql
from sqlalchemy import Connection, Engine, Table, text

from cme.records.anchors import append_only_tables
from cme.records.database import APP, VERSION_TABLE
from cme.records.tables import Base

READER = "cme_reader"
SCHOOL = "cme.school"
_ONE_AFTER_THE_OTHER = text("SELECT pg_advisory_xact_lock(x'434D4552'::int)")
_DONE = text("SELECT obj_description(cast(:table AS regclass)) FROM pg_roles WHERE rolname = :app")
_MADE = """DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'ROLE_NAME') THEN
        CREATE ROLE ROLE_NAME LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
    END IF;
END $$"""
_OWN = f"school = current_setting('{SCHOOL}', true)"
_THROUGH = (("school", _OWN), ("pupil_id", "pupil_id IN (SELECT id FROM pupil)"), ("case_id", 'case_id IN (SELECT id FROM "case")'),
            ("review_id", "review_id IN (SELECT id FROM review)"), ("request_id", "request_id IN (SELECT id FROM absence_request)"))


def separation() -> dict[str, str | None]:
    """For each table the condition that its rows are of the school of the session. None: it belongs to all schools of the database, as the
    one chain of the history, counters, mail, alarms, the people of the installation and rosters (numbers of pupils) do."""
    return {table.name: _condition(table) for table in Base.metadata.sorted_tables}


def _condition(table: Table) -> str | None:
    """By what every row has; where a row has one of several (an attempt of a case, or of a request without one), by any of them."""
    links = {column: condition for column, condition in _THROUGH if column in table.columns}
    sure = next((condition for column, condition in links.items() if not table.columns[column].nullable), None)
    return sure or " OR ".join(links.values()) or None


def statements(append_only: list[str], database: str) -> Iterator[str]:
    """What makes the roles and their rights in ``database``, in order; saying it twice changes nothing."""
    for role in (APP, READER):
        yield _MADE.replace("ROLE_NAME", role)
        yield f"GRANT USAGE ON SCHEMA public TO {role}"
        yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}"
        yield f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
        yield f'GRANT CONNECT ON DATABASE "{database}" TO {role}'
    yield f'GRANT TEMPORARY ON DATABASE "{database}" TO {APP}'          # rows are copied through a table of the session's own
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP}"
    for name, condition in separation().items():
        rights = "INSERT" if name in append_only or name == "case_event" else "INSERT, UPDATE, DELETE"
        yield f'GRANT {rights} ON "{name}" TO {APP}'
        yield f'DROP POLICY IF EXISTS own_school ON "{name}"'
        if condition:
            yield f'ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY'
            yield f'CREATE POLICY own_school ON "{name}" TO {APP}, {READER} USING ({condition}) WITH CHECK ({condition})'
        else:
            yield f'ALTER TABLE "{name}" DISABLE ROW LEVEL SECURITY'
    for name in ("message_password", "review_code", "review_link", "absence_code"):     # what opens something is no matter of reports
        yield f'REVOKE ALL ON "{name}" FROM {READER}'


def grant(owner: Engine, password: str | None = None) -> None:
    """Make the roles and give them their rights on the tables of ``owner``, which connects as the owner of the tables and may make roles.
    ``password`` (the private database's) lets the application in; without one a person sets it."""
    with owner.begin() as connection:
        connection.execute(_ONE_AFTER_THE_OTHER)
        for statement in statements(append_only_tables(connection), str(owner.url.database)):
            connection.execute(text(statement.replace(":", r"\:")))
        if password:
            set_password(connection, APP, password)


def grant_where_changed(owner: Engine, password: str | None = None) -> bool:
    """The same unless it was done for these tables and this password already; True where it was done now."""
    with owner.connect() as connection:
        said = "\n".join(statements(append_only_tables(connection), str(owner.url.database))) + hashlib.sha256((password or "").encode()).hexdigest()
        mark = f"roles {hashlib.sha256(said.encode()).hexdigest()}"
        if connection.scalar(_DONE, {"app": APP, "table": VERSION_TABLE}) == mark:
            return False
    grant(owner, password)
    with owner.begin() as connection:
        connection.execute(text(f"COMMENT ON TABLE {VERSION_TABLE} IS '{mark}'"))
    return True


def set_password(connection: Connection, role: str, password: str) -> None:
    """Let a role in with a password."""
    driver = connection.connection.driver_connection
    with driver.cursor() as cursor:  # type: ignore[union-attr]
        cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD %s").format(sql.Identifier(role)), (password,))


def warning(records: Engine) -> str:
    """One sentence where the product is connected as somebody who could change history; empty where it is not."""
    with records.connect() as connection:
        who, superuser, owns = connection.execute(text(
            "SELECT current_user, rolsuper, EXISTS (SELECT 1 FROM pg_class c WHERE c.relname = 'case_event' "
            "AND pg_has_role(current_user, c.relowner, 'USAGE')) FROM pg_roles WHERE rolname = current_user")).one()
    if not (superuser or owns):
        return ""
    what = "a superuser of the database" if superuser else "the owner of the tables"
    return (f"CME_DATABASE_URL: the product connects as {who}, {what}, who can change history past every check: run `cme database roles`, give "
            f"{APP} a password, name it in CME_DATABASE_URL and {who} in CME_DATABASE_OWNER_URL")
