"""Sealed columns hold texts; the database lets their keys be changed and nothing else; what Prefect remembered of our runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
DOCUMENTS = {"answer": ("content", "{}"), "decision": ("appraisal", "{}"), "missing_report": ("known", "[]"), "review": ("dossier", None),
             "dossier_shown": ("dossier", None)}
# append-only, each with the columns that are sealed
RESEALED = {"answer": ["content"], "case_event": ["why", "data"], "confirmation": ["reason"], "decision": ["reason", "appraisal"],
            "dossier_shown": ["dossier"]}


def allow_resealing() -> None:
    """An append-only row may be sealed by another key: by the owner, who says so, and with every other column as it was."""
    op.execute("""
        CREATE FUNCTION only_resealed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
               AND to_jsonb(OLD) - TG_ARGV = to_jsonb(NEW) - TG_ARGV THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '% is append-only: only its owner may seal its sealed columns again', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$""")
    for table, columns in RESEALED.items():
        named = ", ".join(f"'{column}'" for column in columns)
        op.execute(f"DROP TRIGGER append_only ON {table}")
        op.execute(f"CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
        op.execute(f"CREATE TRIGGER never_updated BEFORE UPDATE ON {table} FOR EACH STATEMENT "
                   "WHEN (current_setting('cme.resealing', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION refuse_change()")
        op.execute(f"CREATE TRIGGER only_resealed BEFORE UPDATE ON {table} FOR EACH ROW "
                   f"WHEN (current_setting('cme.resealing', true) = 'on') EXECUTE FUNCTION only_resealed({named})")
        for trigger in ("append_only", "never_updated", "only_resealed"):
            op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


def upgrade() -> None:
    for table, (column, empty) in DOCUMENTS.items():
        if empty:
            op.alter_column(table, column, server_default=None)
        op.alter_column(table, column, type_=sa.Text(), postgresql_using=f"{column}::text")
        if empty:
            op.alter_column(table, column, server_default=empty)
    allow_resealing()
    op.create_table("prefect_run", sa.Column("flow_run_id", sa.Text(), nullable=False), sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("state_id", sa.Text(), nullable=False, server_default=""), sa.Column("logs_up_to", TIME),
        sa.Column("ended", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.PrimaryKeyConstraint("flow_run_id", name="pk_prefect_run"))
    op.create_index("ix_prefect_run_event_id", "prefect_run", ["event_id"])
    op.create_index("ix_prefect_run_going", "prefect_run", ["flow_run_id"], postgresql_where=sa.text("NOT ended"))
    op.create_table("prefect_record", sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=False), sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False), sa.Column("at", TIME, nullable=False), sa.Column("content", JSONB(), nullable=False),
        sa.Column("copied_at", TIME, nullable=False), sa.PrimaryKeyConstraint("id", name="pk_prefect_record"),
        sa.UniqueConstraint("kind", "key", name="uq_prefect_record_kind_key"))
    op.create_index("ix_prefect_record_flow_run_id_id", "prefect_record", ["flow_run_id", "id"])
    op.execute("CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON prefect_record "
               "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
    op.execute("ALTER TABLE prefect_record ENABLE ALWAYS TRIGGER append_only")
