"""The answers that Prefect holds for a run: each is given once, as it came, and Prefect's copy is deleted once it has been recorded."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson
from prefect.client.orchestration import SyncPrefectClient


def given(client: SyncPrefectClient, flow_run_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(a key that makes a second reading harmless, the answer) of each answer to a run. A copy is deleted when the next one is asked for:
    what could not be recorded stays in Prefect."""
    stored = client.filter_flow_run_input(flow_run_id=UUID(flow_run_id), key_prefix="suspended-", limit=200, exclude_keys=set())
    for row in stored:
        if row.key.endswith("-response"):
            yield f"{flow_run_id}:{row.key}", _payload(row.value)
            client.delete_flow_run_input(flow_run_id=UUID(flow_run_id), key=row.key)


def _payload(value: str) -> dict[str, Any]:
    try:
        payload = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return payload if isinstance(payload, dict) else {}
