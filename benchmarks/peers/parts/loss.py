"""The loss alone, forward and backward, beside other libraries' losses: time and memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.peers.in_turn import in_process, ratio, ratio_table, seconds_in_turn
from benchmarks.peers.kept_figures import KeptFigures
from benchmarks.peers.limited_process import most_memory
from benchmarks.peers.loss_methods import (
    ALL_AT_ONCE,
    BLOCKS,
    BOTH_WAYS,
    HARD_TRIPLETS,
    MARGIN,
    MAX_VIOLATION,
    ONE_WAY,
    TRIPLETS,
    VSE,
    installed,
    losses,
)

FULL = {"images": (500, 2000, 8000), "dim": 512, "block_rows": 500, "limit_gib": 16}
SMALL = {"images": (6,), "dim": 5, "block_rows": 4, "limit_gib": 4}
_LOOKS_AT = {
    BLOCKS: "both directions and the texts' neighbourhood, top 10: 4·n·m distances",
    ALL_AT_ONCE: "the same",
    MAX_VIOLATION: "both directions, the hardest negative: 2·n·m distances",
    VSE: "both directions, the hardest negative: n·m scores, used twice",
    HARD_TRIPLETS: "both directions, the hardest positive and negative of each anchor",
    TRIPLETS: "both directions, every triplet that violates the margin",
    ONE_WAY: "a softmax over the texts for each text's image: m·m scores",
    BOTH_WAYS: "the same, and over the images for each text: twice m·m scores",
}
_GROWTH = 1.5  # times a pair's time at the smallest size: above it, time does not grow as n·m


def measure(
    file: Path,
    repetitions: int,
    images: Sequence[int],
    dim: int,
    block_rows: int,
    limit_gib: float,
) -> dict:
    """Measures each loss in a process of its own for its memory, and all in turn for their time.

    Args:
        file: beside which to keep what is measured so far.
        repetitions: calls to time, of each.
        images: numbers of images, each with two texts.
        dim: of the embeddings.
        block_rows: anchors of a block.
        limit_gib: most memory of a loss; one that asks for more is not timed.

    Returns:
        For each number of images the memory in MiB by method, None above the limit, and the seconds
        by method. Memory is the highest beyond the embeddings: masks and labels count.
    """
    settings = {"dim": dim, "block_rows": block_rows, "limit_gib": limit_gib}
    settings["repetitions"] = repetitions
    names, missing = installed()
    kept, sizes = KeptFigures(file, [settings, names]), []
    for count in images:
        memory = {
            name: kept.of(
                f"{name}, {count:,} images, MiB",
                most_memory,
                one_call,
                (name, count, dim, block_rows),
                (name, 3, 4, 2),
                3 * count * dim / 2**18,
                limit_gib,
            )
            for name in names
        }
        fit = [name for name in names if memory[name] is not None]
        seconds = kept.of(
            f"{count:,} images, seconds",
            in_process,
            *(_seconds, fit, count, dim, block_rows, repetitions),
        )
        sizes.append({"images": count, "memory": memory, "seconds": seconds})
    kept.finished()
    return {**settings, "missing": missing, "sizes": sizes}


def section(figures: dict) -> str:
    """Returns the tables of time and memory."""
    sizes, limit = figures["sizes"], figures["limit_gib"]
    names = list(sizes[0]["memory"])
    lines = [
        "## The loss alone",
        "",
        f"Forward and backward on embeddings of {figures['dim']}, of n images and m = 2·n texts, "
        f"random, margin {MARGIN}. `{BLOCKS}` is `bidirectional_ranking_loss` with "
        f"`block_rows={figures['block_rows']}`, which has the same value and gradient as all at "
        "once. The losses do not do the same work:",
        "",
        *[f"- {name}: {_LOOKS_AT[name]}" for name in names],
        "",
        "sentence-transformers' loss has no place for an image's other text, which it takes for a "
        "negative; pytorch-metric-learning is called as its pages say for two views, with `ref_emb`"
        ", once for each direction.",
    ]
    if figures["missing"]:
        lines += ["", f"Not measured here: {', '.join(figures['missing'])} not installed."]
    heads = ["", *(_batch(size) for size in sizes)]
    lines += ["", "Memory in MiB, the highest beyond the embeddings, each in a process of its own:"]
    memory = [[name, *(_amount(size["memory"][name], limit) for size in sizes)] for name in names]
    lines += ["", tabulate(memory, heads, "github", disable_numparse=True)]
    lines += ["", "Nanoseconds for each of the n·m pairs of an image and a text (the median):"]
    pairs = [
        [name, *(f"{_pair(s, name):,.0f}" if name in s["seconds"] else "—" for s in sizes)]
        for name in names
    ]
    lines += ["", tabulate(pairs, heads, "github", disable_numparse=True)]
    for size in sizes:
        lines += ["", f"{_batch(size)}, in turn:", "", ratio_table(size["seconds"], BLOCKS, "ms")]
    return "\n".join(lines) + "\n"


def losing(figures: dict) -> list[str]:
    """Tells where another loss takes less time or memory, and where time grows faster than n·m."""
    sizes, found = figures["sizes"], []
    for size in sizes:
        for name in size["seconds"]:
            if name in (BLOCKS, ALL_AT_ONCE, MAX_VIOLATION):
                continue
            ours = MAX_VIOLATION if name == VSE else BLOCKS
            times = ratio(size["seconds"], ours, name)
            if times > 1:
                found.append(
                    f"At {_batch(size)}, {ours} takes {times:.2f} times the time of {name} "
                    f"({_LOOKS_AT[name]})."
                )
            if size["memory"][name] < size["memory"][ours]:
                found.append(
                    f"At {_batch(size)}, {ours} takes {size['memory'][ours]:,.0f} MiB, {name} "
                    f"{size['memory'][name]:,.0f} MiB."
                )
    first, last = _pair(sizes[0], BLOCKS), _pair(sizes[-1], BLOCKS)
    if last > _GROWTH * first:
        found.append(
            f"Time grows faster than n·m: {first:.0f} ns a pair at {_batch(sizes[0])}, {last:.0f} "
            f"at {_batch(sizes[-1])}."
        )
    return found


def one_call(name: str, images: int, dim: int, block_rows: int) -> Callable:
    """Returns a call of one loss whose embeddings are in memory."""
    return losses([name], images, dim, block_rows)[name]


def _seconds(names: Sequence[str], images: int, dim: int, block_rows: int, repetitions: int):
    return seconds_in_turn(losses(names, images, dim, block_rows), repetitions)


def _amount(mib: float | None, limit_gib: float) -> str:
    return f"more than {limit_gib:g} GiB" if mib is None else f"{mib:,.0f}"


def _pair(size: dict, name: str) -> float:
    return 1e9 * float(np.median(size["seconds"][name])) / (2 * size["images"] ** 2)


def _batch(size: dict) -> str:
    return f"{size['images']:,} × {2 * size['images']:,}"
