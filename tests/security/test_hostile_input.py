"""Hostile input at every reader, writer and door: SQL, paths, formulas, sizes. It is refused, or kept as the text it is."""

import csv
import io
import smtplib
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.door.conftest import OPENS, ask
from tests.steps.answers import RUN, code_for
from tests.steps.conftest import before_the_dsl, school, ten_days_gone  # noqa: F401  (fixtures)
from tests.steps.school import MONDAY, School, a_pupil

from cme.door.dossiers import Dossiers
from cme.door.guard import LOOPBACK_NAMES, Guarded
from cme.door.sign_in import SignIn
from cme.errors import BadInput, CmeError
from cme.mail.render import letter
from cme.mail.safe_csv import csv_bytes
from cme.mail.sink import Sink
from cme.records import cases
from cme.records.history import verify
from cme.records.reviews import SAFEGUARDING
from cme.records.tables import Answer, Base, Case, Pupil
from cme.sources.files import CsvFolder
from cme.steps import find_pupil, holds, rights, subject_access
from cme.steps.notify import settle_message
from cme.steps.police_pack import make_pack
from cme.steps.review import take_answer

SQL = ("'; DROP TABLE pupil; --", "x' OR '1'='1", "\\'; DELETE FROM case_event; --", "1; SELECT pg_sleep(9)", "%' UNION SELECT 1 --", "$$; DROP TABLE \"case\"; $$")
PATHS = ("../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "....//....//etc/passwd", "a\0b", "\u2025/x")
FORMULAS = ("=1+1", '=HYPERLINK("http://evil.example")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1+1", "\u00a0=1")


def tables(school: School) -> dict[str, int]:  # noqa: F811
    with school.transaction() as session:
        return {name: session.scalar(select(func.count()).select_from(table)) or 0 for name, table in Base.metadata.tables.items()}


def test_sql_in_a_name_is_kept_as_the_name_and_found_again(school: School) -> None:  # noqa: F811
    for number, text in enumerate(SQL):
        school.write(a_pupil(mis_id=f"M{number}{text}", surname=f"Quill{text}", forename=text, group=f"9{text}"), {MONDAY: ("N", "N")})
    with school.transaction() as session:
        assert set(session.scalars(select(Pupil.surname))) == {f"Quill{text}" for text in SQL} and verify(session) == []
    for text in SQL:
        assert any(text in found.name for found in find_pupil.find(school, f"Quill{text}".split()[0])) and find_pupil.find(school, "zz' OR 1=1 --") == []


def test_hostile_references_are_one_sentence_and_change_nothing(school: School, tmp_path: Path, before_the_dsl: str) -> None:  # noqa: F811
    before, out, stamp = tables(school), tmp_path / "out", school.stamp("dsl")
    calls: tuple[Callable[[str], object], ...] = (
        lambda given: make_pack(school, given, stamp, out), lambda given: holds.hold(school, given, "because of it", stamp),
        lambda given: rights.decide(school, given, rights.REFUSED, "because", "", stamp), lambda given: subject_access.export(school, given, out, "", stamp),
        lambda given: subject_access.export(school, "P-1", out, given, stamp), lambda given: settle_message(school, given, by="dsl", cancel="because"),
        letter)
    for hostile in (*SQL, *PATHS):
        for call in calls:
            with pytest.raises((CmeError, ValueError)):      # ValueError: the driver refuses a NUL before the database sees it
                call(hostile)
    assert tables(school) == before and not out.exists()


def door(school: School) -> Any:  # noqa: F811
    async def prefect(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})       # a path that a client has made shorter is not ours
        await send({"type": "http.response.body", "body": b""})

    return Guarded(Dossiers(prefect, SignIn(OPENS), lambda: school), LOOPBACK_NAMES)


def test_the_door_opens_no_other_file_or_row_whatever_its_address_says(school: School, before_the_dsl: str) -> None:  # noqa: F811
    app, before = door(school), tables(school)
    for hostile in (*PATHS[:5], *SQL, "A" * 60_000, "%00", "../dossier/x"):
        reply = ask(app, "GET", f"/cme/dossier/{hostile.replace(chr(0), '')}")
        assert reply.status_code in (404, 400) and "Bramblewick" not in reply.text and "root:" not in reply.text
    assert tables(school) == before


def test_no_cell_of_a_table_of_ours_begins_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(csv_bytes(["text"], [[text] for text in FORMULAS]).decode("utf-8-sig"), newline="")))
    for text, [cell] in zip(FORMULAS, rows[1:], strict=True):
        assert cell == f"'{text}", repr(text)
    assert csv_bytes(["n"], [[-5], [3]]).decode("utf-8-sig") == "n\r\n-5\r\n3\r\n"


def test_a_folder_of_registers_reads_nothing_outside_it_and_no_file_that_is_too_large(tmp_path: Path) -> None:
    folder, secret = tmp_path / "registers", tmp_path / "secret.csv"
    folder.mkdir()
    secret.write_text("date,session,group,pupil,mark\n2026-11-23,AM,9A,P-SECRET,N\n")
    with open(folder / "registers.csv", "wb") as huge:
        huge.truncate(1024 * 2**20 + 1)              # sparse: it takes no room on the disk
    pulled = CsvFolder(folder, stable_seconds=0).pull(None)
    assert pulled.registers == () and any("larger than 1024 MB" in row.reason for row in pulled.bad_rows)
    assert "P-SECRET" not in str(pulled)


def test_an_answer_of_megabytes_is_not_accepted_and_not_kept_whole(school: School, before_the_dsl: str) -> None:  # noqa: F811
    code = code_for(school, "dsl")
    for size in (20_001, 5_000_000):
        taken = take_answer(school, before_the_dsl, SAFEGUARDING, f"huge-{size}", {"outcome": "x", "reason": "A" * size, "code": code}, RUN)
        assert not taken.accepted and "20,000" in taken.refusal
    with school.transaction() as session:
        assert max(len(str(answer.content)) for answer in session.scalars(select(Answer))) < 25_000
        assert session.scalars(select(Case.state)).one() == cases.by_reference(session, before_the_dsl).state == "DSL review"


def test_the_mail_sink_takes_no_message_of_any_size_and_shows_no_file_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "secret.eml").write_text("root:x:0:0")
    with Sink(tmp_path / "mails") as sink:
        with smtplib.SMTP("127.0.0.1", sink.smtp_port, timeout=10) as server:
            server.ehlo()
            assert server.docmd("MAIL FROM:<a@school.example> SIZE=99999999")[0] == 552
        for hostile in ("..%2Fsecret", "../secret", "%2e%2e/secret", "....//secret", "/etc/passwd"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{sink.url}api/messages/{hostile}.eml", timeout=10)
            assert refused.value.code == 404 and b"root:" not in refused.value.read()


def test_what_we_write_goes_where_it_was_told_and_never_through_a_link_that_waits_there(school: School, before_the_dsl: str, tmp_path: Path) -> None:  # noqa: F811
    victim, target = tmp_path / "victim.txt", tmp_path / "pack.pdf"
    victim.write_text("mine")
    target.symlink_to(victim)
    make_pack(school, before_the_dsl, school.stamp("dsl"), target)
    assert victim.read_text() == "mine" and not target.is_symlink() and target.read_bytes().startswith(b"%PDF")
    with pytest.raises(BadInput, match="--out"):
        make_pack(school, before_the_dsl, school.stamp("dsl"), tmp_path / "no folder" / "x.pdf")
