"""yagmail with every failure visible: the only module that imports it.

yagmail 0.16.0's own ``send`` verifies no certificate, waits for ever, sends a mail up to three times when the reply to it
is lost, and then returns False. So ``SafeMail`` keeps its connection and replaces the four methods that decide: login,
prepare_send, _attempt_send and close. The version is pinned; the tests fail if a method we replace disappears.

The final dot is sent by itself. Before it nothing was accepted, whatever broke; after it, without a reply, nobody can know.

==================  ============================================================================
what came of it     what it means
==================  ============================================================================
Receipt             the server has taken charge of the message (which is not yet delivery)
Transient           certainly not accepted; again later, same bytes
Misconfigured       certainly not accepted; a person must mend password, certificate, sender, list
Permanent           certainly not accepted; this address or message will never pass
Ambiguous           may have been accepted; never again by a machine
==================  ============================================================================
"""

import re
import selectors
import socket
import ssl
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import yagmail

from cme.errors import Ambiguous, BadInput, CmeError, Misconfigured, Permanent, Transient
from cme.mail.message import check_wire, permitted, usable

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LEADING_DOT = re.compile(rb"(?m)^\.")
_MESSAGE_ID = re.compile(rb"(?im)^Message-ID:\s*(\S+)")
_SIGN_IN_CODES = (530, 534, 535, 538)
_ADDRESS_LIKE = re.compile(r"\S+@\S+")
Login = tuple[str, str] | Callable[[Any], object] | None


class Receipt(NamedTuple):
    """The server's word that it has taken the message: reply code 250 and its text (often with a queue id)."""

    message_id: str
    code: int
    text: str


def xoauth2(user: str, token: Callable[[], str]) -> Callable[[Any], object]:
    """A ``login`` for servers that want a bearer token instead of a password (Microsoft 365). ``token`` is asked each time; one that was
    refused is forgotten, where it can be."""
    def sign_in(server: Any) -> object:
        offered = f"user={user}\1auth=Bearer {token()}\1\1"
        try:                                                             # a refusal comes as a challenge that wants an empty answer
            return server.auth("XOAUTH2", lambda challenge=None: "" if challenge else offered)
        except OSError:
            getattr(token, "forget", lambda: None)()
            raise
    return sign_in


def outcome_of_refusal(stage: str, code: int, reply: bytes) -> CmeError:
    """The error that a reply other than success stands for. ``stage`` is MAIL, RCPT, DATA or END (after the final dot).

    A 5.7.x reply is policy (relay denied, "send as" denied; RFC 3463): the address is not at fault and the message stays queued.
    """
    policy = (code in _SIGN_IN_CODES or 500 <= code < 600 and reply.startswith(b"5.7.")
              or stage == "MAIL" and 500 <= code < 600 and code != 552)
    if policy:
        kind: type[CmeError] = Misconfigured
    elif 500 <= code < 600:
        kind = Permanent
    elif stage == "END" and not 400 <= code < 500:
        kind = Ambiguous
    else:
        kind = Transient
    return kind(f"the mail server answered {code} at {stage}: {_without_addresses(reply)}")


