"""What is sensitive cannot be read in the database, and whoever asks through the product sees it as ever."""

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session

from cme import clock
from cme.errors import Misconfigured
from cme.records import database
from cme.records.arrays import among, columns_by
from cme.records.history import MACHINE, Stamp, events, record, verify
from cme.records.resealing import places
from cme.records.sealed_columns import keep_keys
from cme.records.sealing import SEALED, Sealer
from cme.records.tables import Contact, Pupil
from tests.conftest import SECRET

ADDRESS = "1 Made-up Lane"


@pytest.fixture
def pupil(session: Session) -> Pupil:
    now = clock.now()
    child = Pupil(school="s", mis_id="1", surname="Bramblewick", address=ADDRESS, first_seen=now, last_seen=now)
    session.add(child)
    session.flush()
    session.add_all(Contact(pupil_id=child.id, priority=n, name=f"C{n}", email="aoife@home.example", telephone="", valid_from=now) for n in (1, 2))
    session.commit()
    session.expire_all()
    return child


def raw(session: Session, query: str) -> list[str]:
    return list(session.scalars(text(query)))


def test_a_sealed_column_is_read_as_it_was_written_and_the_database_shows_nothing_of_it(session: Session, pupil: Pupil) -> None:
    assert session.get_one(Pupil, pupil.id).address == ADDRESS
    [held] = raw(session, "SELECT address FROM pupil")
    assert held.startswith(SEALED) and "Lane" not in held
    assert all("home.example" not in row for row in raw(session, "SELECT contact::text FROM contact"))


def test_an_empty_text_stays_empty_and_can_be_asked_for(session: Session, pupil: Pupil) -> None:
    assert raw(session, "SELECT telephone FROM contact") == ["", ""]
    assert session.scalar(select(func.count()).select_from(Contact).where(Contact.telephone == "")) == 2


def test_an_address_of_a_person_can_be_looked_for_though_it_is_sealed(session: Session, pupil: Pupil) -> None:
    assert len(session.scalars(select(Contact).where(Contact.email == "aoife@home.example")).all()) == 2
    assert len(session.scalars(select(Contact).where(among(Contact.email, ["aoife@home.example", "x"]))).all()) == 2
    assert session.scalars(select(Contact).where(Contact.email == "bram@home.example")).all() == []


def test_a_comparison_that_could_never_find_anything_is_refused_when_it_is_made(session: Session) -> None:
    for make in (lambda: Pupil.address == ADDRESS, lambda: Pupil.address.contains("Lane"), lambda: Contact.email.like("%home%")):
        with pytest.raises(InvalidRequestError, match="is sealed"):
            make()


def test_columns_received_at_once_are_opened(session: Session, pupil: Pupil) -> None:
    [(_, held)] = columns_by(session, Pupil.school, ["s"], {"address": Pupil.address, "postcode": Pupil.postcode})
    assert held == {"address": [ADDRESS], "postcode": [""]}


def test_a_sealed_text_moved_to_another_column_or_sealed_by_a_strange_key_is_not_opened(session: Session, pupil: Pupil) -> None:
    session.execute(text("UPDATE pupil SET postcode = address"))
    with pytest.raises(Misconfigured, match="was changed"):
        session.scalars(select(Pupil.postcode)).all()
    keep_keys(session.get_bind(), Sealer("quite another secret"))  # type: ignore[arg-type]
    with pytest.raises(Misconfigured, match="put that secret back"):
        session.scalars(select(Pupil.address)).all()


def test_without_keys_nothing_is_kept_in_the_open(engine: Engine, pupil: Pupil) -> None:
    bare = database.engine(engine.url.render_as_string(hide_password=False))
    with Session(bare) as session:
        session.add(Contact(pupil_id=pupil.id, priority=3, name="C3", email="c@home.example", valid_from=clock.now()))
        with pytest.raises(Exception, match="without their keys"):
            session.flush()
    bare.dispose()


def test_what_people_typed_is_sealed_in_the_history_and_the_chain_holds_what_it_says(session: Session) -> None:
    record(session, "CME-2026-0001", "decision.made", Stamp(MACHINE, clock.now()), "refer", {
        "review": 7, "reason": "Her aunt rang", "appraisal": {"forced_marriage": "yes"}, "note": ""})
    session.commit()
    session.expire_all()
    [row] = raw(session, "SELECT case_event::text FROM case_event")
    assert "aunt" not in row and "forced_marriage" not in row and '""review"": 7' in row
    [event] = events(session, "CME-2026-0001")
    assert event.why == "refer" and event.data == {"review": 7, "reason": "Her aunt rang", "appraisal": {"forced_marriage": "yes"}, "note": ""}
    assert verify(session) == []


def test_a_row_written_before_its_column_was_sealed_is_read_as_it_stands(session: Session, pupil: Pupil) -> None:
    session.execute(text("UPDATE pupil SET address = '2 Open Street'"))
    assert session.scalars(select(Pupil.address)).all() == ["2 Open Street"]


def test_every_sealed_column_is_bound_to_its_own_name() -> None:
    assert all(getattr(place.column.type, "name", place.name) == place.name for place in places())
    assert len(places()) > 15


def test_the_same_text_looks_alike_only_where_it_must_be_found() -> None:
    sealer = Sealer(SECRET)
    assert sealer.seal_text("a", "t.c") != sealer.seal_text("a", "t.c")
    assert sealer.seal_text("a", "t.c", findable=True) == sealer.seal_text("a", "t.c", findable=True)
