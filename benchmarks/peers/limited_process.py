"""A call in a process of its own: the highest memory it takes, up to a limit."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from benchmarks.pages import process_memory

_IMPORTED = [
    "tb_keras.training",
    "torch",
    "pytorch_metric_learning.losses",
    "sentence_transformers.sentence_transformer.losses",
]


def most_memory(
    make: Callable,
    arguments: tuple,
    small: tuple,
    inputs_mib: float,
    limit_gib: float | None = None,
) -> float | None:
    """Returns the highest memory of a call, beyond that of its inputs, in MiB. Linux only.

    What is resident beyond the imported libraries counts; a library that keeps memory to use it
    again (TensorFlow does) so counts with all that it keeps.

    Args:
        make: defined at the top of a module: from `arguments` to a call without arguments that
            holds its inputs; the call is made twice.
        arguments: can be pickled.
        small: arguments of tiny inputs, to load the code that the call runs.
        inputs_mib: what the inputs take.
        limit_gib: how much the call may take beyond them; None where there is no limit.

    Returns:
        None where it asked for more than the limit (a process that the system ends does, too).
    """
    # Fresh processes that need not import for seconds: none of these starts threads by itself.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as process:
        try:
            job = process.submit(_measured, make, arguments, small, inputs_mib, limit_gib)
            return job.result()
        except BrokenProcessPool:
            return None


def _measured(
    make: Callable, arguments: tuple, small: tuple, inputs_mib: float, limit_gib: float | None
) -> float | None:
    make(*small)()
    before = process_memory("VmRSS")
    call = make(*arguments)
    if limit_gib is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = int((process_memory("VmSize") + 1024 * limit_gib) * 2**20)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    try:
        call()
        call()
    except Exception as error:
        if limit_gib is not None and _is_out_of_memory(error):
            return None
        raise
    return round(process_memory("VmHWM") - before - inputs_mib, 1)


def _is_out_of_memory(error: Exception) -> bool:
    said = str(error).lower()
    words = ("can't allocate memory", "out of memory", "oom when", "not enough memory")
    return isinstance(error, MemoryError) or any(word in said for word in words)
