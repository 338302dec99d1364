"""Changing the key: everything is sealed again, stopped anywhere it goes on, nothing is unreadable meanwhile."""

from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from cme.config.secret_keys import ENTRY, SecretKeys
from cme.config.settings import Settings
from cme.errors import BadInput, Misconfigured
from cme.records import resealing
from cme.records.history import verify
from cme.records.resealing import remaining
from cme.records.reviews import SAFEGUARDING
from cme.records.sealing import Sealer
from cme.records.tables import CaseEvent, Contact, Decision, DossierShown, Outbox, Review
from cme.steps import decisions, keys
from cme.steps.office import Office
from cme.steps.review import take_answer
from tests.steps.answers import RUN, code_for
from tests.steps.school import AOIFE, School


@pytest.fixture
def office(school: School) -> School:
    """The school with its secrets in a file, and everything sealed by the first of them."""
    secrets = school.settings.secrets
    school.sealer.__init__(*secrets(), again=secrets)  # type: ignore[misc]
    return school


def decision(code: str) -> dict[str, object]:
    return {"decision": decisions.REFER, "actions": [], "reason": "No word for ten school days.", "code": code, "agencies": decisions.UNKNOWN,
            **dict.fromkeys(decisions.REASONS, decisions.UNKNOWN)}


@pytest.fixture
def decided(office: School, before_the_dsl: str) -> str:
    assert take_answer(office, before_the_dsl, SAFEGUARDING, "k1", decision(code_for(office, "dsl")), RUN).accepted
    return before_the_dsl


def seen(office: Office) -> list[object]:
    """Everything sealed, as the product reads it."""
    with office.transaction() as session:
        found: list[object] = [session.execute(select(Contact.email, Contact.telephone).order_by(Contact.id)).all(),
                               session.execute(select(Decision.reason, Decision.appraisal)).all(),
                               session.execute(select(Review.dossier, Outbox.recipient).join(Outbox, text("true")).order_by(Review.id, Outbox.id)).all(),
                               session.scalars(select(DossierShown.dossier).order_by(DossierShown.id)).all(),
                               [office.sealer.open(sealed) for sealed in session.scalars(select(Outbox.sealed).order_by(Outbox.id)) if sealed]]
        events = session.execute(select(CaseEvent.id, CaseEvent.why, CaseEvent.data).where(~CaseEvent.what.startswith("key."))).all()
        assert verify(session) == []
        return [*found, *sorted(events)]


def test_everything_is_sealed_again_by_a_new_key_and_reads_as_before(office: School, decided: str) -> None:
    before, old = seen(office), office.sealer.ids[0]
    done = keys.rotate(office, "operations")
    assert office.sealer.ids[1:] == [old] and office.settings.secrets()[0] != office.settings.secrets()[1]
    assert remaining(office.engine, office.sealer) == {} and seen(office) == before
    assert {"contact.email", "decision.reason", "dossier_shown.dossier", "case_event.why", "case_event.data", "outbox.sealed"} <= set(done)
    with office.transaction() as session:
        [begun, ended] = session.scalars(select(CaseEvent).where(CaseEvent.what.startswith("key.rotation")).order_by(CaseEvent.id))
        assert begun.data == {"key": office.sealer.ids[0], "former": [old]} and ended.who == "operations"
        assert ended.data["rows"] == done


def test_a_rotation_that_was_stopped_goes_on_with_the_same_key(office: School, decided: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resealing, "BATCH", 2)
    before, batches = seen(office), []

    def stop_after_five(column: str, rows: int) -> None:
        batches.append(column)
        if len(batches) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keys.rotate(office, "operations", stop_after_five)
    key = office.sealer.ids[0]
    assert remaining(office.engine, office.sealer) and seen(office) == before      # readable half-way
    with pytest.raises(BadInput, match="still sealed by a key of before"):
        keys.forget_former(office, "operations")
    keys.rotate(office, "operations")
    assert office.sealer.ids[0] == key and remaining(office.engine, office.sealer) == {} and seen(office) == before


def test_a_process_that_still_holds_the_old_key_reads_what_the_new_one_sealed(office: School, decided: str) -> None:
    other = Sealer(*office.settings.secrets(), again=office.settings.secrets)
    keys.rotate(office, "operations")
    assert len(other.ids) == 1
    assert other.open(office.sealer.seal(b"new")) == b"new" and len(other.ids) == 2


