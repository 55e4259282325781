"""Settings measured in turn over several seeds, kept as they come, and shown as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from tb_keras.storage.atomic_file import written_beside


def measured_in_turn(
    file: Path,
    settings: Mapping[str, dict],
    seeds: int,
    measure: Callable[[dict, int], Mapping[str, float]],
) -> dict[str, dict]:
    """Measures every setting with every seed, in turn, so that all see the same machine.

    Args:
        file: JSON in which the figures are kept; what is in it is not measured again.
        settings: by name.
        seeds: how many.
        measure: from a setting and a seed to its figures.

    Returns:
        The figures by "NAME, seed N".
    """
    measured = json.loads(file.read_text()) if file.exists() else {}
    for seed in range(seeds):
        for name, changes in settings.items():
            key = f"{name}, seed {seed}"
            if key in measured:
                continue
            figures = measure(changes, seed)
            measured[key] = {figure: round(value, 3) for figure, value in figures.items()}
            with written_beside(file) as beside:
                beside.write_text(json.dumps(measured, indent=1) + "\n")
            print(f"{key}: {measured[key]}", flush=True)
    return measured


def ablation_table(
    measured: Mapping[str, dict],
    settings: Mapping[str, dict],
    seeds: int,
    columns: Sequence[str] | Mapping[str, str],
    paired: str | None = None,
) -> str:
    """Returns a Markdown table of mean ± standard deviation over the seeds, if there are several.

    Args:
        measured: as `measured_in_turn` returns it.
        settings: the rows.
        seeds: how many.
        columns: the figures, or from these to their headings.
        paired: a figure; one more column has its mean difference from the first row, seed by seed,
            ± the standard error of that mean, if there are several.
    """
    table, first = [], [measured[f"{next(iter(settings))}, seed {seed}"] for seed in range(seeds)]
    for name in settings:
        rows = [measured[f"{name}, seed {seed}"] for seed in range(seeds)]
        cells = [_mean([row[column] for row in rows]) for column in columns]
        if paired:
            gains = [row[paired] - base[paired] for row, base in zip(rows, first)]
            error = f" ± {np.std(gains, ddof=1) / np.sqrt(seeds):.1f}" if seeds > 1 else ""
            cells.append(f"{np.mean(gains):+.1f}{error}")
        table.append([name, *cells])
    shown = columns.values() if isinstance(columns, Mapping) else columns
    headers = ["", *shown, *([f"{paired} - first"] if paired else [])]
    return tabulate(table, headers, "github", disable_numparse=True) + "\n"


def over_seeds(seeds: int) -> str:
    """Returns what the figures of `ablation_table` are."""
    return "one seed" if seeds == 1 else f"mean ± standard deviation over {seeds} seeds"


def _mean(values: Sequence[float]) -> str:
    mean = f"{np.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.1f}"
