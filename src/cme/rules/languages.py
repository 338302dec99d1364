"""The languages of parents' letters, and how schools' systems write them down."""

ENGLISH = "en"
# by ISO 639-1; the other names are ISO 639-2 and what English schools' systems say
NAMES = {"en": ("English", "eng"), "ur": ("Urdu", "urd"), "pl": ("Polish", "pol"), "ar": ("Arabic", "ara"), "so": ("Somali", "som"),
         "ro": ("Romanian", "ron", "rum")}
_CODES = {name.casefold(): code for code, names in NAMES.items() for name in (code, *names)}


def language_of(held: str) -> str | None:
    """The ISO 639-1 code of a language as it is held ("Polish", "pl-PL", "POL"; "" is English); None: none that we have letters in."""
    word = held.strip().casefold().replace("_", "-")
    return _CODES.get(word) or _CODES.get(word.partition("-")[0].partition(" ")[0]) if word else ENGLISH


def name_of(language: str) -> str:
    """What people call a language."""
    return NAMES[language][0] if language in NAMES else language
