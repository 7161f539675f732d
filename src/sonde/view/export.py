"""What `sonde export` sent, for people."""

from collections.abc import Mapping


def print_sent(sent: Mapping[str, Mapping[str, int]]) -> None:
    """Print a line for each outlet; counters that are zero go unsaid."""
    for name, counters in sent.items():
        told = ", ".join(f"{word.replace('_', ' ')} {count:,}" for word, count in counters.items() if count)
        print(f"{name:<8} {told or 'nothing to send'}")
