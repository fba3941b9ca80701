"""The paths other than those of results."""

import pytest

from bucketquery.elastic.routes import find_other_route


@pytest.mark.parametrize(
    ("path", "methods", "job"),
    [
        ("", "GET HEAD", "_all"),
        ("/", "GET HEAD", "_all"),
        ("//", "GET HEAD", "_all"),
        ("/_ml/anomaly_detectors", "GET", "_all"),
        ("/_ml/anomaly_detectors/", "GET", "_all"),
        ("/_ml/anomaly_detectors/_stats", "GET", "_all"),
        ("/_ml/anomaly_detectors/_stats/", "GET", "_all"),
        ("/_ml/anomaly_detectors/web", "GET PUT DELETE", "web"),
        ("/_ml/anomaly_detectors/a%2Fb", "GET PUT DELETE", "a/b"),
        ("/_ml/anomaly_detectors/a%2Cb*", "GET PUT DELETE", "a,b*"),
        ("/_ml/anomaly_detectors/a+b", "GET PUT DELETE", "a+b"),
        ("/_ml/anomaly_detectors/web/_stats", "GET", "web"),
        ("/_ml/anomaly_detectors/_stats/_stats", "GET", "_stats"),
        ("/_ml/anomaly_detectors/web/_open", "POST", "web"),
        ("/_ml/anomaly_detectors/web/_close", "POST", "web"),
        ("/_ml/anomaly_detectors//_stats", "GET", ""),
        ("/_ml/anomaly_detectors/%5Fstats", "GET PUT DELETE", "_stats"),
        ("/_xpack/ml/anomaly_detectors", "GET", "_all"),
        ("/_xpack/ml/anomaly_detectors/web/_stats", "GET", "web"),
    ],
)
def test_a_path_has_methods_and_a_job(path: str, methods: str, job: str) -> None:
    """The job is decoded once, other segments are not; slashes at the end are ignored."""
    route = find_other_route(path)
    assert route is not None
    assert (" ".join(route.answers), route.job) == (methods, job)


@pytest.mark.parametrize(
    "path",
    [
        "x",
        "/_ml",
        "/_ML/anomaly_detectors",
        "/%5Fml/anomaly_detectors",
        "/_xpack/anomaly_detectors",
        "/_ml/anomaly_detectors/web/%5Fstats",
        "/_ml/anomaly_detectors/web/stats",
        "/_ml/anomaly_detectors/web/_stats/1",
        "/_ml/anomaly_detectors/web/_update",
        "/_es/_ml/anomaly_detectors",
    ],
)
def test_another_path_has_no_route(path: str) -> None:
    """The handler answers it as an unknown path."""
    assert find_other_route(path) is None
