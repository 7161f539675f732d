"""Frames -> packets: link layers, tunnels, IP, transport."""

from sonde.decode.cursor import SIZE as CURSOR_SIZE
from sonde.decode.frames import LANES, MOST_ROWS, decode, decode_frame, decode_frames, settings

__all__ = ["CURSOR_SIZE", "LANES", "MOST_ROWS", "decode", "decode_frame", "decode_frames", "settings"]
