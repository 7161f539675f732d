"""Mail between real programs in namespaces: Postfix and Dovecot, spoken to by Python's clients and swaks.

Run as root: `python3 lab/mail_exchange.py FOLDER OUT` sends every FOLDER/*.eml through Postfix, fetches
some of it back from Dovecot, and writes for each conversation OUT/NAME.pcap.gz and, in OUT/said.json, what the
clients know of it: never what a reader of captures says. Without FOLDER it makes the small captures
in tests/mail_captures: `python3 lab/mail_exchange.py tests/mail_captures`. Nothing leaves the namespaces.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import capture
import network
from network import LAPTOP, MAIL, SERVERS, Lab

NEEDED = {
    "postfix": "postfix",
    "dovecot": "dovecot-core",
    "swaks": "swaks",
    "tcpdump": "tcpdump",
    "openssl": "openssl",
    "ip": "iproute2",
    "ethtool": "ethtool",
    "sysctl": "procps",
    "ss": "iproute2",
}
FILES = {"lib/dovecot/pop3": "dovecot-pop3d", "lib/dovecot/imap": "dovecot-imapd", "lib/dovecot/lmtp": "dovecot-lmtpd"}
PASSWORD = "correct-horse"  # invented for the lab; it protects nothing
CONVERSATIONS = (
    "plain", "starttls", "stripped", "pipelined", "bdat", "lmtp", "idle", "literals", "pop3",
)  # fmt: skip
CLIENTS = Path(__file__).with_name("mail_clients.py")


def missing_packages() -> list[str]:
    """Return the packages that are not here."""
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    missing = {package for word, package in NEEDED.items() if shutil.which(word, path=path) is None}
    missing |= {package for file, package in FILES.items() if not (Path("/usr") / file).exists()}
    return sorted(missing)


@contextmanager
def servers(milter: str = "") -> Iterator[Lab]:
    """Give a network with Postfix and Dovecot at work; all of it is gone afterwards."""
    scratch = Path(tempfile.mkdtemp(prefix="sonde-lab-"))
    scratch.chmod(0o755)
    lab = Lab(scratch)
    network.demolish()  # what an interrupted run may have left
    try:
        network.build(lab)
        start_dovecot(lab)
        start_postfix(lab, milter)
        yield lab
    finally:
        lab.stop()
        network.demolish()
        if "--keep" not in sys.argv:
            shutil.rmtree(scratch, ignore_errors=True)


def start_dovecot(lab: Lab) -> None:
    """Start Dovecot with IMAP, POP3 and LMTP for one account."""
    key, certificate = lab.scratch / "mail.key", lab.scratch / "mail.crt"
    wish = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=mail.example.org"]
    subprocess.run(["openssl", "req", *wish, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    box = lab.scratch / "box"
    box.mkdir()
    shutil.chown(box, 65534, 65534)
    lab.write("mail.users", f"alice:{{PLAIN}}{PASSWORD}\n")
    config = f"""
