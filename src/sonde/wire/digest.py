"""Digests in kernels: MD5 (RFC 1321), SHA-256 (FIPS 180-4), HMAC and HKDF (RFC 2104, RFC 5869).

MD5 is for JA3 only: it protects nothing. States and message blocks are 32-bit words in
signed 64-bit numbers, so that compiled and interpreted arithmetic agree. A caller gives
the scratch: `state` of 8 words (4 for MD5) receives the digest, `words` of 16 is used up.
"""

import numpy as np

from sonde.wire.jit import kernel
from sonde.wire.read import Int, Ints, Wire, u32

MASK = 0xFFFFFFFF
BLOCK = 64  # octets
WORDS = 16
MOST_SHORT = 55  # octets that fit one block with the padding


def _root_fraction(prime: int, power: int) -> int:
    """Give the first 32 bits of the fraction of a square or cube root, in whole numbers."""
    target = prime << 32 * power
    root = int(prime ** (1 / power) * (1 << 32))  # near enough to end soon
    while root**power > target:
        root -= 1
    while (root + 1) ** power <= target:
        root += 1
    return root & MASK


_PRIMES = [n for n in range(2, 312) if all(n % d for d in range(2, n))]
SHA256_START = np.array([_root_fraction(prime, 2) for prime in _PRIMES[:8]], np.int64)  # §5.3.3
SHA256_ADD = np.array([_root_fraction(prime, 3) for prime in _PRIMES], np.int64)  # §4.2.2
MD5_START = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476], np.int64)
MD5_ADD = np.array([int(abs(np.sin(step + 1)) * 2**32) for step in range(64)], np.int64)  # RFC 1321 §3.4
MD5_TURN = np.array([7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21], np.int64)


@kernel
def turn_left(value: Int, by: Int) -> Int:
    """Rotate 32 bits to the left."""
    return (value << by | value >> (32 - by)) & MASK


@kernel(emit="sha256_block")
def sha256_block(state: Ints, words: Ints) -> None:
    """Take one block into the state (§6.2.2); the schedule replaces the block as it goes.

    A word that stands twice in 64 bits is rotated by one shift.
    """
    a, b, c, d = state[0], state[1], state[2], state[3]
    e, f, g, h = state[4], state[5], state[6], state[7]
    for step in range(64):
        word = words[step & 15]
        if step >= WORDS:
            early, late = words[step + 1 & 15], words[step + 14 & 15]
            twice, again = early << 32 | early, late << 32 | late
            low = (twice >> 7 ^ twice >> 18) & MASK ^ early >> 3
            high = (again >> 17 ^ again >> 19) & MASK ^ late >> 10
            word = (word + low + words[step + 9 & 15] + high) & MASK
            words[step & 15] = word
        twice = e << 32 | e
        mixed = (twice >> 6 ^ twice >> 11 ^ twice >> 25) & MASK
        first = h + mixed + (g ^ e & (f ^ g)) + SHA256_ADD[step] + word
        twice = a << 32 | a
        mixed = (twice >> 2 ^ twice >> 13 ^ twice >> 22) & MASK
        second = mixed + (a & b | c & (a | b))
        h, g, f, e, d, c, b, a = g, f, e, (d + first) & MASK, c, b, a, (first + second) & MASK
    state[0], state[1], state[2] = state[0] + a & MASK, state[1] + b & MASK, state[2] + c & MASK
    state[3], state[4], state[5] = state[3] + d & MASK, state[4] + e & MASK, state[5] + f & MASK
    state[6], state[7] = state[6] + g & MASK, state[7] + h & MASK


@kernel
def load_block(octets: Wire, at: Int, end: Int, words: Ints) -> None:
    """Read octets[at:end], at most a block, as words; what is missing is padding: 1 and zeros."""
    for word in range(WORDS):
        place = at + 4 * word
        if place + 4 <= end:
            words[word] = u32(octets, place)
            continue
        value = np.int64(0)
        for octet in range(place, place + 4):
            value <<= 8
            if octet < end:
                value |= np.int64(octets[octet])
            elif octet == end:
                value |= 0x80
        words[word] = value


