"""The lab's conversations: which client says what to which server, in order."""

import os
import re
import signal
import time
from collections.abc import Callable

from expected import Expected
from network import (
    GUEST,
    LAPTOP,
    MAIL,
    NAMES,
    NAMES_6,
    OVERLAYS,
    SERVERS,
    STORE,
    VXLAN_INNER,
    WEB,
    WIREGUARD_INNER,
    Lab,
    LabError,
    address,
    shell,
    switch_off_offloads,
)
from servers import PASSWORD

QUESTIONS = (
    *(("www", "A"), ("www", "AAAA"), ("alias", "A"), ("", "MX"), ("", "TXT"), ("", "NS")),
    *(("", "SOA"), ("", "CAA"), ("", "NAPTR"), ("", "HTTPS"), ("_sip._udp", "SRV")),
    *(("host", "SSHFP"), ("any.wild", "A"), ("missing", "A"), ("www", "MX")),
)


def converse(lab: Lab, expected: Expected) -> None:
    """Hold every conversation, one after another."""
    for conversation in CONVERSATIONS:
        print(f"  {conversation.__name__}", flush=True)
        conversation(lab, expected)


def get_address(lab: Lab, expected: Expected) -> None:
    """Guest asks for addresses with DHCP and DHCPv6, uses them, and releases them."""
    script = """#!/bin/sh
case "$reason" in
BOUND|RENEW|REBIND) ip address replace "$new_ip_address/24" dev eth0
  ip route replace default via "$new_routers";;
BOUND6|RENEW6) ip address replace "$new_ip6_address/64" dev eth0 nodad;;
esac
exit 0
"""
    lab.write("dhclient-script", script).chmod(0o755)
    lab.write("dhclient.conf", 'send host-name "guest";\n')
    for family in ("-4", "-6"):
        lab.run(GUEST, *address_client(lab, family), "-1", "eth0")
        lab.run(GUEST, "ping", family, "-c2", "-i0.2", "ntp.example.org")
    expected.add("dhcp", host_name="guest", mac="02:00:00:00:01:20", released=True)


def release_address(lab: Lab, expected: Expected) -> None:
    """Guest gives its addresses back."""
    del expected  # noted with the asking
    for family in ("-4", "-6"):
        lab.run(GUEST, *address_client(lab, family), "-r", "eth0")


def address_client(lab: Lab, family: str) -> list[str]:
    """Return the words which start dhclient for IPv4 or IPv6."""
    kept = lab.scratch / f"dhclient{family}"
    files = ["-cf", "dhclient.conf", "-lf", f"{kept}.leases", "-pf", f"{kept}.pid"]
    identity = ["-D", "LL"] if family == "-6" else []
    return ["dhclient", family, *identity, *files, "-sf", f"{lab.scratch}/dhclient-script"]


def browse_services(lab: Lab, expected: Expected) -> None:
    """Laptop browses the services which guest announces by multicast DNS."""
    publish = "[publish]\npublish-workstation=no\npublish-hinfo=no\n"
    for namespace, name, bus in ((GUEST, "guest", "no"), (LAPTOP, "laptop", "yes")):
        server = f"[server]\nhost-name={name}\nallow-interfaces=eth0\nenable-dbus={bus}\n"
        lab.write(f"avahi-{namespace}.conf", server + publish)
    service = """<service-group><name>Lab printer</name><service>
<type>_ipp._tcp</type><port>631</port><txt-record>rp=ipp/print</txt-record>
</service></service-group>"""
    services = OVERLAYS / GUEST / "avahi" / "services"
    services.mkdir(parents=True)
    (services / "printer.service").write_text(service)
    bus = f"unix:path={lab.scratch}/bus"
    policy = '<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>'
    rules = f'<auth>EXTERNAL</auth><policy context="default">{policy}</policy>'
    rules = f"<busconfig><type>system</type><listen>{bus}</listen>{rules}</busconfig>"
    lab.serve(LAPTOP, "dbus-daemon", "--nofork", f"--config-file={lab.write('bus.conf', rules)}")
    time.sleep(0.5)
    on_bus = {"DBUS_SYSTEM_BUS_ADDRESS": bus}
    started = []
    for namespace in (GUEST, LAPTOP):
        command = ("avahi-daemon", "--no-chroot", "--no-drop-root", "--no-rlimits", "-f")
        path = lab.scratch / f"avahi-{namespace}.conf"
        started.append(lab.serve(namespace, *command, path, environment=on_bus))
    time.sleep(3)
    seen = lab.run(LAPTOP, "avahi-browse", "-artp", environment=on_bus)
    if "Lab" in seen:
        expected.add("mdns", instance="Lab printer", type="_ipp._tcp", host="guest.local", port=631)
    for daemon in started:
        os.killpg(daemon.pid, signal.SIGTERM)  # they say goodbye


