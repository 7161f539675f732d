"""Bech32 (BIP 173): the spelling of age's recipients and identities, which tells a slip of the pen.

    encode_bech32("age", key)                # "age1..."
    decode_bech32("age1...")                 # ("age", key)

As in age, the length is not held to BIP 173's ninety characters.
"""

from collections.abc import Iterable

LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
CHECKSUM = 6  # letters
MOST_LETTERS = 200


def encode_bech32(prefix: str, octets: bytes) -> str:
    """Spell octets in lower case behind a prefix."""
    words = _regroup(octets, 8, 5, pad=True) or []
    remainder = _polymod([*_expand(prefix), *words, *[0] * CHECKSUM]) ^ 1
    check = [remainder >> 5 * (CHECKSUM - 1 - place) & 31 for place in range(CHECKSUM)]
    return prefix + "1" + "".join(LETTERS[word] for word in [*words, *check])


def decode_bech32(text: str) -> tuple[str, bytes]:
    """Give prefix and octets; ValueError for a slip of the pen."""
    if len(text) > MOST_LETTERS or (text != text.lower() and text != text.upper()):
        raise ValueError("mixed case, or too long")
    prefix, one, rest = text.lower().rpartition("1")
    if not one or not prefix or len(rest) < CHECKSUM or not set(rest) <= set(LETTERS):
        raise ValueError("no prefix, or a letter that Bech32 does not have")
    if not all(33 <= ord(letter) <= 126 for letter in prefix):
        raise ValueError("a prefix that Bech32 does not have")
    words = [LETTERS.index(letter) for letter in rest]
    if _polymod([*_expand(prefix), *words]) != 1:
        raise ValueError("the checksum does not fit")
    octets = _regroup(words[:-CHECKSUM], 5, 8, pad=False)
    if octets is None:
        raise ValueError("bits are left over")
    return prefix, bytes(octets)


def _polymod(words: Iterable[int]) -> int:
    remainder = 1
    for word in words:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ word
        for place, term in enumerate(GENERATOR):
            remainder ^= term if top >> place & 1 else 0
    return remainder


def _expand(prefix: str) -> list[int]:
    return [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]


def _regroup(words: Iterable[int], bits: int, into: int, *, pad: bool) -> list[int] | None:
    """Cut a row of bits anew; None where what is left over is not zero, or a whole word."""
    held, count = 0, 0
    found: list[int] = []
    for word in words:
        held, count = held << bits | word, count + bits
        while count >= into:
            count -= into
            found.append(held >> count & (1 << into) - 1)
        held &= (1 << count) - 1
    if pad:
        return [*found, held << (into - count)] if count else found
    return None if held or count >= bits else found
