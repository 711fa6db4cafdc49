"""Recordings to and from pandas, and their plot: what `Recording`'s methods of these names do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdiff.errors import DataError, MissingExtra

if TYPE_CHECKING:
    import pandas

    from jaxdiff.data.recording import Recording


def to_pandas(recording: Recording) -> pandas.DataFrame:
    """See `Recording.to_pandas`."""
    frame = _pandas().DataFrame(recording.values, columns=list(recording.channels))
    frame.index = _pandas().Index(recording.time, name="time")
    frame.attrs = {
        "rate": recording.rate,
        "units": dict(zip(recording.channels, recording.units)),
        "meta": dict(recording.meta),
        "events": [list(event) for event in recording.events],
    }
    return frame


def from_pandas(
    frame: pandas.DataFrame, units: Mapping[str, str] | None = None, rate: float | None = None
) -> Recording:
    """See `Recording.from_pandas`."""
    from jaxdiff.data.recording import Event, Recording

    attrs = frame.attrs
    units = {**attrs.get("units", {}), **(units or {})}
    column = next((n for n in frame.columns if str(n).lower() == "time"), None)
    if column is not None:
        time, frame = frame[column], frame.drop(columns=column)
    else:
        time = frame.index
    names = [str(name) for name in frame.columns]
    try:
        values = frame.to_numpy(np.float64)
        time = np.asarray(time, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"a column of the DataFrame is not numeric: {error}") from None
    known = [str(units.get(name, "")) for name in frame.columns]
    if rate is None and attrs.get("rate") and len(time) == 1:
        rate = attrs["rate"]
    made = Recording.from_times(time, values, names, known, rate, attrs.get("meta"))
    return replace(made, events=tuple(Event(*e) for e in attrs.get("events", ())))


def plot(recording: Recording, channels: Sequence[str] = (), axes: Any = None) -> Any:
    """See `Recording.plot`."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise MissingExtra("plotting a recording", "viz") from None
    shown = recording.select(channels or recording.channels)
    units = list(dict.fromkeys(shown.units))
    if axes is None:
        _, axes = pyplot.subplots(
            len(units), squeeze=False, sharex=True, figsize=(8, 2.5 * len(units))
        )
    panels = np.ravel(np.asarray(axes, object))
    for panel, unit in zip(panels, units):
        for name, own, column in zip(shown.channels, shown.units, shown.values.T):
            if own == unit:
                panel.plot(shown.time, column, label=name)
        for event in recording.events:
            panel.axvline(event.time, color="0.7", linewidth=0.8)
        panel.set_ylabel(unit or "unit unknown")
        panel.legend(fontsize="small")
    panels[-1].set_xlabel("time (s)")
    return panels[0].figure


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise MissingExtra("conversion to pandas", "formats") from None
    return pandas