class SafeMail(yagmail.SMTP):
    """One way to a mail server. Not for several threads at once.

    ``sender`` is the address of the envelope and ``name`` whose it is (From stands in the bytes); ``login`` is (name,
    password), a function that signs the connection in, or None; ``tls`` is "ssl" (465), "starttls" (587) or "none" (loopback
    only); ``ca`` a file of certificates to trust instead of the machine's; ``allowed`` the allow-list of recipients
    (``message.permitted``). ``timeout`` (seconds) holds for each read; after the final dot ``data_timeout``
    holds, ten minutes as RFC 5321 4.5.3.2.6 asks.
    """

    def __init__(self, sender: str, name: str, host: str, port: int, *, tls: str = "ssl", login: Login = None,
                 ca: str | None = None, allowed: Collection[str] | None = None, timeout: float = 30, data_timeout: float = 600):
        if tls not in ("ssl", "starttls", "none"):
            raise BadInput(f"tls must be ssl, starttls or none, not {tls!r}")
        if tls == "none" and host not in LOOPBACK:
            raise BadInput("mail without TLS is only for a server on this machine (127.0.0.1): set ssl or starttls")
        if not host or not usable(sender):
            raise BadInput("a mail server's host name and a usable sender address are needed")
        try:
            context = None if tls == "none" else ssl.create_default_context(cafile=ca)   # yagmail's own verifies nothing
        except OSError as error:
            raise Misconfigured(f"the mail server's certificate authority cannot be read from {ca}: {error.strerror}") from None
        super().__init__({sender: name}, host=host, port=port, smtp_skip_login=True, smtp_ssl=tls == "ssl",
                         smtp_starttls={"context": context} if tls == "starttls" else False, timeout=timeout,
                         local_hostname=sender.rpartition("@")[2], **({"context": context} if tls == "ssl" else {}))
        self._sign_in, self._allowed, self._data_timeout = login, allowed, data_timeout
        self._point_of_no_return: Callable[[], None] = lambda: None
        self._in_step = False                                        # may QUIT be said, or would it land inside a message?

    def hand_over(self, recipient: str, wire: bytes, point_of_no_return: Callable[[], None]) -> Receipt:
        """Hand ready bytes to the server for one recipient; return its Receipt or raise one of the four errors.

        ``point_of_no_return`` is called when all but the final dot has been sent. If it raises, the dot is not sent, the
        connection is dropped, nothing was accepted, and its exception passes through.
        """
        if not usable(recipient):
            raise Permanent("the recipient is not one usable mail address: correct it where it is held")
        if not permitted(recipient, self._allowed):
            raise Misconfigured("the recipient is not on the allow-list: check the address, or add it to the list")
        check_wire(wire)
        self._point_of_no_return = point_of_no_return
        return self.send(to=recipient, contents=wire)                # yagmail: login, prepare_send, _attempt_send

    def check(self) -> None:
        """Connect, verify the certificate, sign in, say goodbye. Raises Transient or Misconfigured."""
        self.login()
        self.close()

    def set_logging(self, *_: Any, **__: Any) -> None:
        """yagmail would replace log handlers and log recipients: it logs nothing here."""
        super().set_logging(None)

    def login(self) -> None:
        self.close()
        try:
            super().login()
            self.smtp.ehlo_or_helo_if_needed()
            if callable(self._sign_in):
                self._sign_in(self.smtp)
            elif self._sign_in:
                self.smtp.login(*self._sign_in)
            self._in_step = True
        except CmeError:                                             # no token to sign in with
            self.close()
            raise
        except (OSError, UnicodeError) as error:                     # every error of the SMTP library is one
            self.close()
            name, code = type(error).__name__, getattr(error, "smtp_code", 0)
            reply = getattr(error, "smtp_error", "") or str(error)
            for_a_person = isinstance(error, (ssl.SSLError, UnicodeError)) or name == "SMTPNotSupportedError" or code >= 500
            raise (Misconfigured if for_a_person else Transient)(
                f"no session with the mail server ({name}{f' {code}' if code else ''}): {_without_addresses(reply)}") from None

    def prepare_send(self, to: Any = None, subject: Any = None, contents: Any = None, attachments: Any = None, cc: Any = None,
                     bcc: Any = None, headers: Any = None, prettify_html: bool = True, message_id: str | None = None,
                     group_messages: bool = True) -> Any:
        if not (isinstance(to, str) and isinstance(contents, bytes)) or any((subject, attachments, cc, bcc, headers, message_id)):
            raise BadInput("SafeMail sends ready bytes to one recipient: use hand_over")
        return [to], contents

    def _attempt_send(self, recipients: list[str], wire: bytes) -> Receipt:   # type: ignore[override]
        server = self.smtp
        try:
            try:
                size = [f"size={len(wire)}"] if server.has_extn("size") else []
                self._expect("MAIL", (250,), server.mail(self.user, size))
                self._expect("RCPT", (250, 251), server.rcpt(recipients[0]))
                self._expect("DATA", (354,), server.docmd("DATA"))
                self._in_step = False
                server.send(_LEADING_DOT.sub(b"..", wire))
                if _has_something_to_say(server.sock):               # before the dot that is a farewell or the end
                    raise ConnectionAbortedError
            except OSError as error:
                self._in_step = False
                raise Transient(f"the connection was lost before the message was complete ({type(error).__name__})") from None
            self._point_of_no_return()
            try:
                server.sock.settimeout(self._data_timeout)
                server.send(b".\r\n")
                code, reply = server.getreply()
            except OSError as error:
                raise Ambiguous(f"the connection was lost after the message was complete ({type(error).__name__}): "
                                "the server may have accepted it") from None
            self._in_step = True
            self._expect("END", (250,), (code, reply))
            found = _MESSAGE_ID.search(wire)
            return Receipt(found[1].decode() if found else "", code, reply.decode("utf-8", "replace"))
        finally:
            self.close()

    @staticmethod
    def _expect(stage: str, codes: tuple[int, ...], answer: tuple[int, bytes]) -> None:
        if answer[0] not in codes:
            raise outcome_of_refusal(stage, *answer)

    def close(self) -> None:
        """Say QUIT where it can be said, and drop the connection. A failing goodbye never decides about a message."""
        server, self.smtp, self.is_closed = getattr(self, "smtp", None), None, True
        in_step, self._in_step = getattr(self, "_in_step", False), False
        if server is None or server.sock is None:
            return
        try:
            if in_step:
                server.sock.settimeout(5)
                server.quit()
        except OSError:
            pass
        finally:
            server.close()


def _has_something_to_say(sock: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(timeout=0))


def _without_addresses(reply: bytes | str) -> str:
    text = reply if isinstance(reply, str) else reply.decode("utf-8", "replace")
    return _ADDRESS_LIKE.sub("(address)", " ".join(text.split()))[:200]
