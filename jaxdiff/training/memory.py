"""Memory of long processes: huge pages, and clearing compiled programs."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

TUNABLE = "glibc.malloc.hugetlb"
HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
REGIONS = 25_000
"""Regions of memory after which compiled programs are cleared; the limit of Linux is 65 530 per
process.
"""


def huge_pages() -> None:
    """Restart this command with huge pages for large blocks, where glibc offers them; they have to
    be requested at start.

    On a CPU every call of a compiled program allocates its whole working memory, and small pages
    are mapped and cleared one by one: up to 40 % of a training step. For commands only, because the
    state of the process is lost.
    """
    known = os.environ.get("GLIBC_TUNABLES", "")
    if TUNABLE in known or not HUGE.exists() or "[madvise]" not in HUGE.read_text():
        return
    os.environ["GLIBC_TUNABLES"] = ":".join(filter(None, (known, f"{TUNABLE}=1")))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def forget_programs() -> None:
    """Clear compiled programs once there are too many for the system's limit of memory regions.

    JAX keeps every program of a process, some 1300 regions for a training of the smallest network,
    and one region too many is a segmentation fault. Programs that are needed again are compiled
    again, or read from the cache on disk.
    """
    import jax

    maps = Path("/proc/self/maps")  # Linux alone has it, and the limit
    if maps.exists() and maps.read_bytes().count(b"\n") > REGIONS:
        jax.clear_caches()
        gc.collect()
