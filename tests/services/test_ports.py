import socket

import pytest

from cme.errors import Misconfigured
from cme.services import ports


@pytest.fixture
def busy_port():
    with socket.socket() as listener:
        listener.bind((ports.LOOPBACK, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_free_port_is_taken_as_preferred(busy_port: int):
    free = ports.choose({"web": busy_port})["web"]
    assert ports.choose({"web": free}) == {"web": free}


def test_a_port_in_use_is_seen_and_one_close_by_is_chosen(busy_port: int):
    assert not ports.is_free(busy_port)
    assert busy_port < ports.choose({"web": busy_port})["web"] < busy_port + 40


def test_a_port_that_is_bound_on_all_addresses_is_in_use():
    with socket.socket() as listener:
        listener.bind(("", 0))
        listener.listen()
        assert not ports.is_free(listener.getsockname()[1])


def test_two_that_prefer_the_same_port_get_two(busy_port: int):
    chosen = ports.choose({"web": busy_port, "mail": busy_port})
    assert len({busy_port, *chosen.values()}) == 3


def test_ports_that_browsers_refuse_to_open_are_never_chosen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ports, "is_free", lambda port, host: True)
    assert ports.choose({"web": 6665}) == {"web": 6670} and ports.choose({"web": 5060}) == {"web": 5062}


def test_where_all_close_by_are_in_use_any_free_one_is_chosen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ports, "is_free", lambda port, host: False)
    chosen = ports.choose({"web": 4200, "mail": 2525})
    assert len(set(chosen.values())) == 2
    with socket.socket() as listener:
        listener.bind((ports.LOOPBACK, chosen["web"]))


def test_no_port_left_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ports, "is_free", lambda port, host: False)

    def refuse(self, address):
        raise OSError

    monkeypatch.setattr(ports.socket, "socket", type("Full", (socket.socket,), {"bind": refuse}))
    with pytest.raises(Misconfigured, match="no free port"):
        ports.choose({"web": 4200})
