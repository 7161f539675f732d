"""The arrays that pass between stages."""
