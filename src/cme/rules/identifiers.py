"""Identifiers of pupils and schools: UPN, LAESTAB and URN, checked by their form and check letter.

None of them is a key of the product, and none may stand in a URL, a log or a message to a machine.
Source: Department for Education, unique pupil numbers: guide (check letter; letters I, O and S are never used).
"""

import re

from cme.errors import BadInput

_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"   # 23: without I, O and S
_UPN = re.compile(rf"[{_LETTERS}]\d{{11}}[\d{_LETTERS}]")
_LAESTAB = re.compile(r"(\d{3})[/ ]?(\d{4})")
_URN = re.compile(r"[1-9]\d{5}")


class BadIdentifier(BadInput):
    """The identifier is not valid. The sentence names the fault and never quotes a pupil's number."""


def upn_check_letter(rest: str) -> str:
    """The check letter for the twelve characters that follow it: sum of weight (2 to 13) x digit, modulo 23.

    In a temporary UPN the last of the twelve is a letter and counts with its place among the 23 letters.
    """
    total = sum(weight * (int(c) if c.isdigit() else _LETTERS.index(c)) for weight, c in enumerate(rest, start=2))
    return _LETTERS[total % 23]


def upn(text: str) -> str:
    """``text`` as a valid UPN in capital letters; raises BadIdentifier with one sentence that quotes nothing of it.

    The authority's three digits are not compared with a list: published lists lack live authorities.
    """
    token = text.strip().upper()
    if len(token) != 13:
        raise BadIdentifier(f"the UPN has {len(token)} characters, not 13; compare it with the admission register")
    if not token.isascii() or not _UPN.fullmatch(token):
        raise BadIdentifier(
            "the UPN is not a letter, eleven digits and a digit (or, if temporary, a letter), without I, O and S; "
            "compare it with the admission register"
        )
    if upn_check_letter(token[1:]) != token[0]:
        raise BadIdentifier("the UPN's first letter does not fit its digits, so at least one character is wrong; "
                            "compare it with the admission register")
    return token


def is_temporary_upn(valid: str) -> bool:
    """Whether a valid UPN is a temporary one (it ends in a letter)."""
    return valid[-1].isalpha()


def laestab(text: str) -> str:
    """``text`` as ``LLL/EEEE``: the authority's three digits and the establishment's four. Raises BadIdentifier."""
    found = _LAESTAB.fullmatch(text.strip()) if text.isascii() else None
    if not found:
        raise BadIdentifier(
            f"{text!r} is not a LAESTAB; write three digits for the authority and four for the school, as in 330/1999"
        )
    if found[1] == "000":
        raise BadIdentifier(f"{text!r} is not a LAESTAB: no authority has the number 000; correct the first three digits")
    return f"{found[1]}/{found[2]}"


def urn(text: str) -> str:
    """``text`` as a URN of six digits. Raises BadIdentifier."""
    token = text.strip()
    if not token.isascii() or not _URN.fullmatch(token):
        raise BadIdentifier(
            f"{text!r} is not a URN; write the six digits of the school's record in Get Information about Schools"
        )
    return token
