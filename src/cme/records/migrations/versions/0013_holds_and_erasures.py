"""Legal holds, erasures that a person approved, requests about records; and the one way in which append-only rows may go.

A row of the history is never deleted: an approved erasure empties its text and keeps its hash, so that the chain stays whole.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0014"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)

# `xmin` is the transaction that wrote the row: an erasure opens the tables to its own transaction, and to no later one
REFUSE_CHANGE = """
    CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_TABLE_NAME <> 'erasure' AND TG_OP = (CASE TG_TABLE_NAME WHEN 'case_event' THEN 'UPDATE' ELSE 'DELETE' END)
           AND EXISTS (SELECT 1 FROM erasure WHERE id::text = current_setting('cme.erasure', true) AND xmin = pg_current_xact_id()::xid) THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
    END $$"""
ONLY_EMPTIED = """
    CREATE FUNCTION only_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE emptied text[] := ARRAY['why', 'data', 'erased_by'];
    BEGIN
        IF coalesce(current_setting('cme.erasure', true), '') = '' THEN
            RETURN NEW;     -- `append_only` refuses the statement
        END IF;
        IF NEW.why <> '' OR NEW.data <> '{}'::jsonb OR OLD.erased_by IS NOT NULL OR NEW.erased_by::text <> current_setting('cme.erasure')
           OR NEW.erased_by IS NULL OR to_jsonb(NEW) - emptied IS DISTINCT FROM to_jsonb(OLD) - emptied THEN
            RAISE EXCEPTION 'case_event is append-only: an erasure empties why and data, and nothing else' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$"""


def needed(*parts: Any, **options: Any) -> sa.Column[Any]:
    """A column that is never NULL."""
    return sa.Column(*parts, nullable=False, **options)


def upgrade() -> None:
    op.create_table("legal_hold", needed("id", sa.BigInteger(), sa.Identity()), needed("school", sa.Text()), needed("pupil_id", sa.BigInteger()),
        needed("about", sa.Text()), needed("reason", sa.Text()), needed("set_by", sa.Text()), needed("set_at", TIME),
        sa.Column("lifted_by", sa.Text()), sa.Column("lifted_at", TIME), sa.Column("lifted_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_legal_hold"))
    op.create_index("ix_legal_hold_open", "legal_hold", ["pupil_id"], postgresql_where=sa.text("lifted_at IS NULL"))
    op.create_table("erasure", needed("id", sa.BigInteger(), sa.Identity()), needed("school", sa.Text()), needed("approved_by", sa.Text()),
        needed("approved_at", TIME), needed("reason", sa.Text()), needed("as_of", sa.Date()), needed("proposal", sa.Text()),
        needed("rules", JSONB()), needed("rows", JSONB()), needed("digest", sa.Text()), sa.PrimaryKeyConstraint("id", name="pk_erasure"))
    op.create_table("rights_request", needed("id", sa.BigInteger(), sa.Identity()), needed("reference", sa.Text()), needed("school", sa.Text()),
        needed("pupil_id", sa.BigInteger()), needed("kind", sa.Text()), needed("asked_by", sa.Text()), needed("asked", sa.Text()),
        needed("received_on", sa.Date()), needed("due_on", sa.Date()), sa.Column("extended_reason", sa.Text()), needed("recorded_by", sa.Text()),
        needed("recorded_at", TIME), sa.Column("decision", sa.Text()), sa.Column("decided_by", sa.Text()), sa.Column("decided_at", TIME),
        sa.Column("reason", sa.Text()), sa.Column("changed", sa.Text()), sa.PrimaryKeyConstraint("id", name="pk_rights_request"),
        sa.UniqueConstraint("reference", name="uq_rights_request_reference"))
    op.create_index("ix_rights_request_pupil_id", "rights_request", ["pupil_id"])
    op.create_table("events_told", needed("name", sa.Text()), needed("event", sa.BigInteger()),
        sa.PrimaryKeyConstraint("name", name="pk_events_told"))
    op.add_column("case_event", sa.Column("erased_by", sa.BigInteger()))
    op.execute(REFUSE_CHANGE)
    op.execute(ONLY_EMPTIED)
    op.execute("CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erasure FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
    op.execute("ALTER TABLE erasure ENABLE ALWAYS TRIGGER append_only")
    op.execute("CREATE TRIGGER only_emptied BEFORE UPDATE ON case_event FOR EACH ROW EXECUTE FUNCTION only_emptied()")
    op.execute("ALTER TABLE case_event ENABLE ALWAYS TRIGGER only_emptied")
