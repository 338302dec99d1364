"""How many faults planted in the rules the tests notice.

    pip install cosmic-ray==8.7.0 coverage==7.17.4
    python benchmarks/planted_faults.py day_one screen --drawn 60
    python benchmarks/planted_faults.py --results faults.jsonl     # all, in an order of chance; half an hour of one core

Mutants are made by the operators of cosmic-ray (docs/mutations.md says which). Each runs in a process forked from one that has
imported all that does not import the rules, against the tests that ran the changed line before and then all others, the quickest first, until
one fails. Prints those that nobody noticed, and exits with 1 below the goal of 95 per cent.

With ``--results`` each fate is written down: called again, it tries those that were not noticed or not yet run.
"""

import argparse
import ast
import difflib
import gc
import hashlib
import importlib
import json
import os
import pickle
import random
import resource
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from coverage import Coverage
from hypothesis import Phase, settings

ROOT = Path(__file__).parent.parent
RULES = "cme/rules"
TESTS = ("tests/rules", "tests/test_case_states.py")
GOAL = 95
ONE_FOR_EACH = {"Add_Sub", "Sub_Add", "Mul_FloorDiv", "FloorDiv_Mul", "Div_Mul", "Mod_Add", "BitOr_BitAnd", "BitAnd_BitOr", "RShift_LShift", "LShift_RShift"}
LEFT_OUT = ("VariableReplacer", "VariableInserter", "_Is", "_IsNot", "_Invert", "_UAdd")
HISTORIES = "150"
LONGEST = 60                      # seconds of processor time; who needs more goes round in circles, and has been noticed
NOTICED, NOT_NOTICED, NO_MODULE = "noticed", "not noticed", "cannot be imported"
_NO_TEST, _CANNOT = pytest.ExitCode.NO_TESTS_COLLECTED, 99


@dataclass(frozen=True)
class Mutant:
    """One planted fault: the module's text with it, what changed, and the lines (of the module without it) of the changed statement."""

    module: str
    text: str
    changed: str
    lines: range

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.module}\n{self.text}".encode()).hexdigest()[:20]


def wanted(operator: str) -> bool:
    if "ReplaceBinaryOperator" in operator:
        return operator.partition("ReplaceBinaryOperator_")[2] in ONE_FOR_EACH
    return not operator.endswith(LEFT_OUT)


def mutants(module: str) -> Iterator[Mutant]:
    text = (ROOT / "src" / RULES / f"{module}.py").read_text(encoding="utf-8")
    own, statements = text.splitlines(), sorted(_statements(ast.parse(text)), key=len)
    for operator in filter(wanted, operator_names()):
        for occurrence in count():
            planted = mutate_code(text, get_operator(operator)(), occurrence)
            if planted is None:
                break
            head, *lines = list(difflib.unified_diff(own, planted.splitlines(), lineterm="", n=0))[2:]
            first, _, number = head.split()[1].lstrip("-").partition(",")
            gone = range(int(first), int(first) + int(number or 1))
            at = next((line for line in gone if any(line in s for s in statements)), gone.start)     # not a comment above a decorator
            changed = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)).strip() for sign in "-+")
            yield Mutant(module, planted, " -> ".join(changed), next((s for s in statements if at in s), range(at, at + 1)))


def _statements(tree: ast.Module) -> Iterator[range]:
    """The lines of each statement, without those inside of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
            inside = getattr(node, "body", None)
            yield range(first, max(inside[0].lineno, first + 1) if inside else (node.end_lineno or first) + 1)


def copied(folder: Path) -> Path:
    """A copy of the tree whose package is found before the installed one; returns the place of its rules."""
    package = folder / "package" / "cme"
    shutil.copytree(ROOT / "src" / "cme", package)
    for part in ("config", "flows", "tasks"):
        shutil.copytree(ROOT / part, package / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("tests", "docs", "config"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    sys.path[:0] = [str(package.parent), str(folder)]
    os.environ["CME_HISTORIES"] = HISTORIES
    os.chdir(folder)
    # the same histories for every mutant, and no time spent on the smallest of them that fails
    settings.register_profile("faults", derandomize=True, database=None, deadline=None, phases=(Phase.explicit, Phase.generate))
    return package / "rules"


def forked(work: Callable[[], int], quiet: bool = True) -> int:
    """The exit code of ``work`` in a process of its own (negative: the signal that ended it)."""
    if not (child := os.fork()):
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
            if quiet:
                nowhere = os.open(os.devnull, os.O_RDWR)
                for stream in range(3):
                    os.dup2(nowhere, stream)
            os._exit(int(work()))
        finally:
            os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(tests: list[str], *plugins: object) -> int:
    return pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--assert", "plain", "--hypothesis-profile", "faults", *tests], plugins=list(plugins))


class Watch:
    """How long each test takes, and which lines of the rules it runs."""

    def __init__(self, rules: Path) -> None:
        self.rules = rules
        self.coverage = Coverage(data_file=None, include=[f"{rules}/*"])
        self.took: dict[str, float] = defaultdict(float)
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.took[report.nodeid] += report.duration

    def seen(self) -> dict[str, Any]:
        self.coverage.stop()
        data = self.coverage.get_data()
        lines = {Path(name).stem: data.contexts_by_lineno(name) for name in data.measured_files()}
        return {"took": dict(self.took), "lines": lines,
                "modules": [name for name in sys.modules if name.partition(".")[0] not in ("tests", "__main__", "conftest")]}


class NoRules:
    """Refuses the rules, and so whatever imports them, for a process that is to see them only with a fault in them."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".rules")[0] == "cme" and ".rules" in name:
            raise ImportError(name)


