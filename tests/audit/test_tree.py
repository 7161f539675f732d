"""The Merkle tree: against published roots, and against RFC 6962 spelled out."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.audit.tiles import widths
from sonde.audit.tree import WIDTH, Edge, consistency_proof, leaf_hash, node_hash, tree_root

# Leaves and roots of the tests of github.com/google/certificate-transparency (merkle_tree_test).
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, as it is written there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def follows(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> bool:
    """RFC 9162 §2.1.4.2, step by step: whether a proof shows that the new tree begins with the old."""
    if old == new:
        return not proof and old_root == new_root
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == old_root and sr == new_root and sn == 0


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES[:size]]
    assert tree_root(leaves).hex() == ROOTS[size]
    edge = Edge()
    edge.add(leaves)
    assert edge.root().hex() == ROOTS[size]


@given(st.lists(st.integers(0, 700), max_size=6))
def test_an_edge_grows_as_the_tree_does(steps: list[int]) -> None:
    edge, leaves, tiles = Edge(), [], {}
    for step in steps:
        more = [leaf_hash(b"%d" % number) for number in range(len(leaves), len(leaves) + step)]
        leaves += more
        edge.add(more, lambda level, index, octets: tiles.__setitem__((level, index), octets))
        assert edge.root() == mth(leaves)
        assert edge.size == len(leaves)
    # tlog-tiles, "Merkle Tree": MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])
    for (level, index), octets in tiles.items():
        for i in (0, 1, 255):
            first = (index * WIDTH + i) * WIDTH**level
            assert octets[i * 32 : i * 32 + 32] == mth(leaves[first : first + WIDTH**level])


def test_an_edge_passes_a_third_level() -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(70_000)]
    edge, tiles = Edge(), []
    edge.add(leaves, lambda level, index, octets: tiles.append((level, index, len(octets) // 32)))
    assert edge.root() == mth(leaves)
    # tlog-tiles, "Partial Tiles", has this example.
    assert [len(level) for level in edge.levels] == [112, 17, 1]
    assert sum(level == 0 for level, _, _ in tiles) == 273
    assert [tile for tile in tiles if tile[0] == 1] == [(1, 0, 256)]
    assert sorted(tiles) == [tile for tile in widths(70_000) if tile[2] == 256]
    assert [tile for tile in widths(70_000) if tile[2] < 256] == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]


@given(st.integers(1, 300), st.data())
def test_a_consistency_proof_is_accepted_and_a_tampered_one_is_not(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    leaves = [leaf_hash(b"%d" % number) for number in range(new)]
    proof = consistency_proof(leaves, old)
    old_root, new_root = mth(leaves[:old]), mth(leaves)
    assert follows(old, old_root, new, new_root, proof)
    assert len(proof) <= 2 * new.bit_length()
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        assert not follows(old, old_root, new, new_root, [*proof[:place], bytes(32), *proof[place + 1 :]])
        assert not follows(old, old_root, new, new_root, proof[:-1])
