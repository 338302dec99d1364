"""A MariaDB for the tests: found on this machine, or Debian's server installed where that may be done; run by an unprivileged user in a
temporary folder, reachable by a socket there and by nothing else."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pymysql

_OTHER_PLACES = "/usr/sbin:/usr/local/sbin:/usr/libexec"


def program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=_OTHER_PLACES)


def main() -> None:
    if program("mariadbd") and program("my_print_defaults"):
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Debian's MariaDB for the tests ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "mariadb-server-core", "mariadb-client-core"], check=False, **quiet)
    if not (program("mariadbd") and program("my_print_defaults")):
        sys.exit("The tests of MariaDB need its server and it could not be installed here: install it (Debian: apt-get install "
                 "mariadb-server-core mariadb-client-core) and run `make test` again.")


class MariaDb:
    """A running server. ``database`` makes a fresh database from SQL statements and gives its address."""

    def __init__(self) -> None:
        main()
        self.home = Path(tempfile.mkdtemp(prefix="cme-m-"))
        self.home.chmod(0o755)
        data, socket = self.home / "data", self.home / "s"
        user = ["--user=nobody"] if os.geteuid() == 0 else []
        if user:
            shutil.chown(self.home, "nobody")
        install = program("mariadb-install-db")
        assert install, "mariadb-install-db is missing: install mariadb-server-core anew"
        with (self.home / "log").open("wb") as log:
            subprocess.run([install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db", *user],
                           stdout=log, stderr=log, check=True)
            self.server = subprocess.Popen(
                [str(program("mariadbd")), "--no-defaults", f"--datadir={data}", f"--socket={socket}", "--skip-networking", "--skip-name-resolve",
                 f"--pid-file={self.home}/pid", "--innodb-flush-log-at-trx-commit=0", "--default-time-zone=+05:30", *user], stdout=log, stderr=log)
        self.socket = str(socket)
        self._number = 0
        deadline = time.monotonic() + 60
        while True:
            try:
                self.run("mysql", ["SELECT 1"])
                return
            except pymysql.err.OperationalError:
                if self.server.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self.home / "log").read_text(errors="replace")[-2000:]) from None
                time.sleep(0.1)

    def run(self, database: str, statements: Sequence[str]) -> None:
        """Run ``statements`` one by one, as a school's own system would write them: each its own transaction."""
        connection = pymysql.connect(unix_socket=self.socket, user="root", database=database, autocommit=True)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def database(self, schema: str) -> tuple[str, str]:
        """A fresh database with ``schema`` (statements parted by ;), and its address for a reader who may do nothing else."""
        self._number += 1
        name = f"mis_{self._number}"
        self.run("mysql", [f"CREATE DATABASE {name} CHARACTER SET utf8mb4", "CREATE USER IF NOT EXISTS reader IDENTIFIED BY 'reader'",
                           f"GRANT SELECT ON {name}.* TO reader"])
        self.run(name, [one for one in schema.split(";") if one.strip()])
        return name, f"mysql://reader:reader@localhost/{name}?unix_socket={self.socket}"

    def stop(self) -> None:
        self.server.terminate()
        self.server.wait(30)
        shutil.rmtree(self.home, ignore_errors=True)


if __name__ == "__main__":
    main()