def ask_names(lab: Lab, expected: Expected) -> None:
    """Ask BIND for many types, over UDP, TCP and TLS; its query log is the expectation."""

    def dig(*words: str) -> None:
        lab.run(LAPTOP, "dig", "+tries=1", *words, expect=None)

    for owner, kind in QUESTIONS:
        dig(f"@{NAMES}", f"{owner}.example.org".lstrip("."), kind)
    for owner, kind in QUESTIONS[:4]:
        dig(f"@{NAMES_6}", f"{owner}.example.org".lstrip("."), kind)
    dig(f"@{NAMES}", "-x", WEB)
    dig(f"@{NAMES}", "+noedns", "www.example.org", "A")
    dig(f"@{NAMES}", "+bufsize=512", "many.example.org", "TXT")  # truncated, then over TCP
    dig(f"@{NAMES}", "+tcp", "www.example.org", "AAAA")
    dig(f"@{NAMES}", "+dnssec", "example.org", "DNSKEY")
    dig(f"@{NAMES}", "+dnssec", "+multi", "missing.example.org", "A")
    dig(f"@{NAMES}", "+subnet=192.0.2.0/24", "+nsid", "+cookie", "www.example.org", "A")
    dig(f"@{NAMES}", "elsewhere.example.net", "A")  # refused
    dig(f"@{NAMES}", "version.bind", "CH", "TXT")
    dig(f"@{NAMES}", "example.org", "AXFR")
    dig(f"@{NAMES}", "+tls", "dot.example.org", "A")
    expected.add("tls", server_name="", version="TLSv1.3", client="dig", outcome="completed")
    dig(f"@{NAMES}", "-p", "5300", "www.example.org", "A")  # ICMP port unreachable
    expected.add("dns_unanswered", query="www.example.org", type="A", transport="udp", port=5300)


def browse_web(lab: Lab, expected: Expected) -> None:
    """Ask nginx in the clear: the ordinary requests, and some that fail."""
    del expected  # nginx's own access log is the expectation
    site = "http://www.example.org"

    def curl(*words: str, expect: tuple[int, ...] = (0,)) -> None:
        lab.run(LAPTOP, "curl", "-s", "-o", "/dev/null", *words, expect=expect)

    several = [word for page in ("/", "/words.txt", "/part.shtml") for word in (site + page,)]
    lab.run(LAPTOP, "curl", "-s", *several, f"{site}/missing?q=1")
    curl("-4", "-I", f"{site}/")
    curl("-4", "-L", f"{site}/old")
    curl("-4", "--compressed", f"{site}/words.txt")
    curl("-4", f"{site}/image.bin")
    curl("-4", "-r", "100-199", f"{site}/image.bin")
    curl("-4", "-d", "name=alice&colour=blue", f"{site}/submit")
    curl("-6", "-H", "Expect: 100-continue", "-T", "www/words.txt", f"{site}/submit")
    curl("-6", "-H", "Transfer-Encoding: chunked", "-d", "@www/words.txt", f"{site}/submit")
    curl("-4", "-u", f"alice:{PASSWORD}", f"{site}/private/")
    curl("-4", "-u", "alice:wrong", f"{site}/private/")
    curl("-4", f"{site}/broken")
    curl("-4", "-0", "-A", "old-client/1.0", f"{site}/")
    curl("-4", "-X", "OPTIONS", f"{site}/")
    curl("-4", "--http2-prior-knowledge", "http://www.example.org:8080/")
    curl("-4", "http://www.example.org:81/", expect=(7,))  # nobody listens: RST


