"""Evaluation: ranks in both directions beside the bare product, an argsort loop, torch's top k."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.pages import process_memory
from benchmarks.peers.in_turn import in_process, ratio, ratio_table, seconds_in_turn
from benchmarks.peers.kept_figures import KeptFigures
from tb_keras.corpus.matches import Matches
from tb_keras.evaluation import retrieval_metrics

# Images with five texts each, and of how many of them the peers get the queries.
FULL = {"sizes": [[1000, 1000], [5000, 500], [25000, 200]], "dim": 512}
SMALL = {"sizes": [[300, 60]], "dim": 64}
TEXTS = 5  # of each image
KS = (1, 5, 10)
OURS, BARE = "retrieval_metrics", "bare product"
ARGSORT, TOP_K = "argsort of each query", "torch.topk"
TIME_GOAL, MEMORY_GOAL = 1.5, 1024  # times the bare product; MiB

_BLOCK = (2048, 8192)  # of the bare product: 64 MiB of scores


def measure(
    file: Path, repetitions: int, sizes: Sequence[tuple[int, int]], dim: int
) -> dict[str, list | int]:
    """Times each method in turn at every size, and its memory in a process of its own.

    Args:
        file: beside which the figures of each size are kept as they come.
        repetitions: how many rounds.
        sizes: numbers of images, and of those of them whose queries the peers get; their seconds
            are scaled up to all queries.
        dim: size of the embeddings.
    """
    kept = KeptFigures(file, {"dim": dim, "repetitions": repetitions})
    figures = [
        kept.of(
            f"{images:,} images, {sampled:,} sampled", _measured, images, sampled, dim, repetitions
        )
        for images, sampled in sizes
    ]
    kept.finished()
    return {"dim": dim, "sizes": figures}


def section(figures: dict) -> str:
    """Returns the part's Markdown."""
    parts = [
        f"## Evaluation\n\nRecall@k, median and mean rank of all queries in both directions, of "
        f"unit embeddings of {figures['dim']}, {TEXTS} texts an image. *{BARE}* multiplies all "
        "images with all texts in blocks of 64 MiB and looks at nothing; it is done once, as one "
        f"product serves both directions. *{ARGSORT}* is the usual research code, one query after "
        f"another; *{TOP_K}* takes the best {KS[-1]} of blocks of queries, which gives recalls but "
        "no ranks, and needs a product for each direction. Memory is the highest of a process of "
        f"its own beyond the embeddings. Goals: at most {TIME_GOAL} times the bare product, and "
        "less than 1 GiB."
    ]
    for size in figures["sizes"]:
        images, sampled = size["images"], size["sampled"]
        memory = ", ".join(f"{name} {mib:.0f} MiB" for name, mib in size["memory"].items())
        told = f"Memory: {memory}."
        if sampled < images:
            told += (
                f" The peers got the queries of {sampled:,} images and of their texts, against all "
                f"candidates; their seconds are {images / sampled:.3g} times what was measured."
            )
        heading = f"### {images:,} images × {TEXTS * images:,} texts"
        parts += [heading, ratio_table(size["seconds"], BARE), told]
    if any(TOP_K not in size["seconds"] for size in figures["sizes"]):
        parts.append(f"Not measured here: {TOP_K} (torch is not installed).")
    return "\n\n".join(parts)


def losing(figures: dict) -> list[str]:
    """Returns a sentence for each goal that is missed and each peer that is faster."""
    lost = []
    for size in figures["sizes"]:
        where = f"At {size['images']:,} × {TEXTS * size['images']:,}, {OURS} takes"
        times, memory = ratio(size["seconds"], OURS, BARE), size["memory"][OURS]
        if times > TIME_GOAL:
            lost.append(f"{where} {times:.2f} times the bare product; the goal was {TIME_GOAL}.")
        if memory >= MEMORY_GOAL:
            lost.append(f"{where} {memory:.0f} MiB; the goal was less than {MEMORY_GOAL}.")
        for peer in size["seconds"].keys() - {OURS, BARE}:
            times = ratio(size["seconds"], OURS, peer)
            if times > 1:
                lost.append(f"{where} {times:.2f} times the seconds of {peer}.")
    return lost


