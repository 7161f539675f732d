"""First octets -> protocol and application, with evidence."""
