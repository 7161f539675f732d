"""Machine code that was kept: loaded through llvmlite alone, and called."""

import ctypes
import threading
from array import array
from collections.abc import Callable
from typing import Any

RESULT_WORDS = 8
FIRST_RESULT = -RESULT_WORDS - 1  # among a call's words
ROOM = array("q", [0] * (RESULT_WORDS + 1))
WORD = (1 << 64) - 1
NONE = -2  # the status of a kernel that returns None, as Numba says it


class KernelFault(RuntimeError):  # noqa: N818
    """A bounds check tripped inside a kernel: a defect of ours, never of the input."""


class _Loader:
    """The engine that maps object files into this process; one for all kernels."""

    def __init__(self) -> None:
        """Begin an engine without code."""
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
        self.llvm = llvm
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        # Arrays given by us own no memory that Numba counts, so this is never reached.
        self.release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda pointer: None)
        address = ctypes.cast(self.release, ctypes.c_void_p).value
        llvm.add_symbol("NRT_MemInfo_call_dtor", address)
        self.kept: list[Any] = []

    def address(self, symbol: str, code: bytes) -> int:
        """Map an object file; give where a symbol of it lies."""
        found = self.llvm.ObjectFileRef.from_data(code)
        self.kept.append(found)
        self.engine.add_object_file(found)
        self.engine.finalize_object()
        return int(self.engine.get_function_address(symbol))


_loader: _Loader | None = None
_loading = threading.Lock()


class Machine:
    """Loaded machine code of one kernel for one set of argument types."""

    def __init__(self, name: str, symbol: str, result: str, code: bytes) -> None:
        """Map an object file, and find the symbol in it."""
        global _loader  # noqa: PLW0603
        with _loading:
            _loader = _loader or _Loader()
            self.address = _loader.address(symbol, code)
        self.name = name
        prototype = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)
        self.call = prototype(self.address)
        self.result = _results(result)
        self.keeps: list[Any] = []

    def run_words(self, words: "array[int]", base: int) -> Any:
        """Call it with words that lie at `base`, as `place_results` has it; KernelFault where a check trips."""
        status = self.call(base)
        if status and status != NONE:
            raise self.fault(words)
        return self.result(words)

    def fault(self, words: "array[int]") -> KernelFault:
        """Say what went wrong in a call with these words."""
        return KernelFault(f"{self.name}: {_reason(words[-1])}")


def begun() -> "array[int]":
    """Begin the words of a call: where the result and the fault go. Behind the arguments comes ROOM for both."""
    return array("q", (0, 0))


def place_results(words: "array[int]") -> int:
    """Say in the first two words where result and fault go, which is the last ones; give where the words lie."""
    base, length = words.buffer_info()
    words[0], words[1] = base + 8 * (length - RESULT_WORDS - 1), base + 8 * (length - 1)
    return base


def _results(name: str) -> Callable[["array[int]"], Any]:
    """Give what reads a result of a type, by Numba's name of it, from its words."""
    if name.startswith("UniTuple(int64"):
        end = FIRST_RESULT + int(name.rsplit("x", 1)[1].rstrip(")"))
        return lambda words: tuple(words[FIRST_RESULT:end])
    readers: dict[str, Callable[[array[int]], Any]] = {
        "none": lambda words: None,
        "bool": lambda words: bool(words[FIRST_RESULT] & 1),
        "float64": lambda words: ctypes.c_double.from_buffer(words[FIRST_RESULT:-1]).value,
        "uint64": lambda words: words[FIRST_RESULT] & WORD,
        "uint8": lambda words: words[FIRST_RESULT] & 0xFF,
    }
    return readers.get(name, _first)


def _first(words: "array[int]") -> int:
    return words[FIRST_RESULT]


def _reason(info: int | None) -> str:
    """Read what Numba says of a raised exception: a pickled (class, arguments, place)."""
    import pickle

    if not info:
        return "stopped"
    data = ctypes.c_void_p.from_address(info).value
    size = ctypes.c_int32.from_address(info + ctypes.sizeof(ctypes.c_void_p)).value
    if not data or not 0 < size < 1 << 16:
        return "stopped"
    # Written by the compiler into our own machine code, never by what was captured.
    kind, arguments, place = pickle.loads(ctypes.string_at(data, size))  # noqa: S301
    where = f" in {place[0]} (line {place[2]})" if place else ""
    return f"{getattr(kind, '__name__', kind)} {arguments}{where}"
