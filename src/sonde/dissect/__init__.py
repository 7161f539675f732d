"""Messages -> columns; one file per protocol, collected by being there."""

import importlib
import pkgutil
from functools import cache

from sonde.dissect.api import Dissector
from sonde.dissect.driver import Conns, Drivers, grow_conns, make_drivers, new_conns

NOT_DISSECTORS = {"api", "driver"}


@cache
def all_dissectors() -> tuple[Dissector, ...]:
    """Collect the constant DISSECTOR of every module of this folder, by name."""
    found = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name):
        if module.ispkg or module.name in NOT_DISSECTORS:
            continue
        declared = getattr(importlib.import_module(f"{__name__}.{module.name}"), "DISSECTOR", None)
        if declared is not None:
            found.append(declared)
    return tuple(found)


__all__ = [
    "Conns",
    "Dissector",
    "Drivers",
    "all_dissectors",
    "grow_conns",
    "make_drivers",
    "new_conns",
]
