"""The house for real: PostgreSQL, Prefect's server, a runner with a flow run under way, and Chromium at its pages."""

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from cme.config.settings import load_settings
from cme.errors import Misconfigured
from cme.records.history import Stamp, record, verify
from cme.records.sealed_columns import keep_keys
from cme.records.sealing import Sealer
from cme.services.keeper import marked
from cme.services.prefect_api import PrefectApi
from cme.services.prefect_server import without_prefect
from cme.services.up import House, asyncpg_url

FLOW = """
import time
from prefect import flow, serve
@flow
def nap(): time.sleep(120)
if __name__ == "__main__": serve(nap.to_deployment("nap"), pause_on_shutdown=False)
"""
# a program as `cme up` is one: brings the house up with a runner, has a flow run under way, and waits for Ctrl-C
PROGRAM = """
import json, sys, time
from datetime import datetime, timezone
from pathlib import Path
from cme.services.prefect_api import PrefectApi
from cme.services.processes import ProcessSpec, stop_on_signals
from cme.services.up import House
with stop_on_signals(), House(Path(sys.argv[1])) as house:
    house.start()
    api = PrefectApi(house.api_url)
    house.add(ProcessSpec("runner", "the runner", [sys.executable, sys.argv[2]],
                          ready=lambda: api.client.get("/deployments/name/nap/nap").json().get("status") == "READY"))
    run = api.start("nap", "nap")
    while api.state(run) != "RUNNING":
        time.sleep(0.2)
    print(json.dumps({"mark": house.mark, "ui": house.ui_url, "run": run}), flush=True)
    house.wait()
"""
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
FIND_CHROMIUM = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "chromium.py"))["chromium"]
CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"]


def until(condition: Callable[[], object], seconds: float = 30) -> object:
    end = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return answer


@pytest.fixture(scope="module")
def steps() -> list[str]:
    return []


@pytest.fixture(scope="module")
def house(short_home: Path, steps: list[str]) -> Iterator[House]:
    with House(short_home, progress=steps.append) as started:
        started.start()
        keep_keys(started.records.engine, Sealer(*load_settings(data_dir=short_home, environment="test").secrets()))   # the house's own
        yield started


@pytest.fixture(scope="module")
def api(house: House) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=house.api_url, timeout=30) as client:
        token = client.get("/csrf-token", params={"client": "a test"}).json()["token"]
        client.headers.update({"Prefect-Csrf-Client": "a test", "Prefect-Csrf-Token": token})
        yield client


@pytest.fixture(scope="module")
def suspended(api: httpx.Client) -> str:
    """The id of a suspended flow run."""
    flow = api.post("/flows/", json={"name": "review-case"}).json()["id"]
    return api.post("/flow_runs/", json={"flow_id": flow, "name": "review CME-2026-0012",
                                         "state": {"type": "PAUSED", "name": "Suspended"}}).json()["id"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=FIND_CHROMIUM(), args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    opened = chromium.new_page()
    opened.faults = []
    opened.answered_by = set()
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.on("console", lambda line: opened.faults.append(line.text) if line.type == "error" else None)
    opened.on("response", lambda reply: opened.answered_by.add(urlsplit(reply.url).netloc))
    yield opened
    opened.close()


def test_the_database_comes_first_and_each_step_is_told(house: House, steps: list[str]):
    assert steps[:2] == ["Starting the database", "Starting Prefect's server"]
    with house.records.sessions.begin() as session:
        record(session, "school", "house.up", Stamp("machine", NOON))
        assert verify(session) == []


def test_every_process_is_told_where_records_and_prefect_are_and_nothing_of_the_users_own_prefect(house: House):
    environment = house.environment
    assert environment["PREFECT_API_URL"] == f"{house.ui_url}/api" and environment["CME_UI_URL"] == house.ui_url
    assert environment["CME_DATABASE_URL"] == house.records.cluster.url("cme", "cme_app")
    assert environment["DO_NOT_TRACK"] == "1" and environment["PREFECT_RUNNER_POLL_FREQUENCY"] == "1"
    assert "PREFECT_API_DATABASE_CONNECTION_URL" not in environment


def test_prefect_keeps_its_state_in_the_same_cluster_in_a_database_of_its_own(house: House, suspended: str):
    with house.records.cluster.server.connection("prefect") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT state_name FROM flow_run WHERE id = %s", (suspended,))
        assert cursor.fetchone() == ("Suspended",)


def test_the_server_listens_on_this_machine_only(house: House):
    port = urlsplit(house.ui_url).port
    listening = {c.laddr.ip for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port}
    assert listening == {"127.0.0.1"}


def test_every_answer_carries_the_headers_that_prefect_lacks(house: House):
    for path in ("/", "/api/health", "/v2/", "/nowhere"):
        headers = httpx.get(house.ui_url + path, headers={"Accept": "text/html"}).headers
        assert "connect-src 'self'" in headers["content-security-policy"] and headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Host": "evil.example:4200"}, {"Origin": "http://evil.example"},
                                     {"Origin": "null"}], ids=str)
def test_another_sites_page_can_neither_read_nor_answer(api: httpx.Client, suspended: str, headers: dict[str, str]):
    assert api.post(f"/flow_runs/{suspended}/resume", json={}, headers=headers).status_code == 403
    assert api.get(f"/flow_runs/{suspended}", headers=headers).status_code == 403
    assert api.get(f"/flow_runs/{suspended}").json()["state_name"] == "Suspended"


