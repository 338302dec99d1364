"""Events whose text an approved erasure has emptied: who, when, what and the hashes stay, and the chain runs on through them.

The content of such an event can no longer be hashed. What stays of all events of one erasure is hashed instead, and that hash stands in
the event by which the erasure was recorded, in the chain itself. Whoever empties a row without it, or changes what stayed, is found.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import timezone
from typing import Any

from cme.records.tables import CaseEvent

ERASED = "retention.erased"         # the event of an erasure: its data say which events were emptied
NOTHING = hashlib.sha256().hexdigest()


def remains(event: Any) -> bytes:
    """What stays of an event, as canonical JSON in one line."""
    return json.dumps([event.id, event.subject, event.at.astimezone(timezone.utc).isoformat(), event.who, event.what, event.flow_run_id,
                       event.task_run_id, event.previous_hash, event.hash], ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def digest_of(events: Iterable[Any]) -> tuple[int, str]:
    """How many events there are, and the SHA-256 of what stays of them, in the order of the chain."""
    number, digest = 0, hashlib.sha256()
    for event in events:
        number += 1
        digest.update(remains(event))
    return number, digest.hexdigest()


class EmptiedEvents:
    """The emptied events of a chain, gathered while it is walked from its first event to its last."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[int, Any]] = {}
        self._said: dict[int, tuple[int, str]] = {}
        self._not_empty: list[int] = []

    def accounts_for(self, event: CaseEvent) -> bool:
        """Whether the event says that it was emptied; then ``faults`` judges it."""
        if event.erased_by is None:
            if event.what == ERASED:
                self._said[int(event.data["erasure"])] = (int(event.data["events"]), str(event.data["events_digest"]))
            return False
        number, digest = self._found.get(event.erased_by, (0, hashlib.sha256()))
        digest.update(remains(event))
        self._found[event.erased_by] = (number + 1, digest)
        if event.why or event.data:
            self._not_empty.append(event.id)
        return True

    def faults(self) -> list[str]:
        """One sentence for each erasure that does not account for the events said to be emptied by it."""
        found = {erasure: (number, digest.hexdigest()) for erasure, (number, digest) in self._found.items()}
        sentences = [f"event {number} was emptied, and holds text all the same" for number in self._not_empty]
        for erasure in sorted({*found, *self._said}):
            if erasure not in self._said:
                sentences.append(f"{found[erasure][0]} event(s) were emptied as if by erasure {erasure}, of which the history knows nothing")
            elif found.get(erasure, (0, NOTHING)) != self._said[erasure]:
                sentences.append(f"the events emptied by erasure {erasure} are not the {self._said[erasure][0]} that it recorded")
        return sentences
