"""What lies in the database cannot be read or changed without the secret."""

import pytest

from cme.errors import Misconfigured
from cme.records.sealing import Sealer

SECRET = "a secret of the tests, long enough"


def test_what_was_sealed_can_be_opened_with_the_same_secret_only() -> None:
    sealed = Sealer(SECRET).seal(b"a letter")
    assert Sealer(SECRET).open(sealed) == b"a letter"
    assert b"letter" not in sealed
    with pytest.raises(Misconfigured, match="secret"):
        Sealer(SECRET + "!").open(sealed)


def test_a_changed_record_cannot_be_opened() -> None:
    sealed = bytearray(Sealer(SECRET).seal(b"a letter"))
    sealed[30] ^= 1
    with pytest.raises(Misconfigured):
        Sealer(SECRET).open(bytes(sealed))


def test_the_same_bytes_never_look_the_same_twice() -> None:
    sealer = Sealer(SECRET)
    assert sealer.seal(b"a letter") != sealer.seal(b"a letter")


def test_a_code_is_bound_to_each_of_its_parts_and_to_the_secret() -> None:
    sealer = Sealer(SECRET)
    macs = {sealer.mac("review", "1", "dsl", "123456"), sealer.mac("review", "11", "dsl", "23456"),
            sealer.mac("review", "1", "dsl123456"), sealer.mac("review", "1", "head", "123456"),
            Sealer(SECRET + "!").mac("review", "1", "dsl", "123456")}
    assert len(macs) == 5
    assert sealer.mac("review", "1", "dsl", "123456") == Sealer(SECRET).mac("review", "1", "dsl", "123456")
    assert all(len(mac) == 64 for mac in macs)


def test_a_short_secret_is_refused_and_none_is_shown() -> None:
    with pytest.raises(Misconfigured) as caught:
        Sealer("too short")
    assert "too short" not in str(caught.value)
    assert SECRET not in repr(Sealer(SECRET))
