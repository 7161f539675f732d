"""Bodies: what the first octets of a transferred file say of its kind."""
