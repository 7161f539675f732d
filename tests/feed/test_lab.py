"""Mail through real servers in namespaces: what is captured, and what Postfix tells its filter, are the originals."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.test_authorize import POLICY, run
from tests.policy.conftest import ssh_keys  # noqa: F401 - a fixture
from tests.policy.keys import needs_ssh_keygen, public

LAB = Path(__file__).parents[2] / "lab"
sys.path.insert(0, str(LAB))
import mail_exchange  # noqa: E402
import mail_fidelity  # noqa: E402
import network  # noqa: E402


def why_not() -> str:
    """Say what keeps the lab from running here; nothing if it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if missing := mail_exchange.missing_packages():
        return f"not installed: {', '.join(missing)}"
    made = subprocess.run(["ip", "netns", "add", "sonde-probe"], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", "sonde-probe"], capture_output=True, check=False)
    return "" if made.returncode == 0 else "network namespaces are not allowed here"


REASON = why_not()
pytestmark = [
    pytest.mark.skipif(bool(REASON), reason=f"the mail lab: {REASON}"),
    pytest.mark.slow,
    pytest.mark.compiled,
]


def test_what_is_captured_is_what_was_sent() -> None:
    done = subprocess.run(
        [sys.executable, LAB / "mail_fidelity.py", "80", "7"], capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["found"], said["differing"]) == (said["distinct"], 0), said


@needs_ssh_keygen
def test_postfix_tells_its_filter(tmp_path: Path, monkeypatch, ssh_keys, capsys) -> None:  # noqa: F811
    monkeypatch.chdir(tmp_path)
    (tmp_path / "office.toml").write_text(POLICY.replace('PERSON = "pseudonymise"', 'PERSON = "keep"'))
    (tmp_path / "signers").write_text(f"alice {public(ssh_keys['alice'])}\n")
    assert run(capsys, f"policy sign office.toml --key {ssh_keys['alice']}")[0] == 0
    (tmp_path / "sent").mkdir()
    chance = random.Random(11)
    sent = [mail_fidelity.compose(chance, 4 * number) for number in range(15)]  # none of them broken
    for number, octets in enumerate(sent):
        (tmp_path / f"sent/{number:03}.eml").write_bytes(octets)
    address = f"inet:{network.MAIL}:8899"
    with mail_exchange.servers(milter=address) as lab:
        words = f"mail-feed --milter {address} --policy office.toml --signers signers --audit log --keys keys -o out"
        inside = ["ip", "netns", "exec", network.SERVERS, sys.executable, "-m", "sonde.cli.main"]
        feed = subprocess.Popen([*inside, *words.split(), "--roll", "1"], stderr=subprocess.PIPE)
        lab.wait_for_port(network.MAIL, 8899)
        lab.run(network.LAPTOP, sys.executable, mail_exchange.CLIENTS, "many", network.MAIL, tmp_path / "sent")
        time.sleep(1.5)
        feed.send_signal(signal.SIGTERM)
        _, said = feed.communicate(timeout=30)
    assert feed.returncode == 0, said
    rows = [row for part in Path("out").rglob("mail/*.parquet") for row in pq.read_table(part).to_pylist()]
    assert sorted(row["sha256"] for row in rows) == sorted(hashlib.sha256(each).hexdigest() for each in sent)
    assert {(row["source"], row["orig_ip"], row["complete"]) for row in rows} == {("milter", "192.0.2.10", True)}
