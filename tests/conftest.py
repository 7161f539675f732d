"""What holds for every test."""

import signal


def pytest_configure() -> None:
    """Hear interrupts where a shell has us ignore them, as in a job in the background: what we start inherits that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
