"""Frames in: pcap, pcapng, compressed files, pipes."""

from sonde.source.captures import Source, SourceError, open_source

__all__ = ["Source", "SourceError", "open_source"]
