"""The one decorator that turns a plain function into a kernel.

A kernel is compiled by Numba when it is first called and its machine code is kept.
Later processes load that code through llvmlite alone and never import Numba, which
saves about 0.3 s at each start (docs/decisions/0002). What is kept is named by a digest
of the sources and constants that a kernel can reach, so no kernel outlives an edit of any
kernel that it calls, and an edit of one protocol costs no other's compilation.

Kernels called from Python take arrays, named tuples of arrays, and whole numbers.
They run without the GIL and with bounds checks. `NUMBA_DISABLE_JIT=1` runs the same
source interpreted.
"""

import ctypes
import hashlib
import itertools
import os
import threading
from array import array
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

import numpy as np

from sonde.wire.kept import cache_folder, file_digest, keep, recall
from sonde.wire.machine import ROOM, WORD, Machine, begun, place_results

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


class _Here(threading.local):
    """What holds for the calling thread alone."""

    interprets = False  # kernels run as plain Python; see `meanwhile`


here = _Here()

P = ParamSpec("P")
R = TypeVar("R")

#: Called with a kernel's name before it is compiled; the command line says so on screen.
announce: Callable[[str], None] = lambda name: None  # noqa: E731


def announce_with(callback: Callable[[str], None]) -> None:
    """Have `callback` told the name of each kernel before it is compiled."""
    globals()["announce"] = callback


def announce_kernel(name: str) -> None:
    """Tell whoever listens that a kernel is compiled."""
    announce(name)


class Kernel(Generic[P, R]):
    """A function that runs as machine code when called from Python or another kernel."""

    def __init__(
        self, function: Callable[P, R], name: str, *, wraps: bool, emit: str = "", inline: bool = False
    ) -> None:
        """Wrap `function`; `wraps` says that its unsigned arithmetic is meant to wrap.

        `emit` names a function of `sonde.wire.emit` that writes the machine's own
        instructions for what `function` says in Python. With `inline` its machine code stands
        in that of each caller: a call hands every table over, array by array, on the stack.
        """
        self.function = function
        self.name = name
        self.wraps = wraps
        self.emit = emit
        self.inline = inline
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__wrapped__ = function
        self._loaded: dict[tuple[Any, ...], Machine] = {}
        self._lock = threading.Lock()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the kernel; raise KernelFault where a bounds check trips."""
        if INTERPRETED or here.interprets:
            if self.wraps:
                with np.errstate(over="ignore"):
                    return self.function(*args, **kwargs)
            return self.function(*args, **kwargs)
        if kwargs:
            raise TypeError(f"{self.name} takes its arguments by position")
        machine, words, base = self.lay_out(args)
        return cast("R", machine.run_words(words, base))

    def lay_out(self, args: tuple[Any, ...]) -> "tuple[Machine, array[int], int]":
        """Give the machine code for these arguments, the words of a call with them, and where those lie."""
        words = begun()
        key = tuple([_flatten(arg, words) for arg in args])
        machine = self._loaded.get(key)
        if machine is None:
            machine = self.load(args, key)
        words.extend(ROOM)
        return machine, words, place_results(words)

    def bind(self, *rest: Any) -> "Bound":
        """Give a call of this kernel whose last arguments stay as they are: a third of the cost of a small one."""
        return Bound(self, rest)

    def is_at_hand(self, args: tuple[Any, ...]) -> bool:
        """Say whether machine code for these argument types was made before."""
        return tuple([_flatten(arg, begun()) for arg in args]) in self._loaded or self.kept_at(args).exists()

    def fetch(self, args: tuple[Any, ...], *, is_kept: bool = False) -> None:
        """Have the machine code for these arguments in memory, without calling it; if it `is_kept`, OSError else."""
        if not INTERPRETED:
            key = tuple([_flatten(arg, begun()) for arg in args])
            if key not in self._loaded:
                self.load(args, key, is_kept=is_kept)

    def load(self, args: tuple[Any, ...], key: tuple[Any, ...], *, is_kept: bool = False) -> Machine:
        """Fetch the machine code for these argument types, compiling it if need be."""
        with self._lock:
            machine = self._loaded.get(key)
            if machine is None:
                path = self.kept_at(args)
                try:
                    kept = recall(path)
                except OSError:
                    if is_kept:
                        raise
                    announce(self.name)
                    from sonde.wire.compile import compile_kernel

                    kept = compile_kernel(self, args)
                    keep(path, kept)
                head, _, code = kept.partition(b"\n")
                symbol, result = head.decode().split(" ")
                machine = Machine(self.name, symbol, result, code)
                machine.keeps = _types_of(args)  # so that no other type comes to have the same id
                self._loaded[key] = machine
            return machine

    def kept_at(self, args: tuple[Any, ...]) -> Path:
        """Give the file in which the machine code for these argument types is kept."""
        digest = hashlib.blake2b(self.sources, digest_size=12)
        digest.update(repr([_describe(arg) for arg in args]).encode())
        return cache_folder() / f"{self.name}-{digest.hexdigest()}"

    @cached_property
    def sources(self) -> bytes:
        """Digest what this kernel's machine code is made from: see `_reachable`."""
        digest = hashlib.blake2b(digest_size=16)
        for part in sorted(_reachable(self)):
            digest.update(part)
        return digest.digest()

    @property
    def parts(self) -> set[bytes]:
        """Give what this kernel's machine code is made from: see `_reachable`."""
        return _reachable(self)

    @cached_property
    def dispatcher(self) -> Any:
        """Numba's own object for this kernel; only needed to compile."""
        from sonde.wire.compile import make_dispatcher

        return make_dispatcher(self.function, inline=self.inline)

    @property
    def _numba_type_(self) -> Any:
        """Let Numba call this kernel from inside another one."""
        if self.emit:
            from sonde.wire import emit

            if emit.has(self.emit):
                return emit.type_of(self.emit)
        from numba import types

        return types.Dispatcher(self.dispatcher)


