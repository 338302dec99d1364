"""Makes docs/samples/compliance.pdf and its pictures from made-up rows of a term: ``python -m tests.steps.sample_compliance``."""

from datetime import date, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import cast

import pypdfium2

from cme import clock
from cme.config.policies import load
from cme.rules import compliance as rule
from cme.rules.compliance import Required
from cme.steps.compliance import Report
from cme.steps.compliance_files import pdf
from cme.steps.office import Office

DOCS = Path(__file__).parent.parent.parent / "docs"
FIRST, NOW = date(2026, 9, 1), clock.wall(date(2026, 12, 15), "16:00")
# of each step: how many in a week, in a hundred how many are late, who holds it
STEPS: dict[str, tuple[int, int, str]] = {
    "registers": (60, 5, "TQA"), "absence_reported": (4, 0, "attendance_officer"), "thresholds": (4, 6, "the software"),
    "contact_begun": (4, 3, "attendance_officer"), "contact_outcome": (4, 12, "attendance_officer"), "staff_report": (1, 20, "attendance_officer"),
    "review_day_one": (1, 10, "dsl"), "review_routine": (5, 14, "dsl"), "appraisal": (5, 0, "dsl"), "confirmation": (3, 22, "deputy_dsl"),
    "referral_day_one": (1, 0, "dsl"), "day_one_report": (1, 0, "the software"), "meetings": (1, 15, "dsl"),
    "safeguarding_record": (2, 10, "attendance_officer"), "actions": (4, 18, "attendance_officer"), "notification": (2, 4, "the software"),
    "acknowledgement": (2, 40, "local authority"), "chase": (1, 0, "the software"), "home_school": (2, 5, "the software")}


def sample(first: date, weeks: int, seed: int) -> tuple[Required, ...]:
    """The rows of so many weeks: what is bad at the beginning of a term gets better."""
    chance, rows = Random(seed), []
    for week in range(weeks):
        for step, (many, late, who) in STEPS.items():
            for n in range(max(0, round(chance.gauss(many, many / 4))) if many > 1 else chance.random() < 0.4):
                day = first + timedelta(days=7 * week + chance.randrange(5))
                due = clock.wall(day, f"{chance.randrange(9, 16):02d}:{chance.choice((0, 10, 15, 30)):02d}")
                missed = chance.random() * 100 < late * (1.8 - 1.4 * week / weeks)
                never = missed and week > weeks - 2 and chance.random() < 0.3
                case = chance.randrange(1, 4 + 4 * week)
                rows.append(Required(step, f"CME-2026-{case:04d}" if step != "registers" else f"{day} AM 9A", f"P-{1000 + case}" if step != "registers" else "",
                                     due, day, None if never else due + timedelta(minutes=chance.randrange(12, 900) if missed else -chance.randrange(1, 50)),
                                     who, f"event {400 * week + 10 * len(rows) % 397 + n}", known=step != "registers" or chance.random() > 0.01))
    return tuple(sorted(rows, key=lambda row: row.due))


def report() -> Report:
    review = Required("procedure_review", "school", "", clock.wall(date(2024, 7, 31), "23:59"), FIRST, None, "school", "procedure_review_date in school.yaml")
    weeks = tuple(rule.week_of(FIRST) + timedelta(days=7 * n) for n in range(16))
    before = rule.by_step(sample(date(2026, 4, 13), 13, 2), NOW)
    return Report("autumn term 2026", NOW, (review, *sample(rule.week_of(FIRST), 15, 1)), before, "summer term 2026", weeks)


def main() -> None:
    office = cast(Office, SimpleNamespace(policies=load(), shown_time=Office.shown_time))
    made = DOCS / "samples" / "compliance.pdf"
    made.write_bytes(pdf(office, report()))
    for page in (0, 1):
        pypdfium2.PdfDocument(made)[page].render(scale=1.1).to_pil().save(DOCS / "img" / f"compliance-{page + 1}.png")


if __name__ == "__main__":
    main()
