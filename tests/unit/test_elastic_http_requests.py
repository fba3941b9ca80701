"""What the two apps do alike."""

from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bucketquery import InvalidQuery
from bucketquery.elastic.bodies import MOST_BYTES
from bucketquery.elastic.http_requests import headers_of, path_below, read_most_bytes
from bucketquery.elastic.replies import plain_error

PARTS = (b"/", b"a", b"%", b"%2F", b"%25", b"?", b"\xff", b" ", b"+")
BYTES = st.lists(st.sampled_from(PARTS), max_size=8).map(b"".join)


@given(BYTES, BYTES, BYTES)
@example(b"/x", b"/a/b", b"/x/a%2Fb")
def test_a_path_decodes_to_the_servers_path(prefix: bytes, path: bytes, sent: bytes) -> None:
    """Whatever was sent, the result means the path that the server has decoded, where only a slash may be escaped."""
    encoded = path_below(prefix, path, quote_from_bytes(sent, safe="/%"))
    assert unquote_to_bytes(encoded) in {path, path.replace(b"%2F", b"/"), path or b"/"}
    assert "?" not in encoded


@given(BYTES)
def test_a_path_that_was_sent_is_taken_as_it_is(path: bytes) -> None:
    """Every way to escape a path survives, with a prefix and without."""
    for sent in (quote_from_bytes(path), quote_from_bytes(path, safe="")):
        if sent:
            assert path_below(b"", unquote_to_bytes(sent), sent) == sent
            assert path_below(b"/x", b"/" + path, f"/x/{sent}?q=/") == f"/{sent}"


def test_a_path_that_was_not_sent_is_escaped() -> None:
    """Every byte that a path may not have is escaped."""
    assert path_below(b"", "/donn\u00e9es/100% ?#".encode(), None) == "/donn%C3%A9es/100%25%20%3F%23"
    assert path_below(b"/es", b"", None) == ""
    assert path_below(b"/es", b"", "/es") == ""


def test_a_path_may_be_sent_without_escapes() -> None:
    """Servers hand over each byte as a character. The escape of a slash survives beside such bytes."""
    path = "/donn\u00e9es/1".encode()
    assert path_below(b"", path, "/donn\u00c3\u00a9es%2F1?size=1") == "/donn%C3%A9es%2F1"
    assert path_below(b"/x", path, "/x/donn\u00c3\u00a9es%2f1") == "/donn%C3%A9es%2f1"


def test_a_path_that_has_more_than_bytes_is_not_read() -> None:
    """No server should tell such a path, so the decoded one counts."""
    for sent in ("/a\ud800", "/\u65e5", "/\u00e9"):
        assert path_below(b"", b"/a", sent) == "/a"


@pytest.mark.parametrize("most", [-1, None, "5", 1.5, MOST_BYTES + 1])
def test_a_wrong_bound_is_refused(most: object) -> None:
    """The bound is an integer from 0 to that of `handle`."""
    assert (read_most_bytes(0), read_most_bytes(MOST_BYTES)) == (0, MOST_BYTES)
    with pytest.raises(InvalidQuery) as caught:
        read_most_bytes(most)
    assert (caught.value.field, caught.value.value) == ("max_body_bytes", most)


def test_the_length_is_left_out_for_head() -> None:
    """The other headers are those of the reply."""
    reply = plain_error(411, "x")
    assert headers_of(reply, b"abc", is_head=False) == [*reply.headers.items(), ("content-length", "3")]
    assert headers_of(reply, b"", is_head=True) == [*reply.headers.items()]
