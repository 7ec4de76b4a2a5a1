"""Check digits: what tells a number of a card or an account from any other number."""

from __future__ import annotations


def luhn(text: str) -> int:
    """Return how many characters of `text` are a card number: all of them, or 0.

    Luhn's formula (ISO/IEC 7812-1, annex B); of numbers by chance one in ten passes. A time in
    nanoseconds has 19 digits and begins with 1, so that none passes for a card before 2033.
    """
    digits = [int(sign) for sign in text if sign in "0123456789"]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return len(text) if (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 else 0


def iban(text: str, lengths: dict[str, int]) -> int:
    """Return how many characters of `text`, from its begin, are an account number; 0 if none.

    ISO 13616: the country's length, and 1 as remainder by 97. Words may follow a number that is
    written in groups, so that the text can be longer.

    Args:
        text: a candidate, in one piece or in groups.
        lengths: characters by country, without the spaces.
    """
    wanted = lengths.get(text[:2].upper(), 0)
    places = [place for place, sign in enumerate(text) if sign not in " -"][:wanted]
    if not wanted or len(places) < wanted:
        return 0
    number = "".join(text[place] for place in places).upper()
    value = int("".join(str(int(sign, 36)) for sign in number[4:] + number[:4]))
    end = places[-1] + 1
    whole = end == len(text) or text[end] in " -"
    return end if whole and value % 97 == 1 else 0
