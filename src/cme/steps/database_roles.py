"""The roles at the database of a server of one's own: made on request, and looked at by `cme check-config`."""

from cme.config.settings import Settings
from cme.errors import BadInput
from cme.records import roles
from cme.records.anchors import append_only_tables
from cme.records.database import check, engine


def make(settings: Settings) -> str:
    """Make the roles and give them their rights; returns as whom it was done. Raises BadInput for the private database, which has them."""
    owner = engine(_address(settings))
    try:
        if fault := check(owner):
            raise BadInput(fault)
        roles.grant(owner)
        return str(owner.url.username)
    finally:
        owner.dispose()


def as_sql(settings: Settings) -> list[str]:
    """The same as statements, for a database administrator to read and run."""
    owner = engine(_address(settings))
    try:
        with owner.connect() as connection:
            return [f"{statement};" for statement in roles.statements(append_only_tables(connection), str(owner.url.database))]
    finally:
        owner.dispose()


def connected_as(settings: Settings) -> str:
    """One sentence where the product connects as somebody who could change history; empty where not, or where the server is away."""
    records = engine(str(settings.database_url))
    try:
        return "" if check(records) else roles.warning(records)
    finally:
        records.dispose()


def _address(settings: Settings) -> str:
    if not (url := settings.owner_url() or settings.database_url):
        raise BadInput("the private database has its roles already; CME_DATABASE_URL names a server of your own")
    return url
