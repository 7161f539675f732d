"""What turns kernels into machine code: Numba's front end, and one pass of LLVM.

Imported only where something is compiled, because Numba takes a third of a second.
"""

import gc
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import _dynfunc, from_dtype, types
from numba.core import cgutils, event, transforms, typed_passes, untyped_passes
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.core.cpu import CPUContext
from numba.core.postproc import PostProcessor
from numba.core.types.functions import BaseFunction
from numba.np import arrayobj

from sonde.wire.jit import Kernel


class LeanCompiler(CompilerBase):  # type: ignore[misc]
    """Numba's compiler without the passes for what no kernel holds; a seventh of the time saved.

    There are no closures, contexts, inlined overloads, array expressions or parallel loops; and nothing is counted
    (`make_dispatcher`), so that nobody need know where a variable is last used.
    """

    def define_pipelines(self) -> list[PassManager]:
        """List the passes that are left, in Numba's order."""
        manager = PassManager("kernel")
        for each in (
            untyped_passes.TranslateByteCode,
            untyped_passes.FixupArgs,
            untyped_passes.IRProcessing,
            untyped_passes.RewriteSemanticConstants,
            untyped_passes.DeadBranchPrune,
            untyped_passes.GenericRewrites,
            untyped_passes.ReconstructSSA,
            untyped_passes.DeadBranchPrune,
            typed_passes.NopythonTypeInference,
            typed_passes.PreLowerStripPhis,
            typed_passes.NativeLowering,
            typed_passes.NoPythonBackend,
        ):
            manager.add_pass(each, each.__name__)
        manager.finalize()
        return [manager]


#: Functions that `LeanCompiler` compiles; what of NumPy they call, Numba's own compiler does.
_lean: set[Callable[..., Any]] = set()


