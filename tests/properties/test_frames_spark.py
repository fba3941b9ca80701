"""PySpark and the reference give the same answers.

These tests start Spark, which needs Java and the extra `test-spark`.
"""

import os
import runpy
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("pyarrow")

from bucketquery import Kind
from support.engine_frames import NAMES, Engine, Frames, compare_cases, compare_overall, compare_sample, read_sample

CASES = int(os.environ.get("BUCKETQUERY_CASES", "100"))
SCRIPT = Path(__file__).parents[2] / "docs" / "guide" / "from_index_to_engine.py"
SEED = os.environ.get("BUCKETQUERY_SEED", "0")
pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore")]
#: Whether ANSI rules hold, and the time zone of the session.
SESSIONS = [(True, "UTC"), (False, "America/New_York"), (True, "Asia/Kolkata")]


def test_the_script_of_the_guide_finds_equal_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """The script of the guide gets the same answer from Spark. It comes first, because it ends its session."""
    pytest.importorskip("pyspark")
    runpy.run_path(str(SCRIPT))["main"](with_spark=True)
    assert capsys.readouterr().out.splitlines()[1:] == ["DuckDB: the same answer", "Spark: the same answer"]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A session on two cores of this machine, which ends with the tests."""
    sql = pytest.importorskip("pyspark.sql")
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    yield session
    session.stop()


def engine_of(spark: Any, zone: str, *, ansi: bool) -> Engine:
    """Frames of Spark in a session with these settings."""
    spark.conf.set("spark.sql.session.timeZone", zone)
    spark.conf.set("spark.sql.ansi.enabled", str(ansi).lower())

    def make(tables: Frames, _: Random) -> Frames:
        # By default, Spark would read timestamps without a zone in the session's zone.
        spark.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")
        frames: dict[Kind, Any] = {kind: spark.createDataFrame(table) for kind, table in tables.items()}
        spark.conf.unset("spark.sql.timestampType")
        return frames

    return Engine(make, (None, ("us", None), ("us", "UTC")))


@pytest.mark.parametrize(("ansi", "zone"), SESSIONS)
def test_spark_answers_as_the_reference_does(spark: Any, ansi: bool, zone: str) -> None:
    """Whole bodies are equal, for instants of every type, for null and NaN, and in sessions with a zone."""
    assert compare_cases(f"spark-{zone}-{SEED}", CASES, engine_of(spark, zone, ansi=ansi)) >= CASES


def test_spark_gives_the_overall_buckets_of_the_reference(spark: Any) -> None:
    """Overall buckets of several jobs are those of the reference, in a session with a zone."""
    assert compare_overall(f"spark-{SEED}", CASES // 5, engine_of(spark, "Asia/Kolkata", ansi=True)) >= CASES // 5


def test_spark_answers_about_real_results(spark: Any) -> None:
    """The bundled results of the Numenta Anomaly Benchmark are answered as an index answers them."""
    for name in NAMES:
        assert compare_sample(name, read_sample(name), engine_of(spark, "UTC", ansi=True)) == 12


def test_frames_have_timestamps_of_both_types(spark: Any) -> None:
    """The frames of these tests have timestamps with and without a zone, as the tables of pyarrow have."""
    engine = engine_of(spark, "Asia/Kolkata", ansi=True)
    for zone, name in ((None, "timestamp_ntz"), ("UTC", "timestamp")):
        pa = pytest.importorskip("pyarrow")
        table = pa.table({"at": pa.array([0], pa.int64()).cast(pa.timestamp("us", zone))})
        frame = engine.make({"bucket": table}, Random(0))["bucket"]
        assert frame.schema["at"].dataType.simpleString() == name
