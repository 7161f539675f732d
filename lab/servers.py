"""The lab's servers: real programs, each with the smallest configuration that shows its protocol.

Every password here is invented for the lab and protects nothing.
"""

import random
import shutil
import subprocess
from pathlib import Path

import network
from network import GATEWAY, MAIL, NAMES, SERVERS, STORE, WEB, Lab

PASSWORD = "correct-horse"
CERTIFIED_NAMES = (
    *("www", "secure", "mail", "db", "ldap", "quic", "ns1"),
    *("inner", "tunnel"),
)
ADDRESSES = {  # owner name in example.org: the last octet of its two addresses
    **dict.fromkeys(("www", "secure", "quic", "sip", "coap"), 10),
    "ns1": 53,
    **dict.fromkeys(("mail", "loghost", "ssh", "ntp"), 25),
    **dict.fromkeys(("db", "ldap", "ftp", "mqtt", "redis", "snmp"), 32),
}


def start_servers(lab: Lab) -> None:
    """Start everything and return once all of them listen."""
    make_certificates(lab)
    make_account(lab)
    start_names(lab)
    start_web(lab)
    start_mail(lab)
    start_stores(lab)
    start_ldap(lab)
    start_others(lab)
    start_gateway(lab)
    listening = {WEB: (80, 443, 8080), NAMES: (53, 853), MAIL: (22, 25, 110, 143, 514, 993)}
    listening[STORE] = (21, 389, 1883, 3306, 5432, 6379)
    for address, ports in listening.items():
        for port in ports:
            lab.wait_for_port(address, port)


def openssl(lab: Lab, *argv: str | Path) -> str:
    """Run openssl and return what it printed."""
    command = ["openssl", *map(str, argv)]
    return subprocess.run(command, cwd=lab.scratch, check=True, capture_output=True, text=True).stdout.strip()


