"""The folder of a log, read: every entry, every tile, and whether they fit one another and the checkpoint.

found = read_log(folder, checkpoint.size)
found.faults, found.edge.root() == checkpoint.root
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sonde.audit.error import AuditError
from sonde.audit.tiles import CHECKPOINT, ENTRIES, tile_path, unpack_entries, unpack_hashes
from sonde.audit.tree import WIDTH, Edge, leaf_hash


@dataclass(frozen=True)
class Fault:
    """What is wrong: its name, at which entry if at one, a sentence, and whether it is only that something lacks."""

    name: str
    entry: int | None
    text: str
    is_lack: bool = False


class LackError(AuditError):
    """A file of the log that is not there."""


@dataclass
class Contents:
    """What a folder holds up to a size: the entries by bundle, the edge of their tree, roots asked for, faults."""

    bundles: list[list[bytes]] = field(default_factory=list)
    edge: Edge = field(default_factory=Edge)
    roots: dict[int, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """Go through all entries with their numbers."""
        for index, bundle in enumerate(self.bundles):
            yield from enumerate(bundle, index * WIDTH)


def read_octets(path: Path) -> bytes:
    """Read a file of the log; LackError where it is not there, AuditError where it cannot be read."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise LackError(f"{path} is not there.") from None
    except OSError as error:
        raise AuditError(f"{path} cannot be read: {error.strerror}.") from None


def read_checkpoint_file(folder: Path) -> bytes:
    """Read the checkpoint of a log; LackError where there is no log."""
    return read_octets(folder / CHECKPOINT)


def read_log(folder: Path, size: int, sizes: Iterable[int] = ()) -> Contents:
    """Read `size` entries and all their tiles; also the roots at smaller `sizes`. Stops where entries lack."""
    found = Contents()

    def compare(level: int, index: int, octets: bytes) -> None:
        _compare_tile(folder, found, (level, index), octets)

    asked = sorted(each for each in set(sizes) if each <= size)
    for index in range((size + WIDTH - 1) // WIDTH):
        first = index * WIDTH
        width = min(WIDTH, size - first)
        try:
            bundle = unpack_entries(_read_tile(folder, ENTRIES, index, width))
        except LackError as error:
            found.faults.append(Fault("entries-missing", first, str(error), is_lack=True))
            return found
        except AuditError as error:
            found.faults.append(Fault("entries-malformed", first, f"{error}."))
            return found
        if len(bundle) < width or (len(bundle) > width and len(bundle) != WIDTH):
            text = f"there are {len(bundle)} entries from {first} on where the checkpoint needs {width}."
            found.faults.append(Fault("entries-count", first, text))
            return found
        bundle = bundle[:width]
        found.bundles.append(bundle)
        leaves = [leaf_hash(entry) for entry in bundle]
        at = 0
        while asked and asked[0] <= first + width:
            found.edge.add(leaves[at : asked[0] - first], compare)
            at = asked[0] - first
            found.roots[asked.pop(0)] = found.edge.root()
        found.edge.add(leaves[at:], compare)
    for level, hashes in enumerate(found.edge.levels):
        if hashes:
            _compare_tile(folder, found, (level, size // WIDTH ** (level + 1)), b"".join(hashes))
    return found


def _compare_tile(folder: Path, found: Contents, place: tuple[int, int], octets: bytes) -> None:
    """Hold a tile to what the entries make of it."""
    level, index = place
    width, name = len(octets) // 32, f"tile {level}/{index}"
    entry = index * WIDTH ** (level + 1)
    try:
        hashes = unpack_hashes(_read_tile(folder, str(level), index, width))
    except LackError as error:
        found.faults.append(Fault("tile-missing", entry, str(error), is_lack=True))
        return
    except AuditError as error:
        found.faults.append(Fault("tile-malformed", entry, f"{error}."))
        return
    if len(hashes) not in {width, WIDTH}:
        found.faults.append(Fault("tile-malformed", entry, f"{name} has {len(hashes)} hashes and needs {width}."))
    elif b"".join(hashes[:width]) != octets:
        found.faults.append(Fault("tile-differs", entry, f"{name} is not what its entries make of it."))


def _read_tile(folder: Path, level: str, index: int, width: int) -> bytes:
    """Read a tile or bundle; a partial one that is no longer there is the beginning of the full one."""
    try:
        return read_octets(folder / tile_path(level, index, width))
    except LackError:
        if width == WIDTH:
            raise
    try:
        return read_octets(folder / tile_path(level, index, WIDTH))
    except LackError:
        raise LackError(f"{folder / tile_path(level, index, width)} is not there.") from None


def beyond(folder: Path, size: int) -> tuple[int, list[Path]]:
    """Find what lies behind the checkpoint: how many entries, and all files of hashes and entries there."""
    count, paths = 0, []
    for level in (ENTRIES, *map(str, range(8))):
        full = size // WIDTH ** (1 if level == ENTRIES else int(level) + 1)
        seen = size if level == ENTRIES else size // WIDTH ** int(level)
        if level != ENTRIES and not (folder / "tile" / level).is_dir():
            continue
        index = full
        while True:
            whole, part = folder / tile_path(level, index, WIDTH), folder / f"{tile_path(level, index, WIDTH)}.p"
            there = [(WIDTH, whole)] if whole.is_file() else []
            if part.is_dir():
                there += [(int(each.name), each) for each in part.iterdir() if each.name.isdecimal()]
            late = [(index * WIDTH + width, path) for width, path in there if index * WIDTH + width > seen]
            paths += [path for _, path in late]
            if level == ENTRIES and late:
                count = max(end for end, _ in late) - size
            if not there:
                break
            index += 1
    return count, paths


__all__ = ["Contents", "Fault", "LackError", "beyond", "read_checkpoint_file", "read_log", "read_octets"]
