"""The allow-list: a message leaves only for who may have it, and one that may not is with a person."""

from dataclasses import replace

import pytest
from tests.steps.answers import RUN, answer, code_for, shown
from tests.steps.school import MONDAY, School, a_pupil

from cme.errors import Misconfigured
from cme.records.alarms import open_alarms
from cme.records.reviews import SAFEGUARDING
from cme.records.tables import Outbox
from cme.steps import notify, oversee
from cme.steps.review import ring, take_answer

LA, TANSY = "cme-referrals@birmingham-authority.example", "attendance@tansy-hill.example"


@pytest.fixture
def known(school: School) -> School:
    school.write(a_pupil(), {MONDAY: ("/", "\\")})
    return school


@pytest.mark.parametrize(("kind", "may", "may_not"), [
    ("la_cme_referral", [LA, "CME-Referrals@Birmingham-Authority.example", TANSY],
     ["cme@birmingham-authority.example", "x@birmingham-authority.example.evil.example", "aoife@home.example", "dsl@larkspur-bridge.example"]),
    ("home_school_absence", [TANSY], [LA, "aoife@home.example", "head@larkspur-bridge.example"]),
    ("parent_contact", ["aoife@home.example", "Bram@HOME.example"], [LA, TANSY, "dsl@larkspur-bridge.example", "carol@home.example"]),
    ("review_call", ["dsl@larkspur-bridge.example", "Head@larkspur-bridge.example"], [LA, TANSY, "aoife@home.example", "dsl@elsewhere.example"])])
def test_each_kind_goes_only_to_those_it_is_for(known: School, kind: str, may: list[str], may_not: list[str]) -> None:
    for address in may:
        known.may_leave(kind, address)
    for address in may_not:
        with pytest.raises(Misconfigured) as caught:
            known.may_leave(kind, address)
        assert address not in str(caught.value)


def test_a_contact_who_may_no_longer_be_written_to_gets_nothing(known: School) -> None:
    held = a_pupil().contacts
    known.write(a_pupil(contacts=(replace(held[0], do_not_contact=True), replace(held[1], email="new@home.example"))), {})
    known.may_leave("parent_contact", "new@home.example")
    for address in ("aoife@home.example", "bram@home.example"):
        with pytest.raises(Misconfigured):
            known.may_leave("parent_contact", address)


def test_a_referral_to_a_mailbox_that_is_not_named_any_more_waits_for_a_person_and_holds_up_nothing(school: School, before_the_dsl: str) -> None:
    authority = school.policies.authority
    school.policies = replace(school.policies, authority=replace(authority, mailbox="old@la.example", messages={
        key: replace(practice, mailbox="old@la.example") for key, practice in authority.messages.items()}))
    asked = ring(school, before_the_dsl, SAFEGUARDING, RUN, school.stamp())
    assert asked and take_answer(school, before_the_dsl, SAFEGUARDING, shown("k", asked), answer(code_for(school, "dsl")), RUN).accepted
    notify.prepare(school, before_the_dsl, school.stamp())
    school.policies = replace(school.policies, authority=authority)
    sent = oversee.send_mail(school, school.stamp())
    with school.transaction() as session:
        [row] = session.query(Outbox).where(Outbox.kind == "la_cme_referral")
        assert (row.state, row.recipient) == ("queued", "old@la.example") and "authority's file" in (row.last_error or "")
        assert f"outbox:{row.id}" in [alarm.key for alarm in open_alarms(session)]
    assert school.post.to("old@la.example") == school.post.to(LA) == []
    assert [d.held for d in sent if d.outbox_id == row.id] == [True]
