"""The path of the server: its name and version."""

from bucketquery import ResultsIndex
from bucketquery.elastic.calls import read_call
from bucketquery.elastic.cluster import answer_info, cluster_info
from bucketquery.elastic.settings import JobCall, read_settings


def test_the_keys_are_the_servers_in_its_order() -> None:
    """Clients in other languages read all of these keys."""
    info = cluster_info("9.2.1")
    assert [*info] == ["name", "cluster_name", "cluster_uuid", "version", "tagline"]
    assert [*info["version"]] == [
        "number",
        "build_flavor",
        "build_type",
        "build_hash",
        "build_date",
        "build_snapshot",
        "lucene_version",
        "minimum_wire_compatibility_version",
        "minimum_index_compatibility_version",
    ]
    assert (len(info["cluster_uuid"]), len(info["version"]["build_hash"])) == (22, 40)


def test_each_major_version_has_its_compatibility() -> None:
    """Every version that the settings accept has a description."""
    lucene = [cluster_info(f"{major}.0.0")["version"]["lucene_version"] for major in (7, 8, 9)]
    assert lucene == ["8.11.1", "9.12.2", "10.3.1"]


def test_every_reply_is_a_new_object() -> None:
    """A caller who changes a reply changes no other one."""
    index = ResultsIndex()
    asked = JobCall(
        index, index.snapshot(), read_call("GET", "/", None, None), "_all", read_settings(10, "9.2.1", False)
    )
    first = answer_info(asked)
    first.body["version"]["number"] = "0"
    assert answer_info(asked).body["version"]["number"] == "9.2.1"
