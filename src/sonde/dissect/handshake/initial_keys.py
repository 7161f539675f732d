"""Initial packets of QUIC: their long headers, and their keys, which anybody can compute.

RFC 9000 §17.2, RFC 9001 §5.2, RFC 9369 §3.3. Drafts, and what Google and Facebook ran
before there was a version 1, differ in the salt alone.
"""

import numpy as np

from sonde.wire import Int, Ints, Row, Wire, kernel, u8, u32
from sonde.wire.aes import count_through, encrypt_block, expand_key
from sonde.wire.digest import begin_hmac, hmac_sha256

MOST_INFO = 40  # octets of a label and its lengths
KEY, IV, HEADER_KEY, SET = 0, 16, 28, 44  # octets; a set for each role
TAG, SAMPLE_DISTANCE = 16, 4
MAX_ID = 20  # octets of a connection id (RFC 9000 §17.2)
VERSION_2 = 0x6B3343CF
MVFST_22, MVFST_27, MVFST_TRIAL = 0xFACEB001, 0xFACEB002, 0xFACEB00E  # Facebook's
T050, T051 = 0x54303530, 0x54303531  # Google's first versions with TLS

KEYS = np.dtype(
    [
        ("ready", "u1"),
        ("id_length", "u1"),
        ("id", "u1", (MOST_INFO,)),  # of the client's first packet
        ("sets", "u1", (2 * SET,)),  # client's, server's
        ("info", "u1", (MOST_INFO,)),
        ("secret", "i8", (8,)),
        ("secret_pads", "i8", (2, 8)),  # of HMAC under it
        ("pads", "i8", (2, 8)),
        ("schedule", "i8", (44,)),
        ("block", "i8", (4,)),
        ("nonce", "i8", (3,)),
    ],
    align=True,
)

_SALTS = (
    "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",  # version 1 (RFC 9001 §5.2), drafts 33 and 34
    "0dede3def700a6db819381be6e269dcbf9bd2ed9",  # version 2 (RFC 9369 §3.3.1)
    "afbfec289993d24c9e9786f19c6111e04390a899",  # drafts 29 to 32
    "c3eef712c72ebb5a11a7d2432bb46365bef9f502",  # drafts 23 to 28
    "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a",  # draft 22
    "7ff579e5acd072915580304c43a2367c60488310",  # T050
    "7a4edef4e7ccee5fa4506c19124fc8ccda6e033d",  # T051
    "504574efd066fe2f9d945cfcdbd3a7f0d3b56b45",  # Q050
)
OF_VERSION_2, OF_Q050 = 1, 7
SALTS = np.array([np.frombuffer(bytes.fromhex(salt).ljust(32, b"\0"), ">u4") for salt in _SALTS]).astype(np.int64)


def _info(label: str, length: int) -> bytes:
    """Spell HkdfLabel (RFC 8446 §7.1) and the counter of HKDF's first block."""
    named = b"tls13 " + label.encode()
    return length.to_bytes(2, "big") + bytes([len(named)]) + named + b"\0\1"


_LABELS = [
    *(_info(label, 32) for label in ("client in", "server in")),
    *(
        _info(f"{prefix} {label}", size)
        for prefix in ("quic", "quicv2")
        for label, size in (("key", 16), ("iv", 12), ("hp", 16))
    ),
]
INFOS = np.array([list(info.ljust(MOST_INFO, b"\0")) for info in _LABELS], np.uint8)
INFO_LENGTHS = np.array([len(info) for info in _LABELS], np.int64)
FIRST_PART = 2  # of version 1 in INFOS; three further on, version 2's


@kernel
def salt_of(version: Int) -> Int:
    """Give which salt a version that carries TLS uses; -1 where it is not known."""
    if version == 1 or version == 0xFF000021 or version == 0xFF000022:
        return 0
    if version == VERSION_2:
        return OF_VERSION_2
    if 0xFF00001D <= version <= 0xFF000020:
        return 2
    if 0xFF000017 <= version <= 0xFF00001C or version == MVFST_27 or version == MVFST_TRIAL:
        return 3
    if version == 0xFF000016 or version == MVFST_22:
        return 4
    return 5 if version == T050 else 6 if version == T051 else -1


@kernel
def varint(wire: Wire, at: Int, end: Int) -> tuple[Int, Int]:
    """Read a number of variable length (RFC 9000 §16): value and end, or -1 where it is cut."""
    if at < 0 or at >= end:
        return np.int64(-1), np.int64(-1)
    size = 1 << (u8(wire, at) >> 6)
    if end - at < size:
        return np.int64(-1), np.int64(-1)
    value = u8(wire, at) & 0x3F
    for place in range(at + 1, at + size):
        value = value << 8 | u8(wire, place)
    return value, at + size