#: Where numbers stand among the words of an array of one dimension; `_flatten` lays them out.
SIZE, ADDRESS, SHAPE, STRIDE = 2, 4, 5, 6


class Bound:
    """A kernel whose last arguments are kept laid out; for one thread at a time."""

    def __init__(self, of: Kernel[..., Any], rest: tuple[Any, ...]) -> None:
        """Lay the last arguments out."""
        self.kernel, self.rest = of, rest
        self.flat = array("q")
        self.key = tuple([_flatten(arg, self.flat) for arg in rest])
        self.first_key: tuple[Any, ...] | None = None
        self.machine: Machine | None = None
        self.words = array("q")
        self.base = self.end = 0
        #: The array that the last call was for: where it lies need not be found again.
        self.same: np.ndarray[Any, Any] | None = None
        self.dtype: np.dtype[Any] | None = None  # of it, where it has one dimension and but numbers came with it

    def __call__(self, *first: Any) -> Any:
        """Run the kernel with these arguments and those that are kept."""
        if INTERPRETED or here.interprets:
            return self.kernel(*first, *self.rest)
        machine = self.machine
        start: Any = first[0] if first else None
        if machine is None or (start is not self.same and not self._is_alike(start)):
            return self._run_anew(first)
        words = self.words
        if start is not self.same:
            words[2 + SIZE] = words[2 + SHAPE] = start.size
            words[2 + ADDRESS], words[2 + STRIDE] = _address(start), start.strides[0]
            self.same = start
        place = self.end - len(first)
        for number in first[1:]:
            place += 1
            words[place] = number
        return machine.run_words(words, self.base)

    def _is_alike(self, start: Any) -> bool:
        """Say whether an array differs from that of the last call in nothing but where it lies and how long it is."""
        if type(start) is not np.ndarray or start.ndim != 1 or start.strides[0] != start.itemsize:
            return False
        return start.dtype is self.dtype

    def _run_anew(self, first: tuple[Any, ...]) -> Any:
        """Lay all of the arguments out, and run the kernel."""
        flat = array("q")
        key = tuple([_flatten(arg, flat) for arg in first])
        if key != self.first_key or self.machine is None:
            self.machine = self._lay_out(first, key, len(flat))
        self.words[2 : self.end] = flat
        start = first[0] if first else None
        if isinstance(start, np.ndarray) and not any(key[1:]):
            self.same, self.dtype = start, start.dtype if start.ndim == 1 else None
        else:
            self.same = self.dtype = None
        return self.machine.run_words(self.words, self.base)

    def forget(self) -> None:
        """Let the array go that the last call was for."""
        self.same = None

    def _lay_out(self, first: tuple[Any, ...], key: tuple[Any, ...], length: int) -> Machine:
        self.first_key, self.end = key, 2 + length
        self.words = array("q", [0] * self.end) + self.flat + ROOM
        self.base = place_results(self.words)
        return self.kernel.load((*first, *self.rest), key + self.key)