def test_a_code_mailed_before_the_key_was_changed_still_names_its_person(office: School, before_the_dsl: str) -> None:
    code = code_for(office, "dsl")
    keys.rotate(office, "operations")
    assert take_answer(office, before_the_dsl, SAFEGUARDING, "k1", decision(code), RUN).accepted


def test_the_former_key_is_forgotten_once_nothing_needs_it(office: School, decided: str) -> None:
    keys.rotate(office, "operations")
    old = office.sealer.ids[1]
    assert keys.forget_former(office, "operations") == [old]
    assert len(office.settings.secrets()) == 1 and seen(office)
    with pytest.raises(BadInput, match="only one key"):
        keys.forget_former(office, "operations")


def test_what_was_never_sealed_is_sealed_by_a_rotation(office: School, decided: str) -> None:
    with office.engine.begin() as connection:
        connection.execute(text("UPDATE contact SET email = 'open@home.example' WHERE email <> '' AND id = (SELECT min(id) FROM contact)"))
    key = office.sealer.ids[0]
    keys.rotate(office, "operations")
    assert office.sealer.ids == [key]           # no new key for that: the newest one was not yet everywhere
    with office.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM contact WHERE email NOT LIKE 'cme1.%'")) == 0


@pytest.mark.usefixtures("as_owner")
def test_only_sealed_columns_of_an_append_only_row_change_and_only_where_that_was_said(office: School, decided: str) -> None:
    for said, change in (("off", {"reason": "another"}), ("on", {"outcome": "another"})):
        with pytest.raises(IntegrityError, match="append-only"), office.engine.begin() as connection:
            connection.execute(text(f"SET LOCAL cme.resealing = '{said}'"))
            connection.execute(update(Decision).values(change))
    with pytest.raises(IntegrityError, match="append-only"), office.engine.begin() as connection:
        connection.execute(text("SET LOCAL cme.resealing = 'on'"))
        connection.execute(text("DELETE FROM decision"))
    with pytest.raises(IntegrityError, match="append-only"), office.engine.begin() as connection:
        connection.execute(text("SET LOCAL cme.resealing = 'on'"))
        connection.execute(text("UPDATE register_version SET marks = marks"))


def test_secrets_of_the_environment_are_changed_by_a_person(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, environment="test", data_dir=tmp_path, secret_key="a new secret of the school",  # type: ignore[call-arg, arg-type]
                        former_secret_keys="the-first-secret-of-it,the-second-secret-of-it")
    assert settings.secrets() == ["a new secret of the school", "the-first-secret-of-it", "the-second-secret-of-it"]
    with pytest.raises(BadInput, match="CME_FORMER_SECRET_KEYS"):
        settings.secret_keys.begin_new()


def test_the_keyring_of_the_operating_system_may_hold_the_secrets(tmp_path: Path) -> None:
    import keyring
    from keyring.backend import KeyringBackend
    from keyring.errors import KeyringLocked

    class Memory(KeyringBackend):
        priority = 1  # type: ignore[assignment]
        held: dict[tuple[str, str], str] = {}
        locked = False

        def get_password(self, service: str, username: str) -> str | None:
            if self.locked:
                raise KeyringLocked
            return self.held.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.held[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del self.held[service, username]

    before, memory = keyring.get_keyring(), Memory()
    keyring.set_keyring(memory)
    try:
        secrets = SecretKeys(tmp_path / "secret.key", service="cme-flows")
        [first] = secrets.read()
        assert secrets.read() == [first] and memory.held == {("cme-flows", ENTRY): first}
        assert secrets.begin_new()[1:] == [first] and len(secrets.read()) == 2
        assert not (tmp_path / "secret.key").exists()
        memory.locked = True
        with pytest.raises(Misconfigured, match="CME_SECRET_KEYRING.*unlock it"):
            secrets.read()
    finally:
        keyring.set_keyring(before)


def test_a_parents_address_can_still_be_found_after_a_rotation(office: School, decided: str) -> None:
    keys.rotate(office, "operations")
    with office.transaction() as session:
        assert session.scalars(select(Contact).where(Contact.email == AOIFE.email)).one().telephone == AOIFE.telephone
