"""What turns kernels into machine code: Numba's front end, and one pass of LLVM.

Imported only where something is compiled, because Numba takes a third of a second.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import _dynfunc, from_dtype, types
from numba.core import event, typed_passes, untyped_passes
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.core.cpu import CPUContext

from sonde.wire.jit import Kernel


class LeanCompiler(CompilerBase):  # type: ignore[misc]
    """Numba's compiler without the passes for what no kernel holds; a tenth of the time saved.

    There are no closures, contexts, inlined overloads, array expressions or parallel loops.
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
            typed_passes.IRLegalization,
            typed_passes.AnnotateTypes,
            typed_passes.NativeLowering,
            typed_passes.NoPythonBackend,
        ):
            manager.add_pass(each, each.__name__)
        manager.finalize()
        return [manager]


def make_dispatcher(function: Callable[..., Any]) -> Any:
    """Make Numba's own object for a kernel."""
    # Kernels allocate nothing, so nothing need be counted: a quarter of the time saved.
    flags = {"_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    made = numba.njit(nogil=True, boundscheck=True, error_model="numpy", pipeline_class=LeanCompiler, **flags)(function)
    whole = made.get_call_template

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
    with _compiling, _once_only():
        signature = tuple(_numba_type(arg) for arg in args)
        dispatcher = kernel.dispatcher
        dispatcher.compile(signature)
        compiled = dispatcher.overloads[signature]
        result = str(compiled.signature.return_type).replace(" ", "")
        entry = compiled.fndesc.llvm_func_name
        return f"{entry}{PACKED} {result}\n".encode() + _object_code(compiled.library, entry)


@contextmanager
def _once_only() -> Iterator[None]:
    """Keep Numba from linking, optimising and emitting every function on its own.

    By default each callee is optimised with all that it calls, again in each caller, and
    emitted as machine code that nobody runs. Here a function is only lowered; `_object_code`
    links, optimises and emits once for each entry kernel. Two thirds of the time saved.
    Nobody listens to Numba's events either; telling them takes a fiftieth.
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


def _object_code(library: Any, entry: str) -> bytes:
    """Link what a lowered function calls, directly or not, optimise it all, emit an object file."""
    module = library._final_module.clone()  # noqa: SLF001
    module.name = library._final_module.name  # noqa: SLF001
    for callee in _callees(library):
        module.link_in(callee._get_module_for_linking(), preserve=True)  # noqa: SLF001
    module.link_in(_packed(module.get_function(entry)))
    for function in module.functions:  # what nobody else can call may be inlined, or left out
        if not function.is_declaration and function.name != entry + PACKED:
            function.linkage = "internal"
    passes, builder = library.codegen._module_pass_manager()  # noqa: SLF001
    passes.run(module, builder)
    code: bytes = library.codegen._tm.emit_object(module)  # noqa: SLF001
    return code
