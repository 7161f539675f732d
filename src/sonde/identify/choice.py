"""One kernel for many: which of them is called is told by a number."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sonde.wire import Kernel, kernel


def one_of(name: str, kernels: Sequence[Any], takes: str, otherwise: int) -> Kernel[..., int]:
    """Write a kernel `(which, ...)` that calls the one of that number with the rest; `otherwise` where there is none.

    `takes` lists the names of their arguments. Numba cannot index functions, so the choice is spelled out as
    source, one `if` each.
    """
    lines = [f"def {name}(which, {takes}):"]
    lines += [
        f"    if which == {place}:\n        return int64(kernel_{place}({takes}))" for place in range(len(kernels))
    ]
    lines.append(f"    return int64({otherwise})")
    scope: dict[str, Any] = {f"kernel_{place}": each for place, each in enumerate(kernels)}
    scope |= {"int64": np.int64, "__name__": __name__}
    exec(compile("\n".join(lines), f"<{name}>", "exec"), scope)  # noqa: S102 - our own declarations
    made: Kernel[..., int] = kernel(name=f"{name}:{len(kernels)}")(scope[name])
    return made
