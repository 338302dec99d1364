"""The policies: what the shipped files say, and how their values reach the rules."""

from datetime import date

from cme.config import policies
from cme.config.policies import load

def test_the_shipped_files_load_for_three_authorities_of_different_shape() -> None:
    birmingham, hertfordshire, herefordshire = (
        load(authority=key).authority for key in ("birmingham", "hertfordshire", "herefordshire")
    )
    assert (birmingham.la_code, birmingham.cme_referral.value, birmingham.whereabouts_unknown) == ("330", 5, True)
    assert hertfordshire.attendance_return_rules == ("continuous_absence", "cumulative_absence")
    assert hertfordshire.forms == ("10-day absence: first form", "10-day absence: follow-up form")
    assert (herefordshire.cme_referral.value, herefordshire.attendance_return_rules) == (10, ("continuous_absence",))
    assert {a.messages["cme_referral"].protection for a in (birmingham, hertfordshire, herefordshire)} == {"tls", "pdf_password"}
    assert all(a.mailbox.endswith(".example") for a in (birmingham, hertfordshire, herefordshire))


def test_the_schools_values_are_typed_and_in_their_units() -> None:
    held = load()
    school = held.school
    assert load(policies.FOLDER) == held
    assert (school.laestab, school.urn, school.local_authority) == ("330/1999", "999001", "birmingham")
    assert (school.register_overdue_minutes, school.contact_answer_minutes, school.day_one_minutes) == (10, 60, 30)
    assert (school.routine_review_school_days, school.follow_up_school_days, school.ack_due_school_days) == (1, 5, 2)
    assert (school.pull_window_days, school.absent_again_days, school.overdue_review_reminder_minutes) == (14, 5, 60)
    assert (school.sessions["AM"].starts, school.sessions["AM"].closes, school.sessions["PM"].ends) == ("08:50", "09:20", "15:00")


def test_both_school_years_hold_190_days_for_pupils() -> None:
    calendar = load().calendar
    assert calendar.count(date(2025, 9, 1), date(2026, 8, 31)) == calendar.count(date(2026, 9, 1), date(2027, 8, 31)) == 190
    assert calendar.is_school_day(date(2026, 11, 23)) and date(2025, 12, 25) in calendar.bank_holidays


def test_every_unconfirmed_value_that_matters_is_named_with_what_to_do() -> None:
    waiting = load().unconfirmed()
    assert len(waiting) == len(set(waiting))
    assert all(sentence.endswith("then set confirmed: yes") for sentence in waiting)
    for place in (
        "school.yaml: name",
        "school.yaml: sessions, AM",
        "school.yaml: calendar 2026/27",
        "school.yaml: review_due, day_one",
        "school.yaml: numbers cumulative_absence, values 2020-09-01",
        "authorities/birmingham.yaml: mailbox",
        "authorities/birmingham.yaml: cme_referral, number",
        "attendance_codes.yaml: codes #",
    ):
        assert any(sentence.startswith(f"{place}: not confirmed") for sentence in waiting), place
    for place in ("rolling_absence", "code_valid_minutes", "pull_window_days", "codes F"):
        assert not any(place in sentence for sentence in waiting), place


def test_nothing_waits_once_everything_is_confirmed(folder) -> None:
    for file in folder.rglob("*.yaml"):
        file.write_text(file.read_text(encoding="utf-8").replace("confirmed: no", "confirmed: yes"), encoding="utf-8")
    assert load(folder).unconfirmed() == []


def test_the_overdue_procedure_is_said_from_the_day_after_its_date() -> None:
    school = load().school
    assert school.procedure_overdue(date(2024, 7, 31)) == ""
    assert "was to be reviewed by 31 July 2024" in school.procedure_overdue(date(2024, 8, 1))


def test_the_rule_book_holds_national_school_and_authority_numbers() -> None:
    book = load(authority="herefordshire").rule_book()
    assert book.number("continuous_absence", date(2026, 11, 23)).codes == frozenset("GNOU")
    assert book.number("cumulative_absence", date(2026, 11, 23)).value == 10
    assert book.number("referral_days", date(2026, 11, 23)).value == 10
    assert set(load().meanings) == set(load().statutory) | set(load().school_numbers)


def test_two_values_of_one_number_may_follow_each_other_but_not_on_one_day(folder, faults) -> None:
    text = (folder / "statutory.yaml").read_text()
    value = text[text.index("      - value: 50"):text.index("  sickness_return:")]
    later = value.replace("value: 50", "value: 40").replace("2015-09-01", "2027-09-01")
    (folder / "statutory.yaml").write_text(text.replace(value, value + later))
    book = load(folder).rule_book()
    assert [book.number("severe_absence", date(year, 10, 1)).value for year in (2026, 2027)] == [50, 40]
    assert "severe_absence: two values hold from the same day" in faults("statutory.yaml", "2027-09-01", "2015-09-01")[0]


def test_local_codes_reach_the_code_table(folder) -> None:
    text = (folder / "school.yaml").read_text()
    (folder / "school.yaml").write_text(
        text.replace("local_codes: []", 'local_codes: [{local: "A1", statutory: "B", from: 2025-09-01}]')
    )
    codes = load(folder).codes
    assert codes.statutory("A1", date(2026, 11, 23)) == "B"


def test_an_authority_may_ask_earlier_than_the_law_and_then_the_rules_do(folder) -> None:
    file = folder / "authorities" / "birmingham.yaml"
    text = file.read_text().replace("value: 10\n", "value: 8\n")
    file.write_text(text.replace("sickness_return: {value: 15", "sickness_return: {value: 12"))
    book = load(folder).rule_book()
    assert book.number("continuous_absence", date(2026, 11, 23)).value == 8
    assert "Birmingham's own format" in book.number("continuous_absence", date(2026, 11, 23)).source
    assert book.number("sickness_return", date(2026, 11, 23)).value == 12
    assert book.number("cumulative_absence", date(2026, 11, 23)).value == 10


def test_what_runs_out_is_said_in_time() -> None:
    held = load()
    overdue = held.school.procedure_overdue(date(2026, 11, 23))
    assert held.reminders(date(2026, 11, 23)) == [overdue] and "31 July 2024" in overdue
    assert len(held.reminders(date(2027, 5, 22))) == 1
    assert held.reminders(date(2027, 5, 23))[1].startswith("the school's calendar ends on 21 July 2027; add the next school year")
    assert held.reminders(date(2024, 7, 31)) == []
