"""One process that reads mutants: bounded in memory and time per file, its progress on disk so that
a crash is seen.
"""

import json
import resource
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

SECONDS, MEMORY = 10.0, 2 << 30


class TooLong(BaseException):
    """A reader took longer than its limit; no reader catches this."""


def late(*_):
    raise TooLong


def run(name: str, seed: int, start: int, seconds: float, most: int, progress: Path) -> None:
    """Read mutants from `start` for some seconds, `most` at most; print one JSON line per
    failure.
    """
    from jaxdiff.errors import Error
    from tests.fuzz.mutants import mutant
    from tests.fuzz.targets import targets

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        target = targets(Path(folder), name == "checkpoint")[name]
        path = Path(folder) / f"mutant{target.extension}"
        path.write_bytes(target.files[0])
        target.read(path)  # imports, and a proof that the sound file is read
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        signal.signal(signal.SIGALRM, late)
        number, read, slowest, until = start, 0, 0.0, time.time() + seconds
        while number < start + most and time.time() < until:
            path.write_bytes(mutant(target.files, seed, number))
            progress.write_text(json.dumps({"number": number, "read": read, "slowest": slowest}))
            begin, failure = time.perf_counter(), ""
            try:
                signal.setitimer(signal.ITIMER_REAL, SECONDS)
                target.read(path)
                read += 1
            except Error as error:
                if "\n" in str(error) or len(str(error)) > 2000:
                    failure = f"a message that is no sentence: {str(error)[:200]!r}"
            except TooLong:
                failure = f"longer than {SECONDS:g} s"
            except MemoryError:
                failure = "more than 2 GB"
            except BaseException as error:
                failure = f"{type(error).__name__}: {str(error)[:200]}"
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            slowest = max(slowest, time.perf_counter() - begin)
            if failure:
                print(json.dumps({"number": number, "failure": failure}), flush=True)
            number += 1
        progress.write_text(json.dumps({"number": number, "read": read, "slowest": slowest}))


if __name__ == "__main__":
    run(
        sys.argv[1],
        int(sys.argv[2]),
        int(sys.argv[3]),
        float(sys.argv[4]),
        int(sys.argv[5]),
        Path(sys.argv[6]),
    )
