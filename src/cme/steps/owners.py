"""A connection of the owner of the tables, for what the product's own role may not do or see: keys, anchors, erasures, all schools."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Engine

from cme.config.settings import Settings
from cme.records.database import APP, engine
from cme.records.sealed_columns import keep_keys
from cme.records.sealing import Sealer


@contextmanager
def owners_engine(settings: Settings, own: Engine, sealer: Sealer) -> Iterator[Engine]:
    """The owner's engine, closed at the end of the block. On a server without ``CME_DATABASE_OWNER_URL`` it is the product's ``own``."""
    with ExitStack() as stack:
        url = settings.owner_url()
        private = settings.data_dir / "postgresql"
        if url is None and own.url.username == APP and private.is_dir():
            from cme.records.embedded import Cluster
            url = stack.enter_context(Cluster.start(private)).url(str(own.url.database))
        if url is None:
            yield own
            return
        owner = engine(url)
        stack.callback(owner.dispose)
        keep_keys(owner, sealer)
        yield owner
