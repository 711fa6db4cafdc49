"""Several hosts: each runs the same program on its share of the data, and notices when another one
dies.

A process that dies leaves the others waiting in a collective operation, with an error that names no
process, or for ever. So every process keeps a connection to process 0, which reports to all which
one was lost (`Watch`).
"""

from __future__ import annotations

import atexit
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import jax

from jaxdiff.errors import ConfigError, ProcessLost

GRACE = 15.0
"""Seconds that a process has, after another one than process 0 was lost, to end by itself."""
_watch: Watch | None = None


END_TIMEOUT = 30_000
"""Milliseconds that a process which has finished waits for the others."""


def initialize(
    coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> bool:
    """Joins the other processes; call it before JAX is used in any other way.

    Args:
      coordinator: `HOST:PORT` of process 0. Clusters that announce themselves (SLURM, Open MPI, TPU
        pods) need none of the arguments.
      num_processes: number of processes.
      process_id: number of this process.

    Returns:
      Whether there are other processes.

    Raises:
      ConfigError: if only some of the arguments are given.
    """
    given = [coordinator, num_processes, process_id]
    if any(value is not None for value in given):
        if any(value is None for value in given):
            raise ConfigError(
                "several hosts need all of --coordinator=HOST:PORT, --num_processes and"
                " --process_id"
            )
        if not 0 <= process_id < num_processes:  # type: ignore[operator]
            raise ConfigError(f"--process_id must be in 0 … {num_processes - 1}, not {process_id}")  # type: ignore
        _recoverable()
        jax.distributed.initialize(coordinator, num_processes, process_id)
    elif _announced():
        _recoverable()
        jax.distributed.initialize()
    else:
        return False
    _start_watch()
    return True


def share(batch: int) -> slice:
    """This host's rows of a global batch of `batch` examples."""
    count, index = jax.process_count(), jax.process_index()
    if batch % count:
        raise ConfigError(
            f"a batch of {batch} cannot be shared by {count} hosts; make it a multiple of {count}"
        )
    return slice(index * batch // count, (index + 1) * batch // count)


def when_lost(callback: Callable[[str], None]) -> None:
    """Calls `callback(sentence)` before this process ends because another one was lost."""
    if _watch is not None:
        _watch.callbacks.append(callback)


def lost(timeout: float = 5.0) -> ProcessLost | None:
    """The error that says which process was lost, if one was; waits for the news for `timeout`
    seconds.
    """
    if _watch is None or not _watch.event.wait(timeout):
        return None
    return ProcessLost(_watch.sentence())


class Watch:
    """A connection from every process to process 0, whose end means that a process was lost."""

    def __init__(self, index: int, count: int):
        self.index, self.count = index, count
        self.event, self.victim = threading.Event(), -1
        self.callbacks: list[Callable[[str], None]] = []
        self._peers: dict[int, socket.socket] = {}
        self._exited = threading.Semaphore(0)
        self._ended = False
        self.last_words = threading.Lock()
        """Taken, and never released, by the thread that ends this process."""

    def sentence(self) -> str:
        return (
            f"process {self.victim} of {self.count} was lost, so this run stops; start all"
            " processes again with the same command to continue from the last checkpoint"
        )

    def serve(self) -> str:
        """Process 0: accepts the others; returns the port."""
        server = socket.create_server(("", 0))
        threading.Thread(target=self._accept, args=(server,), daemon=True).start()
        return str(server.getsockname()[1])

    def _accept(self, server: socket.socket) -> None:
        for _ in range(self.count - 1):
            peer, _ = server.accept()
            number = int.from_bytes(peer.recv(4), "big")
            _keep_alive(peer)
            self._peers[number] = peer
            threading.Thread(target=self._listen, args=(peer, number), daemon=True).start()

    def join(self, host: str, port: str) -> None:
        """Any other process: connects to process 0."""
        peer = socket.create_connection((host, int(port)), timeout=60)
        peer.settimeout(None)
        peer.sendall(self.index.to_bytes(4, "big"))
        _keep_alive(peer)
        self._peers[0] = peer
        threading.Thread(target=self._listen, args=(peer, 0), daemon=True).start()

    def _listen(self, peer: socket.socket, number: int) -> None:
        """Messages of four bytes: the number of a lost process, or of the sender itself if it ends
        well.
        """
        try:
            message = peer.recv(4)
        except OSError:
            message = b""
        victim = int.from_bytes(message, "big") if len(message) == 4 else number
        if message and victim == number:
            with suppress(OSError):
                peer.recv(4)  # returns when that process has exited
            self._exited.release()
            return
        if self._ended or self.event.is_set():
            self._exited.release()
            return
        self.victim = victim
        self.event.set()
        for other, connection in self._peers.items():
            if self.index == 0 and other != victim:
                with suppress(OSError):
                    connection.sendall(victim.to_bytes(4, "big"))
        # Without process 0, which serves JAX's coordination, JAX aborts this process at any moment.
        timer = threading.Timer(GRACE if victim else 0.0, self._give_up)
        timer.daemon = True
        timer.start()

    def _give_up(self) -> None:
        """Ends a process that still waits for the lost one."""
        if self._ended:
            return
        self.last_words.acquire()
        self.mourn()
        print(f"error: {self.sentence()}", file=sys.stderr, flush=True)
        os._exit(2)

    def mourn(self) -> None:
        for callback in self.callbacks:
            with suppress(Exception):  # the process ends in any case
                callback(self.sentence())

    def end(self) -> None:
        """Tells the others that this process ends as it should."""
        if not self._ended and not self.event.is_set():
            for peer in self._peers.values():
                with suppress(OSError):
                    peer.sendall(self.index.to_bytes(4, "big"))
        self._ended = True

    def outlast(self, seconds: float) -> None:
        """Process 0: waits until the others have exited."""
        end = time.monotonic() + seconds
        for _ in self._peers if self.index == 0 else ():
            self._exited.acquire(timeout=max(0.0, end - time.monotonic()))


def abandon(error: ProcessLost) -> NoReturn:
    """Prints the error and ends this process at once, without JAX's farewell, which waits for the
    lost process.
    """
    if _watch is not None:
        _watch.last_words.acquire()
    print(f"error: {error}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(2)


def leave() -> None:
    """End the watch of this process, once all processes have reached their end.

    JAX does not synchronise the end of recoverable processes: those that are still closing when
    process 0, which serves them, has left abort. So process 0 leaves last. After an error there is
    no wait.
    """
    if _watch is None:
        return
    failed = _watch.event.is_set() or getattr(sys, "last_value", None) is not None
    if not failed:
        from jax._src import distributed

        with suppress(Exception):  # one of the others may fail instead
            distributed.global_state.client.wait_at_barrier("jaxdiff/end", END_TIMEOUT)
    _watch.end()
    if not failed:
        _watch.outlast(END_TIMEOUT / 1000)


def _start_watch() -> None:
    global _watch
    from jax._src import distributed  # the store of keys has no public name

    state = distributed.global_state
    if state.client is None or state.num_processes < 2:
        return
    _watch = Watch(state.process_id, state.num_processes)
    if state.process_id == 0:
        state.client.key_value_set("jaxdiff/watch", _watch.serve())
    else:
        port = state.client.blocking_key_value_get("jaxdiff/watch", 120_000)
        _watch.join(state.coordinator_address.rsplit(":", 1)[0].strip("[]"), port)
    atexit.register(leave)


def _recoverable() -> None:
    """Keeps JAX from killing this process, without a word of ours, when it notices the loss of
    another one.
    """
    with suppress(AttributeError):
        jax.config.update("jax_enable_recoverability", True)


def _keep_alive(peer: socket.socket) -> None:
    """Notices within half a minute that a host lost power or its network."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _announced() -> bool:
    count = os.environ.get("OMPI_COMM_WORLD_SIZE") or os.environ.get("SLURM_STEP_NUM_TASKS") or "1"
    return int(count) > 1 or "," in os.environ.get("TPU_WORKER_HOSTNAMES", "")
