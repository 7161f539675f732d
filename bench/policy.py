"""Measure what the techniques of a policy cost: pseudonyms and Crypto-PAn a second, on one thread.

    python bench/policy.py [--values 1000000] [--rounds 3]

Every value is distinct and none is remembered from a round before; the best round counts.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from sonde.policy.keys import Key
from sonde.policy.prefix import PrefixPreserving
from sonde.policy.pseudonyms import key_states, pseudonyms
from sonde.policy.techniques import Task, transform
from sonde.policy.terms import PREFIX, PSEUDONYMISE, TRUNCATE, Policy
from sonde.schema import ENDPOINT, PERSON, Field, Privacy
from sonde.table.arrow import texts_column

KEY = bytes(range(32))


def main() -> None:
    """Print a line for each technique."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--values", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    count = args.values
    source = np.random.default_rng(1)
    users = texts_column([f"user{number:07d}" for number in range(count)])
    mails = texts_column([f"user{number:07d}@example.org" for number in range(count)])
    octets = source.integers(0, 256, (count, 4), np.uint8)
    wide = source.integers(0, 256, (count // 10, 16), np.uint8)
    addresses = texts_column([".".join(map(str, row)) for row in octets.tolist()])
    names = texts_column([f"www.host{number}.example.co.uk" for number in range(count // 10)])
    policy = Policy("bench", dict.fromkeys(Privacy, "keep"))
    states, key = key_states(KEY), Key(KEY)
    person = Task("http.username", Field("User", PERSON), policy)
    address = Task("flows.orig_ip", Field("Originator", ENDPOINT, holds="address"), policy)
    host = Task("dns.query", Field("Name", ENDPOINT, holds="host"), policy)

    def measure(name: str, values: int, work: Callable[[], object]) -> None:
        best = min(timed(work) for _ in range(args.rounds))
        print(f"{name:44}{values / best:14,.0f} a second")

    measure(
        "pseudonyms of user names, kernel", count, lambda: pseudonyms(users, person.place, states, keep_domain=True)
    )
    measure("pseudonyms of mail addresses, kernel", count, lambda: pseudonyms(mails, "t.m", states, keep_domain=True))
    measure("pseudonyms of user names, whole column", count, lambda: transform(PSEUDONYMISE, person, users, key))
    mapped = PrefixPreserving(KEY)
    measure("Crypto-PAn of IPv4, octets", count, lambda: mapped.addresses(octets))
    measure("Crypto-PAn of IPv6, octets", count // 10, lambda: mapped.addresses(wide))
    measure("Crypto-PAn of IPv4, column of text", count, lambda: transform(PREFIX, address, addresses, key))
    measure("truncation of IPv4, column of text", count, lambda: transform(TRUNCATE, address, addresses, key))
    measure("truncation of names, column of text", count // 10, lambda: transform(TRUNCATE, host, names, key))


def timed(work: Callable[[], object]) -> float:
    """Give the seconds that work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
