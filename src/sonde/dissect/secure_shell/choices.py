"""Lists, choices and fingerprints from two KEXINITs and a host key (RFC 4253 §7.1).

HASSH (Salesforce, BSD licence) is the MD5 of four lists of one side as they were sent. Each
distinct pair of KEXINITs and each key is read once a run; both caches are bounded and
forget everything when full, which costs time and nothing else.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any, TypeVar

from sonde.table.out import LENGTH_BITS, LENGTH_MASK
from sonde.wire import Rows, Wire

MOST_KEPT = 1 << 14
LISTS = 10  # name lists of a KEXINIT
#: Places of the lists: then come ciphers, MACs, compressions and languages, each in two directions.
KEX, HOST_KEY, CIPHER, MAC, COMPRESSION = 0, 1, 2, 4, 6
TO_SERVER, TO_CLIENT = 0, 1
Found = TypeVar("Found")
Lists = list[list[str]]

_PAIRS: dict[bytes, dict[str, Any]] = {}
_KEYS: dict[bytes, tuple[str, str]] = {}
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


def _once(cache: dict[bytes, Found], key: bytes, make: Callable[[], Found]) -> Found:
    """Give what `make` makes, from the cache if it is there."""
    found = cache.get(key)
    if found is None:
        if len(cache) >= MOST_KEPT:
            cache.clear()
        found = cache[key] = make()
    return found


def _pieces(text: Wire, spans: Any) -> list[bytes | None]:  # noqa: ANN401
    """Give the octets of spans; None for null."""
    return [
        None if span < 0 else text[span >> LENGTH_BITS : (span >> LENGTH_BITS) + (span & LENGTH_MASK)].tobytes()
        for span in spans.tolist()
    ]


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
    names_of = [
        *AGREED,
        *(f"{side}_{name}" for side in ("client", "server") for name in OFFERED),
        "hassh",
        "hassh_server",
    ]
    found: dict[str, list[Any]] = {name: [] for name in (*names_of, "host_key_fingerprint", "host_key_type")}
    clients, servers = _pieces(text, rows["client_lists"]), _pieces(text, rows["server_lists"])
    for client, server, key in zip(clients, servers, _pieces(text, rows["host_key"]), strict=True):
        mark = b"%d:%b%b" % (len(client or b""), client or b"", server or b"")
        told = _once(_PAIRS, mark, lambda: read_pair(client, server))  # noqa: B023 - called at once
        for name in names_of:
            found[name].append(told[name])
        print_of, kind = _once(_KEYS, key, lambda: read_key(key)) if key else (None, None)  # noqa: B023
        found["host_key_fingerprint"].append(print_of)
        found["host_key_type"].append(kind)
    return found
