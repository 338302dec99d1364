"""The sign-in: one password opens the door; a name is believed only from the proxy that holds the password."""

import base64

import pytest
from tests.door.conftest import OPENS, PASSWORD, USER_HEADER

from cme.door.sign_in import SignIn


def basic(text: str) -> tuple[bytes, bytes]:
    return b"authorization", b"Basic " + base64.b64encode(text.encode())


NAMED = (b"x-signed-in-as", b"i.thistlewick@larkspur-bridge.example")
RIGHT = basic(OPENS)


def test_only_the_right_password_is_admitted() -> None:
    door = SignIn(OPENS)
    assert door.admits([RIGHT])
    for wrong in ([], [basic(f"admin:{PASSWORD} ")], [basic(f"root:{PASSWORD}")], [basic(PASSWORD)], [basic("")], [basic("admin:pässword")],
                  [(b"authorization", b"Basic ????")], [(b"authorization", b"Bearer " + RIGHT[1].removeprefix(b"Basic "))],
                  [(b"authorization", b"Basic")], [RIGHT, basic("admin:another")], [RIGHT, RIGHT], [(b"cookie", RIGHT[1])]):
        assert not door.admits(wrong), wrong


def test_without_a_password_everybody_comes_in_and_nobody_is_named() -> None:
    door = SignIn("", USER_HEADER)
    assert door.admits([]) and door.user([NAMED]) == "" and not door.proxied([NAMED, RIGHT])


def test_a_name_is_believed_only_where_the_header_is_set_up_and_the_password_stands_beside_it() -> None:
    assert SignIn(OPENS, USER_HEADER).user([RIGHT, NAMED]) == "i.thistlewick@larkspur-bridge.example"
    assert SignIn(OPENS, USER_HEADER).user([NAMED]) == ""
    assert SignIn(OPENS, USER_HEADER).user([basic("admin:guessed"), NAMED]) == ""
    assert SignIn(OPENS).user([RIGHT, NAMED]) == ""


def test_two_names_are_no_name() -> None:
    """A proxy that adds its header beside the client's own has not stripped it: either may be forged."""
    assert SignIn(OPENS, USER_HEADER).user([RIGHT, (NAMED[0], b"forged@larkspur-bridge.example"), NAMED]) == ""


@pytest.mark.parametrize(("sent", "kept"), [(b"  dsl@school.example ", "dsl@school.example"), ("Zoë".encode(), "Zoë"), (b"", ""),
                                            (b"two\nlines", ""), (b"x" * 500, "x" * 200),
                                            (b"{http.reverse_proxy.header.X-Auth-Request-Email}", "")])
def test_a_name_is_kept_as_one_short_line(sent: bytes, kept: str) -> None:
    assert SignIn(OPENS, USER_HEADER).user([RIGHT, (NAMED[0], sent)]) == kept


def test_the_password_is_not_in_what_is_printed_of_the_door() -> None:
    assert PASSWORD not in repr(SignIn(OPENS, USER_HEADER))
