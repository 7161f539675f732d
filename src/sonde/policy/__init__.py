"""Columns x policy -> permitted columns; fails closed."""

from sonde.policy.document import Fault, Registry, check_text, load_policy, read_octets
from sonde.policy.error import PolicyError
from sonde.policy.gate import Gate, readmit
from sonde.policy.keys import Keys, Told, destroy_expired
from sonde.policy.scope import Scope, in_scope, new_scope
from sonde.policy.techniques import applied
from sonde.policy.terms import BUILT_IN, Network, Policy

__all__ = [
    "BUILT_IN",
    "Fault",
    "Gate",
    "Keys",
    "Network",
    "Policy",
    "PolicyError",
    "Registry",
    "Scope",
    "Told",
    "applied",
    "check_text",
    "destroy_expired",
    "in_scope",
    "load_policy",
    "new_scope",
    "read_octets",
    "readmit",
]