protocols = imap pop3 lmtp
listen = {MAIL}
base_dir = /run/dovecot
log_path = {lab.scratch}/dovecot.log
disable_plaintext_auth = no
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
mail_location = maildir:{box}
first_valid_uid = 500
service lmtp {{
  inet_listener lmtp {{
    address = {MAIL}
    port = 24
  }}
}}
protocol lmtp {{
  auth_username_format = %Ln
}}
auth_username_format = %Ln
passdb {{
  driver = passwd-file
  args = {lab.scratch}/mail.users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={box} allow_all_users=yes
}}
"""
    lab.serve(SERVERS, "dovecot", "-F", "-c", lab.write("dovecot.conf", config))
    for port in (24, 110, 143):
        lab.wait_for_port(MAIL, port)


def start_postfix(lab: Lab, milter: str = "") -> None:
    """Start Postfix; what it takes goes to Dovecot over LMTP."""
    config, spool, data = (lab.scratch / name for name in ("postfix", "spool", "postfix-data"))
    shutil.copytree("/etc/postfix", config, symlinks=True)
    spool.mkdir()
    data.mkdir()
    shutil.chown(data, "postfix")
    settings = {
        "compatibility_level": "3.6",
        "queue_directory": spool,
        "data_directory": data,
        "command_directory": "/usr/sbin",
        "daemon_directory": "/usr/lib/postfix/sbin",
        "inet_interfaces": MAIL,
        "inet_protocols": "ipv4",
        "myhostname": "mail.example.org",
        "mydestination": "",
        "mynetworks": "127.0.0.0/8",
        "smtpd_relay_restrictions": "reject_unauth_destination",
        "virtual_mailbox_domains": "example.org",
        "virtual_transport": f"lmtp:inet:[{MAIL}]:24",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": lab.scratch / "mail.crt",
        "smtpd_tls_key_file": lab.scratch / "mail.key",
        "smtpd_delay_open_until_valid_rcpt": "yes",
        "smtpd_error_sleep_time": "0",
        "smtpd_client_connection_count_limit": "0",
        "smtpd_peername_lookup": "no",
        "message_size_limit": "200000000",
        "mailbox_size_limit": "0",
        "smtputf8_enable": "yes",
        "smtputf8_autodetect_classes": "all",
        "maillog_file": lab.scratch / "postfix.log",
        "maillog_file_prefixes": lab.scratch,
        "smtpd_milters": milter,
        "milter_default_action": "tempfail",  # in the lab a filter that fails is to be noticed
    }
    (config / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
    master = (config / "master.cf").read_text()
    master = "\n".join(_unjailed(line) for line in master.splitlines())
    (config / "master.cf").write_text(master + "\n")
    lab.serve(SERVERS, "postfix", "-c", config, "start-fg")
    lab.wait_for_port(MAIL, 25)


def _unjailed(line: str) -> str:
    """Keep a service out of the jail, which the lab does not furnish."""
    words = line.split()
    if len(words) >= 8 and not line.startswith(("#", " ")):
        words[4] = "n"
    return " ".join(words) if len(words) >= 8 and not line.startswith(("#", " ")) else line


def hold(lab: Lab, name: str, out: Path, *more: str) -> dict[str, object]:
    """Capture one conversation; give what the client says of it."""
    target = out / f"{name}.pcap"
    tcpdump = capture.start_capture(lab, target)
    said = lab.run(LAPTOP, sys.executable, CLIENTS, name, MAIL, *more, timeout_s=600)
    capture.end_capture(lab, tcpdump)
    lab.servers.remove(tcpdump)
    return dict(json.loads(said.splitlines()[-1]))


def pack(path: Path) -> None:
    """Compress a capture, if it names no machine."""
    octets, machine = path.read_bytes(), os.uname()
    for word in (machine.nodename, machine.release, "/tmp/", "sonde-lab"):
        if len(word) >= capture.SHORTEST_TELLING_WORD and word.encode() in octets:
            raise network.LabError(f"{path} names this machine: {word}")
    path.with_suffix(".pcap.gz").write_bytes(gzip.compress(octets, mtime=0))
    path.unlink()


def main() -> int:
    """Do as the command line says."""
    if missing := missing_packages():
        print(f"mail_exchange: apt-get install -y --no-install-recommends {' '.join(missing)}", file=sys.stderr)
        return 1
    places = [Path(word) for word in sys.argv[1:] if not word.startswith("-")]
    said: dict[str, object] = {}
    out = places[-1]
    out.mkdir(parents=True, exist_ok=True)
    with servers() as lab:
        lab.serve(SERVERS, sys.executable, CLIENTS, "strip", MAIL)
        lab.wait_for_port(MAIL, 2525)
        if len(places) > 1:
            said["many"] = hold(lab, "many", out, str(places[0].resolve()))
        else:
            for name in CONVERSATIONS:
                said[name] = hold(lab, name, out)
    for each in said:
        pack(out / f"{each}.pcap")
    (out / "said.json").write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
