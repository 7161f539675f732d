"""Crypto-PAn: addresses that share a prefix still share one of the same length, and say no more.

    PrefixPreserving(key).addresses(octets)        # (n, 4) or (n, 16) octets in, the same out

Xu, Fan, Ammar, Moon: "Prefix-Preserving IP Address Anonymization", ICNP 2002, with AES-128 as
in their implementation; IPv6 takes the same step for 128 bits. One encryption for each bit of
each address, all of a batch in one call. RFC 6235 §4.1.3 says what it withstands and what not:
who can have packets of his own recorded learns prefixes of others.
"""

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sonde.wire import Wire

KEY_OCTETS = 32  # AES key, then the pad before it is encrypted
BLOCK = 16  # octets
BLOCKS_A_CALL = 1 << 16  # a megabyte of them: more gains nothing


def _prefix_masks() -> Wire:
    """Give for each length from 0 to 127 the octets whose first so many bits are ones."""
    lengths = np.arange(128)
    bits = np.arange(128)[None, :] < lengths[:, None]
    return np.packbits(bits, axis=1)


_MASKS = _prefix_masks()


class PrefixPreserving:
    """Crypto-PAn under one key."""

    def __init__(self, key: bytes) -> None:
        """Take a key of 32 octets."""
        if len(key) != KEY_OCTETS:
            raise ValueError(f"a key of Crypto-PAn has {KEY_OCTETS} octets")
        # ECB of single blocks is the pseudorandom function that Crypto-PAn is built of; no text is encrypted.
        self._cipher = Cipher(algorithms.AES(key[:BLOCK]), modes.ECB())  # noqa: S305
        self._pad = np.frombuffer(self._cipher.encryptor().update(key[BLOCK:]), np.uint8)

    def addresses(self, octets: Wire) -> Wire:
        """Map addresses, a row of 4 or 16 octets each; the same key gives the same."""
        count, size = octets.shape
        step = BLOCKS_A_CALL // (8 * size)
        made = [self._some(octets[at : at + step], size) for at in range(0, count, step)]
        return np.concatenate(made) if made else octets.copy()

    def _some(self, octets: Wire, size: int) -> Wire:
        """Map as many addresses as one call takes."""
        bits = 8 * size
        masks = _MASKS[:bits]
        wide = np.zeros((len(octets), BLOCK), np.uint8)
        wide[:, :size] = octets
        # One block for each bit: the bits before it, then the pad from there on.
        blocks = (wide[:, None, :] & masks) | (self._pad & ~masks)
        # An encryptor of its own: several threads write, and one encryptor serves one thread.
        turned = np.frombuffer(self._cipher.encryptor().update(blocks.tobytes()), np.uint8)
        first_bits = turned.reshape(len(octets), bits, BLOCK)[:, :, 0] >> 7
        return np.packbits(first_bits, axis=1) ^ octets


__all__ = ["KEY_OCTETS", "PrefixPreserving"]
