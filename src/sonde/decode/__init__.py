"""Frames -> packets: link layers, tunnels, IP, transport."""

from sonde.decode.frames import decode, decode_frames, settings

__all__ = ["decode", "decode_frames", "settings"]
