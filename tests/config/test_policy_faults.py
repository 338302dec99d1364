"""What is wrong with the policies is said all at once, each fault with its file, its key and what to do."""

import pytest

from cme.config.policies import ConfigFaults, load
from cme.errors import BadInput


def test_all_faults_are_said_at_once(folder) -> None:
    school, statutory = folder / "school.yaml", folder / "statutory.yaml"
    school.write_text(school.read_text().replace('"330/1999"', '"33/1999"').replace('closes: "09:20"', 'closes: "09:25"'))
    statutory.write_text(
        statutory.read_text().replace("value: 10\n        unit: school days", "value: ten\n        unit: school days")
    )
    (folder / "authorities" / "birmingham.yaml").unlink()
    with pytest.raises(ConfigFaults) as refused:
        load(folder)
    files = [fault.split(":")[0] for fault in refused.value.faults]
    assert set(files) == {"school.yaml", "statutory.yaml", "authorities/birmingham.yaml"}
    assert isinstance(refused.value, BadInput)


@pytest.mark.parametrize(("file", "old", "new", "says"), [
    # the ladder of contact
    ("school.yaml", "visit: {value: 120, unit: minutes", "visit: {value: 20, unit: minutes",
     "school.yaml: contact_ladder: next_person, call, visit and dsl must come in this order; correct the minutes"),
    ("school.yaml", "a_minute: {value: 40, unit: messages", "a_minute: {value: 40, unit: percent",
     "school.yaml: message_brakes, a_minute: the unit must be 'messages', not 'percent'; correct it"),
    ("school.yaml", 'quiet_until: {value: "08:00"', 'quiet_until: {value: "20:00"', "the quiet hours begin in the evening and end in the morning"),
    ("school.yaml", 'codes: {value: ["N", "O"], source: "the product\'s', 'codes: {value: ["N", "QQ"], source: "the product\'s',
     "school.yaml: contact_ladder, codes: the code 'QQ' is not in attendance_codes.yaml; correct it"),
    # the YAML traps
    ("attendance_codes.yaml", 'code: "N"', "code: NO",
     "attendance_codes.yaml: codes, entry 22, code: the code reads as False, not as text; put it in quotes"),
    ("attendance_codes.yaml", 'code: "N"', "code: 1", "the code reads as 1, not as text; put it in quotes"),
    ("statutory.yaml", 'codes: ["N"]', "codes: [NO]", "the code reads as False, not as text; put it in quotes"),
    ("school.yaml", "name: {", "on: yes\nname: {",
     "school.yaml: line 3: the key on reads as True, not as text; give it another name or quote it"),
    ("school.yaml", "name: {", "7: x\nname: {", "school.yaml: line 3: the key 7 is not text; put it in quotes"),
    ("school.yaml", "laestab: {", "name: {", "the key name is given twice; remove one"),
    ("school.yaml", "name: {", "name: [", "this is not YAML"),
    # keys
    ("school.yaml", "register_overdue_minutes", "register_overdue_minuts",
     "school.yaml: register_overdue_minuts: this key is not known; remove it or correct its spelling"),
    ("school.yaml", "register_overdue_minutes", "register_overdue_minuts",
     "school.yaml: register_overdue_minutes: this key is missing; add it"),
    ("school.yaml", 'source: "example", confirmed: no}\nlaestab', 'source: "example", confirmed: "no"}\nlaestab',
     "school.yaml: name, confirmed: must be yes or no; write one of them without quotes"),
    ("school.yaml", "{value: 10, unit: minutes", '{value: "10", unit: minutes',
     "school.yaml: register_overdue_minutes, value: must be a whole number; write it without quotes"),
    ("school.yaml", "{value: 10, unit: minutes", "{value: yes, unit: minutes",
     "register_overdue_minutes, value: must be a whole number"),
    ("school.yaml", "{value: 10, unit: minutes", "{value: 0, unit: minutes",
     "register_overdue_minutes, value: 0 is too small; give a whole number of at least 1"),
    ("school.yaml", "{value: 10, unit: minutes", "{value: 10, unit: hours",
     "register_overdue_minutes, unit: input should be 'minutes'; correct it"),
    ("school.yaml", '{value: "999001"', "{value: 999001", "school.yaml: urn, value: must be text; put it in quotes"),
    # the school
    ("school.yaml", '"330/1999"', '"33/1999"', "school.yaml: laestab: '33/1999' is not a LAESTAB"),
    ("school.yaml", '"999001"', '"99901"', "school.yaml: urn: '99901' is not a URN"),
    ("school.yaml", '"08:50"', '"8:50"', "school.yaml: sessions, AM, starts: '8:50' is not a time"),
    ("school.yaml", '"12:45"', "12:45", "sessions, PM, starts: 765 is not a time as text; put it in quotes"),
    ("school.yaml", 'closes: "09:20"', 'closes: "09:21"',
     "school.yaml: sessions, AM: the register stays open for 31 minutes; 30 are allowed"),
    ("school.yaml", 'closes: "09:20"', 'closes: "08:50"', "sessions, AM: it must start before its register closes"),
    ("school.yaml", 'closes: "09:20", ends: "12:00"', 'closes: "09:20", ends: "09:10"',
     "sessions, AM: it must start before its register closes"),
    ("school.yaml", 'ends: "12:00"', 'ends: "13:00"', "sessions, PM: the afternoon starts before the morning ends"),
    ("school.yaml", "follow_up_school_days: {value: 5, unit: school days",
     "follow_up_school_days: {value: 5, unit: calendar days",
     "follow_up_school_days: the unit must be 'school days'"),
    ("school.yaml", "pull_window_days: {value: 14, unit: calendar days", "pull_window_days: {value: 14, unit: school days",
     "pull_window_days: the unit must be 'calendar days'"),
    ("school.yaml", '{value: "birmingham"', '{value: "../../etc/passwd"',
     "local_authority: '../../etc/passwd' is not the name of a file in authorities/"),
    ("school.yaml", '{value: "birmingham"', '{value: "atlantis"', "authorities/atlantis.yaml: the file is missing"),
    # local codes
    ("school.yaml", "local_codes: []", 'local_codes: [{local: "A1", statutory: "B1"}]',
     "school.yaml: local_codes, A1: 'B1' is not in attendance_codes.yaml; map it to a code that is"),
    ("school.yaml", "local_codes: []", 'local_codes: [{local: "N", statutory: "O"}]',
     "local_codes, N: this is a statutory code with a meaning of its own; use another"),
    ("school.yaml", "local_codes: []", 'local_codes: [{local: "-", statutory: "O"}]', "local_codes, -: this is a statutory code"),
    ("school.yaml", "local_codes: []", 'local_codes: [{local: "A1", statutory: "H"}]',
     "local_codes, A1: 'H' cannot be entered on all of these days"),
    ("school.yaml", "local_codes: []",
     'local_codes: [{local: "A1", statutory: "B"}, {local: "A1", statutory: "O", from: 2026-09-01}]',
     "local_codes, A1: two meanings on the same day"),
    ("school.yaml", "local_codes: []", "local_codes: [{local: NO, statutory: \"O\"}]", "the code reads as False"),
    # the code table
    ("attendance_codes.yaml", 'code: "G"', 'code: "O"', "attendance_codes.yaml: O: the code is given twice for the same day"),
    ("attendance_codes.yaml", 'code: "G"', 'code: "GGG"', "a statutory code is one or two characters without spaces"),
    ("attendance_codes.yaml", 'code: "Z"', 'code: "-"',
     "attendance_codes.yaml: -: this stands for a mark not entered and is no code; remove the row"),
    ("attendance_codes.yaml", "possible: no", "possible: yes", "possible does not fit the category 'not a possible session'"),
    ("attendance_codes.yaml", "until: 2024-08-18", "from: 2025-01-01\n    until: 2024-08-18", "H: it ends before it begins"),
    ("attendance_codes.yaml", 'code: "U"', 'code: "UU"',
     "statutory.yaml: continuous_absence: the code 'U' is not in attendance_codes.yaml"),
    ("attendance_codes.yaml", 'code: "U"', 'code: "UU"',
     "authorities/birmingham.yaml: attendance_return: the code 'U' is not in"),
    ("attendance_codes.yaml", "category: unauthorised absence", "category: truancy", "input should be 'present'"),
    # numbers
    ("statutory.yaml", "unit: percent", "unit: sessions",
     "statutory.yaml: numbers, persistent_absence: the unit must be 'percent', not 'sessions'"),
    ("statutory.yaml", "persistent_absence:", "persistant_absence:",
     "statutory.yaml: numbers: persistent_absence is missing; add it"),
    ("statutory.yaml", "persistent_absence:", "persistant_absence:",
     "numbers, persistant_absence: no rule uses a number of this name"),
    ("statutory.yaml", "value: 50", "value: 101", "severe_absence: 101 per cent cannot be reached"),
    ("statutory.yaml", "        window: 10\n        window_unit: school weeks\n", "",
     "numbers, ten_sessions: it takes a window in school weeks"),
    ("school.yaml", "        window: 60\n        window_unit: school days\n",
     "        window: 60\n        window_unit: school weeks\n",
     "rolling_absence: it takes a window in school days"),
    ("statutory.yaml", '        codes: ["I"]\n', "", "sickness_return: the codes that it counts are missing"),
    ("statutory.yaml", "unit: percent", 'unit: percent\n        codes: ["I"]',
     "persistent_absence: it counts no particular codes"),
    ("school.yaml", "from: 2020-09-01", "from: 1 September 2020", "is not a date; write 2026-09-01"),
    # the calendar
    ("school.yaml", '"Tuesday 1 September 2026", last', '"Monday 1 September 2026", last',
     "'Monday 1 September 2026' falls on a Tuesday; correct the weekday or the date"),
    ("school.yaml", '"Monday 20 July 2026"]', '"Monday 4 May 2026"]',
     "calendar 2025/26, inset: 2026-05-04 (Monday) is a bank holiday"),
    ("school.yaml", '"Monday 20 July 2026"]', '"Saturday 18 July 2026"]',
     "calendar 2025/26, inset: 2026-07-18 (Saturday) is not a day of any term"),
    ("school.yaml", '"Monday 20 July 2026"]', '"Monday 13 April 2026"]', "calendar 2025/26, inset: a day is listed twice"),
    ("school.yaml", "days: 195", "days: 194", "calendar 2025/26: the terms hold 195 days without bank holidays, not 194"),
    ("school.yaml", "pupil_days: 190", "pupil_days: 195", "calendar 2025/26: 190 days remain for pupils after INSET, not 195"),
    ("school.yaml", "[2025-10-27, 2025-10-31]", "[2025-12-27, 2025-12-31]",
     "calendar 2025/26, autumn: the half-term is not inside the term"),
    ("school.yaml", '"Friday 19 December 2025"', '"Friday 29 August 2025"',
     "calendar 2025/26, autumn: the term ends before it begins"),
    ("school.yaml", '"Friday 19 December 2025"', '"Thursday 25 December 2025"',
     "calendar 2025/26, autumn: the last day 2025-12-25 is a Thursday and a bank holiday"),
    ("school.yaml", '"Friday 19 December 2025"', '"Friday 9 January 2026"',
     "calendar: the term from 2026-01-05 begins before the term from 2025-09-01 has ended"),
    ("school.yaml", "    days: 195", "    closures: [2026-08-05]\n    days: 195",
     "calendar 2025/26, closures: 2026-08-05 (Wednesday) is not a day of any term"),
    ("school.yaml", "    days: 195", "    no_session: [[2026-08-05, \"PM\"]]\n    days: 195",
     "calendar 2025/26, no_session: 2026-08-05 (Wednesday) is not a day of any term"),
    # the authority
    ("authorities/birmingham.yaml", 'key: "birmingham"', 'key: "brum"',
     "authorities/birmingham.yaml: key: it is 'brum'; it must be the file's name"),
    ("authorities/birmingham.yaml", 'la_code: "330"', 'la_code: "33"', "la_code: '33' is not three digits"),
    ("authorities/birmingham.yaml", "cme-referrals@birmingham-authority.example", "cme-referrals",
     "mailbox: 'cme-referrals' is not one e-mail address"),
    ("authorities/birmingham.yaml", "protection: tls", "protection: none",
     "protection: input should be 'tls' or 'pdf_password'"),
    ("authorities/birmingham.yaml", "      - upn", "      - year_group", "attendance_return: required_fields: a field is listed twice"),
    ("authorities/birmingham.yaml", "      - upn", "      - shoe_size", "required_fields: shoe_size is no field of a message"),
    ("authorities/birmingham.yaml", "    channel: mail", "    channel: telephone", "only a day-one report may be by telephone alone"),
    ("authorities/birmingham.yaml", "birmingham-cme-referral.docx", "another.docx", "there is no file 'another.docx' in authorities/forms"),
    ("authorities/birmingham.yaml", '    form: "Sickness return"\n', '    form: "Sickness return"\n    mailbox: "two@la.example one"\n',
     "sickness_return: mailbox: 'two@la.example one' is not one e-mail address"),
    ("authorities/birmingham.yaml", "protection: tls\n    word_form", "protection: pdf_password\n    word_form", "a Word form cannot be protected"),
    ("school.yaml", "attendance@tansy-hill.example", "tansy", "referring_schools, Tansy Hill Academy (invented): 'tansy' is not one"),
    ("authorities/birmingham.yaml", "value: 10", "value: 12", "attendance_return: 12 is later than the statutory 10 school days"),
    ("authorities/birmingham.yaml", "    value: 5\n    unit: school days", "    value: 5\n    unit: sessions",
     "cme_referral: the unit must be 'school days'"),
])
def test_a_fault_is_said_in_one_sentence(faults, file, old, new, says) -> None:
    said = faults(file, old, new)
    assert any(says in fault for fault in said), said
    assert all("\n" not in fault for fault in said)


def test_a_file_that_is_missing_empty_or_no_text_is_said(folder) -> None:
    (folder / "statutory.yaml").unlink()
    (folder / "attendance_codes.yaml").write_bytes(b"\xff\xfe\x00")
    (folder / "school.yaml").write_text("")
    with pytest.raises(ConfigFaults) as refused:
        load(folder)
    assert [f.partition(":")[0] for f in refused.value.faults] == ["attendance_codes.yaml", "statutory.yaml", "school.yaml"]
    assert "the file is missing" in str(refused.value) and "UTF-8" in str(refused.value) and "holds no keys" in str(refused.value)