def make_certificates(lab: Lab) -> None:
    """Make a small authority, and one RSA and one ECDSA certificate which it signed."""
    subject = "/O=Sonde lab/CN=Sonde lab authority"
    keys = {"ca": ("ec", "ec_paramgen_curve:P-256"), "ecdsa": ("ec", "ec_paramgen_curve:P-256")}
    keys["rsa"] = ("rsa", "rsa_keygen_bits:2048")
    for name, (algorithm, option) in keys.items():
        made = ("-algorithm", algorithm, "-pkeyopt", option, "-out", f"{name}.key")
        openssl(lab, "genpkey", *made)
        (lab.scratch / f"{name}.key").chmod(0o644)  # servers run under several accounts
    lifetime = ("-days", "3650")
    openssl(lab, "req", "-x509", "-key", "ca.key", "-subj", subject, *lifetime, "-out", "ca.crt")
    names = ",".join(f"DNS:{name}.example.org" for name in CERTIFIED_NAMES)
    for name in ("rsa", "ecdsa"):
        asked = ("-key", f"{name}.key", "-subj", "/O=Sonde lab/CN=www.example.org")
        openssl(lab, "req", "-new", *asked, "-out", f"{name}.csr")
        lab.write("extensions", f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n")
        signer = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", *lifetime)
        signed = ("-in", f"{name}.csr", "-extfile", "extensions", "-out", f"{name}.crt")
        openssl(lab, "x509", "-req", *signer, *signed)


def make_account(lab: Lab) -> None:
    """Make alice, who has a home, a key and a password, and exists only in the namespace."""
    home = lab.scratch / "home" / "alice"
    home.mkdir(parents=True)
    network.add_account("alice", home, openssl(lab, "passwd", "-6", PASSWORD))
    lab.write("home/alice/report.txt", "".join(f"line {line} of a report\n" for line in range(200)))
    for owned in (home, home / "report.txt"):
        shutil.chown(owned, 61001, 61001)


def start_names(lab: Lab) -> None:
    """Start BIND, authoritative for the lab's zones, also over TLS (RFC 7858)."""
    owners = "".join(
        f"{name} A 198.51.100.{last}\n{name} AAAA 2001:db8:2::{last}\n" for name, last in ADDRESSES.items()
    )
    long_text = " ".join(f'"{str(part) * 200}"' for part in range(8))
    start = "$TTL 3600\n@ SOA ns1.example.org. hostmaster.example.org. 1 7200 900 1209600 300\n"
    start += "@ NS ns1.example.org.\n"
    zone = f"""{start}{owners}@ A {WEB}
@ MX 10 mail
@ TXT "v=spf1 mx -all"
@ CAA 0 issue "ca.example.net"
inner A 203.0.113.2
tunnel A 203.0.113.130
alias CNAME www
many TXT {long_text}
_sip._udp SRV 10 60 5060 sip
_ldap._tcp SRV 0 100 389 ldap
@ NAPTR 100 10 "s" "SIP+D2U" "" _sip._udp
@ HTTPS 1 . alpn=h2 ipv4hint={WEB}
host SSHFP 4 2 {"ab" * 32}
dot A {WEB}
*.wild A {WEB}
"""
    reverse = "".join(f"{last} PTR {name}.example.org.\n" for name, last in ADDRESSES.items())
    lab.write("zones/org", zone)
    lab.write("zones/reverse", start + reverse)
    folder, nowhere = lab.scratch / "zones", "channel null { null; };"
    config = f"""
options {{
  directory "{folder}"; pid-file none; session-keyfile "{folder}/session.key";
  listen-on {{ {NAMES}; }}; listen-on-v6 {{ 2001:db8:2::53; }};
  listen-on port 853 tls lab {{ {NAMES}; }};
  recursion no; notify no; version "lab"; dnssec-validation no; allow-transfer {{ any; }};
}};
tls lab {{ key-file "{lab.scratch}/ecdsa.key"; cert-file "{lab.scratch}/ecdsa.crt"; }};
controls {{ }};
logging {{
  channel asked {{ file "{folder}/asked.log"; }};
  category queries {{ asked; }}; {nowhere} category lame-servers {{ null; }};
}};
zone "example.org" {{
  type primary; file "org"; dnssec-policy default; inline-signing yes;
}};
zone "100.51.198.in-addr.arpa" {{ type primary; file "reverse"; }};
"""
    config = config.replace(nowhere, "")
    lab.serve(SERVERS, "named", "-f", "-c", lab.write("named.conf", config))


def start_web(lab: Lab) -> None:
    """Start nginx, its pages, and two log formats which the expectations are read from."""
    words = random.Random(7)
    text = " ".join(words.choice(("flow", "packet", "octet", "segment")) for _ in range(4000))
    lab.write("www/index.html", "<!doctype html><title>Lab</title><p>Hello from the lab.\n")
    lab.write("www/words.txt", text)
    lab.write("www/part.shtml", '<p>Written in parts: <!--#echo var="document_uri" -->\n')
    lab.write("www/private/index.html", "<p>For alice.\n")
    (lab.scratch / "www/image.bin").write_bytes(words.randbytes(120_000))
    lab.write("passwords", f"alice:{openssl(lab, 'passwd', '-apr1', PASSWORD)}\n")
    site = """
    location = /old { return 301 /; }
    location = /submit { default_type text/plain; return 200 "taken\\n"; }
    location = /broken { return 500 "sorry\\n"; }
    location /private { auth_basic "Lab"; auth_basic_user_file passwords; }
    """
    record = ",".join(
        f'"{name}":"${variable}"'
        for name, variable in {
            "address": "server_addr",
            "port": "server_port",
            "version": "server_protocol",
            "method": "request_method",
            "host": "http_host",
            "uri": "request_uri",
            "status": "status",
            "user_agent": "http_user_agent",
            "scheme": "scheme",
        }.items()
    )
    config = f"""
daemon off; worker_processes 1; pid nginx.pid; error_log nginx-error.log; user root;
events {{ }}
http {{
  log_format record escape=json '{{{record}}}'; access_log web.log record;
  include /etc/nginx/mime.types; root www; ssi on; gzip on; gzip_types text/plain;
  ssl_certificate rsa.crt; ssl_certificate_key rsa.key;
  ssl_certificate ecdsa.crt; ssl_certificate_key ecdsa.key;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve X25519:P-256;
  ssl_session_cache shared:lab:1m;
  server {{ listen 80; listen [::]:80; {site} }}
  server {{ listen 8080 http2; {site} }}
  server {{ listen 443 ssl http2; listen [::]:443 ssl http2; {site} }}
}}
"""
    path = lab.write("nginx.conf", config)
    lab.serve(SERVERS, "nginx", "-p", lab.scratch, "-e", "nginx-error.log", "-c", path)
    keys = ("ecdsa.key", "ecdsa.crt")
    lab.serve(SERVERS, "gtlsserver", "-q", "-d", "www", "*", "443", *keys)
    lab.serve(SERVERS, "gtlsserver", "-q", "-V", "-d", "www", "*", "4433", *keys)


def start_mail(lab: Lab) -> None:
    """Start aiosmtpd for delivery and Dovecot for reading."""
    certificate = ("--tlscert", "rsa.crt", "--tlskey", "rsa.key", "--no-requiretls")
    accept = ("-n", "-c", "aiosmtpd.handlers.Sink", "-l", f"{MAIL}:25")
    lab.serve(SERVERS, "aiosmtpd", *accept, *certificate)
    message = "From: bob@example.net\nTo: alice@example.org\nSubject: Lunch\n"
    message += "Date: Thu, 01 Jan 2026 12:00:00 +0000\nMessage-ID: <1@example.net>\n\nAt noon?\n"
    lab.write("mail/new/1.message", message)
    for folder in ("mail", "mail/new", "mail/cur", "mail/tmp"):
        (lab.scratch / folder).mkdir(exist_ok=True)
        shutil.chown(lab.scratch / folder, 61001, 61001)
    lab.write("mail.users", f"alice:{{PLAIN}}{PASSWORD}:61001:61001\n")
    config = f"""
protocols = imap pop3
listen = {MAIL}
base_dir = /run/dovecot
log_path = {lab.scratch}/dovecot.log
disable_plaintext_auth = no
ssl = yes
ssl_cert = <{lab.scratch}/rsa.crt
ssl_key = <{lab.scratch}/rsa.key
mail_location = maildir:{lab.scratch}/mail
first_valid_uid = 500
passdb {{
  driver = passwd-file
  args = {lab.scratch}/mail.users
}}
userdb {{
  driver = static
  args = uid=61001 gid=61001 home={lab.scratch}/home/alice
}}
"""
    lab.serve(SERVERS, "dovecot", "-F", "-c", lab.write("dovecot.conf", config))


def start_stores(lab: Lab) -> None:
    """Start PostgreSQL, MariaDB, Redis and Mosquitto."""
    postgres = max(Path("/usr/lib/postgresql").iterdir()) / "bin"
    mosquitto = f"listener 1883 {STORE}\npassword_file {lab.scratch}/mqtt.users\nuser mosquitto\n"
    folders = {name: lab.scratch / name for name in ("postgres", "mysql", "mqtt")}
    for account, folder in folders.items():
        folder.mkdir()
        shutil.chown(folder, "mosquitto" if account == "mqtt" else account)
    as_postgres = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups")
    secret = lab.write("postgres.password", PASSWORD)
    made = ("-D", folders["postgres"], "-U", "alice", "-A", "scram-sha-256", f"--pwfile={secret}")
    lab.run(SERVERS, *as_postgres, postgres / "initdb", "-N", "-E", "UTF8", *made, timeout_s=60)
    rules = "host all alice 192.0.2.0/24 scram-sha-256\nlocal all all trust\n"
    lab.write("postgres/pg_hba.conf", rules)
    options = ("-h", STORE, "-k", folders["postgres"], "-c", "fsync=off", "-c", "ssl=on")
    shutil.copy(lab.scratch / "ecdsa.key", folders["postgres"] / "server.key")
    shutil.copy(lab.scratch / "ecdsa.crt", folders["postgres"] / "server.crt")
    (folders["postgres"] / "server.key").chmod(0o600)
    shutil.chown(folders["postgres"] / "server.key", "postgres")
    lab.serve(SERVERS, *as_postgres, postgres / "postgres", "-D", folders["postgres"], *options)
    own = ("--no-defaults", "--user=mysql", f"--datadir={folders['mysql']}")
    lab.run(SERVERS, "mariadb-install-db", *own, "--skip-test-db", timeout_s=90)
    first = (  # one statement a line, as --init-file wants it
        f"CREATE DATABASE shop;\nCREATE USER alice IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON shop.* TO alice;\n"
    )
    script = lab.write("first.sql", first)
    start = (f"--socket={folders['mysql']}/socket", f"--bind-address={STORE}")
    lab.serve(SERVERS, "mariadbd", *own, *start, f"--init-file={script}", "--skip-name-resolve")
    redis = ("--bind", STORE, "--protected-mode", "no", "--save", "", "--requirepass", PASSWORD)
    lab.serve(SERVERS, "redis-server", *redis)
    lab.write("mqtt.users", "")
    lab.run(SERVERS, "mosquitto_passwd", "-b", "mqtt.users", "alice", PASSWORD)
    (lab.scratch / "mqtt.users").chmod(0o644)
    lab.serve(SERVERS, "mosquitto", "-c", lab.write("mosquitto.conf", mosquitto))


def start_ldap(lab: Lab) -> None:
    """Start OpenLDAP with two entries."""
    folder = lab.scratch / "ldap"
    folder.mkdir()
    config = f"""
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {lab.scratch}/rsa.crt
TLSCertificateKeyFile {lab.scratch}/rsa.key
database mdb
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
rootpw {PASSWORD}
directory {folder}
"""
    entries = """dn: dc=example,dc=org
objectClass: domain
dc: example

dn: cn=alice,dc=example,dc=org
objectClass: inetOrgPerson
cn: alice
sn: Example
mail: alice@example.org
"""
    path = lab.write("slapd.conf", config)
    lab.run(SERVERS, "slapadd", "-f", path, "-l", lab.write("entries.ldif", entries))
    lab.serve(SERVERS, "slapd", "-d", "0", "-h", f"ldap://{STORE}", "-f", path)


def start_others(lab: Lab) -> None:
    """Start SSH, time, SNMP, FTP, CoAP, SIP and a place for log messages."""
    for kind in ("ed25519", "rsa"):
        key = ("-q", "-N", "", "-C", "lab", "-t", kind, "-f", f"host_{kind}")
        lab.run(SERVERS, "ssh-keygen", *key)
    identity = ("-q", "-N", "", "-C", "alice@laptop.example.org", "-t", "ed25519")
    lab.run(SERVERS, "ssh-keygen", *identity, "-f", "identity")
    ssh = f"""ListenAddress {MAIL}
HostKey {lab.scratch}/host_ed25519
HostKey {lab.scratch}/host_rsa
AuthorizedKeysFile {lab.scratch}/identity.pub
StrictModes no
UsePAM no
PidFile none
"""
    sshd = ("mkdir -p /run/sshd; exec /usr/sbin/sshd -D -e -f", str(lab.write("sshd_config", ssh)))
    lab.serve(SERVERS, "sh", "-c", " ".join(sshd))
    clock = "local stratum 8\nallow all\nuser root\ncmdport 0\npidfile /run/chronyd.pid\n"
    lab.serve(SERVERS, "chronyd", "-x", "-d", "-f", lab.write("chrony.conf", clock))
    agent = f"""agentAddress udp:{STORE}:161
rocommunity lab-public
sysDescr A server of the lab
sysName store.example.org
sysLocation Nowhere
sysContact hostmaster@example.org
createUser alice SHA {PASSWORD} AES {PASSWORD}
rouser alice priv
"""
    persistent = {"SNMP_PERSISTENT_DIR": str(lab.scratch / "snmp")}
    run_agent = ("snmpd", "-f", "-C", "-c", lab.write("snmpd.conf", agent), "-Le")
    lab.serve(SERVERS, *run_agent, environment=persistent)
    files = f"""listen=YES
listen_address={STORE}
local_enable=YES
write_enable=YES
seccomp_sandbox=NO
pam_service_name=vsftpd
pasv_min_port=40000
pasv_max_port=40099
secure_chroot_dir={lab.scratch}/empty
chroot_local_user=YES
allow_writeable_chroot=YES
connect_from_port_20=YES
"""
    (lab.scratch / "empty").mkdir()
    lab.serve(SERVERS, "vsftpd", lab.write("vsftpd.conf", files))
    lab.serve(SERVERS, "coap-server-notls", "-A", "2001:db8:2::10")
    lab.serve(SERVERS, "sipp", "-sn", "uas", "-i", WEB, "-p", "5060", "-nostdin")
    lab.serve(SERVERS, "nc", "-lkun", MAIL, "514")
    lab.serve(SERVERS, "nc", "-lkn", MAIL, "514")


def start_gateway(lab: Lab) -> None:
    """Start dnsmasq for DHCP, DHCPv6, router advertisements and TFTP."""
    lab.write("tftp/boot.cfg", "".join(f"option {line} value\n" for line in range(80)))
    config = f"""port=0
user=root
interface=br0
bind-interfaces
dhcp-authoritative
domain=example.org
dhcp-range=192.0.2.100,192.0.2.150,1h
dhcp-range=2001:db8:1::100,2001:db8:1::1ff,64,1h
dhcp-option=option:dns-server,{NAMES}
dhcp-option=option:ntp-server,{MAIL}
dhcp-option=option6:dns-server,[{network.NAMES_6}]
enable-ra
dhcp-leasefile={lab.scratch}/leases
enable-tftp
tftp-root=/srv
"""
    lab.write("dnsmasq.conf", config)
    # A refusal of TFTP names the whole path, so it is to be a path without meaning.
    start = "mount --bind tftp /srv; exec dnsmasq -k -C dnsmasq.conf"
    lab.serve(GATEWAY, "sh", "-c", start)
