"""Make examples/first-look.pcapng: real programs talking in network namespaces.

Run as root: `python3 lab/first_look.py`. Nothing leaves the namespaces, and everything
but the two files in examples/ is removed at the end, also after a failure.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import capture
import network
from clients import converse
from expected import Expected
from servers import start_servers

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NEEDED = {  # a command: the Debian package which holds it
    "aiosmtpd": "python3-aiosmtpd",
    "atftp": "atftp",
    "avahi-browse": "avahi-utils",
    "avahi-daemon": "avahi-daemon",
    "chronyd": "chrony",
    "coap-server-notls": "libcoap3-bin",
    "curl": "curl",
    "dbus-daemon": "dbus-daemon",
    "dhclient": "isc-dhcp-client",
    "dig": "bind9-dnsutils",
    "dnsmasq": "dnsmasq-base",
    "dovecot": "dovecot-imapd",
    "editcap": "wireshark-common",
    "ethtool": "ethtool",
    "gtlsclient": "ngtcp2-client",
    "gtlsserver": "ngtcp2-server",
    "ip": "iproute2",
    "ldapsearch": "ldap-utils",
    "lftp": "lftp",
    "logger": "bsdutils",
    "mariadb": "mariadb-client",
    "mariadbd": "mariadb-server",
    "mosquitto": "mosquitto",
    "mosquitto_pub": "mosquitto-clients",
    "named": "bind9",
    "nc": "netcat-openbsd",
    "nginx": "nginx-light",
    "openssl": "openssl",
    "pg_ctlcluster": "postgresql",
    "ping": "iputils-ping",
    "psql": "postgresql-client",
    "redis-cli": "redis-tools",
    "redis-server": "redis-server",
    "sipp": "sip-tester",
    "slapd": "slapd",
    "snmpd": "snmpd",
    "snmpget": "snmp",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "swaks": "swaks",
    "sysctl": "procps",
    "tcpdump": "tcpdump",
    "traceroute": "traceroute",
    "tshark": "tshark",
    "unshare": "util-linux",
    "vsftpd": "vsftpd",
    "wg": "wireguard-tools",
    "wireguard-go": "wireguard-go",
}
LIBRARIES = {  # a file below /usr which no command stands for: its package
    "lib/dovecot/pop3": "dovecot-pop3d",
    "lib/*/perl5/*/Net/SSLeay.pm": "libnet-ssleay-perl",
}


def main() -> int:
    """Check, build, capture, converse, write; clean up whatever happens."""
    if os.geteuid() != 0:
        print("first_look: needs root, to make network namespaces", file=sys.stderr)
        return 1
    if missing := missing_packages():
        words = " ".join(missing)
        print("first_look: some packages are missing; paste this:", file=sys.stderr)
        print(f"  apt-get install -y --no-install-recommends {words}", file=sys.stderr)
        return 1
    scratch = Path(tempfile.mkdtemp(prefix="sonde-lab-"))
    scratch.chmod(0o755)
    lab = network.Lab(scratch)
    network.demolish()  # what an interrupted run may have left
    try:
        make_example(lab)
    except (network.LabError, subprocess.SubprocessError) as reason:
        print(f"first_look: {reason}", file=sys.stderr)
        return 1
    finally:
        lab.stop()
        network.demolish()
        if "--keep" not in sys.argv:  # the servers' logs, to find out why it failed
            shutil.rmtree(scratch, ignore_errors=True)
    return 0


def missing_packages() -> list[str]:
    """Return the packages whose commands are not here."""
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    missing = {package for word, package in NEEDED.items() if shutil.which(word, path=path) is None}
    missing |= {package for file, package in LIBRARIES.items() if not [*Path("/usr").glob(file)]}
    return sorted(missing)


def make_example(lab: network.Lab) -> None:
    """Write the capture and what the programs say they did."""
    print("network", flush=True)
    network.build(lab)
    print("servers", flush=True)
    start_servers(lab)
    captured = lab.scratch / "captured.pcap"
    tcpdump = capture.start_capture(lab, captured)
    expected = Expected()
    print("conversations", flush=True)
    converse(lab, expected)
    capture.end_capture(lab, tcpdump)
    expected.read_logs(lab.scratch)
    EXAMPLES.mkdir(exist_ok=True)
    capture.write_pcapng(lab, captured, EXAMPLES / "first-look.pcapng")
    packages = sorted({*NEEDED.values(), *LIBRARIES.values()})
    expected.write(EXAMPLES / "first-look.expected.json", packages)


if __name__ == "__main__":
    sys.exit(main())
