"""Alembic's way in: cme.records.database hands over the connection, there is no alembic.ini."""

from alembic import context

from cme.records.database import VERSION_TABLE
from cme.records.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, version_table=VERSION_TABLE,
                  compare_server_default=True)
with context.begin_transaction():
    context.run_migrations()
