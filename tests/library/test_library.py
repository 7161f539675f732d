"""The library as its documentation says."""

from pathlib import Path

import pytest

import sonde
from tests.maker import conversation, write_pcap

GET = b"GET /a HTTP/1.1\r\nHost: www.example.org\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pcap(tmp_path_factory.mktemp("library") / "web.pcap", conversation([(0, GET), (1, OK)], stream=True))


def test_tables_are_attributes(capture: Path) -> None:
    with sonde.read(capture, tables=["flows", "http"]) as dataset:
        assert dataset.tables == ["flows", "http"]
        assert dataset.flows.to_pandas()["protocol"].tolist() == ["http"]
        assert dataset.http.to_pylist()[0]["host"] == "www.example.org"
        assert [row["status_code"] for row in dataset.http] == [200]
        assert len(dataset.flows) == dataset.flows.to_arrow().num_rows == 1
        assert "flows" in dir(dataset)
        assert "1 rows" in repr(dataset.flows)


def test_a_table_that_was_not_wanted_is_not_there(capture: Path) -> None:
    with sonde.read(str(capture), tables=["flows"]) as dataset:
        with pytest.raises(AttributeError, match="http"):
            _ = dataset.http
        with pytest.raises(sonde.QueryError, match="there are flows"):
            dataset.table("http")


def test_questions_are_asked_in_sql(capture: Path) -> None:
    with sonde.read(capture) as dataset:
        answer = dataset.query("select protocol, count(*) as flows from flows group by all")
        assert answer.to_pylist() == [{"protocol": "http", "flows": 1}]
        with pytest.raises(sonde.QueryError, match="one SELECT"):
            dataset.query("drop view flows")


def test_without_output_the_folder_goes_with_the_dataset(capture: Path) -> None:
    dataset = sonde.read([capture])
    assert dataset.folder.is_dir()
    dataset.close()
    assert not dataset.folder.exists()


def test_with_output_the_dataset_can_be_opened_again(capture: Path, tmp_path: Path) -> None:
    first = sonde.read(capture, output=tmp_path / "web.sonde", policy="clear")
    first.close()
    again = sonde.open_dataset(tmp_path / "web.sonde")
    assert again.flows.to_pylist() == first.flows.to_pylist()
    assert again.manifest["policy"]["name"] == "clear"
    with pytest.raises(sonde.QueryError, match="opened afterwards"):
        again.summary()


def test_wishes_that_cannot_be_met_are_told(capture: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no table 'nonsense'"):
        sonde.read(capture, tables=["nonsense"])
    with pytest.raises(ValueError, match="There is no policy"):
        sonde.read(capture, policy="nonsense")
    with pytest.raises(ValueError, match="does not exist"):
        sonde.read(tmp_path / "nothing.pcap")
    with pytest.raises(AttributeError):
        _ = sonde.nonsense  # type: ignore[attr-defined]


def test_the_summary_can_be_shown_again(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sonde.read(capture) as dataset:
        dataset.summary()
    assert "www.example.org" in capsys.readouterr().out
