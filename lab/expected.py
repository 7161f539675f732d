"""What the programs themselves say they did, for tests to compare a reading with.

DNS questions are the resolver's own query log, HTTP requests nginx's access log, the SSH
versions what the client printed; the rest is what the lab's script asked the clients for.
"""

import json
import re
import subprocess
from pathlib import Path

from network import SERVERS, VXLAN_INNER, WIREGUARD_INNER

ASKED = re.compile(
    r"client @\S+ (?P<client>\S+)#(?P<port>\d+) .*query:"
    r" (?P<query>\S+) (?P<class>\S+) (?P<type>\S+) (?P<flags>\S+) \((?P<server>\S+)\)"
)
OVER_TLS = frozenset({"dot.example.org"})  # asked only inside TLS, so not to be read


def is_observed(client: str, query: str) -> bool:
    """Tell whether a question crossed the observation point in the clear."""
    return client.startswith(("192.0.2.", "2001:db8:1:")) and query not in OVER_TLS


class Expected:
    """Lists by protocol, in the order of asking."""

    def __init__(self) -> None:
        """Start empty."""
        self.lists: dict[str, list[dict[str, object]]] = {}

    def add(self, protocol: str, **facts: object) -> None:
        """Note one thing a client was told to do."""
        self.lists.setdefault(protocol, []).append(facts)

    def read_logs(self, scratch: Path) -> None:
        """Add what the servers' own logs hold."""
        for line in (scratch / "zones/asked.log").read_text().splitlines():
            if (match := ASKED.search(line)) and is_observed(match["client"], match["query"]):
                asked = {word: match[word] for word in ("query", "class", "type")}
                transport = "tcp" if "T" in match["flags"] else "udp"
                peers = {"client": match["client"], "server": match["server"]}
                self.add("dns", **asked, transport=transport, **peers)
        tunnels = {inner[SERVERS].partition("/")[0] for inner in (VXLAN_INNER, WIREGUARD_INNER)}
        for line in (scratch / "web.log").read_text().splitlines():
            request = json.loads(line)
            request["status"], request["port"] = int(request["status"]), int(request["port"])
            scheme, address = request.pop("scheme"), request["address"]
            if address in tunnels:
                request["inside"] = "vxlan" if address == "203.0.113.2" else "wireguard"
            hidden = scheme == "https" or request.get("inside") == "wireguard"
            self.add("http_encrypted" if hidden else "http", **request)

    def write(self, path: Path, packages: list[str]) -> None:
        """Write everything, with the versions of the programs."""
        query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages]
        listed = subprocess.run(query, check=True, capture_output=True, text=True).stdout
        programs = dict(line.split(" ", 1) for line in sorted(listed.splitlines()))
        everything: dict[str, object] = {**self.lists, "programs": programs}
        lines = []
        for name, value in everything.items():
            if isinstance(value, list):
                rows = ",\n".join(f"    {json.dumps(row)}" for row in value)
                lines.append(f'  "{name}": [\n{rows}\n  ]')
            else:
                lines.append(f'  "{name}": {json.dumps(value, indent=4)}')
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
