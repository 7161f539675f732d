"""Flows to a collector of IPFIX over UDP or TCP (RFC 7011 §10).

    outlet = IpfixOutlet(host_and_port("192.0.2.1:4739", "udp"))
    outlet.write(permitted)                  # tables other than `flows` are passed over

Over UDP messages fit a packet of the path, templates are told again every ten minutes and after
the collector was away, and sending is paced, because a collector's buffer is all that stands
between a burst and a loss that nobody can see here. Over TCP each connection is a session: templates
are told and records counted anew. A batch whose connection broke is sent again as a whole.
"""

import socket
import time
from collections.abc import Mapping

from sonde.sink.connection import PATIENCE_S, Connection, Endpoint, OutletError
from sonde.sink.ipfix import LEAST_OCTETS, MOST_OCTETS, Exporter, Terms
from sonde.table.permitted import Permitted

RESEND_S = 600.0  # RFC 7011 §8.1: templates over UDP are sent again; collectors keep them for thrice that (§8.4)
MOST_DATAGRAM = 1500  # octets of a packet, also where the path (loopback) would take more
PACE = 4 << 20  # octets a second over UDP
BURST_S = 0.02  # of that pace, sent at once
IP_HEADERS = {socket.AF_INET: 28, socket.AF_INET6: 48}  # with UDP's
# Linux's IP_MTU and IPV6_MTU: what the kernel knows of a connected socket's path (ip(7), ipv6(7)).
PATH_MTU = {socket.AF_INET: (socket.IPPROTO_IP, 14), socket.AF_INET6: (socket.IPPROTO_IPV6, 24)}
ATTEMPTS = 2  # for one batch, where the connection breaks


class IpfixOutlet:
    """An exporting process: one collector, one observation domain."""

    def __init__(
        self, to: Endpoint, *, domain: int = 1, times: str = "ms", pace: int = PACE, patience_s: float = PATIENCE_S
    ) -> None:
        """Export to `to`, over its scheme (`udp` or `tcp`); `pace` is octets a second over UDP, 0 none."""
        self.connection = Connection(to, patience_s=patience_s)
        self.terms = Terms(domain=domain, times=times)
        self.is_udp = to.scheme == "udp"
        self.pace = pace if self.is_udp else 0
        self.exporter = Exporter(self.terms)
        self.records = self.messages = self.repeated = self.sessions = 0
        self._free_at = 0.0

    def write(self, permitted: Permitted) -> None:
        """Send a batch of flows; OutletError if the collector cannot be reached."""
        if not isinstance(permitted, Permitted):
            raise TypeError("an outlet takes only what passed the egress gate")
        if permitted.table != "flows":
            return
        for attempt in range(ATTEMPTS):
            self.connection.ready(on_open=self._begin)
            try:
                self._send(permitted)
            except OutletError:
                if attempt == ATTEMPTS - 1:
                    raise
                self.repeated += 1
            else:
                self.records += permitted.batch.num_rows
                return

    def close(self) -> None:
        """End the session."""
        self.connection.close()

    def tally(self) -> Mapping[str, int]:
        """Give what was sent."""
        return {
            "records": self.records,
            "messages": self.messages,
            "octets": self.connection.octets,
            "sessions": self.sessions,
            "lost_connections": self.connection.lost,
            "repeated_batches": self.repeated,
        }

    def _begin(self) -> None:
        """Begin a transport session, in which nothing was told; over UDP records are counted on."""
        self.sessions += 1
        sequence = self.exporter.sequence if self.is_udp else 0
        room, resend_s = (self._room(), RESEND_S) if self.is_udp else (MOST_OCTETS, 0.0)
        self.exporter = Exporter(self.terms._replace(room=room, resend_s=resend_s))
        self.exporter.sequence = sequence

    def _send(self, permitted: Permitted) -> None:
        for message in self.exporter.messages(permitted.batch, time.time()):
            self._keep_pace(len(message))
            self.connection.send([message])
            self.messages += 1

    def _keep_pace(self, octets: int) -> None:
        """Wait as long as what was sent before takes at the pace, less a burst."""
        if not self.pace:
            return
        now = time.monotonic()
        self._free_at = max(self._free_at, now) + octets / self.pace
        if self._free_at - now > BURST_S:
            time.sleep(self._free_at - now - BURST_S)

    def _room(self) -> int:
        """Give the octets that a message may have: those of a packet on this path (RFC 7011 §10.3.3)."""
        made = self.connection.socket
        if made is None or made.family not in PATH_MTU:
            return LEAST_OCTETS
        try:
            path = made.getsockopt(*PATH_MTU[made.family])
        except OSError:
            return LEAST_OCTETS
        return max(LEAST_OCTETS, min(path, MOST_DATAGRAM) - IP_HEADERS[made.family])


__all__ = ["PACE", "IpfixOutlet"]
