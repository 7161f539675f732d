"""Where hashes and entries lie in the folder of a log, and how (C2SP tlog-tiles).

tile_path("0", 1234067, 256)           # tile/0/x001/x234/067
tile_path("entries", 0, 5)             # tile/entries/000.p/5
"""

from collections.abc import Iterable

from sonde.audit.error import AuditError
from sonde.audit.tree import HASH_OCTETS, WIDTH

CHECKPOINT = "checkpoint"
ENTRIES = "entries"
MOST_ENTRY_OCTETS = 8192  # ours; the format itself ends at 65,535
LENGTH_OCTETS = 2


def tile_path(level: str, index: int, width: int) -> str:
    """Give the path of a tile of hashes, or of a bundle of entries; one that is not full says how many."""
    digits = f"{index:d}"
    digits = digits.zfill(-len(digits) // 3 * -3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join(["tile", level, *(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if width == WIDTH else f"{path}.p/{width}"


def pack_entries(entries: Iterable[bytes]) -> bytes:
    """Bundle entries: each with its length before it, 16 bits, big-endian (tlog-tiles, "Log entries")."""
    return b"".join([len(entry).to_bytes(LENGTH_OCTETS) + entry for entry in entries])


def unpack_entries(bundle: bytes) -> list[bytes]:
    """Cut a bundle into its entries; AuditError where lengths and octets disagree."""
    entries, at, end = [], 0, len(bundle)
    while at < end:
        begin = at + LENGTH_OCTETS
        at = begin + int.from_bytes(bundle[at:begin])
        if begin > end or at > end:
            raise AuditError("a bundle of entries ends in the middle of one")
        entries.append(bundle[begin:at])
    return entries


def unpack_hashes(tile: bytes) -> list[bytes]:
    """Cut a tile into its hashes; AuditError for a length that is none."""
    if len(tile) % HASH_OCTETS:
        raise AuditError("a tile ends in the middle of a hash")
    return [tile[at : at + HASH_OCTETS] for at in range(0, len(tile), HASH_OCTETS)]


def widths(size: int) -> list[tuple[int, int, int]]:
    """List the tiles of hashes of a tree: level, index and width of each; none for an empty one."""
    found = []
    level, count = 0, size
    while count:
        found += [(level, index, WIDTH) for index in range(count // WIDTH)]
        if count % WIDTH:
            found.append((level, count // WIDTH, count % WIDTH))
        level, count = level + 1, count // WIDTH
    return found


__all__ = [
    "CHECKPOINT",
    "ENTRIES",
    "MOST_ENTRY_OCTETS",
    "pack_entries",
    "tile_path",
    "unpack_entries",
    "unpack_hashes",
    "widths",
]
