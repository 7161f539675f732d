"""Machine code that was kept: loaded through llvmlite alone, and called."""

import ctypes
import threading
from typing import Any


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
        self.call: Any = None
        self.result = result
        self.words = 8
        self.keeps: list[Any] = []

    def run(self, flat: list[Any]) -> Any:
        """Call it with flattened arguments; raise KernelFault where a bounds check trips."""
        if self.call is None:
            kinds = [ctypes.c_void_p if a is None else ctypes.c_int64 for a in flat]
            prototype = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *kinds)
            self.call = prototype(self.address)
        out = (ctypes.c_int64 * self.words)()
        fault = ctypes.c_void_p()
        status = self.call(ctypes.addressof(out), ctypes.addressof(fault), *flat)
        if status not in (0, -2):  # -2 is how Numba returns None
            raise KernelFault(f"{self.name}: {_reason(fault.value)}")
        if self.result == "none":
            return None
        if self.result == "bool":
            return bool(out[0] & 1)
        if self.result == "float64":
            return ctypes.c_double.from_buffer(out).value
        if self.result.startswith("UniTuple(int64"):
            return tuple(out[: int(self.result.rsplit("x", 1)[1].rstrip(")"))])
        if self.result == "uint64":
            return out[0] & 0xFFFFFFFFFFFFFFFF
        if self.result == "uint8":
            return out[0] & 0xFF
        return out[0]


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
