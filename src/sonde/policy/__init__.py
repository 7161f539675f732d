"""Columns x policy -> permitted columns; fails closed."""

from sonde.policy.error import PolicyError
from sonde.policy.gate import BUILT_IN, Gate, Policy, load_policy

__all__ = ["BUILT_IN", "Gate", "Policy", "PolicyError", "load_policy"]
