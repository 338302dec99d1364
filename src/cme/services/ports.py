"""Free ports on this machine's loopback address."""

import socket
from collections.abc import Mapping

from cme.errors import Misconfigured

LOOPBACK = "127.0.0.1"
_NEXT_DOOR = 40                                             # how many ports after the preferred one are tried
_REFUSED_BY_BROWSERS = {4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080}


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """True if a server could listen on ``port`` now: nobody listens there, and it can be bound."""
    with socket.socket() as caller:
        caller.settimeout(0.5)
        if caller.connect_ex((host, port)) == 0:
            return False
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError:
            return False
    return True


def choose(preferred: Mapping[str, int], host: str = LOOPBACK) -> dict[str, int]:
    """A free port for each name: the preferred one, else one close by, else any; all different, none that browsers refuse.

    Raises Misconfigured when the machine has no free port left.
    """
    chosen: dict[str, int] = {}
    for name, first in preferred.items():
        close_by = (port for port in range(first, min(first + _NEXT_DOOR, 65536))
                    if port not in _REFUSED_BY_BROWSERS and port not in chosen.values())
        port = next((port for port in close_by if is_free(port, host)), None)
        chosen[name] = _any_port(host, set(chosen.values())) if port is None else port
    return chosen


def _any_port(host: str, taken: set[int]) -> int:
    held: list[socket.socket] = []                          # held so that the kernel names another one each time
    try:
        while len(held) < 50:
            listener = socket.socket()
            held.append(listener)
            listener.bind((host, 0))
            port = int(listener.getsockname()[1])
            if port not in taken and port not in _REFUSED_BY_BROWSERS:
                return port
    except OSError:
        pass
    finally:
        for listener in held:
            listener.close()
    raise Misconfigured(f"no free port was found on {host}: stop some of the servers on this machine and start again")
