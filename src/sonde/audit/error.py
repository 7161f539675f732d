"""What goes wrong with an audit log, said to the user."""


class AuditError(ValueError):
    """A log that cannot be written or read; the message is one sentence for the user."""
