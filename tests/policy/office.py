"""A policy and a good authorisation under it, from which the bad ones are made."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"  # from age's README
CAPTURE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # SHA-256 of "test"


@dataclass(frozen=True)
class OfficeNetwork:
    cidr: IPv4Network | IPv6Network
    role: str


@dataclass(frozen=True)
class OfficeSignatures:
    authorisation: int = 2


@dataclass(frozen=True)
class OfficePolicy:
    """What of a policy governs authorisations."""

    digest: str = "ab" * 32
    networks: tuple[OfficeNetwork, ...] = (
        OfficeNetwork(ip_network("10.20.0.0/16"), "clients"),
        OfficeNetwork(ip_network("2001:db8:1::/56"), "clients"),
        OfficeNetwork(ip_network("192.0.2.0/25"), "servers"),
        OfficeNetwork(ip_network("198.51.100.7/32"), "servers"),
        OfficeNetwork(ip_network("2001:db8:2::/64"), "servers"),
    )
    mail_domains: tuple[str, ...] = ("example.org", "xn--mnchen-3ya.example")
    valid_until: datetime | None = datetime(2027, 6, 30, tzinfo=UTC)
    signatures: OfficeSignatures = field(default_factory=OfficeSignatures)


GOOD = f"""\
# Mail that comes to our own servers.
schema = 1
id = "a-0123456789abcdef"
purpose = "mail-abuse"
case_ref = "INC-2026-0412"
justification = "A wave of phishing reached our mail server; we need the attachments to block them."
policy = "{OfficePolicy().digest}"
protocols = ["smtp"]
artefacts = ["headers", "attachments"]
not_before = 2026-07-01T08:00:00Z
not_after = 2026-07-03T08:00:00Z
max_messages = 500
max_octets = 100_000_000
nonce = "00112233445566778899aabbccddeeff"
recipients = ["{RECIPIENT}"]

[scope]
networks = ["192.0.2.0/28"]
mail_domains = ["example.org"]
"""


def changed(*lines: str) -> bytes:
    """Give the good one with lines put in place of those with the same key; the key alone takes its line out."""
    text = GOOD
    for line in lines:
        key = line.partition("=")[0].strip()
        before = next(each for each in text.splitlines() if each.partition("=")[0].strip() == key)
        text = text.replace(before + "\n", line + "\n" if "=" in line else "")
    return text.encode()
