"""The PDF can be read by everyone it is for, and by nobody else."""

from datetime import datetime, timezone

import pikepdf
import pytest
from sample_notification import NOTHING_KNOWN, sample
from tests.mail.pdf_text import opened, text_of

from cme.errors import BadInput, Permanent
from cme.mail.notification import FIELDS
from cme.mail.pdf import encrypt, notification_pdf

AT = datetime(2026, 11, 23, 15, 10, tzinfo=timezone.utc)
PASSWORD = "three plain words here"


def test_it_is_tagged_titled_and_says_that_it_is_accessible() -> None:
    pdf = opened(notification_pdf(sample(), AT))
    assert bool(pdf.Root.MarkInfo.Marked) and str(pdf.Root.Lang).startswith("en")
    assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)
    with pdf.open_metadata() as metadata:
        assert metadata["pdfuaid:part"] == "1"
        assert metadata["dc:title"] == "Children missing education: referral, whereabouts unknown CME-2026-0012"
    kinds = {str(each.S) for each in pdf.objects if isinstance(each, pikepdf.Dictionary) and "/S" in each}
    assert {"/H1", "/H2", "/Table", "/TH", "/TD"} <= kinds
    assert [round(float(side)) for side in pdf.pages[0].mediabox] == [0, 0, 595, 842]


def test_it_says_what_the_letter_says() -> None:
    said = text_of(opened(notification_pdf(sample(), AT)))
    for expected in ("CME-2026-0012", "Testington-\u0141ukasz", "Zo\u00eb Ng\u1ecdc", "14 March 2012", "Mon 9 Nov 2026",
                     "nobody at home", "Marta Testington", "not held by the school", "J. Example (DSL)", "decided: refer",
                     "one referral"):
        assert expected in said, expected


def test_a_return_holds_no_more_than_it_needs() -> None:
    said = text_of(opened(notification_pdf(sample("attendance_return"), AT)))
    assert "one return" in said and "Testington-\u0141ukasz" in said
    assert "Known formerly" not in said and FIELDS["risk_appraisal"] not in said
    assert "cme" not in said.lower().replace("cme-2026-0012", "") and "missing" not in said.lower()


def test_the_same_facts_are_the_same_bytes() -> None:
    assert notification_pdf(sample(), AT) == notification_pdf(sample(), AT)
    assert notification_pdf(sample(), AT) != notification_pdf(sample(pupil={"sex": "male"}), AT)


@pytest.mark.parametrize("text", ["#panic()", "*bold* _it_ $x^2$ `raw` <label> @ref", "= Heading", "#sys.inputs",
                                  "\\u{41} // no comment", "[a](b)"])
def test_markup_in_a_value_is_text(text: str) -> None:
    assert text in text_of(opened(notification_pdf(sample(pupil={"circumstances": text}), AT)))


@pytest.mark.parametrize("name", ["Nguy\u1ec5n Th\u1ecb Ng\u1ecdc", "\u0428\u0435\u0432\u0447\u0435\u043d\u043a\u043e",
                                  "Si\u00e2n Ll\u0177r",
                                  "\u0645\u062d\u0645\u062f \u0623\u062d\u0645\u062f",
                                  "\u0393\u03b9\u03ce\u03c1\u03b3\u03bf\u03c2"])
def test_a_name_our_fonts_know_is_printed(name: str) -> None:
    pdf = opened(notification_pdf(sample(pupil={"surname": name}), AT))
    assert set(name) - {" "} <= set(text_of(pdf))


@pytest.mark.parametrize(("name", "point"), [("\u674e\u5c0f\u9f8d", "U+5C0F"), ("\u0a17\u0a41\u0a30\u0a2a\u0a4d", "U+0A17"),
                                            ("\U0001f9d2", "U+1F9D2")])
def test_a_name_our_fonts_lack_is_refused_by_code_point_and_not_by_name(name: str, point: str) -> None:
    with pytest.raises(Permanent) as caught:
        notification_pdf(sample(pupil={"surname": name}), AT)
    assert point in str(caught.value)
    assert name not in str(caught.value)


def test_a_notification_of_nothing_known_and_one_of_very_much_are_both_set() -> None:
    assert "No enquiry is recorded." in text_of(opened(notification_pdf(NOTHING_KNOWN, AT)))
    much = sample(pupil={"surname": "Wolfeschlegelstein" * 12}, history=sample().history * 100)
    assert len(opened(notification_pdf(much, AT)).pages) > 5


def test_a_protected_pdf_opens_with_its_password_only() -> None:
    plain = notification_pdf(sample(), AT)
    sealed = encrypt(plain, PASSWORD)
    with pytest.raises(pikepdf.PasswordError):
        opened(sealed)
    with pytest.raises(pikepdf.PasswordError):
        opened(sealed, "another password")
    assert b"Testington" not in sealed and b"CME-2026" not in sealed
    with opened(sealed, PASSWORD) as pdf:
        assert (pdf.encryption.R, pdf.encryption.bits, pdf.allow.accessibility) == (6, 256, True)
        assert "Testington-\u0141ukasz" in text_of(pdf)


def test_a_weak_password_is_refused() -> None:
    for password in ("", "short", "p\u00e4ssw\u00f6rter sind nett", "two\nlines of password"):
        with pytest.raises(BadInput):
            encrypt(b"%PDF", password)
