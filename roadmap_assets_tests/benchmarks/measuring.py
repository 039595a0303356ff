"""Measuring times and memory: medians, comparisons in turns, and work in a process of its own."""

from __future__ import annotations

import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPEATS = 5


def seconds(work: Callable[[], object]) -> float:
    """The seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median_seconds(work: Callable[[], object], *, repeats: int = REPEATS) -> float:
    """The median seconds of this many calls."""
    return statistics.median(seconds(work) for _ in range(repeats))


def side_by_side(works: Mapping[str, Callable[[], object]], *, repeats: int = REPEATS) -> dict[str, float]:
    """The median seconds of each, measured in turns, so that other load of the machine affects all of them alike."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            taken[name].append(seconds(work))
    return {name: statistics.median(times) for name, times in taken.items()}


def command(*arguments: str, env: Mapping[str, str] | None = None) -> None:
    """Run a Python command (`-c …`, `-m …`) to its end; raises CalledProcessError with its output when it fails.

    Compiled modules are kept, as they are for a user, even where the environment of the benchmark says otherwise.
    """
    kept = {name: value for name, value in (env or os.environ).items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], env=kept, check=True, capture_output=True, text=True)


@dataclass(frozen=True, slots=True)
class Apart:
    """The result of work in a process of its own, and the process's peak memory."""

    result: Any
    peak_mb: float


def apart(work: Callable[..., Any], *arguments: Any) -> Apart:
    """Run a module's function in a fresh Python process to its end; arguments and result must be JSON-able."""
    return together([(work, arguments)])[0]


def together(jobs: Sequence[tuple[Callable[..., Any], Sequence[Any]]]) -> list[Apart]:
    """Run several functions at the same time, each as `apart`. Raises ChildProcessError when one fails."""
    processes = [_start(work, arguments) for work, arguments in jobs]
    with ThreadPoolExecutor(len(jobs)) as readers:  # a process whose output nobody reads may block
        said = list(readers.map(subprocess.Popen.communicate, processes))
    for process, (_, errors) in zip(processes, said, strict=True):
        if process.returncode:
            raise ChildProcessError(f"a process of the benchmark ended with {process.returncode}: {errors[-2000:]}")
    return [Apart(*json.loads(reply.splitlines()[-1])) for reply, _ in said]


def peak_mb() -> float:
    """This process's peak memory, in MB.

    Linux counts in getrusage what the parent held when it forked, so its own count of this program goes first.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _start(work: Callable[..., Any], arguments: Sequence[Any]) -> subprocess.Popen[str]:
    job = json.dumps([work.__module__, work.__name__, arguments])
    command = [sys.executable, "-m", __name__, job]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _do(job: str) -> None:
    module, name, arguments = json.loads(job)
    result = getattr(importlib.import_module(module), name)(*arguments)
    print(json.dumps([result, peak_mb()]))


if __name__ == "__main__":
    _do(sys.argv[1])
