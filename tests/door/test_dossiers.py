"""The dossier's page: the link and the sign-in together open it; every reading is in the history; nothing of a decision changes."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from tests.door.conftest import OPENS, RUN, USER_HEADER, ask
from tests.steps.school import School

from cme.door.dossiers import Dossiers
from cme.door.guard import LOOPBACK_NAMES, Guarded
from cme.door.sign_in import SignIn
from cme.errors import Misconfigured
from cme.records import cases, reviews
from cme.records.history import events

WRONG = "wrong-token-of-the-same-length"


class Prefect:
    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a page of Prefect's"})


def door(school: School, sign_in: SignIn = SignIn(OPENS)) -> Guarded:
    return Guarded(Dossiers(Prefect(), sign_in, lambda: school), LOOPBACK_NAMES)


def readings(school: School, reference: str) -> list[tuple[str, str]]:
    with school.transaction() as session:
        return [(e.who, e.data["signed_in_as"]) for e in events(session, reference) if e.what == "dossier.read"]


def everything(school: School) -> dict[str, list[str]]:
    """All rows of the records but the history."""
    with school.transaction() as session:
        tables = session.execute(text("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'case_event'"))
        return {table: session.execute(text(f"SELECT t::text FROM {table} t ORDER BY 1")).scalars().all() for table in tables.scalars().all()}


def test_the_holder_of_the_link_who_has_signed_in_reads_who_the_child_is(school: School, ten_days_gone: str, link: str) -> None:
    reply = ask(door(school), "GET", f"/cme/dossier/{link}")
    assert reply.status_code == 200
    for word in ("Quilla Bramblewick", "07700 900101", "999", "9 Nov 2026", ten_days_gone, "Reason not yet established",
                 f"/v2/runs/flow-run/{RUN}", "a home visit", "Imogen Thistlewick"):
        assert word in reply.text, word
    assert readings(school, ten_days_gone) == [("dsl", "")]


def test_neither_the_link_nor_the_sign_in_opens_it_alone(school: School, ten_days_gone: str, link: str) -> None:
    for app, password in ((door(school), None), (door(school), "guessed it wrongly"), (door(school, SignIn(OPENS, USER_HEADER)), None)):
        reply = ask(app, "GET", f"/cme/dossier/{link}", password=password, headers={USER_HEADER: "dsl@larkspur-bridge.example"})
        assert reply.status_code == 401 and "Bramblewick" not in reply.text and ten_days_gone not in reply.text
    assert ask(door(school), "GET", f"/cme/dossier/{WRONG}").status_code == 404
    assert readings(school, ten_days_gone) == []


def test_a_browser_is_asked_for_the_password_only_where_there_is_no_proxy(school: School, link: str) -> None:
    alone = ask(door(school), "GET", f"/cme/dossier/{link}", password=None)
    proxied = ask(door(school, SignIn(OPENS, USER_HEADER)), "GET", f"/cme/dossier/{link}", password=None)
    assert alone.headers["www-authenticate"].startswith("Basic ") and "www-authenticate" not in proxied.headers


def test_behind_a_proxy_the_school_s_sign_in_must_name_the_reader_and_is_recorded(school: School, ten_days_gone: str, link: str) -> None:
    app = door(school, SignIn(OPENS, USER_HEADER))
    assert ask(app, "GET", f"/cme/dossier/{link}").status_code == 403
    reply = ask(app, "GET", f"/cme/dossier/{link}", headers={USER_HEADER: "i.thistlewick@larkspur-bridge.example"})
    assert reply.status_code == 200 and "i.thistlewick@larkspur-bridge.example" in reply.text
    assert readings(school, ten_days_gone) == [("dsl", "i.thistlewick@larkspur-bridge.example")]


def test_where_there_is_no_sign_in_at_all_the_link_alone_opens_it(school: School, link: str) -> None:
    assert ask(door(school, SignIn()), "GET", f"/cme/dossier/{link}", password=None).status_code == 200


def test_reading_changes_no_row_but_adds_to_the_history(school: School, ten_days_gone: str, link: str) -> None:
    before = everything(school)
    for _ in range(3):
        ask(door(school), "GET", f"/cme/dossier/{link}")
    assert everything(school) == before and len(readings(school, ten_days_gone)) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_can_be_sent_to_it(school: School, link: str, method: str) -> None:
    before = everything(school)
    assert ask(door(school), method, f"/cme/dossier/{link}", json={"decision": "close"}).status_code == 405
    assert everything(school) == before


def test_what_is_fetched_before_a_person_asks_for_it_shows_nothing_and_is_no_reading(school: School, ten_days_gone: str, link: str) -> None:
    head = ask(door(school), "HEAD", f"/cme/dossier/{link}")
    assert head.status_code == 200 and head.content == b""
    for name, value in (("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch"), ("X-Moz", "prefetch"), ("X-Purpose", "preview")):
        reply = ask(door(school), "GET", f"/cme/dossier/{link}", headers={name: value})
        assert reply.status_code == 403 and "Bramblewick" not in reply.text
    assert readings(school, ten_days_gone) == []


def test_an_expired_a_withdrawn_and_an_unknown_link_say_the_same(school: School, link: str, set_clock: Callable[[str], None]) -> None:
    unknown = ask(door(school), "GET", f"/cme/dossier/{WRONG}")
    set_clock("2026-11-26T09:31:00")
    expired = ask(door(school), "GET", f"/cme/dossier/{link}")
    set_clock("2026-11-23T09:31:00")
    with school.transaction() as session:
        holder = reviews.link_holder(session, school.sealer, link, school.stamp().at)
        assert holder
        holder.void_at = school.stamp().at
    withdrawn = ask(door(school), "GET", f"/cme/dossier/{link}")
    misread = [ask(door(school), "GET", path) for path in ("/cme/dossier/", "/cme/dossier/%27%20OR%201", f"/cme/dossier/{link}/more", "/cme/other")]
    assert {(reply.status_code, reply.text) for reply in (unknown, expired, withdrawn, *misread)} == {(404, unknown.text)}


def test_nothing_keeps_frames_or_passes_the_page_on(school: School, link: str) -> None:
    for reply in (ask(door(school), "GET", f"/cme/dossier/{link}"), ask(door(school), "GET", f"/cme/dossier/{WRONG}"),
                  ask(door(school), "GET", f"/cme/dossier/{link}", password=None)):
        headers = reply.headers
        assert headers["cache-control"] == "no-store" and headers["referrer-policy"] == "no-referrer"
        assert headers.get_list("content-security-policy") == [headers["content-security-policy"]]
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert "noindex" in headers["x-robots-tag"] and headers["x-frame-options"] == "DENY"
        assert "<script" not in reply.text.lower()


def test_the_title_and_the_address_name_no_child(school: School, ten_days_gone: str, link: str) -> None:
    reply = ask(door(school), "GET", f"/cme/dossier/{link}")
    assert re.findall(r"<title>(.*?)</title>", reply.text) == [ten_days_gone] and "bramblewick" not in str(reply.url).lower()


def test_what_has_changed_since_it_was_frozen_is_shown_beside_what_was_frozen(school: School, ten_days_gone: str, link: str) -> None:
    from cme.records.tables import Pupil

    assert "Changed since" not in ask(door(school), "GET", f"/cme/dossier/{link}").text
    with school.transaction() as session:
        case = cases.by_reference(session, ten_days_gone)
        session.get_one(Pupil, case.pupil_id).address = "2 Moved-to Lane"
    shown = ask(door(school), "GET", f"/cme/dossier/{link}").text
    assert "Changed since this dossier was frozen" in shown and "the child&#39;s own details changed" in shown
    assert "1 Made-up Lane" in shown and "2 Moved-to Lane" not in shown


def test_after_the_answer_the_page_still_opens_but_leads_to_no_form(school: School, ten_days_gone: str, link: str) -> None:
    with school.transaction() as session:
        case = cases.by_reference(session, ten_days_gone)
        review = reviews.current(session, case.id, reviews.SAFEGUARDING)
        assert review
        review.state = "answered"
    shown = ask(door(school), "GET", f"/cme/dossier/{link}").text
    assert "no longer open" in shown and "Open the form" not in shown


def test_where_the_records_cannot_be_opened_the_page_says_so_and_the_rest_works(caplog: pytest.LogCaptureFixture) -> None:
    def closed() -> School:
        raise Misconfigured("the database cannot be used: check CME_DATABASE_URL")

    app = Dossiers(Prefect(), SignIn(OPENS), closed)
    assert ask(app, "GET", f"/cme/dossier/{WRONG}").status_code == 503 and "check CME_DATABASE_URL" in caplog.text
    assert ask(app, "GET", "/v2/runs").text == "a page of Prefect's"


def test_many_readers_at_once_are_all_answered_and_recorded(school: School, ten_days_gone: str, link: str) -> None:
    async def read() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door(school)), base_url="http://127.0.0.1",
                                     auth=tuple(OPENS.split(":"))) as client:  # type: ignore[arg-type]
            return await asyncio.gather(*(client.get(f"/cme/dossier/{link}") for _ in range(8)))

    assert {reply.status_code for reply in asyncio.run(read())} == {200} and len(readings(school, ten_days_gone)) == 8
