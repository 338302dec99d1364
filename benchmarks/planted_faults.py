"""How many faults planted in the rules the tests notice.

    pip install cosmic-ray==8.7.0
    python benchmarks/planted_faults.py day_one screen --drawn 60
    python benchmarks/planted_faults.py --drawn 400                     # of all rule modules but cases; hours

Mutants are made by the operators of cosmic-ray (docs/mutations.md says which) and drawn by chance; each runs against ``tests/rules`` in a
fresh process, in a copy of the tree. Prints those that nobody noticed, and exits with 1 below the goal of 95 per cent.
"""

import argparse
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parent.parent
RULES = "cme/rules"
GOAL = 95
ONE_FOR_EACH = {"Add_Sub", "Sub_Add", "Mul_FloorDiv", "FloorDiv_Mul", "Div_Mul", "Mod_Add", "BitOr_BitAnd", "BitAnd_BitOr", "RShift_LShift", "LShift_RShift"}
LEFT_OUT = ("VariableReplacer", "VariableInserter", "_Is", "_IsNot", "_Invert", "_UAdd")
HISTORIES = "150"


@dataclass(frozen=True)
class Mutant:
    """One planted fault: the module's text with it, and the line that changed."""

    module: str
    text: str
    changed: str


def wanted(operator: str) -> bool:
    if "ReplaceBinaryOperator" in operator:
        return operator.partition("ReplaceBinaryOperator_")[2] in ONE_FOR_EACH
    return not operator.endswith(LEFT_OUT)


def mutants(module: str) -> Iterator[Mutant]:
    text = (ROOT / "src" / RULES / f"{module}.py").read_text(encoding="utf-8")
    for operator in filter(wanted, operator_names()):
        for occurrence in count():
            planted = mutate_code(text, get_operator(operator)(), occurrence)
            if planted is None:
                break
            lines = difflib.unified_diff(text.splitlines(), planted.splitlines(), lineterm="", n=0)
            yield Mutant(module, planted, " -> ".join(line.strip() for line in list(lines)[3:5]))


def copied(folder: Path) -> tuple[Path, dict[str, str]]:
    """A copy of the tree whose package is found before the installed one, and the environment for it."""
    package = folder / "package" / "cme"
    shutil.copytree(ROOT / "src" / "cme", package)
    for part in ("config", "flows", "tasks"):
        shutil.copytree(ROOT / part, package / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("tests", "docs", "config"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return package / "rules", {**os.environ, "PYTHONPATH": f"{package.parent}{os.pathsep}{folder}", "PYTHONDONTWRITEBYTECODE": "1",
                               "CME_HISTORIES": HISTORIES, "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "examples")}


def fate(mutant: Mutant, rules: Path, folder: Path, environment: dict[str, str], tests: list[str]) -> str:
    """What became of it: "noticed", "not noticed" or "cannot be imported"."""
    place = rules / f"{mutant.module}.py"
    own = place.read_text(encoding="utf-8")
    place.write_text(mutant.text, encoding="utf-8")
    shutil.rmtree(folder / "examples", ignore_errors=True)
    try:
        if subprocess.run([sys.executable, "-c", f"import cme.rules.{mutant.module}"], env=environment, capture_output=True).returncode:
            return "cannot be imported"
        done = subprocess.run([sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests], cwd=folder, env=environment,
                              capture_output=True, timeout=1800)
        return "noticed" if done.returncode else "not noticed"
    except subprocess.TimeoutExpired:
        return "noticed"
    finally:
        place.write_text(own, encoding="utf-8")


def main() -> int:
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("modules", nargs="*", help="of src/cme/rules; none: all but cases")
    ask.add_argument("--drawn", type=int, default=60)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--tests", nargs="+", default=["tests/rules"])
    given = ask.parse_args()
    modules = given.modules or sorted(path.stem for path in (ROOT / "src" / RULES).glob("*.py") if path.stem not in ("__init__", "cases"))
    every = [mutant for module in modules for mutant in mutants(module)]
    drawn = random.Random(given.seed).sample(every, min(given.drawn, len(every)))
    said: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="cme-faults-") as place:
        folder = Path(place)
        rules, environment = copied(folder)
        whole = subprocess.run([sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *given.tests], cwd=folder, env=environment)
        if whole.returncode:
            print("the tests fail without any fault planted", file=sys.stderr)
            return 2
        for mutant in drawn:
            found = fate(mutant, rules, folder, environment, given.tests)
            said[found] += 1
            if found == "not noticed":
                print(f"{mutant.module}: {mutant.changed}", flush=True)
            print(f"  {sum(said.values())} of {len(drawn)} run, {said['not noticed']} not noticed", file=sys.stderr, flush=True)
    counted = said["noticed"] + said["not noticed"]
    print(f"{len(every)} mutants of {len(modules)} modules, {len(drawn)} run: {dict(said)}; noticed {100 * said['noticed'] / max(counted, 1):.1f} per cent")
    return 0 if 100 * said["noticed"] >= GOAL * counted else 1


if __name__ == "__main__":
    sys.exit(main())
