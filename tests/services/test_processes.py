import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cme.errors import Transient
from cme.services.keeper import marked
from cme.services.processes import ProcessSpec, Supervisor, stop_on_signals

SLEEP = "import time; time.sleep(60)"
# tells its name when asked to end
POLITE = """
import signal, sys, time
def leave(*_):
    with open(sys.argv[2], "a") as file: file.write(sys.argv[1] + "\\n")
    sys.exit()
signal.signal(signal.SIGTERM, leave)
open(sys.argv[1] + ".ready", "w").close()
time.sleep(60)
"""
# does not end when asked, and has a child in a session of its own, as Prefect's flow runs may
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: None)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print("ready", flush=True)
time.sleep(60)
"""
# forks a child as the flows' runner does, and tells how the child has ended when it is asked to end itself
FORKING = """
import multiprocessing, pathlib, signal, sys, time
told = pathlib.Path(sys.argv[1])
def leave(*_):
    child.join(20)
    told.write_text(f"the child ended with {child.exitcode}")
    sys.exit()
code = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('ready', flush=True); time.sleep(60)"
child = multiprocessing.get_context("forkserver").Process(target=exec, args=(code,))
child.start()
signal.signal(signal.SIGTERM, leave)
time.sleep(60)
"""
OWNER = f"""
import sys, time
from pathlib import Path
from cme.records.embedded import Cluster
from cme.services.processes import ProcessSpec, Supervisor
home = Path(sys.argv[1])
cluster = Cluster.start(home / "postgresql")
supervisor = Supervisor(home / "logs", cluster.home)
log = supervisor.log("stubborn")
supervisor.start(ProcessSpec("stubborn", "the child", [sys.executable, "-c", {STUBBORN!r}],
                             ready=lambda: "ready" in log.read_text()), {{}})
print(supervisor.mark, flush=True)
time.sleep(60)
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "logs")
    yield made
    made.stop()


def python(name: str, code: str, *arguments: str, ready: Callable[[], bool] = lambda: True, **options: float) -> ProcessSpec:
    return ProcessSpec(name, f"the {name}", [sys.executable, "-c", code, *arguments], ready=ready, **options)


def until(condition: Callable[[], object], seconds: float = 20) -> object:
    end = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


def test_a_process_is_waited_for_and_runs_in_the_environment_given(supervisor: Supervisor, tmp_path: Path):
    told = tmp_path / "told"
    spec = ProcessSpec("teller", "the teller", [sys.executable, "-c", "import os, pathlib, time\ntime.sleep(0.3)\n"
                       "pathlib.Path(os.environ['WHERE']).write_text(os.environ['WHAT'])\ntime.sleep(60)"],
                       environment={"WHERE": str(told)}, ready=told.exists)
    ticks = []
    supervisor.start(spec, {"WHERE": "overridden", "WHAT": "hello"}, tick=lambda: ticks.append(1))
    assert until(told.read_text) == "hello" and ticks


def test_what_a_process_says_goes_to_a_log_only_its_owner_reads(supervisor: Supervisor):
    supervisor.start(python("talker", f"print('a line')\n{SLEEP}"), {})
    assert until(lambda: supervisor.log("talker").read_text()) == "a line\n"
    assert stat.S_IMODE(supervisor.log("talker").stat().st_mode) == 0o600


def test_a_process_that_ends_early_is_reported_with_its_last_line(supervisor: Supervisor):
    broken = python("server", "print('starting'); raise SystemExit('the port is in use')", ready=lambda: False)
    sentence = r"the server ended before it was ready \(exit status 1\): the port is in use \(log: .*server.log\)"
    with pytest.raises(Transient, match=sentence):
        supervisor.start(broken, {})


def test_a_stranger_that_answers_in_its_place_does_not_make_it_ready(supervisor: Supervisor):
    broken = python("server", "raise SystemExit('the port is in use')", ready=lambda: bool(time.sleep(1)) or True)
    with pytest.raises(Transient, match="ended before it was ready"):
        supervisor.start(broken, {})


