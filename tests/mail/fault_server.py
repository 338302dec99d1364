"""A mail server on loopback that goes wrong where it is told to."""

import asyncio
import base64
import ssl
import threading
import warnings
from collections.abc import Callable
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

DROP, SILENCE = "drop", "silence"


class FaultServer:
    """``faults`` maps a stage to what happens there: a reply ("550 5.1.1 no"), DROP, SILENCE, or a list of these in turn
    (then all is well). Stages: CONNECT, AUTH, MAIL, RCPT, DATA, BODY (in the middle of the message), ACCEPTED (after the
    final dot, the message is taken, the reply goes wrong) and END (after the final dot, not taken).

    ``accepted`` holds the (recipient, bytes) the server has taken charge of; ``sign_ins`` what was offered to AUTH.
    """

    def __init__(self, faults: dict[str, str | list[str]] | None = None, *, tls: ssl.SSLContext | None = None,
                 starttls: ssl.SSLContext | None = None, password: bytes | None = None, token: str = "", pause: float = 0):
        self.faults = {stage: [fault] * 1000 if isinstance(fault, str) else list(fault)
                       for stage, fault in (faults or {}).items()}
        self.accepted: list[tuple[str, bytes]] = []
        self.sign_ins: list[bytes] = []
        self.dialogue: list[str] = []
        self.received = bytearray()                      # all that clients have said without TLS
        self.token = token                               # the one that XOAUTH2 accepts; empty: any
        self.pause = pause                               # before the reply to the final dot
        self.on_accept: Callable[[], None] = lambda: None
        self._tls, self._starttls, self._password = tls, starttls, password
        self._transports: set[Any] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "FaultServer":
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(
            self._loop.create_server(lambda: _Faulty(self, self._loop), "127.0.0.1", 0, ssl=self._tls), self._loop).result(10)
        self._listening, self.port = listening, listening.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        async def stop() -> None:
            self._listening.close()
            for transport in self._transports:
                transport.abort()
            await asyncio.sleep(0)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def sign_in(self, _server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.sign_ins.append(data.password)
        if fault := self.next_fault("AUTH"):
            return AuthResult(success=False, handled=False, message=fault)
        return AuthResult(success=data.password == self._password, handled=False)

    def next_fault(self, stage: str) -> str | None:
        planned = self.faults.get(stage)
        return planned.pop(0) if planned else None


class _Faulty(SMTP):
    def __init__(self, house: FaultServer, loop: asyncio.AbstractEventLoop):
        wants_sign_in = house._password is not None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)     # passwords without TLS are what a test of ours is about
            super().__init__(_Handler(house), hostname="fault.example", loop=loop, timeout=60, tls_context=house._starttls,
                             authenticator=house.sign_in if wants_sign_in else None, auth_required=wants_sign_in,
                             auth_require_tls=False)
        self.house = house

    def connection_made(self, transport: Any) -> None:
        self.house._transports.add(transport)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self.house.received += data
        super().data_received(data)

    async def _handle_client(self) -> None:
        if not await self._go_wrong("CONNECT"):
            await super()._handle_client()

    async def _go_wrong(self, stage: str) -> bool:
        """Carry out what is planned for a stage; True when the stage is over."""
        self.house.dialogue.append(stage)
        fault = self.house.next_fault(stage)
        if fault is None:
            return False
        if fault == DROP:
            self.transport.abort()
            await asyncio.sleep(1)                           # until the end of the connection ends this
        elif fault == SILENCE:
            await asyncio.sleep(60)
        else:
            await self.push(fault)
            if fault.startswith("421"):
                self.transport.close()
        return True

    async def smtp_MAIL(self, arg: str) -> None:
        if not await self._go_wrong("MAIL"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str) -> None:
        if not await self._go_wrong("RCPT"):
            await super().smtp_RCPT(arg)

    async def smtp_QUIT(self, arg: str) -> None:
        self.house.dialogue.append("QUIT")
        await super().smtp_QUIT(arg)

    async def smtp_DATA(self, arg: str) -> None:
        if await self._go_wrong("DATA"):
            return
        if self.house.faults.get("BODY"):
            await self.push("354 go on")
            await self._reader.readline()
            await self._go_wrong("BODY")
            return
        await super().smtp_DATA(arg)


class _Handler:
    def __init__(self, house: FaultServer):
        self.house = house

    async def auth_XOAUTH2(self, server: _Faulty, arguments: list[str]) -> AuthResult:
        """As Microsoft 365 does it: a refusal is a challenge (a JSON of the reason) that wants an empty answer, then 535."""
        offered = arguments[1].encode()
        self.house.sign_ins.append(offered)
        if self.house.token and f"auth=Bearer {self.house.token}\1\1".encode() not in base64.b64decode(offered):
            answer = await server.challenge_auth(b'{"status":"401","schemes":"Bearer"}')
            assert answer == b"", "a client that says more here is cut off"
            return AuthResult(success=False, handled=False, message="535 5.7.3 Authentication unsuccessful")
        return AuthResult(success=True, handled=False)

    async def handle_DATA(self, server: _Faulty, _session: Any, envelope: Any) -> str:
        if reply := await self._wrong_reply(server, "END"):
            return reply
        self.house.accepted += [(recipient, envelope.original_content) for recipient in envelope.rcpt_tos]
        self.house.on_accept()
        await asyncio.sleep(self.house.pause)
        return await self._wrong_reply(server, "ACCEPTED") or "250 2.0.0 taken as AB12CD"

    async def _wrong_reply(self, server: _Faulty, stage: str) -> str | None:
        fault = self.house.next_fault(stage)
        if fault == DROP:
            server.transport.abort()
            await asyncio.sleep(1)
        elif fault == SILENCE:
            await asyncio.sleep(60)
        elif fault and fault.startswith("421"):
            asyncio.get_running_loop().call_later(0.05, server.transport.close)
        return fault