def browse_tls(lab: Lab, expected: Expected) -> None:
    """Meet nginx over TLS 1.2 and 1.3, resumed, refused, with and without a name."""

    def curl(name: str, version: str, *words: str, outcome: str = "completed") -> None:
        trust = ("--cacert", "ca.crt") if outcome == "completed" else ()
        url = f"https://{name}/words.txt"
        ends = (0,) if outcome == "completed" else (60,)
        lab.run(LAPTOP, "curl", "-s", "-o", "/dev/null", *trust, *words, url, expect=ends)
        expected.add("tls", server_name=name, version=version, client="curl", outcome=outcome)

    curl("www.example.org", "TLSv1.3", "--compressed")
    curl("www.example.org", "TLSv1.3", "-4", "--http1.1")
    curl("secure.example.org", "TLSv1.2", "-4", "--tls-max", "1.2")
    curl("www.example.org", "TLSv1.3", "-4", outcome="alert from client")

    def s_client(name: str, version: str, *words: str, outcome: str = "completed") -> None:
        wanted = ("-servername", name) if name else ("-noservername",)
        call = ("openssl", "s_client", "-connect", f"{WEB}:443", "-CAfile", "ca.crt", *wanted)
        request = f"GET / HTTP/1.0\r\nHost: {name or WEB}\r\n\r\n"
        lab.run(LAPTOP, *call, "-ign_eof", *words, stdin=request, expect=None)
        expected.add("tls", server_name=name, version=version, client="openssl", outcome=outcome)

    for flag, version in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
        ticket = f"session{flag}"
        s_client("www.example.org", version, flag, "-sess_out", ticket, "-alpn", "http/1.1")
        resumed = (flag, "-sess_in", ticket, "-alpn", "http/1.1")
        s_client("www.example.org", version, *resumed, outcome="completed, resumed")
    s_client("www.example.org", "TLSv1.3", "-alpn", "h2,http/1.1")
    s_client("", "TLSv1.3")
    rsa = ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
    s_client("secure.example.org", "TLSv1.2", *rsa)
    retry = ("-groups", "P-521:X25519")
    s_client("secure.example.org", "TLSv1.3", *retry, outcome="completed after HelloRetryRequest")
    old = ("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    s_client("www.example.org", "TLSv1.1", *old, outcome="alert from server")


def browse_quic(lab: Lab, expected: Expected) -> None:
    """Fetch pages over HTTP/3: fresh, resumed with 0-RTT, and after a Retry."""
    client = ("gtlsclient", "-q", "--exit-on-all-streams-close")
    kept = ("--session-file", "quic.session", "--tp-file", "quic.parameters")
    page = "https://quic.example.org/index.html"
    for port, words, how in (
        ("443", (*kept, "--timeout=2s"), "fresh"),
        ("443", kept, "resumed with 0-RTT"),
        ("4433", (), "after Retry"),
    ):
        lab.run(LAPTOP, *client, *words, "quic.example.org", port, page, expect=None, timeout_s=15)
        expected.add("quic", server_name="quic.example.org", port=int(port), how=how)


def log_in(lab: Lab, expected: Expected) -> None:
    """Run a command over SSH with a key."""
    options: tuple[str, ...] = ("-v", "-i", "identity", "-o", "StrictHostKeyChecking=no")
    options += ("-o", f"UserKnownHostsFile={lab.scratch}/known", "-F", "none")
    said = lab.run(LAPTOP, "ssh", *options, "alice@ssh.example.org", "seq 1 300")
    local = re.search(r"Local version string (\S.*\S)", said)
    remote = re.search(r"remote software version (\S.*\S)", said)
    if local is None or remote is None:
        message = "ssh -v no longer prints the versions in the form we know"
        raise LabError(message)
    expected.add("ssh", client=local[1], server=f"SSH-2.0-{remote[1]}", user="alice")


def ask_time(lab: Lab, expected: Expected) -> None:
    """Ask for the time without setting any clock."""
    query = ("chronyd", "-Q", "-t", "15", f"pidfile {lab.scratch}/query.pid")
    lab.run(LAPTOP, *query, "server ntp.example.org iburst maxsamples 4", "user root")
    expected.add("ntp", server="ntp.example.org", stratum=8)


def send_mail(lab: Lab, expected: Expected) -> None:
    """Send mail in the clear and after STARTTLS; read it with IMAP and POP3."""
    envelope = ("--from", "alice@example.org", "--to", "bob@example.net,carol@example.net")
    swaks = ("swaks", "--server", "mail.example.org", "--ehlo", "laptop.example.org", *envelope)
    written = ("--h-Subject", "Lunch", "--h-X-Mailer", "lab", "--body", "Yes, at noon.")
    for words, starttls in (((), False), (("-tls",), True)):
        lab.run(LAPTOP, *swaks, *written, *words)
        expected.add("smtp", sender="alice@example.org", recipients=2, starttls=starttls)
    expected.add("tls", server_name="", version="TLSv1.3", client="swaks", outcome="completed")
    login = ("--user", f"alice:{PASSWORD}", "--cacert", "ca.crt")
    server = "mail.example.org"
    urls = ("imap://{}/INBOX;MAILINDEX=1", "imap://{}/", "pop3://{}/", "pop3://{}/1")
    for url in (*urls, "imaps://{}/INBOX;MAILINDEX=1"):
        lab.run(LAPTOP, "curl", "-s", *login, url.format(server))
        expected.add(url.partition(":")[0], user="alice", encrypted=url.startswith("imaps"))
    lab.run(LAPTOP, "curl", "-s", "--ssl-reqd", *login, f"imap://{server}/")
    expected.add("imap", user="alice", encrypted="after STARTTLS")
    for _ in range(2):
        expected.add("tls", server_name=server, version="TLSv1.3", client="curl", outcome="completed")


def ask_stores(lab: Lab, expected: Expected) -> None:
    """Talk to PostgreSQL, MariaDB, Redis, Mosquitto and OpenLDAP."""
    table = "CREATE TABLE goods (id INT, name VARCHAR(40));"
    table += "INSERT INTO goods VALUES (1, 'lamp'), (2, 'chair');"
    statements = (table, "SELECT * FROM goods;", "SELECT nothing FROM nowhere;")
    for mode in ("disable", "require"):
        place = f"host=db.example.org user=alice dbname=postgres sslmode={mode}"
        words = [word for text in statements for word in ("-c", text)]
        secret = {"PGPASSWORD": PASSWORD}
        lab.run(LAPTOP, "psql", place, *words, expect=None, environment=secret)
        expected.add("postgresql", user="alice", database="postgres", encrypted=mode == "require")
    retried = "completed after HelloRetryRequest"
    name = "db.example.org"
    expected.add("tls", server_name=name, version="TLSv1.3", client="psql", outcome=retried)
    maria = ("mariadb", "--no-defaults", "--skip-ssl", "-f", "-h", "db.example.org", "-u", "alice")
    words = [f"-p{PASSWORD}", "shop", "-e", " ".join(statements)]
    if "lamp" not in (said := lab.run(LAPTOP, *maria, *words, expect=None)):
        message = f"MariaDB did not answer: {said}"
        raise LabError(message)
    expected.add("mysql", user="alice", database="shop")
    redis = ("redis-cli", "-h", "redis.example.org", "--no-auth-warning", "-a", PASSWORD)
    for command in ("SET greeting hello", "GET greeting", "INCR greeting", "LPUSH list a b c"):
        lab.run(LAPTOP, *redis, *command.split())
        expected.add("redis", commands=["AUTH", command.partition(" ")[0]])
    broker = ("-h", "mqtt.example.org", "-u", "alice", "-P", PASSWORD)
    for version in ("mqttv311", "mqttv5"):
        sender = ("-V", version, "-i", f"laptop-{version}")
        listen = ("mosquitto_sub", *broker, "-V", version, "-i", f"desk-{version}", "-C", "2")
        listener = lab.serve(LAPTOP, *listen, "-q", "1", "-t", "home/#")
        time.sleep(0.7)
        for quality in ("0", "1"):
            publish = ("mosquitto_pub", *broker, *sender, "-q", quality)
            lab.run(LAPTOP, *publish, "-t", f"home/room{quality}", "-m", "21.5")
            expected.add("mqtt", version=version, topic=f"home/room{quality}", qos=int(quality))
        listener.wait(timeout=10)
    search = ("-x", "-H", "ldap://ldap.example.org", "-b", "dc=example,dc=org")
    bind = ("-D", "cn=admin,dc=example,dc=org", "-w", PASSWORD)
    lab.run(LAPTOP, "ldapsearch", *search, "(mail=alice@example.org)")
    lab.run(LAPTOP, "ldapsearch", *search, *bind, "(objectClass=*)", "cn", "mail")
    trusted = {"LDAPTLS_CACERT": "ca.crt"}
    lab.run(LAPTOP, "ldapsearch", *search, "-ZZ", "(cn=alice)", environment=trusted)
    for user, starttls in (("", False), ("cn=admin,dc=example,dc=org", False), ("", True)):
        expected.add("ldap", bind=user, starttls=starttls)
    name = "ldap.example.org"
    expected.add("tls", server_name=name, version="TLSv1.3", client="ldapsearch", outcome="completed")


def move_files(lab: Lab, expected: Expected) -> None:
    """Move files by FTP, passive and active, and by TFTP."""
    login = ("-4", "-s", "--user", f"alice:{PASSWORD}")
    place = "ftp://ftp.example.org"
    words = (
        ("RETR", "passive", (f"{place}/report.txt",)),
        ("RETR", "active", ("-P", "-", "--disable-eprt", f"{place}/report.txt")),
        ("LIST", "extended passive", (f"{place}/",)),
        ("STOR", "extended passive", ("-T", "www/index.html", f"{place}/index.html")),
    )
    for command, mode, rest in words:
        choice = ("--disable-epsv",) if mode == "passive" else ()
        lab.run(LAPTOP, "curl", *login, *choice, *rest)
        expected.add("ftp", user="alice", command=command, mode=mode)
    script = f"set ftp:ssl-allow no; open -u alice,{PASSWORD} ftp.example.org; ls; cat report.txt"
    lab.run(LAPTOP, "lftp", "-c", script)
    expected.add("ftp", user="alice", command="LIST, RETR", mode="lftp")
    tftp = ("atftp", "-g", "-l", "boot.cfg", "192.0.2.1")
    lab.run(LAPTOP, *tftp, "-r", "boot.cfg")
    lab.run(LAPTOP, *tftp, "-r", "missing.cfg", expect=None)
    expected.add("tftp", file="boot.cfg", found=True)
    expected.add("tftp", file="missing.cfg", found=False)


def ask_others(lab: Lab, expected: Expected) -> None:
    """Use SNMP, syslog, CoAP and SIP."""
    agent = (STORE, "1.3.6.1.2.1.1")
    lab.run(LAPTOP, "snmpget", "-v2c", "-c", "lab-public", STORE, "1.3.6.1.2.1.1.5.0")
    lab.run(LAPTOP, "snmpwalk", "-v1", "-c", "lab-public", *agent)
    lab.run(LAPTOP, "snmpbulkget", "-v2c", "-c", "lab-public", *agent)
    secret = ("-a", "SHA", "-A", PASSWORD, "-x", "AES", "-X", PASSWORD)
    lab.run(LAPTOP, "snmpget", "-v3", "-l", "authPriv", "-u", "alice", *secret, STORE, agent[1] + ".1.0")
    for version, user in (("2c", "lab-public"), ("1", "lab-public"), ("3", "alice")):
        expected.add("snmp", version=version, user=user)
    for form in ("--rfc3164", "--rfc5424"):
        message = ("-t", "lab", "-p", "auth.warning", f"a {form[2:]} message")
        lab.run(LAPTOP, "logger", form, "-n", MAIL, "--udp", "-P", "514", *message)
        expected.add("syslog", form=form.lstrip("-"), facility="auth", severity="warning")
    lab.run(LAPTOP, "logger", "-n", MAIL, "--tcp", "-P", "514", "-t", "lab", "tcp")
    for words in (("coap://coap.example.org/",), ("coap://coap.example.org/time",)):
        lab.run(LAPTOP, "coap-client-notls", "-B", "3", *words)
        expected.add("coap", method="GET", uri=words[0])
    call = ("sipp", "-sn", "uac", f"{WEB}:5060", "-i", "192.0.2.10", "-m", "2", "-r", "2")
    lab.run(LAPTOP, *call, "-nostdin", "-timeout", "20")
    expected.add("sip", calls=2, method="INVITE")


def probe(lab: Lab, expected: Expected) -> None:
    """Ping small and fragmented, trace the path, meet nobody."""
    for family in ("-4", "-6"):
        lab.run(LAPTOP, "ping", family, "-n", "-c3", "-i0.2", "www.example.org")
        lab.run(LAPTOP, "ping", family, "-n", "-c1", "-s3000", "www.example.org")  # fragments
        lab.run(LAPTOP, "traceroute", family, "-n", "-q1", "-w1", "www.example.org")
        lab.run(LAPTOP, "ping", family, "-n", "-c3", "-i0.2", "-t1", "www.example.org", expect=None)
    lab.run(LAPTOP, "ping", "-n", "-c3", "-W1", "198.51.100.99", expect=None)  # no such host
    expected.add("icmp", unreachable="198.51.100.99")


def tunnel(lab: Lab, expected: Expected) -> None:
    """Ping and fetch a page inside VXLAN and inside WireGuard."""
    near = {LAPTOP: "192.0.2.10", SERVERS: WEB}
    far = {LAPTOP: WEB, SERVERS: "192.0.2.10"}
    for last, namespace in enumerate(near, start=1):
        ends = ("local", near[namespace], "remote", far[namespace], "dstport", "4789")
        link = ("link", "add", "vxlan0", "address", f"02:00:00:00:03:{last:02}", "mtu", "1450")
        shell("ip", "-n", namespace, *link, "type", "vxlan", "id", "42", *ends)
        switch_off_offloads(namespace, "vxlan0")
        address(namespace, "vxlan0", VXLAN_INNER[namespace])
        shell("ip", "-n", namespace, "link", "set", "vxlan0", "up")
    lab.run(LAPTOP, "ping", "-n", "-c2", "-i0.2", "203.0.113.2")
    lab.run(LAPTOP, "curl", "-s", "http://inner.example.org/")
    expected.add("vxlan", vni=42, inner="203.0.113.0/25")
    foreground = {"WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "silent"}
    ports = {LAPTOP: "sonde-wg-lan", SERVERS: "sonde-wg-dmz"}
    keys = {}
    for namespace, port in ports.items():
        lab.serve(namespace, "wireguard-go", "-f", port, environment=foreground, private=False)
        secret = lab.write(f"{port}.key", lab.run(namespace, "wg", "genkey"))
        keys[namespace] = lab.run(namespace, "wg", "pubkey", stdin=secret.read_text()).strip()
    time.sleep(1)
    for namespace, peer in ((LAPTOP, SERVERS), (SERVERS, LAPTOP)):
        mine: tuple[str, ...] = ("set", ports[namespace], "listen-port", "51820")
        mine += ("private-key", str(lab.scratch / f"{ports[namespace]}.key"))
        theirs = ("peer", keys[peer], "allowed-ips", "203.0.113.128/25")
        lab.run(namespace, "wg", *mine, *theirs, "endpoint", f"{far[namespace]}:51820")
        address(namespace, ports[namespace], WIREGUARD_INNER[namespace])
        shell("ip", "-n", namespace, "link", "set", ports[namespace], "up")
    lab.run(LAPTOP, "ping", "-n", "-c2", "-i0.2", "203.0.113.130")
    lab.run(LAPTOP, "curl", "-s", "http://tunnel.example.org/")
    expected.add("wireguard", port=51820, client=near[LAPTOP], server=WEB)


CONVERSATIONS: tuple[Callable[[Lab, Expected], None], ...] = (
    *(get_address, ask_names, browse_web, browse_tls, browse_quic, log_in, ask_time),
    *(send_mail, ask_stores, move_files, ask_others, probe),
    *(browse_services, release_address, tunnel),
)
