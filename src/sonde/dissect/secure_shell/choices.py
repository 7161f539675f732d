"""Lists, choices and fingerprints from two KEXINITs and a host key (RFC 4253 §7.1).

HASSH (Salesforce, BSD licence) is the MD5 of four lists of one side as they were sent. Each
distinct pair of KEXINITs and each key is read once a batch: whoever scans for servers shows
the same ten thousand times.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np

from sonde.table.arrow import texts_column
from sonde.table.texts import distinct_octets, repeated, spelled
from sonde.wire import Ints, Rows, Wire

LISTS = 10  # name lists of a KEXINIT
#: Places of the lists: then come ciphers, MACs, compressions and languages, each in two directions.
KEX, HOST_KEY, CIPHER, MAC, COMPRESSION = 0, 1, 2, 4, 6
TO_SERVER, TO_CLIENT = 0, 1
#: Columns that tell a side's lists, and where each list stands.
OFFERED = {"kex_algs": KEX, "host_key_algs": HOST_KEY, "ciphers": CIPHER, "macs": MAC, "compressions": COMPRESSION}
#: Columns that tell what was agreed on, and where the list stands.
AGREED = {
    "kex_alg": KEX,
    "host_key_alg": HOST_KEY,
    "cipher_alg": CIPHER + TO_SERVER,
    "server_cipher_alg": CIPHER + TO_CLIENT,
    "mac_alg": MAC + TO_SERVER,
    "server_mac_alg": MAC + TO_CLIENT,
    "compression_alg": COMPRESSION + TO_SERVER,
    "server_compression_alg": COMPRESSION + TO_CLIENT,
}


def read_lists(raw: bytes) -> list[str]:
    """Split the body of a KEXINIT, behind its cookie, into name lists; fewer where it is cut."""
    found: list[str] = []
    at = 0
    while len(found) < LISTS and at + 4 <= len(raw):
        stop = at + 4 + int.from_bytes(raw[at : at + 4], "big")
        if stop > len(raw):
            break
        found.append(raw[at + 4 : stop].decode("ascii", "backslashreplace"))
        at = stop
    return found


def names(lists: list[str], place: int) -> list[str] | None:
    """Give the names of one list; None where it is missing or empty."""
    return lists[place].split(",") if place < len(lists) and lists[place] else None


def choose(client: list[str], server: list[str], place: int) -> str | None:
    """Give the first of the client's names that the server has too."""
    offered = names(server, place) or ()
    return next((name for name in names(client, place) or () if name in offered), None)


def hassh(lists: list[str], direction: int) -> str | None:
    """Digest a side's lists of key exchanges, and of what it sends with."""
    if len(lists) <= COMPRESSION + direction:
        return None
    text = ";".join(lists[place] for place in (KEX, CIPHER + direction, MAC + direction, COMPRESSION + direction))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def read_pair(client_raw: bytes | None, server_raw: bytes | None) -> dict[str, Any]:
    """Tell all that follows from the two KEXINITs."""
    client, server = read_lists(client_raw or b""), read_lists(server_raw or b"")
    found: dict[str, Any] = {name: choose(client, server, place) for name, place in AGREED.items()}
    for name, place in OFFERED.items():
        found[f"client_{name}"] = names(client, place)
        found[f"server_{name}"] = names(server, place + TO_CLIENT if place >= CIPHER else place)
    found["hassh"], found["hassh_server"] = hassh(client, TO_SERVER), hassh(server, TO_CLIENT)
    return found


def read_key(raw: bytes) -> tuple[str, str]:
    """Give fingerprint and kind of a host key, as OpenSSH spells them."""
    length = int.from_bytes(raw[:4], "big")
    digest = b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")
    return f"SHA256:{digest}", raw[4 : 4 + length].decode("ascii", "backslashreplace")


def complete(rows: Rows, text: Wire) -> dict[str, Any]:
    """Derive what follows from the KEXINITs and host keys of closed rows."""
    clients, client_lists = distinct_octets(text, rows["client_lists"])
    servers, server_lists = distinct_octets(text, rows["server_lists"])
    width = len(server_lists) + 1
    pairs, codes = np.unique((clients + 1) * width + servers + 1, return_inverse=True)
    told = [
        read_pair(client_lists[client - 1] if client else None, server_lists[server - 1] if server else None)
        for client, server in (divmod(pair, width) for pair in pairs.tolist())
    ]
    lists = [f"{side}_{name}" for side in ("client", "server") for name in OFFERED]
    keys, raws = distinct_octets(text, rows["host_key"])
    prints, kinds = zip(*map(read_key, raws), strict=True) if raws else ((), ())
    return {
        **{name: _texts([each[name] for each in told], codes) for name in (*AGREED, "hassh", "hassh_server")},
        **{name: spelled(codes, [each[name] for each in told]) for name in lists},
        "host_key_fingerprint": _texts(prints, keys),
        "host_key_type": _texts(kinds, keys),
    }


def _texts(values: Sequence[str | None], codes: Ints) -> Any:  # noqa: ANN401 - an Arrow array
    """Make the column of values[code] for each code; null for -1, and for what is none."""
    none = np.array([*(value is None for value in values), True])  # the last is for -1
    return repeated(texts_column([value or "" for value in values]), np.where(none[codes], -1, codes))