def test_a_post_without_the_proof_that_it_comes_from_our_own_pages_is_refused(house: House, suspended: str):
    refused = httpx.post(f"{house.api_url}/flow_runs/{suspended}/resume", json={})
    assert refused.status_code == 403 and "CSRF" in refused.text
    assert PrefectApi(house.api_url).state(suspended) == "PAUSED"


def test_the_old_pages_work_without_any_call_to_another_host(house: House, suspended: str, page: Page):
    page.goto(f"{house.ui_url}/runs/flow-run/{suspended}")
    page.get_by_role("button", name="Resume").wait_for(timeout=30_000)
    assert page.get_by_text("review CME-2026-0012").count() and "/v2/" not in page.url
    assert not [fault for fault in page.faults if "Content Security Policy" in fault]
    assert page.answered_by - {""} == {urlsplit(house.ui_url).netloc}       # "": data within the page


def test_the_address_in_the_mail_works_and_its_call_to_an_analytics_host_is_blocked(house: House, suspended: str, page: Page):
    page.goto(f"{house.ui_url}/v2/runs/flow-run/{suspended}")
    page.get_by_text("review CME-2026-0012").first.wait_for(timeout=30_000)
    refused = [fault for fault in page.faults if "Content Security Policy" in fault]
    assert refused and all("amplitude" in fault for fault in refused)
    assert page.answered_by - {""} == {urlsplit(house.ui_url).netloc}       # "": data within the page


def test_a_killed_database_and_a_killed_server_are_started_again(house: House, api: httpx.Client, suspended: str):
    house.records.cluster.server.postmaster().kill()
    server, = [process for process in marked(house.mark) if "cme.flows.server" in process.cmdline()]
    server.kill()
    server.wait()
    assert sorted(house.mend()) == ["Prefect's server", "the database"]
    assert api.get(f"/flow_runs/{suspended}").json()["state_name"] == "Suspended"
    with house.records.sessions() as session:
        assert verify(session) == []
    assert house.mend() == []


def test_a_second_house_in_the_same_folder_is_refused(house: House, short_home: Path):
    with pytest.raises(Misconfigured, match=rf"in use by a running cme \(process {os.getpid()}\)"):
        House(short_home).start()
    assert house.mend() == []


def test_where_a_proxy_leads_to_the_port_another_program_on_it_is_not_given_the_password(house: House, short_home: Path):
    port = urlsplit(house.ui_url).port
    with pytest.raises(Misconfigured, match=f"port {port} is in use by another program"):
        House(short_home / "third", ui_port=port, fixed_port=True, credentials="admin:a password for tests").start()


def lived(home: Path, flow: Path, ending: signal.Signals, look: Callable[[dict[str, str]], None] = lambda told: None) -> dict[str, str]:
    """Start the program in ``home``, look at it, end it, and return what it told."""
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(home), str(flow)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    told = json.loads(program.stdout.readline() or program.stderr.read())
    assert {"cme.flows.server", "prefect.engine"} <= {part for process in marked(told["mark"]) for part in process.cmdline()}
    look(told)
    os.killpg(program.pid, ending)                          # as Ctrl-C at a terminal does: to all in the foreground
    program.wait(60)
    return told


def nothing_is_left(told: dict[str, str], home: Path) -> None:
    assert until(lambda: marked(told["mark"]) == [])
    assert until(lambda: not [p for p in psutil.process_iter(["cmdline"]) if str(home) in " ".join(p.info["cmdline"] or [])])
    assert until(lambda: not (home / "postgresql/server/data/postmaster.pid").exists())
    with socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", urlsplit(told["ui"]).port)) != 0


def test_when_it_ends_or_is_killed_nothing_is_left_and_the_next_start_works(house: House, short_home: Path, tmp_path: Path):
    home, flow = short_home / "other", tmp_path / "nap.py"
    flow.write_text(FLOW)
    first = lived(home, flow, signal.SIGINT)
    assert first["ui"] != house.ui_url                      # that port was in use
    nothing_is_left(first, home)

    def cut_short(told: dict[str, str]) -> None:            # asked to end, it has told Prefect that its flow run was cut short
        assert httpx.get(f"{told['ui']}/api/flow_runs/{first['run']}").json()["state_name"] == "Crashed"

    second = lived(home, flow, signal.SIGKILL, cut_short)
    with House(home) as again:                              # waits until all that was left has ended
        again.start()
        assert marked(second["mark"]) == [] and httpx.get(f"{again.api_url}/health").json() is True
    nothing_is_left(second, home)


def test_settings_that_the_user_made_for_another_prefect_are_left_out():
    theirs = {"PREFECT_API_URL": "https://elsewhere.example/api", "PREFECT_API_KEY": "key"}
    assert without_prefect({"PATH": "/bin", **theirs}) == {"PATH": "/bin"}


def test_an_address_for_psycopg2_is_rewritten_for_asyncpg():
    assert asyncpg_url("postgresql://u:p%40@db.example:5433/prefect?sslmode=verify-full") == (
        "postgresql+asyncpg://u:p%40@db.example:5433/prefect?ssl=verify-full")
