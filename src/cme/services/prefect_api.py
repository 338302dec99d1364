"""The few words the demo speaks with Prefect's server, over its HTTP API on this machine (``import prefect`` is for flows)."""

import secrets
import time
from collections.abc import Callable
from typing import Any

import httpx

from cme.errors import Permanent, Transient

DONE = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class PrefectApi:
    """Prefect's server at ``url`` ("http://127.0.0.1:4200/api"); ``credentials`` ("admin:<password>") where it asks for them.

    Raises Transient when it does not answer in time.
    """

    def __init__(self, url: str, credentials: str = "") -> None:
        user, _, password = credentials.partition(":")
        self.client = httpx.Client(base_url=url, timeout=30, auth=(user, password) if credentials else None)
        self._asker = f"cme-{secrets.token_hex(8)}"
        self._token = ""  # nosec B105 # no token yet

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            reply = self._send(method, path, body)
            if reply.status_code == 403 and "CSRF" in reply.text:
                # Prefect's proof that a request comes from no other site's page; it lasts an hour
                self._token = self.client.get("/csrf-token", params={"client": self._asker}).json()["token"]
                reply = self._send(method, path, body)
        except httpx.HTTPError as error:
            raise Transient(f"Prefect's server does not answer ({type(error).__name__})") from error
        if reply.status_code >= 400:
            raise Permanent(f"Prefect's server refused {method} {path} with status {reply.status_code}")
        return reply.json() if reply.content else None

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        headers = {"Prefect-Csrf-Client": self._asker, "Prefect-Csrf-Token": self._token} if self._token else {}
        return self.client.request(method, path, json=body, headers=headers)

    def deployments(self) -> set[str]:
        """The names of the deployments registered so far."""
        return {row["name"] for row in self._ask("POST", "/deployments/filter", {})}

    def start(self, deployment: str, name: str, parameters: dict[str, Any] | None = None, *, at: str = "", checked: bool = True) -> str:
        """Start a run of a deployment (its flow has the same name), now or ``at`` an ISO moment; returns the run's id. ``checked``:
        the server holds the parameters against the form first, unless whoever starts the run has switched that off."""
        row = self._ask("GET", f"/deployments/name/{deployment}/{deployment}")
        state: dict[str, Any] = {"type": "SCHEDULED"} | ({"state_details": {"scheduled_time": at}} if at else {})
        run = self._ask("POST", f"/deployments/{row['id']}/create_flow_run",
                        {"parameters": parameters or {}, "name": name, "state": state} | ({} if checked else {"enforce_parameter_schema": False}))
        return str(run["id"])

    def message(self, run_id: str) -> str:
        """What a run's state says to people."""
        return str(self._ask("GET", f"/flow_runs/{run_id}")["state"]["message"] or "")

    def state(self, run_id: str) -> str:
        """The type of a run's state: SCHEDULED, RUNNING, PAUSED, COMPLETED, ..."""
        return str(self._ask("GET", f"/flow_runs/{run_id}")["state_type"])

    def resume(self, run_id: str, answer: dict[str, Any]) -> None:
        """Answer a paused run's form, as the UI does; raises Permanent when the form refuses the answer."""
        reply = self._ask("POST", f"/flow_runs/{run_id}/resume", {"run_input": answer})
        if reply["status"] != "ACCEPT":
            raise Permanent(f"the form refused the answer: {reply['details'].get('reason')}")

    def paused(self, flow: str) -> dict[str, str]:
        """The paused runs of a flow: run id by run name."""
        rows = self._ask("POST", "/flow_runs/filter", {"flows": {"name": {"any_": [flow]}},
                                                       "flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}})
        return {row["name"]: row["id"] for row in rows}

    def runs(self, flow: str) -> list[str]:
        """The names of all runs of a flow, whatever their state."""
        return [row["name"] for row in self._ask("POST", "/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}})]

    def paused_run(self, flow: str, reference: str) -> str | None:
        """The id of the paused run of a flow for a case, whatever its name."""
        rows = self._ask("POST", "/flow_runs/filter", {"flows": {"name": {"any_": [flow]}},
                                                       "flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}})
        return next((row["id"] for row in rows if row["parameters"].get("case") == reference), None)

    def run_ids(self, flow: str) -> list[str]:
        """The ids of all runs of a flow."""
        return [row["id"] for row in self._ask("POST", "/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}})]

    def log(self, run_id: str) -> str:
        """What a run has logged."""
        return "\n".join(row["message"] for row in self._ask("POST", "/logs/filter", {"logs": {"flow_run_id": {"any_": [run_id]}}}))

    def scheduled_and_done(self, flow: str) -> list[str]:
        """The ids of the completed runs of a flow that the timetable itself has started."""
        rows = self._ask("POST", "/flow_runs/filter", {"flows": {"name": {"any_": [flow]}},
                                                       "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}})
        return [row["id"] for row in rows if row["auto_scheduled"]]

    def state_id(self, run_id: str) -> str:
        """The id of a run's state, which changes with every transition."""
        return str(self._ask("GET", f"/flow_runs/{run_id}")["state_id"])

    def force(self, run_id: str, state_type: str) -> None:
        """Force a run into a state, as anyone with the UI can."""
        self._ask("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": state_type}, "force": True})

    def delete(self, run_id: str) -> None:
        """Delete a run, as anyone with the UI can."""
        self._ask("DELETE", f"/flow_runs/{run_id}")

    def delete_all(self, run_ids: list[str]) -> None:
        """Delete many runs at once."""
        self._ask("POST", "/flow_runs/bulk_delete", {"flow_runs": {"id": {"any_": run_ids}}})

    def state_ids(self, run_id: str) -> list[str]:
        """The ids of all states a run has been in."""
        return [row["id"] for row in self._ask("GET", f"/flow_run_states/?flow_run_id={run_id}")]

    def task_names(self, run_id: str) -> list[str]:
        """The names of the task runs of a run."""
        return [row["name"] for row in self._ask("POST", "/task_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})]

    def input_keys(self, run_id: str) -> list[str]:
        """The keys of what Prefect keeps of a run's forms and answers."""
        return [row["key"] for row in self._ask("POST", f"/flow_runs/{run_id}/input/filter",
                                                {"prefix": "", "limit": 200, "exclude_keys": []})]

    def finish(self, run_id: str, seconds: float = 120, tick: Callable[[], None] = lambda: None) -> str:
        """Wait until a run has ended; returns its state type. Raises Transient when it takes longer than ``seconds``."""
        return wait_for(lambda: (state if (state := self.state(run_id)) in DONE else None), seconds, "the run to end", tick)


def wait_for(look: Callable[[], Any], seconds: float, what: str, tick: Callable[[], None] = lambda: None) -> Any:
    """Look every half second until ``look`` gives something; raises Transient after ``seconds``."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        tick()
        time.sleep(0.5)
    raise Transient(f"waited {seconds:.0f} seconds for {what} in vain")
