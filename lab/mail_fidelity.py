"""Compare messages sent through real servers with what Sonde makes of the capture: `python3 lab/mail_fidelity.py 2000`.

Run as root, with Sonde installed. Messages are composed by chance: nested, in many charsets and encodings, and one in
four broken; Postfix takes them, and Python's `email` says what each holds.
"""

import email
import email.header
import email.message
import email.policy
import gzip
import hashlib
import json
import random
import sys
import tempfile
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import mail_exchange

CHARSETS = ("utf-8", "iso-8859-1", "koi8-r", "shift_jis", "gb2312", "iso-8859-15", "us-ascii")
WORDS = {
    "koi8-r": "Привет мир",
    "shift_jis": "こんにちは世界",
    "gb2312": "你好世界",
    "us-ascii": "plain words",
}
BREAKS = ("boundary", "base64", "charset", "raw_header", "header", "cut", "nul", "long_line", "twice", "no_blank")


def compose(chance: random.Random, number: int) -> bytes:
    """Compose a message; one in four is broken."""
    made = EmailMessage(policy=email.policy.SMTP)
    charset = chance.choice(CHARSETS)
    words = WORDS.get(charset, "Grüße an alle")
    made["From"] = f"{words} <bob@example.net>"
    made["To"] = "Alice <alice@example.org>, carol@example.org"
    made["Subject"] = email.header.Header(f"{words} {number}", charset).encode() if charset != "us-ascii" else words
    made["Message-ID"] = f"<{number}@example.net>"
    made["Date"] = f"Wed, 0{1 + number % 9} Jul 2026 10:{number % 60:02}:00 +0200"
    text = "".join(chance.choice(words + " .\n=\t") for _ in range(chance.randrange(600))) + "\n.\n..\n"
    made.set_content(text, charset=charset, cte=chance.choice(("quoted-printable", "base64")))
    if chance.random() < 0.5:
        made.add_alternative(f"<p>{text}</p>", subtype="html", cte=chance.choice(("quoted-printable", "base64")))
    for place in range(chance.randrange(4)):
        content = chance.randbytes(chance.choice((0, 1, 2, 56, 57, 58, 3000, 20_000)))
        made.add_attachment(content, maintype="application", subtype="x-some", filename=f"{words} {place}.bin")
    if chance.random() < 0.3:
        inner = EmailMessage()
        inner["Subject"] = f"inside {number}"
        inner.set_content("inside\n")
        inner.add_attachment(b"x" * chance.randrange(200), maintype="image", subtype="png", filename="a.png")
        made.add_attachment(inner)
    octets = made.as_bytes(policy=email.policy.SMTP)
    return broken(octets, chance) if number % 4 == 3 else octets


def broken(octets: bytes, chance: random.Random) -> bytes:
    """Break a message in one way."""
    way, at = chance.choice(BREAKS), chance.randrange(len(octets))
    changes = {
        "boundary": lambda: octets.replace(b"--==", b"-==", 1 + chance.randrange(2)),
        "base64": lambda: octets.replace(b"base64\r\n\r\n", b"base64\r\n\r\n!*-\r\n", 1),
        "charset": lambda: octets.replace(b"charset=", b"charset=x-none-", 1),
        "raw_header": lambda: octets.replace(b"Subject: ", b"Subject: \xfc\xff ", 1),
        "header": lambda: b"no field at all\r\n" + octets if at % 2 else octets.replace(b"To: ", b"To ", 1),
        "cut": lambda: octets[:at].rpartition(b"\r\n")[0] + b"\r\n",
        "nul": lambda: octets[:at].rpartition(b"\r\n")[0] + b"\r\nX\x01\x02\r\n" + octets[at:].partition(b"\r\n")[2],
        "long_line": lambda: octets.replace(b"\r\n\r\n", b"\r\nX-Long: " + b"y" * 1500 + b"\r\n\r\n", 1),
        "twice": lambda: b"Subject: first\r\n" + octets,
        "no_blank": lambda: octets.replace(b"\r\n\r\n", b"\r\n", 1),
    }
    return changes[way]()


