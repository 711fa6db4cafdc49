"""Parquet tables, where pyarrow is installed: one column per channel, and a column or pandas index
`time`.

Units, rate, metadata and events are kept in the schema's metadata under the key `jaxdiff`; a table
without it is read like a CSV: units in the names (`hip [deg]`), time from its column.
"""

from __future__ import annotations

import json
import os

import numpy as np

from jaxdiff.data.formats import files
from jaxdiff.data.formats.table import name_and_unit
from jaxdiff.data.recording import Event, Recording
from jaxdiff.disk import atomic
from jaxdiff.errors import MissingExtra

_EXPANSION = 400
"""Most bytes of samples per byte of file."""


def read_parquet(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """Reads a table of numbers.

    Args:
        path: The file.
        rate: Rate in Hz to resample to.

    Raises:
        MissingExtra: If pyarrow is not installed.
        FileError: If the file is damaged or holds other than numbers.
    """
    arrow = _arrow()
    size = len(content := files.read_bytes(path))
    try:
        file = arrow.ParquetFile(path)
        rows, columns = file.metadata.num_rows, file.metadata.num_columns
        if rows < 1 or rows * columns * 8 > 2**26 + _EXPANSION * size or columns > 100_000:
            raise files.bad(path, f"announces {rows} rows of {columns} columns in {size} bytes")
        table = file.read()
        names = list(table.column_names)
        values = np.stack(
            [np.asarray(table.column(i).to_numpy(), np.float64) for i in range(len(names))], axis=1
        )
        kept = (table.schema.metadata or {}).get(b"jaxdiff", b"{}")
        stated = json.loads(kept)
        units, meta, events = (
            stated.get(k, d) for k, d in (("units", {}), ("meta", {}), ("events", []))
        )
        found = [Event(float(t), str(label), str(side)) for t, label, side in events]
        meta = {str(k): str(v) for k, v in meta.items()}
        units = {str(k): str(v) for k, v in units.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        shown = " ".join(str(error).split())[:200]
        raise files.bad(path, f"cannot be read as a Parquet table of numbers ({shown})") from None
    except Exception as error:  # pyarrow has its own family of exceptions
        if type(error).__module__.startswith("jaxdiff"):
            raise
        shown = " ".join(str(error).split())[:200]
        raise files.bad(path, f"cannot be read as a Parquet table of numbers ({shown})") from None
    del content
    if not len(names) or np.isinf(values).any():
        raise files.bad(path, "holds no columns, or infinities")
    parts = [
        name_and_unit(n) if n not in units and not files.is_time(n) else (n, "") for n in names
    ]
    time = [j for j, name in enumerate(names) if files.is_time(name) or name == "__index_level_0__"]
    own = [units.get(name, unit) for name, (_, unit) in zip(names, parts)]
    rows_at = [(j + 1, "") for j in range(len(values))]
    return files.timed(path, values, [n for n, _ in parts], own, time, rows_at, rate, meta, found)


def write_parquet(path: str | os.PathLike, recording: Recording) -> None:
    """Writes a recording with units, metadata and events.

    Raises:
        MissingExtra: If pyarrow is not installed.
    """
    arrow = _arrow()
    import pyarrow

    files.check_writable(path, recording)
    columns = {"time": recording.time, **dict(zip(recording.channels, recording.values.T))}
    stated = {
        "units": dict(zip(recording.channels, recording.units)),
        "meta": dict(recording.meta),
        "events": recording.events,
    }
    table = pyarrow.table({name: np.asarray(values) for name, values in columns.items()})
    metadata = {**(table.schema.metadata or {}), b"jaxdiff": json.dumps(stated).encode()}
    with atomic(path) as file:
        arrow.write_table(table.replace_schema_metadata(metadata), file)


def _arrow():
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra("Parquet files", "formats") from None
    return pyarrow.parquet
