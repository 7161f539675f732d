"""AES-128 in kernels (FIPS 197), and its counter mode as GCM runs it (SP 800-38D §6.5).

For what is protected with keys that anybody can compute: QUIC's Initial packets. Tables
indexed by key are no matter there; do not use this for secrets. Words are 32 bits in
signed 64-bit numbers. A caller gives the scratch: `schedule` of 44 words, `block` of 4.
"""

import numpy as np

from sonde.wire.jit import kernel
from sonde.wire.read import Int, Ints, Wire, put64, u32, u64

MASK = 0xFFFFFFFF
BLOCK = 16  # octets
ROUNDS, SCHEDULE_WORDS = 10, 44
FIRST_COUNT = 2  # of the octets of a message; 1 is for the tag


def _double(value: int) -> int:
    """Multiply by x in GF(2^8) (§4.2.1)."""
    return (value << 1 ^ (0x11B if value & 0x80 else 0)) & 0xFF


def _substitutes() -> list[int]:
    """Make the S-box: the inverse in GF(2^8), then an affine map (§5.1.1)."""
    powers, value = [], 1
    for _ in range(255):
        powers.append(value)
        value ^= _double(value)  # 3 generates the field
    inverse = {powers[n]: powers[-n % 255] for n in range(255)} | {0: 0}
    box = []
    for octet in range(256):
        turned = inverse[octet]
        box.append(0x63 ^ turned ^ _turn(turned, 1) ^ _turn(turned, 2) ^ _turn(turned, 3) ^ _turn(turned, 4))
    return box


def _turn(octet: int, by: int) -> int:
    return (octet << by | octet >> (8 - by)) & 0xFF


_BOX = _substitutes()
SUBSTITUTE = np.array(_BOX, np.int64)
#: Substitution and MixColumns together, for each row of the state (§5.1.3).
_COLUMN = [_double(s) << 24 | s << 16 | s << 8 | _double(s) ^ s for s in _BOX]
MIX_0, MIX_1, MIX_2, MIX_3 = (
    np.array([(word >> by | word << (32 - by)) & MASK for word in _COLUMN], np.uint32) for by in (0, 8, 16, 24)
)


@kernel
def substitute(word: Int) -> Int:
    """Substitute each octet of a word (§5.2)."""
    return (
        SUBSTITUTE[word >> 24] << 24
        | SUBSTITUTE[word >> 16 & 255] << 16
        | SUBSTITUTE[word >> 8 & 255] << 8
        | SUBSTITUTE[word & 255]
    )


@kernel
def expand_key(key: Wire, at: Int, schedule: Ints) -> None:
    """Make the round keys of the key at key[at:at + 16] (§5.2)."""
    for word in range(4):
        schedule[word] = u32(key, at + 4 * word)
    constant = 1
    for word in range(4, SCHEDULE_WORDS):
        previous = schedule[word - 1]
        if word % 4 == 0:
            previous = substitute((previous << 8 | previous >> 24) & MASK) ^ constant << 24
            constant = (constant << 1 ^ (0x11B if constant & 0x80 else 0)) & 0xFF
        schedule[word] = schedule[word - 4] ^ previous


@kernel(emit="encrypt_block")
def encrypt_block(schedule: Ints, block: Ints) -> None:
    """Encrypt four words in place (§5.1)."""
    a, b = block[0] ^ schedule[0], block[1] ^ schedule[1]
    c, d = block[2] ^ schedule[2], block[3] ^ schedule[3]
    for step in range(4, 4 * ROUNDS, 4):
        e = MIX_0[a >> 24] ^ MIX_1[b >> 16 & 255] ^ MIX_2[c >> 8 & 255] ^ MIX_3[d & 255]
        f = MIX_0[b >> 24] ^ MIX_1[c >> 16 & 255] ^ MIX_2[d >> 8 & 255] ^ MIX_3[a & 255]
        g = MIX_0[c >> 24] ^ MIX_1[d >> 16 & 255] ^ MIX_2[a >> 8 & 255] ^ MIX_3[b & 255]
        h = MIX_0[d >> 24] ^ MIX_1[a >> 16 & 255] ^ MIX_2[b >> 8 & 255] ^ MIX_3[c & 255]
        a, b = np.int64(e) ^ schedule[step], np.int64(f) ^ schedule[step + 1]
        c, d = np.int64(g) ^ schedule[step + 2], np.int64(h) ^ schedule[step + 3]
    mixed = a & 0xFF000000 | b & 0xFF0000 | c & 0xFF00 | d & 0xFF
    block[0] = substitute(mixed) ^ schedule[40]
    mixed = b & 0xFF000000 | c & 0xFF0000 | d & 0xFF00 | a & 0xFF
    block[1] = substitute(mixed) ^ schedule[41]
    mixed = c & 0xFF000000 | d & 0xFF0000 | a & 0xFF00 | b & 0xFF
    block[2] = substitute(mixed) ^ schedule[42]
    mixed = d & 0xFF000000 | a & 0xFF0000 | b & 0xFF00 | c & 0xFF
    block[3] = substitute(mixed) ^ schedule[43]


@kernel
def count_through(nonce: Ints, wire: Wire, at: Int, end: Int, schedule: Ints, block: Ints, out: Wire, put: Int) -> None:
    """Decrypt (or encrypt) wire[at:end] to out[put:] in GCM's counter mode under a nonce of three words."""
    count = FIRST_COUNT
    for place in range(at, end, BLOCK):
        block[0], block[1], block[2], block[3] = nonce[0], nonce[1], nonce[2], count
        encrypt_block(schedule, block)
        count += 1
        if end - place >= BLOCK:
            first, second = np.uint64(block[0] << 32 | block[1]), np.uint64(block[2] << 32 | block[3])
            behind = put64(out, put + place - at, u64(wire, place) ^ first)
            put64(out, behind, u64(wire, place + 8) ^ second)
            continue
        for offset in range(min(BLOCK, end - place)):
            key = block[offset >> 2] >> (24 - 8 * (offset & 3)) & 0xFF
            out[put + place - at + offset] = np.int64(wire[place + offset]) ^ key
