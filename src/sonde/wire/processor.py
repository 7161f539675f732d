"""Digests and a cipher by the processor's own instructions: SHA extensions and AES-NI of x86.

Each stands for one kernel, whose Python says the same and is compiled where the processor has none; the
instructions are those of Intel's Software Developer's Manual, volume 2. Imported only where something is compiled.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from sonde.wire.digest import SHA256_ADD

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
FOUR, FOUR_WIDE = ir.VectorType(I32, 4), ir.VectorType(I64, 4)  # words as they are reckoned with, and as they lie
TWO, OCTETS = ir.VectorType(I64, 2), ir.VectorType(I8, 16)
AES_ROUNDS = 10


class Block:
    """Writes one function that works on arrays of 32-bit words in signed 64-bit numbers."""

    def __init__(self, builder: Any, pointers: list[Any]) -> None:
        """Work on these arrays."""
        self.builder, self.pointers = builder, pointers

    def load(self, which: int, at: int) -> Any:
        """Load four words of an array."""
        wide = self.builder.load(self._place(which, at), align=8)
        return self.builder.trunc(wide, FOUR)

    def store(self, which: int, at: int, value: Any) -> None:
        """Store four words into an array."""
        self.builder.store(self.builder.zext(value, FOUR_WIDE), self._place(which, at), align=8)

    def _place(self, which: int, at: int) -> Any:
        place = self.builder.gep(self.pointers[which], [I64(at)])
        return self.builder.bitcast(place, FOUR_WIDE.as_pointer())

    def pick(self, first: Any, second: Any, lanes: Sequence[int]) -> Any:
        """Put a vector together from the lanes of two."""
        return self.builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(I32, len(lanes)), list(lanes)))

    def call(self, name: str, *args: Any) -> Any:
        """Issue an instruction."""
        kind = ir.FunctionType(args[0].type, [arg.type for arg in args])
        function = cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.x86.{name}")
        return self.builder.call(function, args)

    def clear_upper(self, *vectors: Any) -> tuple[Any, ...]:
        """Clear the upper halves of wide registers (VZEROUPPER), which loading words or the caller left in use.

        SHA instructions have no VEX encoding: Golden Cove takes some 200 cycles for each while upper halves are in use.
        The vectors pass through, so that whatever makes them of wide registers stands before.
        """
        if "avx" not in features():
            return vectors
        llvm.initialize_native_asmparser()
        kind = ir.LiteralStructType([FOUR] * len(vectors))
        same = ",".join(["=x"] * len(vectors) + [str(place) for place in range(len(vectors))])
        function = ir.InlineAsm(ir.FunctionType(kind, [FOUR] * len(vectors)), "vzeroupper", same, side_effect=True)
        made = self.builder.call(function, vectors)
        return tuple(self.builder.extract_value(made, place) for place in range(len(vectors)))

    def schedule(self, group: int, words: list[Any], following: Callable[..., Any]) -> Any:
        """Give the next four words of a message, made of the last sixteen from the fifth group on."""
        if group >= len(words):
            words[:] = [*words[1:], following(*words)]
            return words[-1]
        return words[group]


def sha256_block(block: Block) -> None:
    """Take a block into a state: arrays of 8 and 16 words (SHA256RNDS2, SHA256MSG1, SHA256MSG2)."""
    add, first, second = block.builder.add, block.load(0, 0), block.load(0, 4)
    words = [block.load(1, 4 * group) for group in range(4)]
    first, second, *words = block.clear_upper(first, second, *words)

    def following(*past: Any) -> Any:
        mixed = add(block.call("sha256msg1", past[0], past[1]), block.pick(past[2], past[3], (1, 2, 3, 4)))
        return block.call("sha256msg2", mixed, past[3])

    near, far = block.pick(first, second, (5, 4, 1, 0)), block.pick(first, second, (7, 6, 3, 2))  # FEBA, HGDC
    begun = near, far
    for group in range(16):
        constants = ir.Constant(FOUR, SHA256_ADD[4 * group : 4 * group + 4].astype(np.int32).tolist())
        sums = add(block.schedule(group, words, following), constants)
        for pair in (sums, block.pick(sums, sums, (2, 3, 2, 3))):
            near, far = block.call("sha256rnds2", far, near, pair), near
    near, far = add(near, begun[0]), add(far, begun[1])
    block.store(0, 0, block.pick(near, far, (3, 2, 7, 6)))
    block.store(0, 4, block.pick(near, far, (1, 0, 5, 4)))


def sha1_block(block: Block) -> None:
    """Take a block into a state: arrays of 8 words, of which 5 count, and 16 (SHA1RNDS4, SHA1NEXTE and kin)."""
    add, xor, turned = block.builder.add, block.builder.xor, (3, 2, 1, 0)
    first, rest = block.load(0, 0), block.load(0, 4)
    words = [block.pick(word, word, turned) for word in (block.load(1, 4 * group) for group in range(4))]
    first, rest, *words = block.clear_upper(first, rest, *words)

    def following(*past: Any) -> Any:
        return block.call("sha1msg2", xor(block.call("sha1msg1", past[0], past[1]), past[2]), past[3])

    state = begun = block.pick(first, first, turned)
    fifth = block.pick(ir.Constant(FOUR, [0] * 4), rest, (0, 1, 2, 4))
    before = None
    for group in range(20):
        word = block.schedule(group, words, following)
        sums = add(fifth, word) if before is None else block.call("sha1nexte", before, word)
        before, state = state, block.call("sha1rnds4", state, sums, I8(group // 5))
    fifth, state = block.call("sha1nexte", before, fifth), add(state, begun)
    block.store(0, 0, block.pick(state, state, turned))
    block.store(0, 4, block.pick(fifth, rest, (3, 5, 6, 7)))


def encrypt_block(block: Block) -> None:
    """Encrypt a block of 4 words under a schedule of 44 (AESENC, AESENCLAST)."""

    def lie(words: Any) -> Any:  # big-endian words as octets in order
        octets = block.builder.bitcast(words, OCTETS)
        turned = block.pick(octets, octets, [lane ^ 3 for lane in range(16)])
        return block.builder.bitcast(turned, TWO)

    keys = [lie(block.load(0, 4 * turn)) for turn in range(AES_ROUNDS + 1)]
    state = block.builder.xor(lie(block.load(1, 0)), keys[0])
    for key in keys[1:-1]:
        state = block.call("aesni.aesenc", state, key)
    state = block.call("aesni.aesenclast", state, keys[-1])
    block.store(1, 0, block.builder.bitcast(lie(state), FOUR))


#: By the kernel's name: what writes it, how many words of each array are used, what the processor must have.
WRITERS: dict[str, tuple[Callable[[Block], None], tuple[int, ...], tuple[str, ...]]] = {
    "sha256_block": (sha256_block, (8, 16), ("sha", "ssse3")),
    "sha1_block": (sha1_block, (8, 16), ("sha", "ssse3")),
    "encrypt_block": (encrypt_block, (44, 4), ("aes", "ssse3")),
}


@cache
def features() -> frozenset[str]:
    """Name what this processor has, as LLVM names it; nothing on others than x86."""
    if not llvm.get_process_triple().startswith("x86_64"):
        return frozenset()
    return frozenset(name for name, there in llvm.get_host_cpu_features().items() if there)


def has(name: str) -> bool:
    """Say whether the processor can do what the kernel of a name does."""
    return name in WRITERS and features().issuperset(WRITERS[name][2])


def typed(name: str, check: Callable[..., None]) -> Any:
    """Make Numba's typing function of the kernel; `check` raises IndexError unless array[at:at + size] exists."""
    write, sizes, _ = WRITERS[name]

    def two_arrays(typing: Any, first: Any, second: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointers = []
            for kind, arg, size in zip(signature.args, args, sizes, strict=True):
                array = context.make_array(kind)(context, builder, arg)
                check(context, builder, array, I64(0), I64(size))
                pointers.append(array.data)
            write(Block(builder, pointers))
            return context.get_dummy_value()

        return types.none(first, second), generate

    return two_arrays


__all__ = ["features", "has", "typed"]
