r"""What names a person, in any spelling: no authorisation may hold it (ACCOUNTABILITY §3).

    what_names_a_person("mail of alice (at) example dot org")      # "a mailbox"
    what_names_a_person("wave of phishing since Monday")           # None

Texts are brought to one spelling first: Unicode's compatible forms (NFKC), invisible letters,
percent and HTML escapes, look-alike letters, words for signs and for digits. It errs on the side of
refusing, and a list of what is refused is never complete: free text is held to `prose.py` as well, and scope
values to what the policy declares. No list can know that a word is somebody's name.
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
_AT = "at|ät|arroba|arobase|chez|klammeraffe|affenschwanz|chiocciola|apenstaartje|snabel-a|kukac|malpa|małpa|собака"
_DOT = "dot|punkt|punto|point|ponto|kropka|точка"
SIGNS = (
    (re.compile(r"\bu\+0?040\b|\b0x40\b|\+aea-"), "@"),
    (re.compile(rf"\s*[\[({{<]\s*(?:{_AT}|@)\s*[\])}}>]\s*"), "@"),
    (re.compile(rf"\s*[\[({{<]\s*(?:{_DOT}|\.)\s*[\])}}>]\s*"), "."),
    (re.compile(r"\bat[\s-]sign\b"), "@"),
    (re.compile(rf"(?<=\w)[\s_-]+(?:{_AT})[\s_-]+(?=[\w-]+(?:[\s_-]+(?:{_DOT})[\s_-]+|\.|\s+\.\s*)[a-z])"), "@"),
    (re.compile(rf"(?<=\w)[\s_-]+(?:{_DOT})[\s_-]+(?=\w)"), "."),
    (re.compile(r"[\u2010-\u2015\u2212\ufe63\uff0d]"), "-"),
    (re.compile(r"[\u3002\uff0e\uff61\u2024]"), "."),
)
#: Letters of other alphabets that look like those of "at" and "dot", and like hexadecimal digits.
LOOK_ALIKE = str.maketrans("аτтοоԁеєсαбЬ", "attoodeecabb")
#: Digits as words; English, German, French, Spanish.
DIGIT_WORDS = {
    word: str(digit)
    for digit, words in enumerate((
        "zero nought null zéro cero", "one eins un uno", "two zwei zwo deux dos", "three drei trois tres",
        "four vier quatre cuatro", "five fünf cinq cinco", "six sechs seis", "seven sieben sept siete",
        "eight acht huit ocho", "nine neun neuf nueve",
    ))
    for word in words.split()
}  # fmt: skip
_DIGIT_WORD = re.compile(rf"\b(?:{'|'.join(DIGIT_WORDS)})\b")
_TIMES = re.compile(r"\b(double|triple)\s+(\d)")
#: o and l where digits are meant: in a word of nothing else, one digit at least among them.
_DIGIT_LIKE = re.compile(r"(?<![^\W_])(?=[oil]*\d)[\doil]+(?![^\W_])")
HEX = "[0-9a-f]"
GAP = r"[^0-9a-z]{1,3}"
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
    (
        "a number of a person",
        re.compile(
            r"\b(?:extension|ext|phone|telephone|mobile|fax|cell|room|badge|passport|plate|matriculation|personnel|staff|"
            r"employee|student|customer|account|subscriber|uid|uin|iban|ssn)\b[\s:.#]*(?:no|nr|number|id)?[\s:.#]*\d"
        ),
    ),
    (
        "a person's name",
        re.compile(r"\b(?:mr|mrs|ms\.|dr|prof|herrn?|frau|monsieur|madame|mme|señora?|signora?)\.?\s+\w"),
    ),
    (
        "a person's name",
        re.compile(
            r"\b(?:user|person|man|woman|employee|student|customer|colleague|subscriber|account|mailbox|login|somebody|"
            r"someone)\b[^.;:\n]{0,20}\b(?:named|known as|alias|aka|by the name of)\s+\S"
        ),
    ),
    (
        "a user name",
        re.compile(r"\b(?:user\s?name|user\s?id|(?:login|screen|nick)\s?name)\s+(?!and\b|or\b|fields?\b|forms?\b)\w"),
    ),
    (
        "a user name",
        re.compile(
            r"\b(?:user|account|login|logon|mailbox|nick|handle)\s*(?:->|[\"'`\u2018\u201c\u201e\u00ab\u2236=>]+)\s*\w"
        ),
    ),
    ("an address", re.compile(r"(?<![\w.])(?:0x[0-9a-f]+|\d{1,10})(?:\.(?:0x[0-9a-f]+|\d{1,10})){3}(?![\w])")),
    (
        "an address",
        re.compile(
            r"(?<!\w)0x[0-9a-f]{1,2}(?:\.0x[0-9a-f]{1,2}){3}|(?<!\w)(?=\d)[0-9a-f]{2}(?:\.[0-9a-f]{2}){3}(?!\w)"
        ),
    ),
    ("an address", re.compile(r"(?<!\d)\d{1,3}(\s*[^\w\s]\s*|[\s_x])\d{1,3}\1\d{1,3}\1\d{1,3}(?!\d)")),
    ("an address", re.compile(r"(?<!\w)(?:0x)?(?=[a-f]*\d)[0-9a-f]{8}(?!\w)")),
    ("an address", re.compile(r"ipv6-literal|in-addr|ip6\.arpa|e164\.arpa")),
    ("a hardware address", re.compile(rf"(?<!{HEX}){HEX}{{1,2}}(?:{GAP}{HEX}{{1,2}}){{5,7}}(?!{HEX})")),
    ("a hardware address", re.compile(rf"(?<!{HEX}){HEX}{{4}}(?:{GAP}{HEX}{{4}}){{2,3}}(?!{HEX})")),
    ("a hardware address", re.compile(rf"(?<!{HEX}){HEX}{{6}}{GAP}{HEX}{{6}}(?!{HEX})")),
    (
        "a hardware address",
        re.compile(r"(?<![0-9a-z])(?=[0-9]*[a-f])(?:0x)?[0-9a-f]{12}(?:[0-9a-f]{4})?h?(?![0-9a-z])"),
    ),
)
NUMBER = re.compile(r"\d(?:[^\w\n]{0,3}[_x]?[^\w\n]{0,3}\d)+")
#: Between two dates, or a date and a count, that stand one after the other.
APART = re.compile(r",\s+|;\s+|\s+[-\u2013/(]\s*|\)\s*|\s+")
#: A year with a running number, or a date with the hour of a time: digits that are nobody's.
YEAR_AND_MORE = re.compile(r"(?:19|20)\d\d(?:[-/._]\d{1,6}(?:[-/.]\d{1,2})?|-\d\d-\d\d[\st]+\d\d)")
DATE = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")
TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?")
TAGS = ("\U000e0000", "\U000e007f")
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
    """Give a text in one spelling, and again with signs and digits written out as words turned back."""
    plain = text
    for _ in range(MOST_ROUNDS):
        before = plain
        plain = unicodedata.normalize("NFKC", html.unescape(unquote(plain)))
        plain = FROM_HEX.sub(lambda found: chr(int(found[1] or found[2], 16)), plain)
        plain = "".join(map(_plain_letter, plain))
        if plain == before:
            break
    plain = plain.casefold()
    signed = plain.translate(LOOK_ALIKE)
    signed = _DIGIT_WORD.sub(lambda found: DIGIT_WORDS[found[0]], signed)
    signed = _TIMES.sub(lambda found: found[2] * (2 if found[1] == "double" else 3), signed)
    signed = _DIGIT_LIKE.sub(lambda found: found[0].translate(str.maketrans("oil", "011")), signed)
    for pattern, sign in SIGNS:
        signed = pattern.sub(sign, signed)
    return [plain] if signed == plain else [plain, signed]


def _plain_letter(letter: str) -> str:
    """Give a letter without what cannot be seen; a digit of any script as one of ours."""
    if TAGS[0] <= letter <= TAGS[1]:  # letters that are not shown (Unicode, Tags)
        return chr(ord(letter) - ord(TAGS[0]))
    if unicodedata.category(letter) in {"Cf", "Cc", "Mn", "Me"} and letter not in "\t\n":
        return ""
    digit = unicodedata.digit(letter, None)
    return letter if digit is None else str(digit)


def _is_telephone(text: str) -> bool:
    """Say whether digits are as many as a telephone number, an IMSI or an IMEI has, dates left aside."""
    if YEAR_AND_MORE.fullmatch(text):
        return False
    parts = APART.split(text)
    if any(DATE.fullmatch(part) for part in parts):
        text = "".join(part for part in parts if not DATE.fullmatch(part) and not TIME.fullmatch(part))
    return sum(letter.isdigit() for letter in text) >= LEAST_DIGITS


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text.strip(".")))
    except ValueError:
        return False
