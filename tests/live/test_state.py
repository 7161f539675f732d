"""What watches a probe gets plain values, and the account adds up."""

import json

from sonde.pipeline.state import Seen, State


def test_a_snapshot_is_json_and_says_what_was_counted() -> None:
    state = State(policy="office.toml", version=3)
    one, two = state.interface("eth0"), state.interface("eth1")
    one.received, one.kernel_drops, two.received = 100, 7, 20
    state.frames_in, state.recorded, state.out_of_scope = 113, 90, 20
    state.dropped["arp"] = 3
    state.protocols["dns"] = Seen(2, 300)
    told = json.loads(json.dumps(state.snapshot()))
    assert told["frames"]["received"] == 120
    assert told["frames"]["kernel_drops"] == 7
    assert told["frames"]["unaccounted"] == 0
    assert told["interfaces"]["eth0"]["kernel_drops"] == 7
    assert told["protocols"] == {"dns": {"flows": 2, "octets": 300}}
    assert told["policy"] == {"name": "office.toml", "version": 3, "until_ns": 0, "reloads": 0, "refusals": 0}


def test_what_is_still_on_its_way_is_unaccounted() -> None:
    state = State()
    state.interface("eth0").received = 10
    state.recorded = 4
    assert state.unaccounted == 6
