"""A running `cme demo` and a browser, once for the tests of a module."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from tests.browser.chromium import chromium

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
PATIENCE = 240


@dataclass
class RunningDemo:
    """`cme demo` as a user starts it; ``said`` is what it has printed so far."""

    process: "subprocess.Popen[str]"
    environment: dict[str, str]
    said: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)
    reported: str = ""                 # the case of the child that a test has reported missing

    def listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line)
            if "Ctrl-C stops everything" in line:
                self.ready.set()
        self.ready.set()

    def address(self, label: str) -> str:
        found = re.search(rf"{label}\s+(http://\S+)", "".join(self.said))
        assert found, "".join(self.said)
        return found[1]

    def cme(self, *words: str) -> str:
        """What the command line says about the running demo; it must succeed."""
        done = subprocess.run([Path(sys.executable).with_name("cme"), *words], env={**self.environment, "COLUMNS": "250"}, text=True,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)


def start_demo(folder: Path, *words: str) -> RunningDemo:
    """Start `cme demo` with its own house file and temporary folder, and wait until it is ready."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CME_", "PREFECT_"))}
    environment |= {"CME_HOUSE": str(folder / "house" / "house.json"), "TMPDIR": str(folder)}
    process = subprocess.Popen([Path(sys.executable).with_name("cme"), "demo", *words], env=environment, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    demo = RunningDemo(process, environment)
    threading.Thread(target=demo.listen, daemon=True).start()
    demo.ready.wait(PATIENCE)
    if process.poll() is not None or not demo.ready.is_set():
        demo.stop()
        raise AssertionError("the demo did not become ready:\n" + "".join(demo.said))
    return demo


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # short, and open to the user that PostgreSQL runs as
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="cme-b-"))
    folder.chmod(0o711)
    return folder


@pytest.fixture(scope="module")
def demo(demo_folder: Path) -> Iterator[RunningDemo]:
    running = start_demo(demo_folder)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    path = chromium()
    assert path, "the browser tests need Chromium: install it, or set CHROMIUM to its path"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        yield opened
        browser.close()