@kernel
def sha256(octets: Wire, at: Int, end: Int, state: Ints, words: Ints) -> None:
    """Hash octets[at:end]; the digest is left in `state`."""
    for word in range(8):
        state[word] = SHA256_START[word]
    bits = (end - at) * 8
    blocks = (end - at + 9 + BLOCK - 1) // BLOCK
    for block in range(blocks):
        start = at + BLOCK * block
        if start <= end:
            load_block(octets, start, end, words)
        else:
            for word in range(WORDS):
                words[word] = 0
        if block == blocks - 1:
            words[14], words[15] = bits >> 32, bits & MASK
        sha256_block(state, words)


@kernel
def swap_words(words: Ints) -> None:
    """Turn the octets of each word round, for MD5 is little-endian."""
    for word in range(len(words)):
        value = words[word]
        words[word] = (value & 0xFF) << 24 | (value & 0xFF00) << 8 | value >> 8 & 0xFF00 | value >> 24


@kernel
def md5_block(state: Ints, words: Ints) -> None:
    """Take one block into the state (RFC 1321 §3.4)."""
    a, b, c, d = state[0], state[1], state[2], state[3]
    for step in range(64):
        if step < 16:
            mixed, place = b & c | (b ^ MASK) & d, step
        elif step < 32:
            mixed, place = b & d | c & (d ^ MASK), 5 * step + 1
        elif step < 48:
            mixed, place = b ^ c ^ d, 3 * step + 5
        else:
            mixed, place = c ^ (b | (d ^ MASK)), 7 * step
        total = (a + mixed + MD5_ADD[step] + words[place & 15]) & MASK
        a, d, c, b = d, c, b, (b + turn_left(total, MD5_TURN[step >> 4 << 2 | step & 3])) & MASK
    state[0], state[1] = (state[0] + a) & MASK, (state[1] + b) & MASK
    state[2], state[3] = (state[2] + c) & MASK, (state[3] + d) & MASK


@kernel
def md5(octets: Wire, at: Int, end: Int, state: Ints, words: Ints) -> None:
    """Hash octets[at:end]; the digest is left in state[:4], big-endian as it is printed."""
    for word in range(4):
        state[word] = MD5_START[word]
    bits = (end - at) * 8
    blocks = (end - at + 9 + BLOCK - 1) // BLOCK
    for block in range(blocks):
        start = at + BLOCK * block
        if start <= end:
            load_block(octets, start, end, words)
        else:
            for word in range(WORDS):
                words[word] = 0
        swap_words(words)
        if block == blocks - 1:
            words[14], words[15] = bits & MASK, bits >> 32
        md5_block(state, words)
    swap_words(state[:4])


@kernel
def begin_hmac(key: Ints, pads: Ints, words: Ints) -> None:
    """Take an HMAC's key of 8 words into both of its hashes, whose states are left in pads[0] and pads[1] (RFC 2104).

    One key serves for many messages: half of the blocks of a short one.
    """
    for which in range(2):
        pad = 0x36363636 if which == 0 else 0x5C5C5C5C
        for word in range(8):
            pads[which, word] = SHA256_START[word]
            words[word] = key[word] ^ pad
            words[word + 8] = pad
        sha256_block(pads[which], words)


@kernel
def hmac_sha256(pads: Ints, message: Wire, length: Int, state: Ints, words: Ints) -> None:
    """Give the HMAC of message[:length], at most MOST_SHORT octets, in `state`, under a key that `begin_hmac` took."""
    for word in range(8):
        state[word] = pads[0, word]
    load_block(message, 0, length, words)
    words[15] = (BLOCK + length) * 8
    sha256_block(state, words)
    for word in range(8):  # the inner digest is the outer message; the state begins again
        words[word] = state[word]
        state[word] = pads[1, word]
        words[word + 8] = 0
    words[8], words[15] = 0x80000000, (BLOCK + 32) * 8
    sha256_block(state, words)