def said_by_email(octets: bytes) -> dict[str, Any]:
    """Say with Python's `email` what a message holds."""
    found = email.message_from_bytes(octets)
    parts = []
    for part in found.walk():
        if not part.is_multipart():
            payload = part.get_payload(decode=True)
            body = payload if isinstance(payload, bytes) else b""
            # `email` gives base 64 back undecoded where letters are missing; then it has no digest to compare.
            given_up = str(part["Content-Transfer-Encoding"]).lower() == "base64" and body == as_it_stands(part)
            parts.append(None if body and given_up else hashlib.sha256(body).hexdigest())
    head = {name: decoded(found.get(name)) for name in ("Subject", "From", "Message-ID")}
    return {"sha256": hashlib.sha256(octets).hexdigest(), "parts": parts, **head}


def as_it_stands(part: email.message.Message) -> bytes:
    """Give a part's body with its encoding not undone, and its lines joined, as `email` leaves it."""
    text = part.get_payload()
    octets = text.encode("ascii", "surrogateescape") if isinstance(text, str) else b""
    return b"".join(octets.splitlines())


def is_same(theirs: object, ours: object) -> bool:
    """Compare what both say; None is nothing said."""
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(theirs) == len(ours) and all(a is None or a == b for a, b in zip(theirs, ours, strict=True))
    return theirs is None or theirs == ours


def decoded(value: object) -> str | None:
    """Decode the encoded words of a value; None where there is none, or it is no text."""
    if value is None:
        return None
    try:
        text = str(email.header.make_header(email.header.decode_header(str(value).replace("\r\n", ""))))
    except (LookupError, UnicodeError, ValueError):
        return None
    # Octets of no charset are spelt out by `email`, and are no text to compare.
    return None if "\ufffd" in text or "\\ufffd" in text else " ".join(text.split())


def read_back(capture: Path, out: Path) -> dict[str, dict[str, object]]:
    """Say with Sonde what messages a capture holds, by the digest of each."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - with Sonde

    from sonde.pipeline.read import make_plan, read_captures  # noqa: PLC0415

    read_captures([str(capture)], make_plan(None, "clear"), out)
    rows = {
        table: [row for each in (out / table).glob("*.parquet") for row in pq.read_table(each).to_pylist()]
        for table in ("mail", "mail_part")
    }
    found = {}
    for row in rows["mail"]:
        own = [p for p in rows["mail_part"] if (p["uid"], p["message"]) == (row["uid"], row["message"])]
        parts = [each["sha256"] for each in own if each["sha256"]]
        head = {"Subject": row["subject"], "From": row["from_header"], "Message-ID": row["message_id"]}
        plain = {name: " ".join(value.split()) if value else None for name, value in head.items()}
        found[row["sha256"]] = {"sha256": row["sha256"], "parts": parts, **plain}
    return found


def main() -> int:
    """Send, read back, compare, and say what differs."""
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder, out = Path(scratch) / "sent", Path(scratch) / "made"
        folder.mkdir()
        out.mkdir()
        sent = [compose(chance, number) for number in range(count)]
        sent = [each if each.endswith(b"\r\n") else each + b"\r\n" for each in sent]
        for number, octets in enumerate(sent):
            (folder / f"{number:05}.eml").write_bytes(octets)
        with mail_exchange.servers() as lab:
            mail_exchange.hold(lab, "many", out, str(folder))
        found = read_back(out / "many.pcap", out / "x")
        differing, undecided = [], 0
        for number, octets in enumerate(sent):
            theirs = said_by_email(octets)
            ours = found.get(str(theirs["sha256"]))
            if ours is None:
                differing.append((number, "not found"))
                continue
            undecided += any(each is None for each in theirs["parts"])
            wrong = [name for name, value in theirs.items() if not is_same(value, ours[name])]
            if wrong:
                differing.append((number, ", ".join(wrong)))
        told: dict[str, object] = {
            "sent": count,
            "distinct": len({hashlib.sha256(each).digest() for each in sent}),
            "found": len(found),
        }
        told |= {"differing": len(differing), "undecoded by email": undecided, "which": differing[:40]}
        print(json.dumps(told))
        if "--keep" in sys.argv:
            for number, _ in differing:
                Path(f"differing-{number}.eml").write_bytes(sent[number])
            Path("many.pcap.gz").write_bytes(gzip.compress((out / "many.pcap").read_bytes()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