class Order:
    """The tests that ran the changed lines first, and of these the quickest."""

    def __init__(self, seen: dict[str, Any], mutant: Mutant) -> None:
        self.done: list[str] = []
        lines = seen["lines"].get(mutant.module, {})
        self.first = {test for line in mutant.lines for test in lines.get(line, ())}
        # what runs when the module is imported changes whatever uses it
        self.of_module = {test for tests in lines.values() for test in tests} if "" in self.first else set()
        self.took = seen["took"]
        self.files = sorted({test.partition("::")[0] for test in self.first} - {""})

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid.partition("::")[0] not in self.done]
        items.sort(key=lambda item: (item.nodeid not in self.first, item.nodeid not in self.of_module, self.took.get(item.nodeid, 0)))


def watched(rules: Path, tests: list[str]) -> dict[str, Any] | None:
    """What the tests do without any fault planted; None where they fail."""
    def work() -> int:
        watch = Watch(rules)
        code = run(tests, watch)
        Path("seen").write_bytes(pickle.dumps(watch.seen()))
        return code
    if forked(work, quiet=False):
        return None
    seen: dict[str, Any] = pickle.loads(Path("seen").read_bytes())
    sys.meta_path.insert(0, blocked := NoRules())
    for name in seen["modules"]:
        with suppress(Exception):
            importlib.import_module(name)
    sys.meta_path.remove(blocked)
    gc.collect()
    gc.freeze()                                  # or each process looks through all of it at its end
    return seen if not forked(partial(run, tests)) else None


def fate(mutant: Mutant, rules: Path, seen: dict[str, Any], tests: list[str]) -> str:
    """What became of it."""
    order = Order(seen, mutant)
    if not order.first:
        return NOT_NOTICED                       # no test runs it
    place = rules / f"{mutant.module}.py"
    own = place.read_text(encoding="utf-8")

    def work(done: list[str], tests: list[str]) -> int:
        sys.dont_write_bytecode, order.done = True, done
        try:
            importlib.import_module(f"cme.rules.{mutant.module}")
        except Exception:
            return _CANNOT
        return run(tests, order)
    place.write_text(mutant.text, encoding="utf-8")
    try:
        code = forked(partial(work, [], order.files)) if order.files else 0
        return {0: NOT_NOTICED, _NO_TEST: NOT_NOTICED, _CANNOT: NO_MODULE}.get(code or forked(partial(work, order.files, tests)), NOTICED)
    finally:
        place.write_text(own, encoding="utf-8")


def main() -> int:
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("modules", nargs="*", help="of src/cme/rules; none: all")
    ask.add_argument("--drawn", type=int, help="how many; none: all")
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--results", type=Path, help="a file that keeps what became of each")
    ask.add_argument("--tests", nargs="+", default=list(TESTS))
    given = ask.parse_args()
    modules = given.modules or sorted(path.stem for path in (ROOT / "src" / RULES).glob("*.py") if path.stem != "__init__")
    every = [mutant for module in modules for mutant in mutants(module)]
    drawn = random.Random(given.seed).sample(every, min(given.drawn or len(every), len(every)))
    results = given.results.absolute() if given.results else None
    before = {row["key"]: row["fate"] for row in map(json.loads, results.read_text().splitlines())} if results and results.exists() else {}
    said: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="cme-faults-") as place:
        rules = copied(Path(place))
        seen = watched(rules, given.tests)
        if seen is None:
            print("the tests fail without any fault planted", file=sys.stderr)
            return 2
        for mutant in drawn:
            known = before.get(mutant.key)
            found = known if known in (NOTICED, NO_MODULE) else fate(mutant, rules, seen, given.tests)
            said[found] += 1
            if found == NOT_NOTICED:
                print(f"{mutant.module}: {mutant.changed}", flush=True)
            if results and found != known:
                with results.open("a", encoding="utf-8") as log:
                    log.write(json.dumps({"key": mutant.key, "module": mutant.module, "changed": mutant.changed, "fate": found}) + "\n")
            print(f"  {said.total()} of {len(drawn)} run, {said[NOT_NOTICED]} not noticed", file=sys.stderr, flush=True)
        os.chdir(ROOT)
    counted = said[NOTICED] + said[NOT_NOTICED]
    print(f"{len(every)} mutants of {len(modules)} modules, {len(drawn)} run: {dict(said)}; "
          f"noticed {100 * said[NOTICED] / max(counted, 1):.1f} per cent")
    return 0 if 100 * said[NOTICED] >= GOAL * counted else 1


if __name__ == "__main__":
    sys.exit(main())
