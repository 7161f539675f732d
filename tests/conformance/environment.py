"""The environment of a test's own child processes."""

import os
import sys


def environment(**more: str) -> dict[str, str]:
    """Give this process's environment and import path, and what is asked for besides."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each), **more}