def methods(images: int, sampled: int, dim: int) -> dict[str, Callable[[], dict[str, float]]]:
    """Returns what is measured, by name, on embeddings of its own.

    Args:
        images: how many, with `TEXTS` texts each.
        sampled: the peers get the queries of the first so many images and of their texts.
        dim: size of the embeddings.

    Returns:
        Functions that return recalls in percent, such as `i2t_recall@1`; the product's nothing.
    """
    rng = np.random.default_rng(0)
    image_embeddings = _unit_rows(rng.standard_normal((images, dim), np.float32))
    noise = rng.standard_normal((TEXTS * images, dim), np.float32)
    # Such that some queries find their match and some do not.
    noise += 4 * np.repeat(image_embeddings, TEXTS, axis=0)
    text_embeddings = _unit_rows(noise)
    del noise
    arrays = image_embeddings, text_embeddings
    matches = Matches.of(np.arange(TEXTS * images) // TEXTS)
    found = {
        OURS: lambda: retrieval_metrics(*arrays, matches, KS),
        BARE: lambda: _bare_product(*arrays),
        ARGSORT: lambda: _argsort_loop(*arrays, sampled),
    }
    if importlib.util.find_spec("torch"):
        found[TOP_K] = lambda: _torch_top_k(*arrays, sampled)
    return found


def _measured(images: int, sampled: int, dim: int, repetitions: int) -> dict:
    calls = methods(images, sampled, dim)
    # First, while this process is still small: those of the memory take turns with it.
    memory = {name: in_process(_peak, name, images, sampled, dim) for name in calls}
    seconds = seconds_in_turn(calls, repetitions)
    scale = {name: images / sampled if name in (ARGSORT, TOP_K) else 1 for name in calls}
    return {
        "images": images,
        "sampled": sampled,
        "seconds": {name: [scale[name] * s for s in taken] for name, taken in seconds.items()},
        "memory": memory,
    }


def _peak(name: str, images: int, sampled: int, dim: int) -> float:
    """The highest memory of a method beyond the embeddings, in MiB."""
    method = methods(images, sampled, dim)[name]
    if name == TOP_K:
        import torch  # noqa: F401  (its own memory is no part of a method's)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = process_memory("VmRSS")
    method()
    return round(process_memory("VmHWM") - before, 1)


def _bare_product(images: np.ndarray, texts: np.ndarray) -> dict[str, float]:
    rows, columns = _BLOCK
    memory = np.empty(min(rows, len(images)) * min(columns, len(texts)), np.float32)
    for row in range(0, len(images), rows):
        left = images[row : row + rows]
        for column in range(0, len(texts), columns):
            right = texts[column : column + columns].T
            block = memory[: len(left) * right.shape[1]].reshape(len(left), -1)
            np.matmul(left, right, out=block)
    return {}


def _argsort_loop(images: np.ndarray, texts: np.ndarray, sampled: int) -> dict[str, float]:
    """Sorts all candidates of one query after another, and looks up where the matches stand."""
    image_ranks = np.zeros(sampled)
    text_ranks = np.zeros((sampled, TEXTS))
    for image in range(sampled):
        order = np.argsort(images[image] @ texts.T)[::-1]
        own = range(TEXTS * image, TEXTS * (image + 1))
        image_ranks[image] = min(np.where(order == text)[0][0] for text in own)
        scores = texts[own.start : own.stop] @ images.T
        for place in range(TEXTS):
            order = np.argsort(scores[place])[::-1]
            text_ranks[image, place] = np.where(order == image)[0][0]
    return {
        f"{direction}_recall@{k}": 100 * float(np.mean(ranks < k))
        for direction, ranks in (("i2t", image_ranks), ("t2i", text_ranks))
        for k in KS
    }


def _torch_top_k(images: np.ndarray, texts: np.ndarray, sampled: int) -> dict[str, float]:
    import torch

    torch.set_num_threads(2)
    views = torch.from_numpy(images), torch.from_numpy(texts)
    image_of = torch.arange(len(images)), torch.arange(len(texts)) // TEXTS
    recalls = {}
    with torch.inference_mode():
        for direction, (queries, candidates), (of_query, of_candidate), count in (
            ("i2t", views, image_of, sampled),
            ("t2i", views[::-1], image_of[::-1], TEXTS * sampled),
        ):
            hits = np.zeros(len(KS))
            step = max(1, _BLOCK[0] * _BLOCK[1] // len(candidates))
            for start in range(0, count, step):
                rows = slice(start, min(start + step, count))
                best = (queries[rows] @ candidates.T).topk(KS[-1]).indices
                hit = of_candidate[best] == of_query[rows, None]
                hits += [hit[:, :k].any(dim=1).sum().item() for k in KS]
            for k, share in zip(KS, hits / count):
                recalls[f"{direction}_recall@{k}"] = 100 * float(share)
    return recalls


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
