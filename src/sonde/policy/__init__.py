"""Columns x policy -> permitted columns; fails closed."""

from sonde.policy.gate import BUILT_IN, Gate, Permitted, Policy, PolicyError, load_policy

__all__ = ["BUILT_IN", "Gate", "Permitted", "Policy", "PolicyError", "load_policy"]
