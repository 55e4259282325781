"""Calls timed in turn, so that all of them see the same machine, and their ratios as a table."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from tabulate import tabulate


def seconds_in_turn(
    calls: Mapping[str, Callable[[], object]], repetitions: int
) -> dict[str, list[float]]:
    """Times calls in turn: each once unmeasured, then all of them, `repetitions` times over.

    Each round begins with another call, so that none always follows the same one.

    Args:
        calls: by name; each returns when its work is done.
        repetitions: how many times to measure each.

    Returns:
        Wall-clock seconds by name, `repetitions` of each, in the order of the rounds.
    """
    for call in calls.values():
        call()  # traces, compiles, fills the caches
    names, seconds = list(calls), {name: [] for name in calls}
    for repetition in range(repetitions):
        first = repetition % len(names)
        for name in names[first:] + names[:first]:
            started = time.perf_counter()
            calls[name]()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]], name: str, reference: str) -> float:
    """Returns the median over the rounds of the seconds of `name` over those of `reference`."""
    return float(np.median(np.divide(seconds[name], seconds[reference])))


def ratio_table(seconds: Mapping[str, Sequence[float]], reference: str, unit: str = "s") -> str:
    """Returns a Markdown table of times, and of their ratios to `reference` in the same round.

    Args:
        seconds: as `seconds_in_turn` returns them.
        reference: the name whose ratio is 1.
        unit: `"s"` or `"ms"`, of the column of medians.

    Example:

    >>> print(ratio_table({"ours": [1.0, 2.0, 1.0], "peer": [2.0, 3.0, 3.0]}, "ours"))
    |      | s, median   | times ours: median   | lowest to highest   |
    |------|-------------|----------------------|---------------------|
    | ours | 1           | 1.00                 | 1.00 to 1.00        |
    | peer | 3           | 2.00                 | 1.50 to 3.00        |
    """
    scale = {"s": 1, "ms": 1000}[unit]
    titles = ["", f"{unit}, median", f"times {reference}: median", "lowest to highest"]
    rows = []
    for name, values in seconds.items():
        ratios = np.divide(values, seconds[reference])
        median, middle = _three_digits(scale * np.median(values)), f"{np.median(ratios):.2f}"
        rows.append([name, median, middle, f"{ratios.min():.2f} to {ratios.max():.2f}"])
    return tabulate(rows, titles, "github", disable_numparse=True)


def _three_digits(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.9g}"  # no exponent, as .3g has it from 1,000 on


def in_process(function: Callable, *arguments):
    """Returns `function(*arguments)` of a process of its own, such as for its highest memory.

    Args:
        function: defined at the top of a module.
        arguments: and the result can be pickled.

    Raises:
        concurrent.futures.process.BrokenProcessPool: if the process is killed.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()
