"""What a long process holds on to, and what it lets go."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path

import jax

KEPT = 1 << 30
"""Bytes: smaller blocks come from the heap, and a heap is cut back when more than this lies free at its end."""
REGIONS = 25_000
"""Regions of memory after which compiled programs are forgotten; Linux gives a process 65 530."""


def keep_memory() -> None:
    """Freed memory stays with the process instead of going back to the system (glibc's malloc; elsewhere nothing happens).

    On a CPU every call of a compiled program asks for its whole working memory anew. Large blocks would be mapped and
    cleared page by page each time: a third of a training step of a small network.
    """
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
    if libc := _glibc():
        libc.mallopt(trim_threshold, KEPT)
        libc.mallopt(mmap_threshold, KEPT)


def let_go() -> None:
    """Before a training: freed memory goes back for once, and compiled programs when there are too many of them.

    JAX keeps every program of a process, some 1300 regions of memory for a training of the smallest network, and one
    region too many is a segmentation fault. What is needed again is compiled again, or comes from the cache on disk.
    """
    maps = Path("/proc/self/maps")  # Linux alone has it, and the limit
    if maps.exists() and maps.read_bytes().count(b"\n") > REGIONS:
        jax.clear_caches()
        gc.collect()
    if libc := _glibc():
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, "gnu_get_libc_version") else None
