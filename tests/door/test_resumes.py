"""Who presses Resume is noted, and nothing about the note can keep an answer back."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from tests.door.conftest import OPENS, RUN, USER_HEADER, ask
from tests.steps.school import School

from cme.door import resumes
from cme.door.guard import LOOPBACK_NAMES, Guarded
from cme.door.resumes import NotesResumes
from cme.door.sign_in import SignIn
from cme.door.ui_settings import OneSignIn
from cme.records.history import events, lock
from cme.records.tables import ResumeRequest
from cme.steps.resume_requests import note_resume

ANSWER = {"run_input": {"reason": "No word for ten school days.", "code": "123456"}}
DSL = {USER_HEADER: "dsl@larkspur-bridge.example"}


class Prefect:
    """Stands in for Prefect's server: one run with a state, and what arrived for it, in order."""

    def __init__(self) -> None:
        self.state = "PAUSED"
        self.answers: list[Any] = []
        self.silent = False

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = bytearray()
        while (message := await receive()) and message["type"] == "http.request":
            body.extend(message["body"])
            if not message["more_body"]:
                break
        said: dict[str, Any] = {"state_type": self.state}
        if scope["method"] == "POST":
            await asyncio.sleep(0.02)
            said = {"status": "ACCEPT" if self.state == "PAUSED" else "ABORT"}
            self.answers.append(json.loads(bytes(body)) if body else None)
            self.state = "SCHEDULED"
        status = 500 if self.silent and scope["method"] == "GET" else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"no" if status == 500 else json.dumps(said).encode()})


@pytest.fixture
def prefect() -> Prefect:
    return Prefect()


@pytest.fixture
def noted() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def door(prefect: Prefect, noted: list[tuple[str, str]]) -> NotesResumes:
    return NotesResumes(prefect, SignIn(OPENS, USER_HEADER), lambda run, user: noted.append((run, user)))


def test_who_presses_resume_is_noted_and_the_answer_arrives_unchanged(door: NotesResumes, prefect: Prefect, noted: list[Any]) -> None:
    assert ask(door, "POST", f"/api/flow_runs/{RUN}/resume", json=ANSWER, headers=DSL).json() == {"status": "ACCEPT"}
    assert noted == [(RUN, "dsl@larkspur-bridge.example")] and prefect.answers == [ANSWER]


def test_without_a_proxy_the_press_is_noted_without_a_name(prefect: Prefect, noted: list[Any]) -> None:
    door = NotesResumes(prefect, SignIn(OPENS), lambda run, user: noted.append((run, user)))
    ask(door, "POST", f"/api/flow_runs/{RUN.upper()}/resume", json=ANSWER, headers=DSL)
    ask(NotesResumes(prefect, SignIn(), door.note), "POST", "/api/flow_runs/x/resume", json=ANSWER, password=None)
    assert noted == [(RUN, "")] and len(prefect.answers) == 2


def test_a_stranger_leaves_no_note(door: NotesResumes, prefect: Prefect, noted: list[Any]) -> None:
    ask(door, "POST", f"/api/flow_runs/{RUN}/resume", json=ANSWER, headers=DSL, password="guessed it wrongly")
    ask(door, "POST", f"/api/flow_runs/{RUN}/resume", json=ANSWER, headers=DSL, password=None)
    assert noted == [] and len(prefect.answers) == 2         # Prefect itself refuses them


def test_nothing_else_is_noted(door: NotesResumes, noted: list[Any]) -> None:
    for method, path in (("GET", f"/api/flow_runs/{RUN}/resume"), ("POST", f"/api/flow_runs/{RUN}/set_state"), ("POST", "/api/flow_runs/filter"),
                         ("POST", "/api/flow_runs/not-a-run/resume"), ("DELETE", f"/api/flow_runs/{RUN}")):
        ask(door, method, path, headers=DSL)
    assert noted == []


def test_a_second_press_that_answers_nothing_is_not_noted_over_the_first(door: NotesResumes, prefect: Prefect, noted: list[Any]) -> None:
    async def both() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://127.0.0.1",
                                     auth=tuple(OPENS.split(":"))) as client:  # type: ignore[arg-type]
            return await asyncio.gather(*(client.post(f"/api/flow_runs/{RUN}/resume", json=ANSWER, headers={USER_HEADER: name})
                                          for name in ("first", "second")))

    said = [reply.json()["status"] for reply in asyncio.run(both())]
    assert sorted(said) == ["ABORT", "ACCEPT"] and len(prefect.answers) == 2
    assert noted == [(RUN, ("first", "second")[said.index("ACCEPT")])]
    prefect.state = "PAUSED"                                 # asked again: the next press counts
    ask(door, "POST", f"/api/flow_runs/{RUN}/resume", json=ANSWER, headers=DSL)
    assert noted[-1] == (RUN, "dsl@larkspur-bridge.example")


