"""The path ``/``: the name and the version of the server, which clients ask for first."""

from typing import Any, Final

from bucketquery.elastic.flags import read_flags, refuse_body
from bucketquery.elastic.replies import Reply
from bucketquery.elastic.settings import JobCall

#: For each major version, the versions of Lucene, wire format and index format that a late release names.
_COMPATIBILITY: Final = {
    "7": ("8.11.1", "6.8.0", "6.0.0-beta1"),
    "8": ("9.12.2", "7.17.0", "7.0.0"),
    "9": ("10.3.1", "8.19.0", "8.0.0"),
}


def cluster_info(version: str) -> dict[str, Any]:
    """The body of the reply about the cluster. Its values are made up, except for the version and the tagline.

    Source: the server's ``MainResponse``.

    >>> cluster_info("8.19.0")["tagline"], cluster_info("8.19.0")["version"]["number"]
    ('You Know, for Search', '8.19.0')
    """
    lucene, wire, index = _COMPATIBILITY[version[0]]
    return {
        "name": "bucketquery",
        "cluster_name": "bucketquery",
        "cluster_uuid": "bucketquery00000000000",
        "version": {
            "number": version,
            "build_flavor": "default",
            "build_type": "tar",
            "build_hash": "0" * 40,
            "build_date": "1970-01-01T00:00:00.000Z",
            "build_snapshot": False,
            "lucene_version": lucene,
            "minimum_wire_compatibility_version": wire,
            "minimum_index_compatibility_version": index,
        },
        "tagline": "You Know, for Search",
    }


def answer_info(asked: JobCall) -> Reply:
    """The reply about the cluster, indented unless the request says otherwise.

    Raises:
        InvalidQuery: a parameter is unknown or invalid, or there is a body.

    Source: the server's ``RestMainAction``.
    """
    read_flags(asked.call)
    refuse_body(asked.call)
    return Reply(status=200, body=cluster_info(asked.settings.version), _pretty="pretty" not in asked.call.url)
