"""Make docs/samples/<message>.pdf and docs/img/<message>.png of an invented child: `python -m tests.mail.sample_pages` in the checkout."""

import sys
from datetime import datetime, timezone
from pathlib import Path

import pypdfium2

sys.path.insert(0, str(Path(__file__).parent))

from sample_notification import sample  # noqa: E402

from cme.mail.notification import FindingLine, MarkLine, Notification  # noqa: E402
from cme.mail.pdf import notification_pdf  # noqa: E402
from cme.mail.word_form import fill  # noqa: E402

AT = datetime(2026, 11, 23, 15, 10, tzinfo=timezone.utc)
DOCS = Path(__file__).parents[2] / "docs"
FORM = Path(__file__).parents[2] / "config/authorities/forms/birmingham-cme-referral.docx"
ILL = FindingLine("15 school days of illness in a row from 3 November 2026 to 23 November 2026 "
                  "(30 sessions marked I), 15 >= 15.", "SI 2024/208 reg 13", "Mon 23 Nov 2026",
                  [MarkLine(f"{name} {day} Nov 2026", session, "I") for name, day in zip(
                      ("Tue Wed Thu Fri Mon Tue Wed Thu Fri Mon Tue Wed Thu Fri Mon").split(),
                      (3, 4, 5, 6, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 23), strict=True) for session in ("AM", "PM")])
_PLACE = {"registration": "sole", "home_school": "Larkspur Bridge School (fictional)", "admitted": "Tue 2 Sep 2025", "circumstances": ""}


def samples() -> dict[str, Notification]:
    """One message of each kind."""
    known = {"risk_appraisal": "Failed to start provision: no. Forced marriage: unknown. Neglect or abuse: unknown. No contact since 6 November.",
             "criterion": "no contact; whereabouts unknown to the school", "last_seen": "Fri 6 Nov 2026, by the school's register",
             "attendance": "10 school days in a row without permission."}
    return {
        "cme_referral": sample("cme_referral", pupil={**_PLACE, **known}, form="Children missing education: referral",
                               lacks=("letters", "traveller_or_mobile")),
        "attendance_return": sample("attendance_return", pupil={**_PLACE, "attendance": known["attendance"]}, form="Attendance return"),
        "sickness_return": sample("sickness_return", pupil={**_PLACE, "sickness": ILL.sentence, "confirmed_by":
                                  "J. Example, designated safeguarding lead, Monday 23 November 2026, 15:05"}, findings=[ILL],
                                  codes={"I": "illness, physical or mental"}, form="Sickness return"),
        "roll_change_return": sample("roll_change_return", reference="ROLL-2026-4F09AC", form="Admission register: new entry or deletion", pupil={
            **_PLACE, "roll_change": "name deleted from the admission register", "roll_changed_on": "Mon 23 Nov 2026",
            "ground": "(a) registered at another school", "changed_by": "P. Example (headteacher)", "new_school": "Elsewhere Academy (invented)",
            "new_school_start": "Tue 24 Nov 2026", "new_address": "2 Other Lane, Coventry, CV99 9ZZ", "other_registration": "none held"}),
        "day_one_report": sample("day_one_report", answer_by="Monday 23 November 2026, 15:40", form="Concern about a child's safety", lacks=("sen_ehcp",), pupil={
            **_PLACE, "concern": "A friend says that the child was threatened at the weekend and did not come home.",
            "last_seen": "yesterday (Sunday 22 November 2026) at about 18:30, at home, by another pupil"}),
    }


def main() -> None:
    for kind, notification in samples().items():
        pdf = notification_pdf(notification, AT)
        name = kind.replace("_", "-")
        (DOCS / "samples" / f"{name}.pdf").write_bytes(pdf)
        page = pypdfium2.PdfDocument(pdf)[0].render(scale=1.35).to_pil()
        page.quantize(64).save(DOCS / "img" / f"{name}.png", optimize=True)
    (DOCS / "samples" / "birmingham-cme-referral-filled.docx").write_bytes(fill(FORM.read_bytes(), samples()["cme_referral"]))


if __name__ == "__main__":
    main()