@kernel
def ids_end(octets: Wire, at: Int, end: Int) -> Int:
    """Give where the two connection ids of a long header end, or -1."""
    if end - at < 7 or u8(octets, at + 5) > MAX_ID:
        return -1
    place = at + 6 + u8(octets, at + 5)
    if place >= end or u8(octets, place) > MAX_ID:
        return -1
    stop = place + 1 + u8(octets, place)
    return stop if stop <= end else -1


@kernel
def body_of(octets: Wire, place: Int, end: Int, has_token: bool) -> tuple[Int, Int]:
    """Give where the number of a packet begins and how long it is from there, or -1; its ids end at `place`."""
    if has_token:
        token, place = varint(octets, place, end)
        place = place + token if place >= 0 and token <= end - place else -1
    length, place = varint(octets, place, end)
    return place, length


@kernel
def keep_id(octets: Wire, at: Int, keys: Row) -> None:
    """Keep the connection id that keys are made from: the one that the client's first packet at `at` is for."""
    for offset in range(u8(octets, at + 5)):
        keys["id"][offset] = octets[at + 6 + offset]
    keys["id_length"] = u8(octets, at + 5)


@kernel
def expand(which: Int, pads: Ints, keys: Row, digest: Ints, words: Ints) -> None:
    """Run HKDF-Expand-Label for one of INFOS; the result is left in `digest`."""
    for place in range(MOST_INFO):
        keys["info"][place] = INFOS[which, place]
    hmac_sha256(pads, keys["info"], INFO_LENGTHS[which], digest, words)


@kernel
def derive_keys(keys: Row, salt: Int, digest: Ints, words: Ints) -> None:
    """Make the keys of both roles from the client's first connection id and one of SALTS."""
    pads, secret_pads = keys["pads"], keys["secret_pads"]
    for word in range(8):
        keys["secret"][word] = SALTS[salt, word]
    begin_hmac(keys["secret"], pads, words)
    hmac_sha256(pads, keys["id"], np.int64(keys["id_length"]), digest, words)
    for word in range(8):
        keys["secret"][word] = digest[word]
    begin_hmac(keys["secret"], secret_pads, words)
    first = FIRST_PART + (3 if salt == OF_VERSION_2 else 0)
    for role in range(2):
        expand(role, secret_pads, keys, digest, words)
        for word in range(8):
            keys["secret"][word] = digest[word]
        begin_hmac(keys["secret"], pads, words)
        for part in range(3):
            expand(first + part, pads, keys, digest, words)
            start = role * SET + (KEY if part == 0 else IV if part == 1 else HEADER_KEY)
            for octet in range(12 if part == 1 else 16):
                keys["sets"][start + octet] = digest[octet >> 2] >> (24 - 8 * (octet & 3)) & 0xFF
    keys["ready"] = 1


@kernel
def open_initial(octets: Wire, at: Int, body: Int, stop: Int, keys: Row, role: Int, out: Wire, put: Int) -> Int:
    """Decrypt the packet at..stop, whose number is at `body`, to out[put:]; give its size, or -1."""
    own, block, schedule = role * SET, keys["block"], keys["schedule"]
    expand_key(keys["sets"], own + HEADER_KEY, schedule)
    for word in range(4):
        block[word] = u32(octets, body + SAMPLE_DISTANCE + 4 * word)
    encrypt_block(schedule, block)  # the mask (RFC 9001 §5.4.3)
    first = u8(octets, at) ^ block[0] >> 24 & 0x0F
    size = (first & 3) + 1
    if first & 0x0C or stop - TAG - body - size <= 0:
        return -1  # reserved bits must be 0 (RFC 9000 §17.2)
    mask = (block[0] << 8 & 0xFFFFFFFF | block[1] >> 24) >> 8 * (4 - size)
    number = np.int64(0)
    for octet in range(size):
        number = number << 8 | u8(octets, body + octet)
    for word in range(3):
        keys["nonce"][word] = u32(keys["sets"], own + IV + 4 * word)
    keys["nonce"][2] ^= number ^ mask
    expand_key(keys["sets"], own + KEY, schedule)
    count_through(keys["nonce"], octets, body + size, stop - TAG, schedule, block, out, put)
    return stop - TAG - body - size