class LazyKernel(Kernel[P, R]):
    """A kernel that is put together only if its machine code is not kept.

    `sources` is the digest that the kernel itself would give.
    """

    def __init__(self, name: str, sources: bytes, make: Callable[[], Kernel[P, R]]) -> None:
        """Keep in mind how to make it."""
        self.name = name
        self.wraps = False
        self.emit = ""
        self.inline = False
        self.make = make
        self.__dict__["sources"] = sources
        self._loaded = {}
        self._lock = threading.Lock()

    @cached_property
    def made(self) -> Kernel[P, R]:
        """Make the kernel."""
        return self.make()

    @property
    def function(self) -> Callable[P, R]:  # type: ignore[override]
        """Give the function that it runs."""
        return self.made.function

    @property
    def dispatcher(self) -> Any:
        """Give Numba's own object."""
        return self.made.dispatcher


@overload
def kernel(function: Callable[P, R]) -> Kernel[P, R]: ...
@overload
def kernel(
    *, wraps: bool = False, name: str = "", emit: str = "", inline: bool = False
) -> Callable[[Callable[P, R]], Kernel[P, R]]: ...
def kernel(
    function: Callable[P, R] | None = None, *, wraps: bool = False, name: str = "", emit: str = "", inline: bool = False
) -> Kernel[P, R] | Callable[[Callable[P, R]], Kernel[P, R]]:
    """Make a function a kernel. Give a `name` to each that is made in a closure."""

    def wrap(function: Callable[P, R]) -> Kernel[P, R]:
        own = f"{function.__module__.removeprefix('sonde.')}.{name or function.__qualname__}"
        return Kernel(function, own, wraps=wraps, emit=emit, inline=inline)

    return wrap if function is None else wrap(function)


def _reachable(kernel: "Kernel[..., Any]") -> set[bytes]:
    """Spell out all that can change a kernel's machine code.

    For each function that it reaches, through names, modules and closures: the source
    file, and the value of each constant; a function made at run time tells its code.
    """
    found: set[bytes] = set()
    seen: set[int] = set()
    waiting: list[Any] = [kernel]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if not isinstance(each, Kernel):
            found.add(_spell(each))
            continue
        function: Any = each.function
        code = function.__code__
        found.add(file_digest(code.co_filename) or code.co_code + repr(code.co_consts).encode())
        found.add(repr((each.name, each.wraps)).encode())
        waiting += [cell.cell_contents for cell in function.__closure__ or ()]
        scope = function.__globals__
        for value in [scope[name] for name in code.co_names if name in scope]:
            if isinstance(value, ModuleType):
                members = vars(value)
                waiting += [members[name] for name in code.co_names if name in members]
            else:
                waiting.append(value)
    return found


def _spell(value: Any) -> bytes:
    """Spell a constant that a kernel refers to."""
    if isinstance(value, np.ndarray):
        return repr((value.dtype.str, value.shape)).encode() + value.tobytes()
    if isinstance(value, type):
        return f"{value.__qualname__}{getattr(value, '_fields', '')}".encode()
    if isinstance(value, (int, float, str, bytes, tuple, np.generic)):
        return repr(value).encode()
    return getattr(value, "__name__", type(value).__name__).encode()


@cache
def package_stamp() -> str:
    """Digest names, sizes and times of the package's files: quicker than their content."""
    found = []
    waiting = [Path(__file__).resolve().parent.parent]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    waiting.append(Path(entry.path))
                elif entry.name.endswith((".py", ".toml")):
                    status = entry.stat()
                    found.append(f"{entry.path} {status.st_size} {status.st_mtime_ns}\n")
    return hashlib.blake2b("".join(sorted(found)).encode(), digest_size=12).hexdigest()


#: What `_flatten` made of named tuples: their arrays stay where they are.
_known: dict[int, "tuple[Any, array[int], Any]"] = {}
#: Keys of tuples, and their numbers: counted apart, so that two threads never give one number to two keys.
_numbered: dict[tuple[Any, ...], int] = {}
_numbers = itertools.count()
MOST_KNOWN = 256  # what is remembered is kept alive; see `forget`


