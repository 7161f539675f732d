"""Sonde: an accountable network probe.

    import sonde
    capture = sonde.read("office.pcap", tables=["flows", "dns"])
    capture.flows.to_pandas()
    capture.query("select protocol, count(*) as flows from flows group by all")

What takes long to import is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sonde.view.dataset import Dataset, QueryError, Table, open_dataset, read
    from sonde.view.live import live

__version__ = "0.1.0"
__all__ = ["Dataset", "QueryError", "Table", "__version__", "live", "open_dataset", "read"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the library has
    """Import the library when something of it is asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"sonde.view.{'live' if name == 'live' else 'dataset'}"), name)


def __dir__() -> list[str]:
    """List what there is."""
    return sorted(__all__)
