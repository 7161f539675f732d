"""Sonde: an accountable network probe."""

__version__ = "0.1.0"
