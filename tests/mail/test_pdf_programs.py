"""The PDFs as the programs of the field open them: qpdf and pdftotext, with the password and without."""

import subprocess
from pathlib import Path

import pytest
from debian import main
from sample_notification import sample
from test_pdf import AT, PASSWORD

from cme.mail.pdf import encrypt, notification_pdf
from cme.rules.messages import MESSAGES


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    main()


def said(*command: str, status: int = 0) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", MESSAGES)
def test_qpdf_finds_no_fault_and_pdftotext_reads_what_it_says(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "CME-2026-0012.pdf"
    file.write_bytes(notification_pdf(sample(kind), AT))
    assert "No syntax or stream encoding errors found" in said("qpdf", "--check", str(file))
    text = " ".join(said("pdftotext", "-layout", str(file), "-").split())
    assert "CME-2026-0012" in text and "Testington-\u0141ukasz" in text and "Zo\u00eb Ng\u1ecdc" in text


def test_a_protected_file_opens_for_neither_without_its_password_and_for_both_with_it(tmp_path: Path) -> None:
    file = tmp_path / "CME-2026-0012.pdf"
    file.write_bytes(encrypt(notification_pdf(sample(), AT), PASSWORD, {"CME-2026-0012.txt": b"in full"}))
    for password in ("", "another password of five words"):
        assert "invalid password" in said("qpdf", f"--password={password}", "--check", str(file), status=2)
        refused = said("pdftotext", "-upw", password, str(file), "-", status=1)
        assert "Incorrect password" in refused and "Testington" not in refused
    assert said("qpdf", "--is-encrypted", str(file)) == ""
    shown = said("qpdf", f"--password={PASSWORD}", "--check", "--show-encryption", str(file))
    assert "R = 6" in shown and "stream encryption method: AESv3" in shown and "No syntax or stream encoding errors found" in shown
    assert "Testington-\u0141ukasz" in said("pdftotext", "-upw", PASSWORD, str(file), "-")
    assert said("qpdf", f"--password={PASSWORD}", "--show-attachment=CME-2026-0012.txt", str(file)) == "in full"