def test_a_process_that_is_never_ready_is_reported(supervisor: Supervisor):
    with pytest.raises(Transient, match="the server was not ready within 0 seconds: it said nothing"):
        supervisor.start(python("server", SLEEP, ready=lambda: False, timeout=0.3), {})


def test_processes_are_stopped_in_reverse_order(supervisor: Supervisor, tmp_path: Path):
    order = tmp_path / "order"
    for name in ("database", "server", "runner"):
        path = tmp_path / name
        supervisor.start(python(name, POLITE, str(path), str(order), ready=path.with_name(f"{name}.ready").exists), {})
    supervisor.stop()
    assert [Path(line).name for line in order.read_text().splitlines()] == ["runner", "server", "database"]
    assert marked(supervisor.mark) == []


def test_nothing_is_left_of_a_stubborn_process_and_its_children(supervisor: Supervisor):
    log = supervisor.log("stubborn")
    supervisor.start(python("stubborn", STUBBORN, ready=lambda: "ready" in log.read_text(), grace=0.3), {})
    assert len(marked(supervisor.mark)) == 2
    supervisor.stop()
    assert marked(supervisor.mark) == []


def test_what_was_forked_is_asked_to_end_and_its_end_is_heard_without_waiting_for_helpers(supervisor: Supervisor, tmp_path: Path):
    log, told = supervisor.log("forking"), tmp_path / "told"
    supervisor.start(python("forking", FORKING, str(told), ready=lambda: "ready" in log.read_text(), grace=60.0), {})
    begun = time.monotonic()
    supervisor.stop()
    assert told.read_text() == "the child ended with 7" and time.monotonic() - begun < 30 and not marked(supervisor.mark)


def test_nothing_is_left_when_the_owner_is_killed(short_home: Path):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(short_home)], stdout=subprocess.PIPE, text=True)
    mark = owner.stdout.readline().strip()
    data = short_home / "postgresql" / "server" / "data"
    assert len(marked(mark)) == 2 and (data / "postmaster.pid").exists()
    owner.kill()
    owner.wait()
    assert until(lambda: marked(mark) == []) and until(lambda: not (data / "postmaster.pid").exists())


def test_a_killed_process_is_started_again_and_its_log_goes_on(supervisor: Supervisor):
    log = supervisor.log("runner")
    supervisor.start(python("runner", f"print('a start')\n{SLEEP}", ready=lambda: log.read_text() != ""), {})
    assert supervisor.mend() == []
    first, = marked(supervisor.mark)
    first.kill()
    assert until(supervisor.mend) == ["the runner"]
    assert until(lambda: log.read_text() == "a start\n" * 2)


def test_a_process_that_ends_again_and_again_is_given_up(supervisor: Supervisor):
    supervisor.start(python("runner", "raise SystemExit('no such deployment')"), {})

    def mend_for_ever() -> None:
        while True:
            supervisor.mend(limit=2)
            time.sleep(0.05)

    with pytest.raises(Transient, match="the runner ended again and again .*: no such deployment"):
        mend_for_ever()


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_stops_the_program_as_ctrl_c_does(name: signal.Signals):
    before = signal.getsignal(name)
    with pytest.raises(KeyboardInterrupt), stop_on_signals():
        os.kill(os.getpid(), name)
        time.sleep(1)
    assert signal.getsignal(name) is before


def test_ctrl_c_while_stopping_does_not_cut_it_short(supervisor: Supervisor, tmp_path: Path):
    ready = tmp_path / "slow.ready"
    # while it is being stopped, it sends us what an impatient Ctrl-C sends
    leave = "import os\ndef leave(*_):\n    os.kill(os.getppid(), signal.SIGINT)\n    time.sleep(0.3)"
    slow = POLITE.replace("def leave(*_):", leave)
    supervisor.start(python("slow", slow, str(tmp_path / "slow"), str(tmp_path / "order"), ready=ready.exists), {})
    supervisor.stop()
    assert (tmp_path / "order").exists() and marked(supervisor.mark) == []
