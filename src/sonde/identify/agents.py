"""User-Agents -> applications: the products that a client says it is made of (RFC 9110 §10.1.5).

    User-Agent = product *( RWS ( product / comment ) )
    product    = token ["/" product-version]

The first product that is known tells the application; comments tell nothing. By the letter
of the RFC a blank ends a product, but vendors call theirs by several words, with a version
behind the last ("Google Update/1.3.36", "Debian APT-HTTP/1.3"). So an agent of a list may be
several tokens with one blank between; where several fit at one place the longest wins.
What is written otherwise, such as "[FBAN/FBIOS]" or "Ruby, RubyGems/3.0", is no product.
"""

import numpy as np

from sonde.identify.lookup import FNV_OFFSET, FNV_PRIME, Ends, look_up
from sonde.table.out import LENGTH_BITS, LENGTH_MASK
from sonde.wire import Int, Wire, kernel, lower

LONGEST_AGENT = 64  # octets of an agent in a list
MOST_WORDS = 4  # tokens of one
# The longest that browsers and applications inside of them send have about 350 octets and 12 products.
MOST_PRODUCTS = 24
MOST_OCTETS = 1024  # of a User-Agent are looked at; a product may end behind them

TAB, BLANK, OPENED, CLOSED, SLASH, BACKSLASH = (ord(each) for each in "\t ()/\\")
#: What tokens are made of (RFC 9110 §5.6.2).
LETTERS = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Products that nearly every browser names, whosever it is; they tell nobody.
NOBODYS = ("mozilla", "applewebkit", "gecko", "khtml", "chrome", "safari", "version", "mobile")
IS_TOKEN = np.zeros(256, np.uint8)
IS_TOKEN[np.frombuffer(LETTERS, np.uint8)] = 1


def is_agent(text: str) -> bool:
    """Say whether this is a product without version: tokens with one blank between."""
    words = text.split(" ")
    return (
        len(text) <= LONGEST_AGENT
        and len(words) <= MOST_WORDS
        and all(word and word.isascii() and all(IS_TOKEN[octet] for octet in word.encode()) for word in words)
    )


@kernel
def match_agent(agents: Ends, text: Wire, span: Int) -> Int:
    """Give the application of the first known product of the User-Agent in a span, or -1."""
    if span < 0:
        return -1
    at = span >> LENGTH_BITS
    end = at + (span & LENGTH_MASK)
    last = min(end, at + MOST_OCTETS)
    for _ in range(MOST_PRODUCTS):
        at = skip_comments(text, at, last)
        if at >= last:
            return -1
        found = match_product(agents, text, at, end)
        if found >= 0:
            return found
        while at < last and not ends_word(text[at]):
            at += 1
    return -1


@kernel
def skip_comments(text: Wire, at: Int, end: Int) -> Int:
    """Give where the next word begins, outside of comments; those nest and can quote (RFC 9110 §5.6.5)."""
    depth = 0
    while at < end:
        octet = text[at]
        if octet == OPENED:
            depth += 1
        elif depth == 0:
            if octet != BLANK and octet != TAB:
                return at
        elif octet == CLOSED:
            depth -= 1
        elif octet == BACKSLASH:
            at += 1
        at += 1
    return end


@kernel
def ends_word(octet: Int) -> bool:
    """Say whether an octet stands between products; many leave the blank before a comment out."""
    return bool(octet == BLANK or octet == TAB or octet == OPENED)


@kernel(wraps=True)
def match_product(agents: Ends, text: Wire, at: Int, end: Int) -> Int:
    """Look the product that begins here up, and with it the words behind; the longest wins."""
    best, words, value = np.int64(-1), 1, FNV_OFFSET
    place = at
    while place < end and place - at < LONGEST_AGENT:
        octet = np.int64(text[place])
        if IS_TOKEN[octet] == 0:
            if octet != SLASH and not ends_word(octet):
                return best
            chosen = look_up(agents, text, at, place, value, place)
            best = chosen if chosen >= 0 else best
            # Behind a version, a comment or two blanks stands another product.
            if octet != BLANK or words == MOST_WORDS or place + 1 == end or IS_TOKEN[text[place + 1]] == 0:
                return best
            words += 1
        value = (value ^ np.uint64(lower(octet))) * FNV_PRIME
        place += 1
    if place == end or text[place] == SLASH or ends_word(text[place]):
        chosen = look_up(agents, text, at, place, value, place)
        best = chosen if chosen >= 0 else best
    return best
