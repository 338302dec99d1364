"""docs/rules.md is what the rules, their numbers and their examples say now."""

from pathlib import Path

from cme.config.rules_page import CASES, page

PAGE = Path(__file__).parent.parent.parent / "docs" / "rules.md"


def test_the_page_is_generated_from_the_rules_as_they_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m cme.config.rules_page > docs/rules.md"


def test_the_page_holds_every_rule_and_every_example() -> None:
    shown = page()
    for file in CASES.glob("*.yaml"):
        assert file.stem == "overdue_registers" or f"### {file.stem}\n" in shown
        says = [line.split('"')[1] for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("  - says:")]
        assert len(says) >= 8 and all(sentence in shown for sentence in says)
