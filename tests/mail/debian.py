"""Mail programs of Debian for the tests: an MTA (Exim) and an IMAP server (Dovecot), run by an unprivileged user in a temporary folder, on
loopback and on ports of their own; qpdf and pdftotext. Found on this machine, or installed where that may be done."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAMS = {"exim4": "exim4-daemon-light", "dovecot": "dovecot-imapd", "qpdf": "qpdf", "pdftotext": "poppler-utils"}
_OTHER_PLACES = "/usr/sbin:/usr/local/sbin:/usr/lib/dovecot"


def program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=_OTHER_PLACES)


def _missing() -> list[str]:
    found = [package for name, package in PROGRAMS.items() if not program(name)]
    return found if shutil.which("imap", path="/usr/lib/dovecot:/usr/libexec/dovecot") else [*dict.fromkeys([*found, "dovecot-imapd"])]


def main() -> None:
    if not _missing():
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        print(f"Installing Debian's {', '.join(_missing())} for the tests ...", flush=True)
        # exim4 is asked to be no more than it is: these tests start their own, and the machine's is not
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *_missing()], check=False, **quiet)
    if _missing():
        sys.exit(f"The tests of mail need {', '.join(PROGRAMS)} and they could not be installed here: install them (Debian: apt-get install "
                 f"{' '.join(PROGRAMS.values())}) and run `make test` again.")


class _Server:
    """A program that is started in a folder of its own and stopped with all it began."""

    def __init__(self) -> None:
        main()
        self.home = Path(tempfile.mkdtemp(prefix="cme-e-"))
        self.home.chmod(0o755)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self, command: list[str], user: str) -> None:
        if os.geteuid() == 0:
            for path in (self.home, *self.home.rglob("*")):
                shutil.chown(path, user)
        with (self.home / "out").open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, cwd=self.home,
                                            **({"user": user, "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}))
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(self.logs()) from None
                time.sleep(0.05)

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in self.home.rglob("*") if path.is_file() and path.name in ("out", "log", "mainlog", "paniclog"))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.home, ignore_errors=True)


_EXIM = """
primary_hostname = mail.school.example
spool_directory = {home}/spool
log_file_path = {home}/log/%slog
pid_file_path = {home}/pid
keep_environment =
exim_user = {user}
exim_group = {group}
deliver_drop_privilege
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts = *
tls_certificate = {pem}
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
  deny message = 5.7.1 sign in first
       !authenticated = *
  deny message = 5.1.1 no such person
       local_parts = refused
  accept
data:
  accept
begin routers
here:
  driver = accept
  domains = la.example : school.example
  local_parts = cme : cme.officer
  transport = maildir
nobody:
  driver = redirect
  allow_fail
  data = :fail: 5.1.1 there is no such mailbox here
begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = {mail}/$local_part_data
  create_directory
  return_path_add
  user = {user}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{cme}}}}{{eq{{$auth3}}{{right-password}}}}}}}}
"""


def _user() -> tuple[str, str]:
    import grp
    import pwd
    return ("nobody", "nogroup") if os.geteuid() == 0 else (pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name)


class Exim(_Server):
    """Debian's MTA with STARTTLS and sign-in (cme, right-password). It takes every address; who is not cme or cme.officer bounces."""

    def __init__(self, pem: str) -> None:
        super().__init__()
        user, group = _user()
        self.mail = self.home / "mail"                    # a maildir for each of the two
        for folder in ("spool", "log", "mail"):
            (self.home / folder).mkdir()
        shutil.copy(pem, self.home / "server.pem")
        (self.home / "conf").write_text(_EXIM.format(home=self.home, user=user, group=group, port=self.port, pem=self.home / "server.pem", mail=self.mail))
        self.start([str(program("exim4")), "-C", str(self.home / "conf"), "-bdf", "-q1m"], user)


    def drop(self, who: str, content: bytes) -> None:
        """Put a mail into a maildir as it came from elsewhere."""
        home = self.mail / who
        for folder in ("new", "cur", "tmp"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        (home / "new" / f"1.{len(content)}.elsewhere").write_bytes(content)
        if os.geteuid() == 0:
            for path in (home, *home.rglob("*")):
                shutil.chown(path, _user()[0])


_DOVECOT = """
base_dir = {home}/run
log_path = {home}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
ssl = required
ssl_cert = <{home}/server.pem
ssl_key = <{home}/server.pem
mail_location = maildir:{mail}/%n
auth_mechanisms = plain xoauth2
auth_failure_delay = 0
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {home}/oauth2
}}
passdb {{
  driver = static
  mechanisms = plain
  args = password=right-password
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={mail}/%n
}}
"""


class Dovecot(_Server):
    """Debian's IMAP server over TLS, for the same maildirs: a password (right-password), or a token that ``token_info`` knows."""

    def __init__(self, pem: str, mail: Path, token_info: str = "http://127.0.0.1:1/") -> None:
        super().__init__()
        user, group = _user()
        (self.home / "run").mkdir()
        shutil.copy(pem, self.home / "server.pem")
        (self.home / "oauth2").write_text(f"tokeninfo_url = {token_info}?access_token=\nintrospection_mode = auth\nusername_attribute = email\nactive_attribute = active\nactive_value = true\n")
        (self.home / "conf").write_text(_DOVECOT.format(home=self.home, user=user, group=group, port=self.port, mail=mail))
        self.start([str(program("dovecot")), "-F", "-c", str(self.home / "conf")], user)


if __name__ == "__main__":
    main()
