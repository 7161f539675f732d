"""All protocols that Sonde knows: those that it dissects and those that it only names.

A protocol that is only identified is a module in `protocols/` with a constant `PROTOCOL`;
one that is dissected declares itself in its dissector. Nothing is registered anywhere:
the folders are the registry.
"""

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

from sonde.identify import protocols as folder
from sonde.schema import Protocol


@cache
def identified_only() -> tuple[Protocol, ...]:
    """Collect the protocols declared in `protocols/`, by name of module; those that others are made of stand last."""
    found: list[Protocol] = []
    for module in sorted(pkgutil.iter_modules(folder.__path__), key=lambda each: each.name):
        loaded = importlib.import_module(f"{folder.__name__}.{module.name}")
        declared = getattr(loaded, "PROTOCOLS", None) or (loaded.PROTOCOL,)
        found += declared
    return tuple(sorted(found, key=lambda each: each.is_general))


def all_protocols(dissected: Iterable[Protocol]) -> tuple[Protocol, ...]:
    """Give every protocol once, dissected ones first; a dissector's own declaration wins."""
    by_name = {protocol.name: protocol for protocol in dissected}
    for protocol in identified_only():
        by_name.setdefault(protocol.name, protocol)
    return tuple(by_name.values())
