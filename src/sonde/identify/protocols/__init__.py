"""Protocols that Sonde names but does not dissect, one module each."""
