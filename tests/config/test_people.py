"""The people file: further deputies, who is away when, a rota; read anew when it changes, and never a reason to stand still."""

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from cme import clock
from cme.config.people import People, require_role
from cme.config.people_file import PeopleFile, load_people
from cme.config.policies import ConfigFaults
from cme.config.settings import Settings, cover_sentences, missing_settings
from cme.errors import BadInput
from cme.services.demo import PEOPLE

SECOND = {"name": "Tabitha Nettlecombe", "email": "deputy-2@larkspur-bridge.example"}


def write(path: Path, **changes: Any) -> Path:
    """A people file of the demo's people with changes, as a new file so that two writes within a moment differ."""
    part = path.with_suffix(".part")
    part.write_text(yaml.safe_dump({**PEOPLE, **changes}), encoding="utf-8")
    os.replace(part, path)
    return path


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=clock.LONDON)


def faults(path: Path, **changes: Any) -> list[str]:
    with pytest.raises(ConfigFaults) as raised:
        load_people(write(path / "people.yaml", **changes))
    return raised.value.faults


def test_todays_simple_file_is_still_whole(tmp_path: Path) -> None:
    people = load_people(write(tmp_path / "people.yaml"))
    assert people.safeguarding == ("dsl", "deputy_dsl", "head") and not list(people.gaps(at("2026-11-23T09:00")))


def test_a_further_deputy_is_a_person_wherever_a_role_is(tmp_path: Path) -> None:
    people = load_people(write(tmp_path / "people.yaml", more_deputies={"deputy_2": SECOND}))
    assert people.safeguarding == ("dsl", "deputy_dsl", "deputy_2", "head")
    assert people.shown("deputy_2") == "Tabitha Nettlecombe (deputy designated safeguarding lead)"
    require_role("deputy_2", people)
    with pytest.raises(BadInput, match="'deputy_2' is not a role; use one of dsl,"):
        require_role("deputy_2")
    with pytest.raises(BadInput, match="'deputy_3' is not a role"):
        people.of("deputy_3")


def test_a_day_away_lasts_from_its_first_minute_to_its_last_on_the_schools_clock(tmp_path: Path) -> None:
    people = load_people(write(tmp_path / "people.yaml", away=[{"person": "dsl", "from": "2026-07-01", "until": "2026-07-02"}]))
    away = [people.is_away("dsl", at(moment)) for moment in ("2026-06-30T23:59", "2026-07-01T00:00", "2026-07-02T23:59", "2026-07-03T00:00")]
    assert away == [False, True, True, False]
    assert people.away[0].starts == datetime(2026, 6, 30, 23, 0, tzinfo=timezone.utc)          # summer time


def test_an_afternoon_away_is_given_as_moments(tmp_path: Path) -> None:
    people = load_people(write(tmp_path / "people.yaml", away=[{"person": "dsl", "from": "2026-11-23T12:00", "until": "2026-11-23T15:00"}]))
    assert [people.is_away("dsl", at(m)) for m in ("2026-11-23T11:59", "2026-11-23T12:00", "2026-11-23T15:00")] == [False, True, False]


@pytest.mark.parametrize(("changes", "words"), [
    ({"away": [{"person": "deputy_9", "from": "2026-11-02", "until": "2026-11-06"}]}, "away, entry 1: 'deputy_9' is nobody in this file"),
    ({"away": [{"person": "dsl", "from": "2026-11-06", "until": "2026-11-02"}]}, "until lies before from"),
    ({"away": [{"person": "dsl", "from": "soon", "until": "2026-11-02"}]}, "give a day like 2026-11-02"),
    ({"on_duty": [{"people": ["attendance_officer"], "from": "2026-11-02", "until": "2026-11-06"}]}, "'attendance_officer' may not decide"),
    ({"more_deputies": {"dsl": SECOND}}, "none of the roles' own names"),
    ({"more_deputies": {"machine": SECOND}}, "none of the roles' own names"),
    ({"more_deputies": {"Deputy 2": SECOND}}, "use small letters"),
    ({"deputy_dsl": PEOPLE["dsl"], "head": PEOPLE["dsl"]}, "nobody may confirm their own decision"),
    ({"deputy": SECOND}, "deputy: extra inputs are not permitted; remove it or correct its spelling")])