def make_dispatcher(function: Callable[..., Any], *, inline: bool = False) -> Any:
    """Make Numba's own object for a kernel."""
    # Kernels allocate nothing, so nothing need be counted: a quarter of the time saved.
    flags = {"_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "forceinline": inline}
    made = numba.njit(nogil=True, boundscheck=True, error_model="numpy", pipeline_class=LeanCompiler, **flags)(function)
    whole = made.get_call_template
    _lean.add(function)

    def get_call_template(args: tuple[Any, ...], kws: Any) -> Any:
        """Take a number for a number: each constant would get a version of the callee of its own."""
        return whole(tuple(types.unliteral(arg) for arg in args), kws)

    made.get_call_template = get_call_template
    return made


def _numba_type(arg: Any) -> Any:
    if isinstance(arg, np.ndarray):
        return types.Array(from_dtype(arg.dtype), arg.ndim, "C")
    if isinstance(arg, tuple):
        inner = [_numba_type(item) for item in arg]
        if hasattr(arg, "_fields"):
            return types.NamedTuple(inner, type(arg))
        return types.Tuple(inner)
    return types.int64


PACKED = ".packed"  # behind a kernel's symbol: the one that takes its arguments as words in memory
_compiling = threading.RLock()


def compile_kernel(kernel: Kernel[..., Any], args: tuple[Any, ...]) -> bytes:
    """Compile for these argument types: a line with symbol and result, then an object file."""
    with _compiling, _no_garbage(), _once_only():
        signature = tuple(_numba_type(arg) for arg in args)
        dispatcher = kernel.dispatcher
        dispatcher.compile(signature)
        compiled = dispatcher.overloads[signature]
        result = str(compiled.signature.return_type).replace(" ", "")
        entry = compiled.fndesc.llvm_func_name
        symbol = f"{kernel.name}.{hashlib.blake2b(entry.encode(), digest_size=12).hexdigest()}"
        return f"{symbol} {result}\n".encode() + _object_code(compiled.library, entry, symbol)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Look for no garbage meanwhile: Numba leaves little, and looking takes a fifteenth of the time."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()


_resolve = BaseFunction.get_call_type
#: What operations were found to make of numbers: it depends on their types alone.
_resolved: dict[tuple[Any, tuple[Any, ...]], Any] = {}


def _resolve_once(function: Any, context: Any, args: Any, kws: Any) -> Any:
    """Find what a built-in function makes of these types: for operations on numbers, once in a process.

    `a + b` is put to a dozen templates, one after the other, each time that it occurs and again while types around
    it settle: a fifth of the time to compile. What Numba compiles from Python (`min`) is compiled as its caller asks,
    and arrays and tuples are rare: those are left to Numba.
    """
    if kws or not args or not all(isinstance(arg, (types.Number, types.Boolean)) for arg in args):
        return _resolve(function, context, args, kws)
    asked = function, tuple(args)
    found = _resolved.get(asked)
    if found is None:
        found = _resolve(function, context, args, kws)
        if function.get_impl_key(found) is function.typing_key:
            _resolved[asked] = found
    return found


_find_lifetimes = PostProcessor.run


def _tidy(processor: Any, *args: Any, **kwargs: Any) -> None:
    """Leave out, for a kernel, what Numba does after each pass that may have changed a function.

    It finds how long each variable lives, five times over; only passes that `LeanCompiler` has not would ask.
    """
    function = processor.func_ir
    if function.func_id.func in _lean and not function.is_generator:
        function.blocks = transforms.canonicalize_cfg(function.blocks)
    else:
        _find_lifetimes(processor, *args, **kwargs)


def _take_index(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
    """Take an index as it is: none counts from the end, as NumPy's do that are negative."""
    return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)


def _check_bounds(context: Any, builder: Any, index: Any, size: Any, axis: int | None = None) -> None:
    """Check an index with one comparison instead of two: as a number without sign a negative one is too large."""
    with cgutils.if_unlikely(builder, builder.icmp_unsigned(">=", index, size)):
        context.call_conv.return_user_exc(builder, IndexError, ("index is out of bounds",))


@contextmanager
def _once_only() -> Iterator[None]:
    """Keep Numba from doing for every function, and again, what can be done once.

    By default each callee is optimised with all that it calls, again in each caller, and
    emitted as machine code that nobody runs. Here a function is only lowered; `_object_code`
    links, optimises and emits once for each entry kernel. Two thirds of the time saved.
    Nobody listens to Numba's events either; telling them takes a fiftieth. And an index is
    compared once (`_check_bounds`).
    """

    def finalize(library: Any) -> None:
        library._finalized = True  # noqa: SLF001

    def get_executable(context: Any, library: Any, fndesc: Any, env: Any) -> Any:
        library.finalize()
        name = fndesc.qualname.split(".")[-1]  # a name for Numba's tables; never called
        return _dynfunc.make_function(fndesc.lookup_module(), name, "", 0, env, ())

    changes: list[tuple[Any, str, Any]] = [
        (CPUCodeLibrary, "finalize", finalize),
        (CPUCodeLibrary, "_optimize_functions", lambda library, module: None),
        (CPUContext, "get_executable", get_executable),
        (event, "broadcast", lambda told: None),
        (BaseFunction, "get_call_type", _resolve_once),
        (PostProcessor, "run", _tidy),
        (arrayobj, "fix_integer_index", _take_index),
        (cgutils, "do_boundscheck", _check_bounds),
    ]
    before = [getattr(place, name) for place, name, _ in changes]
    for place, name, change in changes:
        setattr(place, name, change)
    try:
        yield
    finally:
        for (place, name, _), kept in zip(changes, before, strict=True):
            setattr(place, name, kept)


def _callees(library: Any) -> list[Any]:
    """List what a lowered function calls, directly or not, each after all that call it.

    Linking drops a function that nothing linked before refers to, even if a later one does.
    """
    found: list[Any] = []
    seen, path = {id(library)}, [(library, iter(library._linking_libraries))]  # noqa: SLF001
    while path:
        caller, rest = path[-1]
        callee = next(rest, None)
        if callee is None:
            path.pop()
            found.append(caller)
        elif id(callee) not in seen:
            seen.add(id(callee))
            path.append((callee, iter(callee._linking_libraries)))  # noqa: SLF001
    return found[-2::-1]  # the last is the function itself


def _packed(entry: Any) -> Any:
    """Write a function that takes where a kernel's arguments lie, as words, and calls the kernel.

    A foreign call converts each argument on its own, a quarter of a microsecond each; a named
    tuple of tables has some hundred.
    """
    kinds = [str(each.type) for each in entry.arguments]
    lines = []
    for place, kind in enumerate(kinds):
        lines.append(f"%p{place} = getelementptr i64, ptr %words, i64 {place}")
        lines.append(f"%{'w' if kind == 'ptr' else 'a'}{place} = load i64, ptr %p{place}")
        if kind == "ptr":
            lines.append(f"%a{place} = inttoptr i64 %w{place} to ptr")
    given = ", ".join(f"{kind} %a{place}" for place, kind in enumerate(kinds))
    return llvm.parse_assembly(
        f'declare i32 @"{entry.name}"({", ".join(kinds)})\n'
        f'define i32 @"{entry.name}{PACKED}"(ptr %words) {{\n'
        + "\n".join(lines)
        + f'\n%status = call i32 @"{entry.name}"({given})\nret i32 %status\n}}\n'
    )


def _object_code(library: Any, entry: str, symbol: str) -> bytes:
    """Link what a lowered function calls, directly or not, optimise it all, emit an object file.

    It tells one name, by which it is called. Numba's names spell out the types of all arguments, up to 8 KiB each: they
    were four fifths of a file, and are read, copied and sorted wherever it is loaded.
    """
    module = library._final_module.clone()  # noqa: SLF001
    module.name = library._final_module.name  # noqa: SLF001
    for callee in _callees(library):
        module.link_in(callee._get_module_for_linking(), preserve=True)  # noqa: SLF001
    module.link_in(_packed(module.get_function(entry)))
    module.get_function(entry + PACKED).name = symbol
    for each in (*module.functions, *module.global_variables):  # what nobody else can name may be inlined, or left out
        if not each.is_declaration and each.name != symbol:
            each.linkage = "private"
    passes, builder = library.codegen._module_pass_manager()  # noqa: SLF001
    passes.run(module, builder)
    code: bytes = library.codegen._tm.emit_object(module)  # noqa: SLF001
    return code
