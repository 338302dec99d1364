"""The one-way arrows of docs/architecture.md, and what else holds of the whole tree."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {"cme": ROOT / "src/cme", "cme.config": ROOT / "config", "cme.tasks": ROOT / "tasks", "cme.flows": ROOT / "flows"}

# what each room may import of ours; "" is what stands directly in src/cme (errors, clock, cli, cli_replay, cli_tasks)
MAY = {
    "rules": {"errors", "rules"},
    "config": {"errors", "rules", "config", "clock"},
    "records": {"errors", "clock", "rules", "records", "sources.source"},
    "sources": {"errors", "clock", "rules", "sources"},
    "mail": {"errors", "clock", "rules", "mail"},
    "steps": {"errors", "clock", "rules", "config", "records", "sources", "mail", "steps"},
    "tasks": {"errors", "clock", "rules", "config", "records", "steps", "tasks"},
    "door": {"errors", "clock", "config", "records", "steps", "door"},
    "flows": {"errors", "clock", "records", "steps", "door", "tasks", "flows"},
    "services": {"door", "errors", "clock", "rules", "config", "records", "sources", "mail", "steps", "services"},
}


def modules() -> list[tuple[str, Path]]:
    found = []
    for package, folder in ROOMS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found.append((".".join([package, *(p for p in parts if p != "__init__")]), path))
    return found


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_room_imports_only_the_rooms_below_it(name: str, path: Path) -> None:
    room = name.split(".")[1] if name.count(".") else ""
    if room not in MAY:
        assert room in ("", "cli", "clock", "errors") or room.startswith("cli_"), f"{name} stands in no room: add it to the architecture first"
        return
    for imported in imports(path):
        if imported.startswith("cme."):
            inner = imported.removeprefix("cme.")
            if inner == "sources" and f"{imported}.source" in imports(path):
                continue        # `from cme.sources import source`: the contract, not a connector
            assert any(inner == allowed or inner.startswith(allowed + ".") for allowed in MAY[room]), f"{name} imports {imported}"


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_prefect_is_imported_only_in_tasks_and_flows(name: str, path: Path) -> None:
    if not name.startswith(("cme.tasks", "cme.flows")):
        assert not any(i == "prefect" or i.startswith("prefect.") for i in imports(path)), f"{name} imports prefect"


def test_only_one_module_imports_yagmail_and_none_imports_smtplib() -> None:
    users = [name for name, path in modules() if any(i.split(".")[0] == "yagmail" for i in imports(path))]
    assert users == ["cme.mail.smtp"]
    assert not [name for name, path in modules() if "smtplib" in path.read_text(encoding="utf-8").replace("never imports smtplib", "")
                and any(i.split(".")[0] == "smtplib" for i in imports(path))]


def test_only_one_module_imports_the_client_of_the_text_service() -> None:
    assert [name for name, path in modules() if any(i.split(".")[0] == "notifications_python_client" for i in imports(path))] == ["cme.mail.texts"]


def test_rules_never_ask_the_clock_the_database_or_the_network() -> None:
    for name, path in modules():
        if name.startswith("cme.rules"):
            asked = imports(path) & {"time", "os", "sqlalchemy", "httpx", "requests", "random", "cme.clock"}
            assert not asked, f"{name} imports {asked}"


def test_the_packages_named_in_pyproject_are_the_folders_that_hold_code() -> None:
    named = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    held = {name if path.name == "__init__.py" else name.rpartition(".")[0] for name, path in modules()}
    assert named == held


def test_no_flow_file_is_named_like_a_standard_library_module() -> None:
    for folder in ("flows", "tasks", "config"):
        clash = {path.stem for path in (ROOT / folder).glob("*.py")} & set(sys.stdlib_module_names)
        assert not clash, f"{folder}/ holds {clash}, which would hide the standard library when a file is loaded by its path"


def test_no_module_is_longer_than_two_hundred_and_fifty_lines() -> None:
    long = {name: n for name, path in modules() if (n := len(path.read_text(encoding="utf-8").splitlines())) > 250}
    assert not long


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for word in ("mark." + "skip", "pytest." + "skip", "x" + "fail(", "mark." + "xfail", "import" + "orskip"):
            assert word not in text, f"{path.name} uses {word}"


def test_no_commit_names_a_registry_or_a_path_of_one_machine() -> None:
    words = ("pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js", "deb.debian" + ".org", "/wo" + "rk/", "/tmp/" + "w/")
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT).parts
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".cfg"} and not {".venv", ".git", "build"} & set(inside):
            text = path.read_text(encoding="utf-8", errors="ignore")
            assert not [w for w in words if w in text], f"{'/'.join(inside)} names {[w for w in words if w in text]}"


def test_a_run_that_asks_imports_nothing_it_seldom_needs() -> None:
    """Each answer starts a process; what it imports before it has read the answer is what its person waits for."""
    code = "import sys, cme.flows.review_case, cme.flows.confirm_decision, cme.flows.contact_parents; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert loaded and not loaded & {"alembic", "docx", "docxtpl", "fontTools", "holidays.countries", "openpyxl", "pikepdf", "typst"}
