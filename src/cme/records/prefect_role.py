"""Prefect's server has a role of its own in the private PostgreSQL: it owns its own database, and cannot reach that of the records."""

from psycopg2 import sql

from cme.records.embedded import Cluster

PREFECT = "cme_prefect"             # the role, and
DATABASE = "prefect"                # its database
# a database of before this role: its tables and types were the owner's
_HAND_OVER = """DO $$ DECLARE each record; BEGIN
    FOR each IN SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind,
                       oid::regclass AS name
                FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relowner <> 'cme_prefect'::regrole
                AND relkind IN ('r', 'p', 'v', 'm', 'S')
                AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i', 'e') AND relkind = 'S')
    LOOP EXECUTE format('ALTER %s %s OWNER TO cme_prefect', each.kind, each.name); END LOOP;
    FOR each IN SELECT oid::regtype AS name FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
                AND typowner <> 'cme_prefect'::regrole
    LOOP EXECUTE format('ALTER TYPE %s OWNER TO cme_prefect', each.name); END LOOP;
END $$"""


def address(cluster: Cluster, records: str) -> str:
    """Prefect's address for asyncpg; the role and its database are made where they are missing. ``records`` is the database it must not
    reach. It holds the password: never log it."""
    with cluster.server.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (PREFECT,))
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS").format(
                sql.Identifier(PREFECT)))
        cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD %s").format(sql.Identifier(PREFECT)), (cluster.password(PREFECT),))
    cluster.create_database(DATABASE)
    with cluster.server.connection(DATABASE) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(DATABASE), sql.Identifier(PREFECT)))
        cursor.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(PREFECT)))
        cursor.execute(_HAND_OVER)
        for name in (DATABASE, records, "postgres", "template1"):
            cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    return cluster.asyncpg_url(DATABASE, PREFECT)
