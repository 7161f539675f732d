r"""What names a person, in any spelling: no authorisation may hold it (ACCOUNTABILITY §3).

    what_names_a_person("mail of alice (at) example dot org")      # "a mailbox"
    what_names_a_person("wave of phishing since Monday")           # None

Texts are brought to one spelling first: Unicode's compatible forms (NFKC), invisible letters,
percent and HTML escapes, words for signs. It errs on the side of refusing. It cannot know that a
word is somebody's name; that is why scope values are held to declared lists and not to this alone.
"""

import html
import re
import unicodedata
from ipaddress import ip_address
from urllib.parse import unquote

MOST_LETTERS = 4000  # of one text; what is longer is refused unread
MOST_ROUNDS = 4  # of escapes within escapes
LEAST_DIGITS = 7  # of a telephone number; a year and a running number are told apart
FROM_HEX = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4}))", re.IGNORECASE)
SIGNS = (
    (re.compile(r"\s*[\[({<]\s*(?:at|ät|arroba|chez|@)\s*[\])}>]\s*"), "@"),
    (re.compile(r"\s*[\[({<]\s*(?:dot|punkt|punto|point|\.)\s*[\])}>]\s*"), "."),
    (re.compile(r"(?<=\w)[\s_-]+at[\s_-]+(?=[\w-]+(?:[\s_-]+dot[\s_-]+|\.|\s+\.\s*)[a-z])"), "@"),
    (re.compile(r"(?<=\w)[\s_-]+dot[\s_-]+(?=\w)"), "."),
    (re.compile(r"[\u2010-\u2015\u2212\ufe63\uff0d]"), "-"),
    (re.compile(r"[\u3002\uff0e\uff61\u2024]"), "."),
)
HEX = "[0-9a-f]"
KINDS = (
    ("a mailbox", re.compile(r"@|\bmailto\b|\be-?mail\s*[:=]|=40[a-z0-9]")),
    ("a mailbox", re.compile(r"[a-z0-9._-]+(?:!|::)[a-z][a-z0-9._!-]*")),  # UUCP and DECnet paths
    ("a URI of a person", re.compile(r"\b(?:sips?|xmpp|acct|tel|callto|skype|im|pres|matrix|ldaps?|sms|whatsapp):")),
    (
        "a directory name",
        re.compile(r"(?:^|[\s,;/])(?:cn|uid|sn|gn?|s|givenname|surname|mail|upn|samaccountname|dn)\s*=\s*\S"),
    ),
    (
        "a user name",
        re.compile(
            r"\b(?:user|users?[ _-]?name|user[ _-]?id|login|logon|account|acct|nick|handle|screen[ _-]?name|person|"
            r"name|sender|rcpt|recipient|from|to|mailbox|subscriber|victim|suspect|employee|student)\s*[:=]+\s*\S"
        ),
    ),
    ("a user name", re.compile(r"\\|(?:^|[\s/])~[a-z_]|/(?:home|users)/\w")),
    (
        "a subscriber's number",
        re.compile(r"\b(?:imsi|imei(?:sv)?|msisdn|iccid|supi|suci|gpsi|pei|meid|tmsi|guti|nai)\b[\s:=#-]*(?:\S*\d)"),
    ),
    ("an address", re.compile(r"(?<![\w.])(?:0x[0-9a-f]+|\d{1,10})(?:\.(?:0x[0-9a-f]+|\d{1,10})){3}(?![\w])")),
    ("an address", re.compile(r"(?<!\w)0x[0-9a-f]{7,8}(?!\w)")),
    ("a hardware address", re.compile(rf"(?<!{HEX}){HEX}{{1,2}}(?:[:\-.\s]{HEX}{{1,2}}){{5,7}}(?!{HEX})")),
    ("a hardware address", re.compile(rf"(?<!{HEX}){HEX}{{4}}(?:[:\-.\s]{HEX}{{4}}){{2,3}}(?!{HEX})")),
    ("a hardware address", re.compile(rf"(?<!{HEX}){HEX}{{6}}[:\-.]{HEX}{{6}}(?!{HEX})")),
    ("a hardware address", re.compile(r"(?<![0-9a-z])(?=[0-9]*[a-f])(?:0x)?[0-9a-f]{12}(?:[0-9a-f]{4})?(?![0-9a-z])")),
)
NUMBER = re.compile(r"\+?\(?\d(?:[\s().\-/_]*\d)+")
#: A year with a running number, or a date with the hour of a time: digits that are nobody's.
YEAR_AND_MORE = re.compile(r"(?:19|20)\d\d(?:[-/._]\d{1,6}(?:[-/.]\d{1,2})?|-\d\d-\d\d[\st]+\d\d)")
COLONS = re.compile(r"[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*")


def what_names_a_person(text: str) -> str | None:
    """Say what in a text names a person, or None. Bounded by the text's length."""
    if len(text) > MOST_LETTERS:
        return f"more than {MOST_LETTERS} letters"
    for spelling in spellings(text):
        for kind, pattern in KINDS:
            if pattern.search(spelling):
                return kind
        if any(_is_address(each) for each in COLONS.findall(spelling)):
            return "an address"
        if any(_is_telephone(each) for each in NUMBER.findall(spelling)):
            return "a telephone or subscriber's number"
    return None


def spellings(text: str) -> list[str]:
    """Give a text in one spelling, and again with signs written out as words turned back."""
    plain = text
    for _ in range(MOST_ROUNDS):
        before = plain
        plain = unicodedata.normalize("NFKC", html.unescape(unquote(plain)))
        plain = FROM_HEX.sub(lambda found: chr(int(found[1] or found[2], 16)), plain)
        plain = "".join(
            letter
            for letter in plain
            if unicodedata.category(letter) not in {"Cf", "Cc", "Mn", "Me"} or letter in "\t\n"
        )
        if plain == before:
            break
    plain = plain.casefold()
    signed = plain
    for pattern, sign in SIGNS:
        signed = pattern.sub(sign, signed)
    return [plain] if signed == plain else [plain, signed]


def _is_telephone(text: str) -> bool:
    """Say whether digits are as many as a telephone number, an IMSI or an IMEI has."""
    digits = sum(letter.isdigit() for letter in text)
    return digits >= LEAST_DIGITS and not YEAR_AND_MORE.fullmatch(text)


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text.strip(".")))
    except ValueError:
        return False
