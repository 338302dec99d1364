"""There is one way out for mail, and what it stands on is what was studied."""

import ast
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = sorted(path for folder in ("src", "tasks", "flows", "config") for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def users_of(package: str) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in PRODUCT
            if any(name == package or name.startswith(f"{package}.") for name in imports(path))]


def test_only_one_module_imports_yagmail() -> None:
    assert users_of("yagmail") == ["src/cme/mail/smtp.py"]


def test_nobody_speaks_smtp_past_it() -> None:
    assert [path.name for path in PRODUCT if "smtplib" in path.read_text(encoding="utf-8")] == []
    assert users_of("aiosmtplib") == []


def test_records_and_mail_do_not_know_each_other() -> None:
    assert [path for path in users_of("cme.mail") if path.startswith("src/cme/records")] == []
    assert [path for path in users_of("cme.records") if path.startswith("src/cme/mail")] == []


def test_yagmail_is_the_version_whose_methods_are_replaced() -> None:
    assert version("yagmail") == "0.16.0"


@pytest.mark.parametrize("forbidden", ["send_unsent", "oauth2_file", "AsyncSMTP", "soft_email_validation"])
def test_what_of_yagmail_doubles_or_leaks_is_not_used(forbidden: str) -> None:
    assert [path.name for path in PRODUCT if forbidden in path.read_text(encoding="utf-8")] == []
