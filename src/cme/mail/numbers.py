"""Telephone numbers as schools write them down, and as a text service wants them."""

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from cme.errors import BadInput

# set aside by Ofcom for drama: nobody's telephone. libphonenumber calls them invalid; demos, tests and the service's simulator use them
_NOBODYS = "+447700900"
_MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


def number_of(telephone: str) -> str:
    """A held telephone number in international form ("07700 900101" gives "+447700900101"), if a text can go there.

    A number without "+" or "00" is British. Raises BadInput in one sentence that does not quote the number.
    """
    try:
        number = phonenumbers.parse(telephone.strip(), "GB")
    except NumberParseException:
        raise BadInput("the telephone number is not one number: correct it where it is held, and put a second number in a field of its "
                       "own") from None
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if is_nobodys(written):
        return written
    if number.extension or not phonenumbers.is_valid_number(number):
        raise BadInput("the telephone number does not exist: a digit is missing, or one too many; correct it where it is held")
    if phonenumbers.number_type(number) not in _MOBILE:
        raise BadInput("the telephone number is not a mobile's, so that no text can go there: ring it")
    return written


def textable(telephone: str) -> bool:
    """Can a text go to this number?"""
    try:
        return bool(number_of(telephone))
    except BadInput:
        return False


def is_nobodys(number: str) -> bool:
    """Is this (in international form) one of the numbers that Ofcom has set aside for drama, 07700 900000 to 900999?"""
    return number.startswith(_NOBODYS) and len(number) == len(_NOBODYS) + 3
