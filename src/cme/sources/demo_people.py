"""The made-up people of the demonstration school. Every name, address, number and school here is invented.

UPNs are well formed; e-mail addresses end in .example, telephone numbers lie in the ranges that Ofcom keeps for fiction, and
postcodes begin with ZZ99, which no street has.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from cme.rules.identifiers import upn_check_letter
from cme.rules.school_days import SchoolCalendar

GROUPS = ("Alder", "Birch", "Cedar", "Damson", "Elder", "Fir", "Gorse", "Hazel", "Juniper", "Larch")
_YEARS = {"Alder": (7, 8), "Birch": (7, 8), "Cedar": (9,), "Damson": (9,), "Elder": (10,), "Fir": (10,), "Gorse": (10,),
          "Hazel": (11,),
          "Juniper": (11,), "Larch": (11,)}
_FORENAMES = {
    "F": ("Zoë", "Siân", "Amélie", "Ottoline", "Şirin", "Ximena", "Aoife", "Perpetua", "Saoirse", "Ingrid", "Chloë", "Tamsin",
          "Wilhelmina", "Noor", "Adaeze",
          "Oriel", "Maëlys", "Jadwiga", "Thandi", "Parveen", "Isolde", "Renée", "Anwen", "Bettany", "Cosima"),
    "M": ("Łukasz", "Søren", "Iñaki", "Oğuz", "Jürgen", "Barnaby", "Caspian", "Đorđe", "Emeka", "Fitzroy", "Gethin", "Håkon",
          "Idris", "Jolyon", "Kwame",
          "Lysander", "Mateus", "Ndugu", "Osian", "Peregrine", "Quentin", "Rafał", "Séamus", "Tariq", "Ulrich")}
_FIRST = ("Quill", "Marrow", "Lantern", "Bramble", "Thistle", "Gossamer", "Kettle", "Pebble", "Saffron", "Tinder", "Umber",
          "Velvet", "Yarrow", "Zephyr",
          "Button", "Dapple")
_SECOND = ("feather", "by", "wick", "quist", "penny", "mere", "trundle", "sprig")
_STREETS = ("Lanternwick Row", "Marmalade Lane", "Old Kite Street", "Dapplemere Road", "Tinderbox Close", "Seven Buttons Yard")
_HOME_SCHOOLS = ("Tansy Hill Academy (invented)", "Nine Kites High School (invented)", "Saltmarsh Bell School (invented)")
FLAGS = ("social worker", "child in need", "child protection plan", "looked after", "EHCP", "young carer", "youth justice")


@dataclass
class Child:
    """A made-up pupil. ``pattern`` names the sessions expected here (empty: all), ``part_time`` those on agreed leave (C2)."""

    mis_id: str
    forename: str
    surname: str
    sex: str
    born: date
    upn: str
    year_group: int
    group: str
    admitted: date
    left: date | None = None
    registration: str = "sole"
    home_school: str = ""
    pattern: tuple[str, ...] = ()
    part_time: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    address: str = ""
    postcode: str = ""
    contacts: list[dict[str, str]] = field(default_factory=list)


_WEEK = tuple(f"{day}{session}" for day in ("Mon", "Tue", "Wed", "Thu", "Fri") for session in ("AM", "PM"))


def children(rng: Random, calendar: SchoolCalendar, first: date, last: date) -> list[Child]:
    """About 120 pupils in ten groups on ``last``, with those who left since ``first``; the first two are the story's."""
    surnames = [a + b for a in _FIRST for b in _SECOND]
    rng.shuffle(surnames)
    year_start = next(calendar.school_days(calendar.school_year_start(last), last))
    made = []
    for number in range(128):
        group = ("Cedar", "Gorse")[number] if number < 2 else GROUPS[number % len(GROUPS)]
        year = rng.choice(_YEARS[group])
        left = None
        if number >= 120:                                    # leavers: some at the end of year 11, some in the middle of a term
            year, group = (12, "Larch") if number >= 123 else (10, "Fir")
            left = date(last.year, 6, 26) if number >= 123 else rng.choice(list(calendar.school_days(year_start, last))[5:25])
        made.append(_child(rng, number, surnames[number], group, year,
                           _admitted(rng, number, year, calendar, first, year_start, last), left, last))
    return made


