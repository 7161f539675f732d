"""`sonde policy init`: six questions, and the policy file that their answers make.

text = write_policy({"operator": "Example University", ...}, now)
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from sonde.pipeline.plan import registry
from sonde.policy import Fault, check_text
from sonde.policy.terms import PURPOSES


class Question(NamedTuple):
    """What is asked, under which name an answer may be given beforehand, and what stands if there is none."""

    name: str
    asks: str
    default: str = ""


QUESTIONS = (
    Question("operator", "Who runs this probe (the name of your organisation)?"),
    Question("contact", "Where can people reach you about it (a mail address)?"),
    Question("purpose", f"What for ({', '.join(PURPOSES)})?", "network-defence"),
    Question("clients", "Which networks have your clients, /24 (IPv6: /56) or wider, with commas between?"),
    Question("servers", "Which networks have your servers, with commas between (empty: none)?"),
    Question("persons", "Fields that name persons: pseudonymise, drop or keep?", "pseudonymise"),
)
HEAD = """\
# A policy of Sonde: what may be known of this traffic, and for how long (docs/policy.md).
# Check it: sonde policy check FILE. See what it means: sonde policy explain FILE.
# Those responsible sign it: sonde policy sign FILE --key KEY.
"""
TAIL = """
[truncate]
ipv4 = 24
ipv6 = 48

[pseudonym]
epoch = "24h"
keep_keys = "48h"                 # then destroyed

[retention]
records = "30d"
content = "72h"

[signatures]
policy = 1                        # distinct keys needed on this file
authorisation = 2                 # on each authorisation of content

[audit]
log = "audit"
heartbeat = "10m"
"""


def write_policy(answers: Mapping[str, str], now: datetime) -> tuple[str, list[Fault]]:
    """Write a policy that is valid for a year; give it with its faults, which mean an answer was none."""
    given = {each.name: answers.get(each.name, "").strip() or each.default for each in QUESTIONS}
    until = datetime(now.year + 1, now.month, 1, tzinfo=UTC)
    lines = [
        HEAD,
        "schema = 1",
        "version = 1                       # raise it with each change",
        f"operator = {json.dumps(given['operator'], ensure_ascii=False)}",
        f"contact = {json.dumps(given['contact'], ensure_ascii=False)}",
        f"purpose = {json.dumps(given['purpose'], ensure_ascii=False)}",
        f"valid_until = {until:%Y-%m-%dT%H:%M:%SZ}",
    ]
    for role in ("clients", "servers"):
        for cidr in given[role].replace(",", " ").split():
            lines += ["", "[[network]]", f"cidr = {json.dumps(cidr)}", f'role = "{role}"']
    lines += ["", "[classes]", 'ENDPOINT = "keep"', f"PERSON = {json.dumps(given['persons'])}"]
    text = "\n".join(lines) + "\n" + TAIL
    return text, check_text(text.encode("utf-8", "replace"), "new.toml", registry(), now=now)[1]


__all__ = ["QUESTIONS", "Question", "write_policy"]
