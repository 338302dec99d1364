"""The school's mailbox, read over IMAP with imap-tools. Nothing in it is changed: no mail is marked as read, moved or deleted."""

import ssl
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from imaplib import IMAP4
from typing import NamedTuple

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxLoginError

from cme.errors import BadInput, CmeError, Misconfigured, Transient
from cme.mail.smtp import LOOPBACK
from cme.mail.tokens import Token

AT_ONCE = 100            # mails in one round; the others follow in the next


class Found(NamedTuple):
    """A mail of the mailbox: ``place`` is where it lies ("<UIDVALIDITY>:<UID>"), ``content`` the whole mail."""

    place: str
    content: bytes


class Mailbox:
    """A folder of a mailbox. ``sign_in`` is (name, password) or (name, token); TLS is verified, or the server is on this machine."""

    def __init__(self, host: str, port: int, *, tls: str, user: str, sign_in: str | Token, ca: str | None = None, folder: str = "INBOX",
                 timeout: float = 20) -> None:
        if tls not in ("ssl", "starttls", "none"):
            raise BadInput(f"tls must be ssl, starttls or none, not {tls!r}")
        if tls == "none" and host not in LOOPBACK:
            raise BadInput("a mailbox without TLS is only for a server on this machine (127.0.0.1): set ssl or starttls")
        self._host, self._port, self._tls, self._user, self._sign_in = host, port, tls, user, sign_in
        self._ca, self._folder, self._timeout = ca, folder, timeout

    def read(self, new_of: Callable[[Collection[str]], Collection[str]]) -> Iterator[Found]:
        """The mails at the places that ``new_of`` picks from all places, oldest first, at most ``AT_ONCE``.

        Raises Transient where the server cannot be reached now, and Misconfigured where a person must act.
        """
        with _told(), self._opened() as box:
            validity = box.folder.status(self._folder, ["UIDVALIDITY"])["UIDVALIDITY"]
            places = {f"{validity}:{uid}": uid for uid in sorted(box.uids(charset=None), key=int)}
            wanted = set(new_of(places))
            for uid in [uid for place, uid in places.items() if place in wanted][:AT_ONCE]:
                _, answer = box.client.uid("FETCH", uid, "(BODY.PEEK[])")           # byte for byte, as the library's own messages are not
                if answer and isinstance(answer[0], tuple):
                    yield Found(f"{validity}:{uid}", answer[0][1])

    def check(self) -> int:
        """Connect, verify the certificate, sign in, open the folder; returns how many mails lie in it."""
        with _told(), self._opened() as box:
            return int(box.folder.status(self._folder, ["MESSAGES"])["MESSAGES"])

    def _opened(self) -> BaseMailBox:
        context = None
        if self._tls != "none":
            try:
                context = ssl.create_default_context(cafile=self._ca)
            except OSError as error:
                raise Misconfigured(f"the mailbox's certificate authority cannot be read from {self._ca}: {error.strerror}") from None
        if self._tls == "ssl":
            box: BaseMailBox = MailBox(self._host, self._port, timeout=self._timeout, ssl_context=context)
        elif self._tls == "starttls":
            box = MailBoxStartTls(self._host, self._port, timeout=self._timeout, ssl_context=context)
        else:
            box = MailBoxUnencrypted(self._host, self._port, timeout=self._timeout)
        try:
            if isinstance(self._sign_in, str):
                box.login(self._user, self._sign_in, initial_folder=None)
            else:
                box.xoauth2(self._user, self._sign_in(), initial_folder=None)
            box.folder.set(self._folder, readonly=True)
            return box
        except BaseException as error:
            box.client.shutdown()
            if not isinstance(self._sign_in, str) and isinstance(error, (IMAP4.error, MailboxLoginError)):
                self._sign_in.forget()
            raise


@contextmanager
def _told() -> Iterator[None]:
    """Every error of the library as one of ours, without what the server said: it may quote a mail."""
    try:
        yield
    except CmeError:
        raise
    except IMAP4.abort as error:                      # the line broke; an IMAP4.error that is none of the server's answers
        raise Transient(f"the mailbox cannot be reached now ({type(error).__name__})") from None
    except (IMAP4.error, ImapToolsError, ssl.SSLCertVerificationError, ValueError) as error:
        raise Misconfigured(f"the mailbox cannot be opened ({type(error).__name__}): correct its name, password, certificate, port or folder") from None
    except OSError as error:
        raise Transient(f"the mailbox cannot be reached now ({type(error).__name__})") from None
