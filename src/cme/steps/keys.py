"""Changing the key that seals the records: a new one first, then everything sealed again by it, then the old one forgotten."""

from collections import Counter
from collections.abc import Callable

from cme.errors import BadInput
from cme.records.history import record
from cme.records.resealing import remaining, reseal
from cme.steps.office import Office
from cme.steps.owners import owners_engine


def rotate(office: Office, by: str, told: Callable[[str, int], None] = lambda column, rows: None) -> dict[str, int]:
    """Seal everything by a new key, or go on where an earlier rotation stopped; returns how many rows of each column were sealed again.

    A new secret is begun only where nothing waits for the newest one. Where the secrets come from the environment a person sets the new
    one. What was sealed before stays readable at every moment. ``told`` hears of each batch. Raises BadInput where there is nothing to do.
    """
    sealer = office.sealer
    if not remaining(office.engine, sealer):
        office.settings.secret_keys.begin_new()
        sealer.read_again()
    with office.transaction() as session:
        record(session, "school", "key.rotation_begun", office.stamp(by), "the records are sealed again by the newest key",
               {"key": sealer.ids[0], "former": sealer.ids[1:]})
    done: Counter[str] = Counter()
    with owners_engine(office.settings, office.engine, sealer) as engine:
        for column, rows in reseal(engine, sealer):
            done[column] += rows
            told(column, rows)
    with office.transaction() as session:
        record(session, "school", "key.rotation_ended", office.stamp(by), f"{done.total()} values were sealed again",
               {"key": sealer.ids[0], "rows": dict(done)})
    return dict(done)


def forget_former(office: Office, by: str) -> list[str]:
    """Forget every secret but the newest; returns the ids of their keys. Backups made before can then no longer be read without them.

    Raises BadInput while anything is still sealed by one of them.
    """
    if left := remaining(office.engine, office.sealer):
        raise BadInput(f"{sum(left.values())} values are still sealed by a key of before, or not at all ({', '.join(left)}): "
                       "run `cme rotate-key` to its end first")
    gone = office.sealer.ids[1:]
    if not gone:
        raise BadInput("there is only one key, and it is in use")
    with office.transaction() as session:
        record(session, "school", "key.forgotten", office.stamp(by), "former keys were forgotten: nothing is sealed by them any more",
               {"keys": gone})
    office.settings.secret_keys.put(office.settings.secrets()[:1])
    office.sealer.read_again()
    return gone
