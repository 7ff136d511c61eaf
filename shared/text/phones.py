"""Masking of telephone numbers, such that doses, dates, product codes, lot numbers and laboratory values stay.

A number is masked for its form (international with `+` or `00`; North American 3-3-4; national with a leading zero) or, in any
form of 7 to 15 digits, because a word such as "call" stands before it. Bare runs of digits without such a word stay: they are as
often lot numbers. Forms: ITU-T E.164 (at most 15 digits), E.123 (how numbers are written), the North American Numbering Plan.
Product codes are those of the US National Drug Code, 21 CFR 207.33: 4-4-2, 5-3-2 and 5-4-1 digits, 5-4-2 in bills; 6-4-2 is the
form to come.
"""

from __future__ import annotations

import re

# One word that no rule here reads as a number or as a word that announces one: masking twice changes nothing more.
PHONE_MASK = "PHONENUMBER"

_END = r"(?!\w)(?!\s?(?:mg|mcg|µg|ug|g|kg|ml|l|iu|units?|tablets?|pills?|%)(?!\w))"
_START = r"(?<!\w)(?<!\d[.,/-])"
_ANNOUNCED = r"\+?\(?\d(?:[ .()/-]{0,2}\d){6,14}" + _END
# A group that ends with a sign for "or" may be followed by a second number, which nothing else announces.
_CALL = re.compile(
    r"(?<!\w)((?:call|called|calling|phone|ph|tel|telephone|fax|mobile|cell|whatsapp|sms|dial|ring|text)"
    r"(?:[^\w\n+(]{1,3}(?:me|us|him|her|them|at|on|is|no|nr|number)){0,3}[^\w\n+(]{1,3})"
    rf"({_ANNOUNCED}(?:(?: ?[,;/] ?| or | and ){_ANNOUNCED})*)",
    re.IGNORECASE,
)
_FORMS = re.compile(
    rf"{_START}(?:"
    # International: E.123 writes blanks, people write other signs as well.
    r"\+[1-9](?:[ .()-]{0,2}\d){7,14}"
    r"|00[1-9]\d{0,2}(?: \d{2,8}){2,5}"
    # North American: the area and the exchange begin with 2 to 9.
    r"|(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}"
    # National with a leading zero, one sign between all groups.
    r"|\(0[1-9]\d{0,4}\) ?\d{2,8}(?:[ -]\d{2,4}){0,4}"
    r"|0[1-9]\d{0,4}(?P<sign>[ -])\d{2,8}(?:(?P=sign)\d{2,4}){0,4}"
    r"|0[1-9]\d{1,4}/\d{5,8}"
    rf"){_END}",
)
# What every number has; most posts have none, and the search for forms is spared them.
_ENOUGH_DIGITS = re.compile(r"\d(?:[ .()/-]{0,2}\d){6}")
_NUMBER = re.compile(_ANNOUNCED)
_PRODUCT = re.compile(r"\d{4,6}-\d{3,4}-\d{1,2}|000\d{8}")
_DATE = re.compile(
    r"(?:(?:19|20)\d\d[-./ ]?[01]?\d[-./ ]?[0-3]?\d|[0-3]?\d[-./ ][0-3]?\d[-./ ](?:19|20)\d\d)(?:[ -]+[\d ./-]*)?"
    r"|(?:19|20)\d\d ?- ?(?:19|20)\d\d"
)
_FEWEST, _MOST = 9, 15


def mask_phones(text: str) -> str:
    """Replace telephone numbers by one fixed word."""
    if not _ENOUGH_DIGITS.search(text):
        return text
    text = _CALL.sub(lambda found: found[1] + _NUMBER.sub(_announced, found[2]), text)
    return _FORMS.sub(_formed, text)


def _announced(found: re.Match[str]) -> str:
    return found[0] if _is_other(found[0]) else PHONE_MASK


def _formed(found: re.Match[str]) -> str:
    digits = sum(one.isdigit() for one in found[0])
    return found[0] if not _FEWEST <= digits <= _MOST or _is_other(found[0]) else PHONE_MASK


def _is_other(number: str) -> bool:
    return bool(_PRODUCT.fullmatch(number) or _DATE.fullmatch(number))
