"""SHA-1 of one short message (FIPS 180-4 §6.1), for Community ID only: it protects nothing."""

from sonde.wire.jit import kernel
from sonde.wire.read import Int, Ints, Wire, u32

MOST = 55  # octets that fit one block with the padding
WORDS, MASK = 16, 0xFFFFFFFF


@kernel
def rotate(value: Int, by: Int) -> Int:
    """Rotate 32 bits to the left."""
    return (value << by | value >> (32 - by)) & 0xFFFFFFFF


@kernel(emit="sha1_block")
def sha1_block(state: Ints, words: Ints) -> None:
    """Take one block of 16 words into the state, 5 words of 8 (§6.1.2); the schedule replaces the block as it goes."""
    a, b, c, d, e = state[0], state[1], state[2], state[3], state[4]
    for step in range(80):
        word = words[step & 15]
        if step >= WORDS:
            mixed = words[step + 13 & 15] ^ words[step + 8 & 15] ^ words[step + 2 & 15] ^ word
            word = rotate(mixed, 1)
            words[step & 15] = word
        if step < 20:
            mixed, constant = b & c | ~b & 0xFFFFFFFF & d, 0x5A827999
        elif step < 40:
            mixed, constant = b ^ c ^ d, 0x6ED9EBA1
        elif step < 60:
            mixed, constant = b & c | b & d | c & d, 0x8F1BBCDC
        else:
            mixed, constant = b ^ c ^ d, 0xCA62C1D6
        following = (rotate(a, 5) + mixed + e + constant + word) & 0xFFFFFFFF
        e, d, c, b, a = d, c, rotate(b, 30), a, following
    state[0], state[1], state[2] = state[0] + a & MASK, state[1] + b & MASK, state[2] + c & MASK
    state[3], state[4] = state[3] + d & MASK, state[4] + e & MASK


@kernel
def sha1_short(message: Wire, length: Int, words: Ints, state: Ints, digest: Wire) -> None:
    """Hash message[:length], at most MOST octets; `message` has room for 64, `words` is of 16 and `state` of 8."""
    message[length] = 0x80
    for place in range(length + 1, 62):
        message[place] = 0
    message[62] = length * 8 >> 8
    message[63] = length * 8 & 255
    for word in range(WORDS):
        words[word] = u32(message, word * 4)
    state[0], state[1], state[2], state[3], state[4] = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0
    sha1_block(state, words)
    for word in range(5):
        write_word(digest, 4 * word, state[word])


@kernel
def write_word(digest: Wire, at: Int, value: Int) -> None:
    """Write 32 bits, big-endian."""
    for octet in range(4):
        digest[at + octet] = value >> (24 - 8 * octet) & 255