def test_where_prefect_does_not_say_whether_the_run_waits_it_is_noted(door: NotesResumes, prefect: Prefect, noted: list[Any]) -> None:
    prefect.silent = True
    ask(door, "POST", f"/api/flow_runs/{RUN}/resume", json=ANSWER, headers=DSL)
    assert noted == [(RUN, "dsl@larkspur-bridge.example")] and prefect.answers == [ANSWER]


def failing(run: str, user: str) -> None:
    raise OperationalError("INSERT", {"user": user}, Exception("the database is away"))


def sleeping(run: str, user: str) -> None:
    time.sleep(1)


@pytest.mark.parametrize("note", [failing, sleeping])
def test_a_note_that_fails_or_takes_long_keeps_no_answer_back(
        prefect: Prefect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, note: Callable[[str, str], None]) -> None:
    monkeypatch.setattr(resumes, "PATIENCE", 0.1)
    began = time.monotonic()
    reply = ask(NotesResumes(prefect, SignIn(OPENS, USER_HEADER), note), "POST", f"/api/flow_runs/{RUN}/resume", json=ANSWER, headers=DSL)
    assert reply.json() == {"status": "ACCEPT"} and prefect.answers == [ANSWER] and time.monotonic() - began < 5
    assert RUN in caplog.text and "dsl@" not in caplog.text


def test_the_note_is_a_row_and_an_event_of_the_case(school: School, ten_days_gone: str, link: str) -> None:
    note_resume(school, RUN, "dsl@larkspur-bridge.example", school.stamp())
    with school.transaction() as session:
        [row] = session.scalars(select(ResumeRequest))
        [event] = [e for e in events(session, ten_days_gone) if e.what == "resume.requested"]
    assert (row.flow_run_id, row.signed_in_as, row.at) == (RUN, "dsl@larkspur-bridge.example", event.at)
    assert event.who == "machine" and event.data["signed_in_as"] == "dsl@larkspur-bridge.example"


def test_a_press_on_a_run_of_no_case_is_an_event_of_the_school(school: School) -> None:
    note_resume(school, "00000000-0000-0000-0000-00000000000f", "", school.stamp())
    with school.transaction() as session:
        assert [e.what for e in events(session, "school")] == ["resume.requested"]


def test_the_note_gives_up_where_another_holds_the_history_for_long(school: School) -> None:
    began, held, release = time.monotonic(), threading.Event(), threading.Event()

    def hold() -> None:
        with school.transaction() as session:
            lock(session)
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(10)
        with pytest.raises(OperationalError):
            note_resume(school, RUN, "", school.stamp())
        assert time.monotonic() - began < 15
    finally:
        release.set()
        holder.join()


class UiSettings:
    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = b'{"api_url":"/api","auth":"BASIC"}'
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})


def test_prefects_pages_show_their_sign_in_box_only_to_who_did_not_come_by_the_proxy() -> None:
    by_proxy, alone = OneSignIn(UiSettings(), SignIn(OPENS, USER_HEADER)), OneSignIn(UiSettings(), SignIn(OPENS))
    assert ask(by_proxy, "GET", "/ui-settings").json() == {"api_url": "/api", "auth": None}
    for app, password in ((by_proxy, None), (by_proxy, "guessed it wrongly"), (alone, None)):
        assert ask(app, "GET", "/ui-settings", password=password).json()["auth"] == "BASIC"


def test_the_guard_adds_its_headers_and_keeps_stricter_ones() -> None:
    class Strict:
        async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Security-Policy", b"default-src 'none'")]})
            await send({"type": "http.response.body", "body": b""})

    headers = ask(Guarded(Strict(), LOOPBACK_NAMES), "GET", "/").headers
    assert headers.get_list("content-security-policy") == ["default-src 'none'"] and headers["x-frame-options"] == "DENY"
    assert ask(Guarded(Strict(), LOOPBACK_NAMES), "GET", "/", headers={"Host": "evil.example"}).status_code == 403
    assert ask(Guarded(Strict(), LOOPBACK_NAMES), "POST", "/", headers={"Origin": "https://evil.example"}).status_code == 403