def _admitted(rng: Random, number: int, year: int, calendar: SchoolCalendar, first: date, year_start: date, last: date) -> date:
    if year == 7:
        return year_start
    if number > 1 and number % 9 == 4:                       # in the middle of the year
        return rng.choice(list(calendar.school_days(first + timedelta(days=20), last - timedelta(days=30))))
    return date(last.year - rng.choice((1, 2)), 9, 3) if year != 8 else date(last.year - 1, 9, 3)


def _child(rng: Random, number: int, surname: str, group: str, year: int, admitted: date, left: date | None, last: date) -> Child:
    sex = rng.choice("FM")
    born = date(last.year - year - 5, 9, 1) + timedelta(days=rng.randrange(364))
    rest = f"801{4900 + number % 7}{(born.year + 5) % 100:02d}{number + 100:03d}"
    if number == 57:
        rest = rest[:-1] + "B"                               # a temporary number
    child = Child(f"{4100 + 7 * number:06d}", rng.choice(_FORENAMES[sex]), surname, sex, born,
                  "" if number in (64, 91) else upn_check_letter(rest) + rest,
                  year, group, admitted, left, address=f"{rng.randrange(1, 90)} {rng.choice(_STREETS)}, Birmingham",
                  postcode=f"ZZ99 {rng.randrange(1, 9)}QM")
    if number > 1 and number % 8 == 3:                       # on the rolls of two schools
        child.registration = "dual-subsidiary" if number % 16 == 3 else "dual-main"
        child.home_school = rng.choice(_HOME_SCHOOLS)
        start = rng.choice((0, 2, 4))
        child.pattern = _WEEK[start:start + 6]
    elif number > 1 and number % 10 == 6:
        child.part_time = tuple(s for s in _WEEK if s.endswith("PM")
                                and s[:3] in (("Mon", "Wed", "Fri") if number % 20 == 6 else ("Tue", "Thu")))
    elif number > 1 and number % 31 == 7:
        child.registration, child.home_school = "guest", rng.choice(_HOME_SCHOOLS)
    if number == 0 or number > 1 and rng.random() < 0.3:
        child.flags = ("social worker",) if number == 0 else tuple(sorted(rng.sample(FLAGS, rng.choice((1, 1, 2)))))
    child.contacts = _contacts(rng, number, child)
    return child


def _contacts(rng: Random, number: int, child: Child) -> list[dict[str, str]]:
    """Mostly two; some children have one, one has none, and one has a first contact who must not be contacted."""
    count = 0 if number == 33 else 1 if number > 1 and number % 11 == 5 else 2
    made = []
    for priority in range(1, count + 1):
        parents = ("mother", "father")
        relationship = rng.choice((*parents, "grandparent", "foster carer", "aunt") if priority == 2 else parents)
        initial = rng.choice("ABCDEFGHJKLMNPRSTVW")
        has_email = priority == 1 and number != 48 or rng.random() < 0.7
        email = f"contact{priority}.{child.mis_id}@family-post.example" if has_email else ""
        made.append({"pupil_id": child.mis_id, "priority": str(priority), "name": f"{initial}. {child.surname}",
                     "relationship": relationship,
                     "email": email, "telephone": f"07700 900{(number * 2 + priority) % 1000:03d}" if rng.random() < 0.9
                     else f"0121 496 0{number:03d}",
                     "language": "pl" if child.forename in ("Łukasz", "Jadwiga", "Rafał") and number > 1 else "en",
                     "do_not_contact": "yes" if number == 22 and priority == 1 else "no"})
    return made


_NAMES = (("TQA", "Ms P. Thimblequist"), ("WMB", "Mr O. Wickmere"), ("DFC", "Ms A. Dandelfeather"), ("KPD", "Mr J. Kettlepenny"),
          ("BSE", "Mx R. Bramblesprig"), ("LTF", "Ms N. Lanterntrundle"), ("GQG", "Mr D. Gossamerquist"),
          ("PMH", "Ms E. Pebblemere"), ("UWJ", "Mr T. Umberwick"), ("ZBL", "Ms S. Zephyrby"),
          ("CV1", "Mx L. Yarrowsprig"), ("CV2", "Mr H. Tinderpenny"))
STAFF = tuple({"staff_code": code, "name": name, "email": f"{code.lower()}@larkspur-bridge.example"} for code, name in _NAMES)
TEACHER = {group: STAFF[number]["staff_code"] for number, group in enumerate(GROUPS)}
