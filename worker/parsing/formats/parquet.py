"""Apache Parquet (format 2.x), one record a row, read in batches by pyarrow."""

from worker.core.errors import ParseError
from worker.parsing.format import Format, Records
from worker.parsing.shapes import articles
from worker.parsing.source import Source

_BATCH_ROWS = 256


def _matches(source: Source) -> bool:
    return source.head.startswith(b"PAR1")


def _read(source: Source) -> Records:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        with ParquetFile(source.seekable_file(), memory_map=False, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield from articles(row, f"row {number}")
    except (ArrowException, OSError) as error:
        # pyarrow reports a broken file as an OSError, which elsewhere means that the disk failed.
        raise ParseError(f"{source.name}: broken parquet: {type(error).__name__} after row {number}") from None


FORMAT = Format(name="parquet", family="data", standard="Apache Parquet", matches=_matches, read=_read, extra="parquet")