def forget(*tables: Any) -> None:
    """Let named tuples of arrays go that no kernel will be called with again."""
    for each in tables:
        if isinstance(each, tuple):
            _known.pop(id(each), None)
            forget(*each)


def _address_by_library(array: "np.ndarray[Any, Any]") -> int:
    return int(array.ctypes.data)


def _address_by_layout(array: "np.ndarray[Any, Any]") -> int:
    return _word_at(id(array) + _DATA).value


#: Where an array's octets lie stands first in NumPy's object, behind Python's own head (PyArrayObject in NumPy's
#: ABI). Asking the library for it costs more than a small kernel; `_find_address` makes sure that both say the same.
_DATA = object.__basicsize__
_word_at = ctypes.c_size_t.from_address


def _find_address() -> "Callable[[np.ndarray[Any, Any]], int]":
    """Give the quick way to an array's address where it holds here, else the library's."""
    whole = np.zeros(8, np.uint8)
    samples = whole, whole[3:], np.zeros((2, 3)), np.frombuffer(b"octets", np.uint8)
    if all(_address_by_layout(each) == _address_by_library(each) for each in samples):
        return _address_by_layout
    return _address_by_library


_address = _find_address()


def _append(flat: "array[int]", number: int) -> None:
    try:
        flat.append(number)
    except OverflowError:  # a number without a sign
        flat.append(number - WORD - 1)


def _flatten(arg: Any, flat: "array[int]") -> Any:
    """Append what Numba's native calling convention wants; give a key of the argument's type."""
    kind = type(arg)
    if kind is int:
        _append(flat, arg)
        return 0
    if isinstance(arg, tuple):  # most words of most calls come with these
        known = _known.get(id(arg))
        if known is not None and known[0] is arg:
            flat.extend(known[1])
            return known[2]
        return _flatten_tuple(arg, flat)
    if kind is np.ndarray or isinstance(arg, np.ndarray):
        if not arg.flags.c_contiguous:
            raise TypeError("kernels take arrays without gaps, and not one field of rows")
        flat.extend((0, 0, arg.size, arg.itemsize, _address(arg), *arg.shape, *arg.strides))
        return id(arg.dtype) * 4 + arg.ndim
    if isinstance(arg, (bool, np.bool_, float, np.floating)):
        raise TypeError("kernels called from Python take arrays and whole numbers")
    if isinstance(arg, (int, np.integer)):
        _append(flat, int(arg))
        return 0
    raise TypeError(f"a kernel cannot take a {kind.__name__}")


def _flatten_tuple(arg: tuple[Any, ...], flat: "array[int]") -> Any:
    """Do so for a tuple; tables come again and again, and are remembered."""
    own = array("q")
    whole = id(type(arg)), *[_flatten(item, own) for item in arg]
    key = (_numbered.setdefault(whole, next(_numbers)),)  # a whole key takes long to hash, and one number does not
    if hasattr(arg, "_fields"):
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[id(arg)] = (arg, own, key)
    flat.extend(own)
    return key


def _describe(arg: Any) -> Any:
    """Spell an argument's type out, the same in every process."""
    if isinstance(arg, np.ndarray):
        return (_describe_dtype(arg.dtype), arg.ndim)
    if isinstance(arg, tuple):
        return (type(arg).__name__, getattr(arg, "_fields", ()), [_describe(item) for item in arg])
    return "int"


_described: dict[int, tuple[Any, str]] = {}


def _describe_dtype(dtype: "np.dtype[Any]") -> str:
    """Spell a type of rows out; once, since it takes as long as loading a kernel."""
    known = _described.get(id(dtype))
    if known is None or known[0] is not dtype:
        known = _described[id(dtype)] = (dtype, f"{dtype.str} {dtype.itemsize} {dtype.fields}")
    return known[1]


def _types_of(args: tuple[Any, ...]) -> list[Any]:
    """List the objects whose identity stands in a call's key."""
    kinds: list[Any] = []
    for arg in args:
        if isinstance(arg, np.ndarray):
            kinds.append(arg.dtype)
        elif isinstance(arg, tuple):
            kinds += [type(arg), *_types_of(arg)]
    return kinds
