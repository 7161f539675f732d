"""Words of canaries: each stands once in a capture, and is remembered with what it is.

words = Words()
words("smtp.helo, smtp_session.helo", ENDPOINT)      # "cnry4f..."
"""

import secrets
from typing import NamedTuple

from sonde.schema import Privacy

WORD_OCTETS = 8


class Canary(NamedTuple):
    """A word that stands in a capture, the fields that may show it or what it is, and its class."""

    word: str
    places: tuple[str, ...]
    privacy: Privacy


class Words:
    """Hands out words and remembers what each stands for."""

    def __init__(self) -> None:
        """Begin with none."""
        self.canaries: list[Canary] = []

    def __call__(self, places: str, privacy: Privacy) -> str:
        """Make a word: letters and digits, fit for a host name and a header alike; places between commas."""
        word = "cnry" + secrets.token_hex(WORD_OCTETS)
        self.canaries.append(Canary(word, tuple(places.split(", ")), privacy))
        return word


__all__ = ["Canary", "Words"]
