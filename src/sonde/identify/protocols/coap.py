"""CoAP (RFC 7252): a header, a token, options as differences, perhaps a payload behind 0xFF."""

import numpy as np

from sonde.schema import ASK, At, Protocol, Signature, Verdict
from sonde.wire import Int, Wire, kernel, u8, u16

# §12.1: requests 0.01 to 0.07, answers 2.xx, 4.xx, 5.xx.
NIBBLE_8, NIBBLE_16, NIBBLE_BAD = 13, 14, 15
# §12.2 and its registry: octets that an option may have; of those above 60 only few are in use.
LENGTHS = np.full(64, -1, np.int64)
for _option, _most in {
    1: 8, 3: 255, 4: 8, 5: 0, 6: 3, 7: 2, 8: 255, 9: 255, 11: 255, 12: 2, 14: 4, 15: 255, 16: 1, 17: 2, 19: 3, 20: 255,
    21: 255, 23: 3, 27: 3, 28: 4, 31: 3, 35: 1034, 39: 255, 60: 4,
}.items():  # fmt: skip
    LENGTHS[_option] = _most
NO_RESPONSE, ECHO, TAG, OCF_ACCEPT, OCF_CONTENT = 258, 252, 292, 2049, 2053


@kernel
def identify(octets: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Follow the options (§3.1): they must be whole, known by number, and end with the datagram or a payload."""
    code, token = u8(octets, at + 1), u8(octets, at) & 15
    place = at + 4 + token
    if token > 8 or place > end:
        return Verdict.NO
    if code == 0:  # §4.1: an empty message has nothing else
        return Verdict.NO
    if not (code <= 7 or 0x41 <= code <= 0x45 or 0x80 <= code <= 0x8F or 0xA0 <= code <= 0xA5):
        return Verdict.NO
    option, options = 0, 0
    while place < end and u8(octets, place) != 0xFF:
        delta, size = u8(octets, place) >> 4, u8(octets, place) & 15
        place += 1
        if delta == NIBBLE_BAD or size == NIBBLE_BAD or (end - place < 4 and (delta > 12 or size > 12)):
            return Verdict.NO
        if delta == NIBBLE_8:
            delta, place = 13 + u8(octets, place), place + 1
        elif delta == NIBBLE_16:
            delta, place = 269 + u16(octets, place), place + 2
        if size == NIBBLE_8:
            size, place = 13 + u8(octets, place), place + 1
        elif size == NIBBLE_16:
            return Verdict.NO  # no option is that long
        option += delta
        place += size
        if place > end or not is_option(option, size):
            return Verdict.NO
        options += 1
    if place < end and end - place < 2:
        return Verdict.NO  # §3: a payload marker with nothing behind
    if options == 0 and end - at > 4 + token:
        return Verdict.NO
    # A request for the root has a token at most; an answer as bare would leave too little to go by.
    return Verdict.MAYBE if options > 0 or (token > 0 and code <= 7) else Verdict.NO


@kernel
def is_option(option: Int, size: Int) -> bool:
    """Say whether an option is registered and may have so many octets."""
    if option < len(LENGTHS):
        return bool(size <= LENGTHS[option])
    return option == NO_RESPONSE or option == ECHO or option == TAG or option == OCF_ACCEPT or option == OCF_CONTENT


PROTOCOL = Protocol(
    "coap",
    "Constrained Application Protocol",
    "RFC 7252",
    udp_ports=(5683,),
    identify=identify,
    # §3: version 1; a request with a path (option 11), or an observer (6), is what most exchanges begin with.
    signatures=(Signature((At(0, b"\x40", b"\xc0"),), ASK, transport="udp", min_length=4, own_port=True),),
    transports=("udp",),
    aliases={"ndpi": ("COAP",), "wireshark": ("coap",)},
)
