"""A pull from a vendor's interface: what was read and where the next pull goes on are one transaction."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from cme.config.policies import ConfigFaults
from cme.errors import Misconfigured, Transient
from cme.records import history, registers
from cme.records.alarms import open_alarms
from cme.records.cursors import cursor_of
from cme.records.tables import Pull, RegisterVersion, SourceCursor
from cme.steps import pull as steps
from cme.steps.sources import source_of
from tests.sources.one_school import FRIDAY, MARKS, MONDAY
from tests.sources.vendor_stubs import ArborStub, WondeStub
from tests.steps.school import School

DAYS = [FRIDAY, MONDAY]


@pytest.fixture
def arbor(school: School) -> Iterator[ArborStub]:
    with ArborStub() as stub:
        stub.page_cap = 50
        s = school.settings
        s.registers_api, s.registers_api_url, s.registers_api_user = "arbor", stub.url, "app"
        s.registers_api_secret = SecretStr("open-sesame")
        yield stub


def cursor(school: School, source: str) -> dict[str, str]:
    with school.transaction() as session:
        return cursor_of(session, school.school, source)


def versions(school: School) -> int:
    with school.transaction() as session:
        return len(session.scalars(select(RegisterVersion.id)).all())


def test_what_was_read_is_kept_with_where_the_next_pull_goes_on(school: School, arbor: ArborStub) -> None:
    result = steps.pull(school, DAYS, school.stamp())
    assert result.outcome == "ok" and result.registers_new == 5 and cursor(school, "arbor") == {"revision": "100", "whole": "2026-11-23", "from": "2026-11-20"}
    steps.pull(school, DAYS, school.stamp())
    arbor.revision = 104
    again = steps.pull(school, DAYS, school.stamp())
    assert not again.changed and cursor(school, "arbor")["revision"] == "104"
    with school.transaction() as session:
        moves = [e.data["cursor"]["revision"] for e in history.events(session, "register") if e.what == "source.read_up_to"]
        assert moves == ["100", "104"] and not history.verify(session)


def test_a_pull_that_cannot_be_kept_leaves_the_cursor_where_it_was(school: School, arbor: ArborStub, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise Transient("the database went away")

    with monkeypatch.context() as broken:
        broken.setattr(steps, "clear_alarm", fails)        # after the registers were written and the cursor moved
        with pytest.raises(Transient):
            steps.pull(school, DAYS, school.stamp())
    assert cursor(school, "arbor") == {} and versions(school) == 0
    assert steps.pull(school, DAYS, school.stamp()).registers_new == 5


def test_a_source_that_cannot_be_read_is_an_alarm_and_changes_nothing(school: School, arbor: ArborStub) -> None:
    steps.pull(school, DAYS, school.stamp())
    known = versions(school)
    arbor.rows = {name: [] for name in arbor.rows}
    with pytest.raises(Misconfigured):
        steps.pull(school, DAYS, school.stamp())
    with school.transaction() as session:
        assert [alarm.key for alarm in open_alarms(session)] == ["pull:arbor"]
        assert session.scalars(select(Pull.outcome).order_by(Pull.id)).all()[-1].startswith("Misconfigured: ")
    assert versions(school) == known and cursor(school, "arbor")["revision"] == "100"


def test_a_loss_that_is_not_believed_leaves_the_cursor_where_it_was(school: School, arbor: ArborStub) -> None:
    steps.pull(school, DAYS, school.stamp())
    arbor.revision, arbor.rows["attendance-roll-call-records"] = 105, [
        row for row in arbor.rows["attendance-roll-call-records"] if row["href"].endswith(("/1", "/7"))]
    arbor.changes.append({"changedObject": arbor.ref("AttendanceRollCallRecord", "attendance-roll-call-records", 2), "changeType": "delete",
                          "fromRevision": 104, "toRevision": 105})
    doubted = steps.pull(school, DAYS, school.stamp())
    assert doubted.doubts and cursor(school, "arbor")["revision"] == "100"
    with school.transaction() as session:
        held = registers.current_marks(session, school.school, FRIDAY, FRIDAY)
    assert held


def test_a_correction_of_an_earlier_day_comes_through_the_log_of_changes(school: School, arbor: ArborStub) -> None:
    steps.pull(school, DAYS, school.stamp())
    first = arbor.rows["attendance-roll-call-records"][0]
    first["attendanceMark"] = arbor.rows["attendance-roll-call-records"][1]["attendanceMark"]
    arbor.revision = 101
    arbor.changes.append({"changedObject": arbor.ref("AttendanceRollCallRecord", "attendance-roll-call-records", 1), "changeType": "update",
                          "fromRevision": 100, "toRevision": 101})
    assert steps.pull(school, DAYS, school.stamp()).registers_changed == 1
    with school.transaction() as session:
        newest = session.scalars(select(RegisterVersion).where(RegisterVersion.local_date == FRIDAY, RegisterVersion.slot == "AM")
                                 .order_by(RegisterVersion.id.desc())).first()
    assert newest is not None and newest.marks.decode().split() == ["N", "N", "L"]


def test_a_partial_reading_keeps_the_marks_that_it_does_not_name_as_they_were(school: School) -> None:
    with WondeStub() as stub:
        s = school.settings
        s.registers_api, s.registers_api_url, s.registers_api_school = "wonde", stub.url, "A1234567890"
        s.registers_api_secret = SecretStr("open-sesame")
        assert steps.pull(school, None, school.stamp()).registers_new == 3
        late = stub.rows["attendance/session/"][0]
        late["attendance_code"], late["updated_at"] = stub.code("L"), {**late["updated_at"], "date": "2026-11-23 20:00:00.000000"}
        assert steps.pull(school, DAYS, school.stamp()).registers_changed == 1
        with school.transaction() as session:
            newest = session.scalars(select(RegisterVersion).where(RegisterVersion.local_date == FRIDAY, RegisterVersion.slot == "AM")
                                     .order_by(RegisterVersion.id.desc())).first()
            assert newest is not None and newest.marks.decode().split() == ["L", "N", "L"] and newest.extras == {}
            assert session.get(SourceCursor, (school.school, "wonde")).cursor["updated"] == "2026-11-23 20:00:00"      # type: ignore[union-attr]
    assert len(MARKS) == 9


def test_a_secret_in_a_file_may_be_renewed_while_the_system_runs(school: School, arbor: ArborStub, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("old\n")
    school.settings.registers_api_secret, school.settings.registers_api_secret_file = None, secret
    source = source_of(school)
    secret.write_text("open-sesame\n")
    assert source.pull([MONDAY]).registers
    secret.write_text("")
    with pytest.raises(ConfigFaults, match="is empty"):
        source_of(school)
