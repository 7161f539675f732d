"""The Merkle tree of RFC 6962 §2.1, with SHA-256, in levels of tiles (C2SP tlog-tiles).

    root = tree_root([leaf_hash(entry) for entry in entries])

A level of tiles stands for eight levels of the tree: 256 hashes below make one above. What is
right of the last full tile of each level is the edge of the tree; it is all that a writer has
to remember.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

WIDTH = 256  # hashes of a full tile, entries of a full bundle (tlog-tiles, "Merkle Tree")
HASH_OCTETS = 32


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry (RFC 6962 §2.1)."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one (RFC 6962 §2.1)."""
    return sha256(b"\1" + left + right).digest()


def tree_root(hashes: Sequence[bytes]) -> bytes:
    """Give the root over hashes of equal subtrees, the last of which may be smaller.

    Pairing from the left and passing an odd last one up gives the same tree as RFC 6962's
    split at the largest power of two.
    """
    if not hashes:
        return sha256(b"").digest()
    level = list(hashes)
    while len(level) > 1:
        above = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


class Edge:
    """The right edge of a growing tree: for each level of tiles, the hashes that fill no tile yet."""

    def __init__(self) -> None:
        """Begin with the empty tree."""
        self.size = 0
        self.levels: list[list[bytes]] = [[]]

    def copy(self) -> "Edge":
        """Give one that grows by itself."""
        other = Edge()
        other.size, other.levels = self.size, [list(level) for level in self.levels]
        return other

    def add(self, leaves: Iterable[bytes], filled: Callable[[int, int, bytes], None] = lambda *tile: None) -> None:
        """Add leaf hashes; `filled` gets level, index and hashes of each tile that becomes full."""
        for leaf in leaves:
            self.levels[0].append(leaf)
            self.size += 1
            if len(self.levels[0]) == WIDTH:
                self._carry(filled)

    def _carry(self, filled: Callable[[int, int, bytes], None]) -> None:
        """Pass full tiles up, level by level."""
        level = 0
        while len(self.levels[level]) == WIDTH:
            index = self.size // WIDTH ** (level + 1) - 1
            filled(level, index, b"".join(self.levels[level]))
            if level + 1 == len(self.levels):
                self.levels.append([])
            self.levels[level + 1].append(tree_root(self.levels[level]))
            self.levels[level] = []
            level += 1

    def root(self) -> bytes:
        """Give the root of the tree as it is (RFC 6962 §2.1)."""
        carried: list[bytes] = []
        for level in self.levels:
            nodes = level + carried
            carried = [tree_root(nodes)] if nodes else []
        return carried[0] if carried else tree_root([])


def consistency_proof(leaves: Sequence[bytes], old: int) -> list[bytes]:
    """Prove that the tree over `leaves` begins with that over the first `old` of them (RFC 6962 §2.1.2)."""
    if not 0 < old <= len(leaves):
        raise ValueError(f"there is no proof from {old} to {len(leaves)} entries")
    return _subproof(leaves, old, whole=True)


def _subproof(leaves: Sequence[bytes], old: int, *, whole: bool) -> list[bytes]:
    size = len(leaves)
    if old == size:
        return [] if whole else [tree_root(leaves)]
    split = 1 << (size - 1).bit_length() - 1
    if old <= split:
        return [*_subproof(leaves[:split], old, whole=whole), tree_root(leaves[split:])]
    return [*_subproof(leaves[split:], old - split, whole=False), tree_root(leaves[:split])]


__all__ = ["HASH_OCTETS", "WIDTH", "Edge", "consistency_proof", "leaf_hash", "node_hash", "tree_root"]
