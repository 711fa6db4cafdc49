"""What a long process asks of the system's memory, and what it lets go."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

TUNABLE = "glibc.malloc.hugetlb"
HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
REGIONS = 25_000
"""Regions of memory after which compiled programs are forgotten; Linux gives a process 65 530."""


def huge_pages() -> None:
    """Starts this command again with huge pages for large blocks, where glibc has them and has to be asked before it starts.

    On a CPU every call of a compiled program asks for its whole working memory anew, and small pages are mapped and
    cleared one by one: up to 40 % of a training step. For command lines alone: whatever the process had done is gone.
    """
    known = os.environ.get("GLIBC_TUNABLES", "")
    if TUNABLE in known or not HUGE.exists() or "[madvise]" not in HUGE.read_text():
        return
    os.environ["GLIBC_TUNABLES"] = ":".join(filter(None, (known, f"{TUNABLE}=1")))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def forget_programs() -> None:
    """Lets compiled programs go, once they are so many that the system might refuse the next one some memory.

    JAX keeps every program of a process, some 1300 regions for a training of the smallest network, and one region too
    many is a segmentation fault. What is needed again is compiled again, or comes from the cache on disk.
    """
    import jax

    maps = Path("/proc/self/maps")  # Linux alone has it, and the limit
    if maps.exists() and maps.read_bytes().count(b"\n") > REGIONS:
        jax.clear_caches()
        gc.collect()
