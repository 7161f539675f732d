"""Arrow, imported when something of it is first asked for.

    from sonde.table.late import pa

It takes 30 ms, a tenth of a start. Whoever reads a capture needs none of it: only who writes records, and that is
another process, which imports it while the first frames are read. Modules that both load name it in annotations, which
are therefore not evaluated (`from __future__ import annotations`).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
else:

    class _Late:
        """The module in waiting."""

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module holds
            """Import the module; what was asked for is at hand from then on."""
            import pyarrow  # noqa: ICN001, PLC0415

            found = getattr(pyarrow, name)
            setattr(self, name, found)
            return found

    pa = _Late()

__all__ = ["pa"]
