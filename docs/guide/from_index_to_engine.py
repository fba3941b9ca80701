"""From an index to Parquet, and the same query object on DuckDB and on PySpark: three equal answers.

python docs/guide/from_index_to_engine.py [--with-spark]
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bucketquery import BucketQuery, ResultsIndex
from bucketquery.frames import search

SAMPLE = Path(__file__).parents[2] / "tests" / "data" / "numenta_nyc_taxi.buckets.ndjson.gz"

QUERY = BucketQuery(
    jobs="nab_numenta_*", start="2014-11-01", anomaly_score=25, sort="anomaly_score", desc=True, size=20
)


def filled_index() -> ResultsIndex:
    """An index with the results of the New York taxi data set."""
    index = ResultsIndex()
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as lines:
        index.upsert([json.loads(line) for line in lines])
    return index


def write_parquet(index: ResultsIndex, folder: Path) -> None:
    """A folder for each job, and in it a file that is sorted by time."""
    for job_id in index.jobs():
        path = folder / f"job_id={job_id}"
        path.mkdir(parents=True)
        buckets = pa.table(index.arrow(BucketQuery(jobs=job_id)))
        # The name of the folder has the job.
        pq.write_table(buckets.drop_columns("job_id"), path / "buckets.parquet", row_group_size=100_000)


def on_duckdb(folder: Path) -> dict[str, Any]:
    """The answer of DuckDB."""
    frame = duckdb.read_parquet(f"{folder}/*/*.parquet", hive_partitioning=True)
    return search(frame, QUERY).to_dict()


def on_spark(folder: Path) -> dict[str, Any]:
    """The answer of PySpark."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - may not be installed

    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        # A job that is called 7 is text.
        .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
        .getOrCreate()
    )
    try:
        return search(spark.read.parquet(str(folder)), QUERY).to_dict()
    finally:
        spark.stop()


def main(*, with_spark: bool) -> None:
    """Ask the index and the engines, and compare their answers."""
    index = filled_index()
    expected = index.search(QUERY).to_dict()
    print(f"index: {expected['count']} buckets, the worst at {expected['buckets'][0]['anomaly_score']:.2f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_parquet(index, folder)
        engines = {"DuckDB": on_duckdb, **({"Spark": on_spark} if with_spark else {})}
        for engine, answer in engines.items():
            print(f"{engine}: {'the same answer' if answer(folder) == expected else 'another answer'}")


if __name__ == "__main__":
    main(with_spark="--with-spark" in sys.argv[1:])
