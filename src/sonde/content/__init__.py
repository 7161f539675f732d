"""Messages and files out of streams: type, size, digests, verdicts. Nothing is executed, nothing fetched.

Whoever only asks which records there are waits for no more than those: readers are imported when first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sonde.content.records import MailPartRecord, MailRecord

if TYPE_CHECKING:
    from sonde.content.heads import Head
    from sonde.content.message import Connection, Message, MessageReader, Taker

__all__ = ["Connection", "Head", "MailPartRecord", "MailRecord", "Message", "MessageReader", "Taker"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the package has
    """Import the readers when something of them is asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"sonde.content.{'heads' if name == 'Head' else 'message'}"), name)
