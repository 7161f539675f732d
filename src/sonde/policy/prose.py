"""What free text of an authorisation may consist of: words, few digits, dates, and plain punctuation.

    what_is_no_prose("The mail server was reached at 14:30; 350 mails came in.")       # None
    what_is_no_prose("the machine host-7.example.org")                                 # "a word joined by signs"

A list of what names a person is never complete (`persons.py`); this is the other half, a list of
what there may be at all. Addresses, numbers of subscribers, user names with a sign or a digit, names of
hosts, digests and codes do not fit into it, in whatever spelling. Names that are mere words do.
"""

import re
import unicodedata

MOST_DIGITS = 6  # of a text, beside dates, times and years: one fewer than a telephone number has
LONGEST_WORD = 40  # letters
WORDS_WITH_DIGITS = ("ipv4", "ipv6")
MARKS = ".,;:!?"
BRACKETS = str.maketrans("", "", "()")
DATE = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")
TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?")
YEAR = re.compile(r"20[2-4]\d")
NUMBER = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)%?")
CVE = re.compile(r"CVE-20[0-4]\d-(\d{4,5})")
#: In small letters, a capital behind it: in English that is a name.
OF_A_PERSON = re.compile(
    r"\b(?:person|man|woman|user|employee|student|teacher|professor|customer|client|colleague|subscriber|patient|"
    r"journalist|lawyer|account|mailbox|login|nick)\s+[A-Z][^\W\d]+"
)
DASHES = frozenset("-\u2013\u2014")
APOSTROPHES = str.maketrans({"\u2019": "'", "\u2010": "-", "\u2011": "-"})


def what_is_no_prose(text: str, most_digits: int = MOST_DIGITS) -> str | None:
    """Say what in a text is none of words, numbers, dates, times and punctuation, or None."""
    if OF_A_PERSON.search(text):
        return "a name behind a person"
    digits = 0
    number_before = False
    for chunk in unicodedata.normalize("NFC", text).translate(APOSTROPHES).split():
        core = chunk.translate(BRACKETS).rstrip(MARKS)
        kind = _kind_of(core)
        if kind is not None:
            return kind
        number = _number_of(core)
        if number and number_before:
            return "numbers one behind the other"
        digits += 0 if YEAR.fullmatch(number) else len(number)
        if digits > most_digits:
            return f"more than {most_digits} digits beside dates and times" if most_digits else "a number"
        if number or any(map(str.isalpha, core)):
            number_before = bool(number) and not chunk.endswith(";")
    return None


def _number_of(core: str) -> str:
    """Give the digits of a number, or of a CVE behind its year; empty for a word, a date or a time."""
    cve = CVE.fullmatch(core)
    if cve:
        return cve[1]
    return core.rstrip("%").replace(",", "") if NUMBER.fullmatch(core) else ""


def _kind_of(core: str) -> str | None:
    """Say what is wrong with one word, its punctuation taken off."""
    if not core or core in DASHES or core.lower() in WORDS_WITH_DIGITS or DATE.fullmatch(core) or TIME.fullmatch(core):
        return None
    if not core.isascii() and any(unicodedata.category(letter)[0] == "N" for letter in core):
        return "digits that are not 0 to 9"
    if NUMBER.fullmatch(core) or CVE.fullmatch(core):
        return None
    if any(map(str.isdigit, core)):
        return "a word with digits or a number with signs"
    parts = re.split(r"[-']", core)
    if not all(parts) or not all(map(_is_letters, parts)):
        return "a word joined by signs"
    if len(core) > LONGEST_WORD:
        return f"a word of more than {LONGEST_WORD} letters"
    return None if all(map(_has_one_script, parts)) else "a word in letters of two alphabets"


def _is_letters(word: str) -> bool:
    """Say whether a word is of letters alone, and of such marks as cannot stand by themselves."""
    kinds = [unicodedata.category(letter) for letter in word]
    return kinds[0] in {"Lu", "Ll", "Lt", "Lo"} and all(kind in {"Lu", "Ll", "Lt", "Lo", "Mn", "Mc"} for kind in kinds)


def _has_one_script(word: str) -> bool:
    """Say whether letters are of one alphabet, as the first word of their names in Unicode tells."""
    names = {
        unicodedata.name(letter, "?").partition(" ")[0] for letter in word if unicodedata.category(letter)[0] == "L"
    }
    return len(names) == 1 or names <= {"CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH", "KATAKANA-HIRAGANA"}


__all__ = ["MOST_DIGITS", "what_is_no_prose"]
