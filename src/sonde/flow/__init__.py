"""Packets -> flows: keys, two directions, states, timers."""

from sonde.flow.update import Limits, end_flows, evict_flows, make_room, sweep_flows, update_flow, update_flows

__all__ = ["Limits", "end_flows", "evict_flows", "make_room", "sweep_flows", "update_flow", "update_flows"]
