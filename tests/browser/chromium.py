"""Find a Chromium for the browser tests, or install Debian's where that may be done; else say in one sentence what is missing."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The path of a Chromium on this machine: ``CHROMIUM`` of the environment, or one found on the PATH."""
    return os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> None:
    if chromium():
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Debian's Chromium for the browser tests ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False, **quiet)
    if not chromium():
        sys.exit("The browser tests need Chromium and it could not be installed here: install it (Debian: apt-get install chromium) "
                 "or set CHROMIUM to its path, and run `make test` again.")


if __name__ == "__main__":
    main()
