"""Requests to stop, by SIGTERM or SIGINT, that reach all hosts at the same step."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax


@contextmanager
def stop_requests() -> Iterator[Callable[[int], bool]]:
    """Listens for requests to stop; a second Ctrl-C ends the process at once.

    Yields:
      A function that says whether a stop was requested before this dispatch, the same on all hosts.
      With several hosts JAX itself listens to SIGTERM and makes hosts that would otherwise be a
      step apart agree on where to stop.
    """
    from jax.experimental.multihost_utils import reached_preemption_sync_point

    received: list[int] = []
    several = jax.process_count() > 1

    def note(number, frame):
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        if several:
            signal.raise_signal(signal.SIGTERM)

    try:
        numbers = (signal.SIGINT,) if several else (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, note) for number in numbers}
    except ValueError:  # not the main thread, whose owner handles signals
        before = {}
    try:
        yield reached_preemption_sync_point if several else lambda dispatch: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
