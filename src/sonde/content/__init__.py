"""Messages and files out of streams: type, size, digests, verdicts. Nothing is executed, nothing fetched."""

from sonde.content.heads import Head
from sonde.content.message import Connection, Message, MessageReader, Taker
from sonde.content.records import MailPartRecord, MailRecord

__all__ = ["Connection", "Head", "MailPartRecord", "MailRecord", "Message", "MessageReader", "Taker"]
