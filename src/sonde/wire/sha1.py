"""SHA-1 of one short message (FIPS 180-4 §6.1), for Community ID only: it protects nothing."""

import numpy as np

from sonde.wire.jit import kernel
from sonde.wire.read import Int, Ints, Wire, u32

MOST = 55  # octets that fit one block with the padding
WORDS = 80


@kernel
def rotate(value: Int, by: Int) -> Int:
    """Rotate 32 bits to the left."""
    return (value << by | value >> (32 - by)) & 0xFFFFFFFF


@kernel
def sha1_short(message: Wire, length: Int, words: Ints, digest: Wire) -> None:
    """Hash message[:length], at most MOST octets; `message` has room for 64, `words` for 80."""
    message[length] = 0x80
    for place in range(length + 1, 62):
        message[place] = 0
    message[62] = length * 8 >> 8
    message[63] = length * 8 & 255
    for word in range(16):
        words[word] = u32(message, word * 4)
    for word in range(16, WORDS):
        words[word] = rotate(words[word - 3] ^ words[word - 8] ^ words[word - 14] ^ words[word - 16], 1)
    a, b, c = np.int64(0x67452301), np.int64(0xEFCDAB89), np.int64(0x98BADCFE)
    d, e = np.int64(0x10325476), np.int64(0xC3D2E1F0)
    for word in range(WORDS):
        if word < 20:
            mixed, constant = b & c | ~b & 0xFFFFFFFF & d, 0x5A827999
        elif word < 40:
            mixed, constant = b ^ c ^ d, 0x6ED9EBA1
        elif word < 60:
            mixed, constant = b & c | b & d | c & d, 0x8F1BBCDC
        else:
            mixed, constant = b ^ c ^ d, 0xCA62C1D6
        following = (rotate(a, 5) + mixed + e + constant + words[word]) & 0xFFFFFFFF
        e, d, c, b, a = d, c, rotate(b, 30), a, following
    write_word(digest, 0, a + 0x67452301)
    write_word(digest, 4, b + 0xEFCDAB89)
    write_word(digest, 8, c + 0x98BADCFE)
    write_word(digest, 12, d + 0x10325476)
    write_word(digest, 16, e + 0xC3D2E1F0)


@kernel
def write_word(digest: Wire, at: Int, value: Int) -> None:
    """Write 32 bits, big-endian."""
    for octet in range(4):
        digest[at + octet] = value >> (24 - 8 * octet) & 255