def test_a_fault_of_the_file_is_one_sentence_that_says_what_to_do(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    [fault] = faults(tmp_path, **changes)
    assert words in fault and "people.yaml: " in fault and ";" in fault


def test_a_day_on_which_everybody_is_away_is_told_before_it_comes(tmp_path: Path) -> None:
    week = {"from": "2026-12-21", "until": "2027-01-01"}
    path = write(tmp_path / "people.yaml", away=[{"person": p, **week} for p in ("dsl", "deputy_dsl")] + [
        {"person": "head", "from": "2026-12-28", "until": "2026-12-30"}])
    settings = Settings(_env_file=None, environment="test", people_file=path)  # type: ignore[call-arg]
    [sentence] = cover_sentences(settings, at("2026-11-23T09:00"))
    assert "from Monday 28 December 2026, 00:00 until Thursday 31 December 2026, 00:00 nobody who may decide is on duty" in sentence
    assert cover_sentences(settings, at("2027-01-10T09:00")) == []          # what has passed is not told
    assert not [fault for fault in missing_settings(settings) if "away" in fault]   # it stops nothing: all are asked then


def test_somebody_on_the_rota_who_is_away_is_told(tmp_path: Path) -> None:
    week = {"from": "2026-11-30", "until": "2026-12-04"}
    people = load_people(write(tmp_path / "people.yaml", away=[{"person": "head", **week}], on_duty=[{"people": ["head"], **week}]))
    assert "head is on the rota from Monday 30 November 2026" in " ".join(people.gaps(at("2026-11-23T09:00")))


def test_a_changed_file_is_read_at_the_next_question_without_a_restart(tmp_path: Path) -> None:
    path = write(tmp_path / "people.yaml")
    settings = Settings(_env_file=None, environment="test", people_file=path, data_dir=tmp_path)  # type: ignore[call-arg]
    assert settings.people.of("dsl").name == "Imogen Thistlewick"
    write(path, dsl={"name": "Ottoline Brackenbury", "email": "dsl@larkspur-bridge.example", "telephone": "0121 496 0101"})
    assert settings.people.of("dsl").name == "Ottoline Brackenbury"


def test_a_spoilt_file_stops_nothing_the_last_good_one_goes_on_also_in_a_new_process(tmp_path: Path) -> None:
    path = write(tmp_path / "people.yaml", more_deputies={"deputy_2": SECOND})
    running = PeopleFile(path, tmp_path / "kept.yaml")
    good = running.read()
    path.write_text("dsl: {name: half a li", encoding="utf-8")
    assert running.read() == good and "not readable as YAML" in running.faults[0]
    later = PeopleFile(path, tmp_path / "kept.yaml")
    assert later.read() == good and later.faults
    path.unlink()
    assert later.read() == good and "No such file" in later.faults[0]
    write(path)
    assert later.read() == People.model_validate(PEOPLE) and not later.faults


def test_a_file_that_was_never_good_is_refused(tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text("[]")
    with pytest.raises(ConfigFaults):
        PeopleFile(tmp_path / "people.yaml", tmp_path / "kept.yaml").read()


def test_one_person_under_two_keys_is_one_person(tmp_path: Path) -> None:
    people = load_people(write(tmp_path / "people.yaml", head={**PEOPLE["dsl"], "email": "DSL@larkspur-bridge.example"},
                               away=[{"person": "dsl", "from": "2026-11-23", "until": "2026-11-23"}]))
    assert people.same("dsl", "head") and not people.same("dsl", "deputy_dsl")
    assert people.is_away("head", at("2026-11-23T09:00"))


def test_production_needs_a_second_way_for_alarms_and_a_real_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CME_CLOCK")          # it is refused in production

    def said(**changes: Any) -> list[str]:
        settings = Settings(_env_file=None, smtp_host="smtp.school.example", people_file=write(tmp_path / "people.yaml"), **changes)  # type: ignore[call-arg]
        return [fault for fault in missing_settings(settings) if fault.startswith("CME_ALARM")]

    assert "nobody hears when the school's own mail server fails" in said()[0]
    assert said(environment="test") == []
    assert "no second route" in said(alarm_smtp_host="SMTP.school.example", alarm_sender="a@other.example")[0]
    assert said(alarm_smtp_host="smtp.other.example")[0].startswith("CME_ALARM_SENDER")
    assert said(alarm_smtp_host="smtp.other.example", alarm_sender="a@other.example") == []


@pytest.mark.parametrize("role", ["dsl", "attendance_officer"])
def test_whoever_is_rung_by_parents_or_the_authority_must_have_a_telephone(tmp_path: Path, role: str) -> None:
    """Without it the letter to a parent could never be written, and the contact with them never begin."""
    with pytest.raises(ConfigFaults, match=f"{role}: no telephone"):
        load_people(write(tmp_path / "people.yaml", **{role: {**PEOPLE[role], "telephone": " "}}))
