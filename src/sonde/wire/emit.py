"""Instructions that Numba has no words for: wide loads, a store, a 128-bit product, copies, a search, a hint, a call.

Each is written as LLVM IR with its own bounds check, which raises IndexError like
Numba's. `type_of("u32")` is what Numba takes a call of the kernel `u32` for. Imported only
where something is compiled. The tests hold each against the Python of the kernel it
stands for.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import infer, make_intrinsic_template

from sonde.wire import processor

I8, I32, I64, I128 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.IntType(128)
WIDE = 16  # octets that are searched at once
OCTETS = ir.VectorType(I8, WIDE)
READ, KEEP_NEAR, DATA = 0, 3, 1  # what `llvm.prefetch` is for


def _check(context: Any, builder: Any, array: Any, at: Any, size: Any) -> None:
    """Raise IndexError unless array[at:at + size] exists; `size` is not negative.

    Of a number of octets that is known, the first place from which they would reach too far depends on the array
    alone: LLVM keeps it, and one comparison is left, which as one without sign sees negative places too.
    """
    length = cgutils.unpack_tuple(builder, array.shape)[0]
    if isinstance(size, ir.Constant):
        beyond = builder.sub(length, I64(size.constant - 1))
        beyond = builder.select(builder.icmp_signed(">", beyond, I64(0)), beyond, I64(0))
        bad = builder.icmp_unsigned(">=", at, beyond)
    else:
        bad = builder.or_(builder.icmp_signed("<", at, I64(0)), builder.icmp_signed(">", builder.add(at, size), length))
    with builder.if_then(bad, likely=False):
        context.call_conv.return_user_exc(builder, IndexError, ("index is out of bounds",))


def _octets(context: Any, builder: Any, kind: Any, value: Any, at: Any) -> tuple[Any, Any]:
    array = context.make_array(kind)(context, builder, value)
    return array, builder.gep(builder.bitcast(array.data, I8.as_pointer()), [at])


def _reader(width: int, *, little: bool, result: Any) -> Any:
    """Make the reader of `width` octets."""

    def load(typing: Any, wire: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = context.cast(builder, args[1], signature.args[1], types.int64)
            array, pointer = _octets(context, builder, signature.args[0], args[0], place)
            _check(context, builder, array, place, I64(width))
            return _load(builder, pointer, width, little=little)

        return result(wire, at), generate

    return load


def _load(builder: Any, pointer: Any, width: int, *, little: bool) -> Any:
    """Load a number of 1, 2, 4 or 8 octets, or one put together of such."""
    if width in (3, 6):
        high, low = (1, 2) if width == 3 else (2, 4)
        first = _load(builder, pointer, high, little=little)
        second = _load(builder, builder.gep(pointer, [I64(high)]), low, little=little)
        return builder.or_(builder.shl(first, I64(8 * low)), second)
    kind = ir.IntType(8 * width)
    value = builder.load(builder.bitcast(pointer, kind.as_pointer()), align=1)
    if width > 1 and not little:
        value = builder.bswap(value)
    return value if width == 8 else builder.zext(value, I64)


def _put64() -> Any:
    """Make the store of a big-endian word."""

    def put64(typing: Any, target: Any, at: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = context.cast(builder, args[1], signature.args[1], types.int64)
            array, pointer = _octets(context, builder, signature.args[0], args[0], place)
            _check(context, builder, array, place, I64(8))
            builder.store(builder.bswap(args[2]), builder.bitcast(pointer, I64.as_pointer()), align=1)
            return builder.add(place, I64(8))

        return types.int64(target, at, types.uint64), generate

    return put64


def _fold() -> Any:
    """Make the product of two words, its halves xored."""

    def fold(typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            wide = [builder.zext(arg, I128) for arg in args]
            product = builder.mul(*wide)
            high = builder.trunc(builder.lshr(product, I128(64)), I64)
            return builder.xor(builder.trunc(product, I64), high)

        return types.uint64(types.uint64, types.uint64), generate

    return fold


def _copy() -> Any:
    """Make the block copy."""

    def copy(typing: Any, source: Any, at: Any, end: Any, target: Any, put: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            at, end, put = (context.cast(builder, args[n], kinds[n], types.int64) for n in (1, 2, 4))
            length = builder.sub(end, at)
            length = builder.select(builder.icmp_signed(">", length, I64(0)), length, I64(0))
            source, start = _octets(context, builder, kinds[0], args[0], at)
            target, goal = _octets(context, builder, kinds[3], args[3], put)
            with builder.if_then(builder.icmp_signed(">", length, I64(0))):
                _check(context, builder, source, at, length)
                _check(context, builder, target, put, length)
                cgutils.raw_memmove(builder, goal, start, length, 1)
            return builder.add(put, length)

        return types.int64(source, at, end, target, put), generate

    return copy


def _find_like() -> Any:
    """Make the search for an octet, sixteen at a time; the last sixteen may be looked at twice."""

    def find_like(typing: Any, wire: Any, at: Any, end: Any, wanted: Any, mask: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            at, end, wanted, mask = (
                context.cast(builder, args[n], signature.args[n], types.int64) for n in (1, 2, 3, 4)
            )
            array, octets = _octets(context, builder, signature.args[0], args[0], I64(0))
            place = cgutils.alloca_once_value(builder, at)
            with builder.if_then(builder.icmp_signed("<", at, end)):
                _check(context, builder, array, at, builder.sub(end, at))
                _Search(builder, octets, place, end, builder.trunc(wanted, I8), builder.trunc(mask, I8)).write(at)
            return builder.load(place)

        return types.int64(wire, at, end, wanted, mask), generate

    return find_like


class _Search:
    """Writes the search from where `place` says to the end; `place` then says where it ended."""

    def __init__(self, builder: Any, octets: Any, place: Any, end: Any, wanted: Any, mask: Any) -> None:
        self.builder, self.octets, self.place, self.end = builder, octets, place, end
        self.wanted, self.mask = wanted, mask
        self.blocks = {name: builder.append_basic_block(f"find.{name}") for name in ("wide", "rest", "one", "over")}

    def write(self, at: Any) -> None:
        """Write it; it begins at `at`."""
        builder, last = self.builder, self.builder.sub(self.end, I64(WIDE))
        patterns = [self._everywhere(each) for each in (self.wanted, self.mask)]
        builder.branch(self.blocks["wide"])
        builder.position_at_end(self.blocks["wide"])
        here = builder.load(self.place)
        with builder.if_then(builder.icmp_signed("<=", here, last)):
            self._look(here, patterns)
            builder.store(builder.add(here, I64(WIDE)), self.place)
            builder.branch(self.blocks["wide"])
        builder.branch(self.blocks["rest"])
        builder.position_at_end(self.blocks["rest"])
        with builder.if_then(builder.icmp_signed(">=", last, at)):
            self._look(last, patterns)
            builder.store(self.end, self.place)
            builder.branch(self.blocks["over"])
        builder.branch(self.blocks["one"])
        builder.position_at_end(self.blocks["one"])
        here = builder.load(self.place)
        builder.cbranch(
            builder.icmp_signed("<", here, self.end), (one := builder.append_basic_block()), self.blocks["over"]
        )
        builder.position_at_end(one)
        octet = builder.and_(builder.load(builder.gep(self.octets, [here])), self.mask)
        with builder.if_then(builder.icmp_unsigned("!=", octet, self.wanted)):
            builder.store(builder.add(here, I64(1)), self.place)
            builder.branch(self.blocks["one"])
        builder.branch(self.blocks["over"])
        builder.position_at_end(self.blocks["over"])

    def _everywhere(self, octet: Any) -> Any:
        """Give a vector of one octet."""
        builder, none = self.builder, ir.Constant(OCTETS, ir.Undefined)
        first = builder.insert_element(none, octet, I32(0))
        return builder.shuffle_vector(first, none, ir.Constant(ir.VectorType(I32, WIDE), [0] * WIDE))

    def _look(self, here: Any, patterns: list[Any]) -> None:
        """Look at sixteen octets; where one of them is as wanted, the search is over."""
        builder, (wanted, mask) = self.builder, patterns
        place = builder.bitcast(builder.gep(self.octets, [here]), OCTETS.as_pointer())
        alike = builder.icmp_unsigned("==", builder.and_(builder.load(place, align=1), mask), wanted)
        bits = builder.bitcast(alike, ir.IntType(WIDE))
        with builder.if_then(builder.icmp_unsigned("!=", bits, ir.IntType(WIDE)(0))):
            first = builder.zext(builder.cttz(bits, ir.IntType(1)(0)), I64)
            builder.store(builder.add(here, first), self.place)
            builder.branch(self.blocks["over"])


def _pick() -> Any:
    """Make the loop that takes one field of rows: what it takes of each is checked, what it writes once."""

    def pick(  # noqa: PLR0913 - as it is called
        typing: Any, source: Any, rows: Any, some: Any, size: Any, offset: Any, target: Any, put: Any, step: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            first, last = (
                context.cast(builder, each, kind, types.int64)
                for each, kind in zip(cgutils.unpack_tuple(builder, args[2]), kinds[2].types, strict=True)
            )
            size, offset, put, step = (context.cast(builder, args[n], kinds[n], types.int64) for n in (3, 4, 6, 7))
            of, numbers, to = (context.make_array(kinds[n])(context, builder, args[n]) for n in (0, 1, 5))
            length = cgutils.unpack_tuple(builder, of.shape)[0]
            count = builder.sub(last, first)
            is_bad = cgutils.alloca_once_value(builder, ir.IntType(1)(0))
            with builder.if_then(builder.icmp_signed(">", count, I64(0))):
                _check(context, builder, of, I64(0), I64(1))  # what is read where a row lies beyond
                _check(context, builder, numbers, first, count)
                _check(context, builder, to, put, builder.add(builder.mul(builder.sub(count, I64(1)), step), I64(1)))
                with cgutils.for_range(builder, count) as loop:
                    row = builder.load(builder.gep(numbers.data, [builder.add(first, loop.index)]))
                    place = builder.add(builder.mul(row, size), offset)
                    beyond = builder.icmp_unsigned(">=", place, length)
                    builder.store(builder.or_(builder.load(is_bad), beyond), is_bad)
                    value = builder.load(builder.gep(of.data, [builder.select(beyond, I64(0), place)]))
                    builder.store(value, builder.gep(to.data, [builder.add(put, builder.mul(loop.index, step))]))
            with builder.if_then(builder.load(is_bad), likely=False):
                context.call_conv.return_user_exc(builder, IndexError, ("index is out of bounds",))
            return context.get_dummy_value()

        return types.none(source, rows, some, size, offset, target, put, step), generate

    return pick


def _call_at() -> Any:
    """Make the call of a kernel that takes where its arguments lie."""

    def call_at(typing: Any, address: Any, words: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            entry = builder.inttoptr(args[0], ir.FunctionType(I32, [I64]).as_pointer())
            return builder.sext(builder.call(entry, [args[1]]), I64)

        return types.int64(types.int64, types.int64), generate

    return call_at


def _prefetch() -> Any:
    """Make the hint that an octet will be read soon; one that is none is no error."""

    def prefetch(typing: Any, wire: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = context.cast(builder, args[1], signature.args[1], types.int64)
            _, pointer = _octets(context, builder, signature.args[0], args[0], place)
            kind = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
            hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            builder.call(hint, [pointer, I32(READ), I32(KEEP_NEAR), I32(DATA)])
            return context.get_dummy_value()

        return types.none(wire, at), generate

    return prefetch


MAKERS: dict[str, Callable[[], Any]] = {
    "u8": lambda: _reader(1, little=False, result=types.int64),
    "u16": lambda: _reader(2, little=False, result=types.int64),
    "u24": lambda: _reader(3, little=False, result=types.int64),
    "u32": lambda: _reader(4, little=False, result=types.int64),
    "u48": lambda: _reader(6, little=False, result=types.int64),
    "u64": lambda: _reader(8, little=False, result=types.uint64),
    "le16": lambda: _reader(2, little=True, result=types.int64),
    "le32": lambda: _reader(4, little=True, result=types.int64),
    "put64": _put64,
    "fold": _fold,
    "copy": _copy,
    "find_like": _find_like,
    "pick": _pick,
    "call_at": _call_at,
    "prefetch": _prefetch,
}


def has(name: str) -> bool:
    """Say whether there are instructions for a kernel on this machine."""
    return name in MAKERS or processor.has(name)


@cache
def type_of(name: str) -> Any:
    """Give Numba's type of the function so named."""
    write = MAKERS[name]() if name in MAKERS else processor.typed(name, _check)
    template = make_intrinsic_template(write, write, name, prefer_literal=False, kwargs={})
    infer(template)
    return types.Function(template)
