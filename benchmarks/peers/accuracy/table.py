"""The tables of accuracy: mean ± standard deviation over the seeds, the best in bold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from tabulate import tabulate

_RECALLS = {"i2t_recall@1": "image to text R@1", "t2i_recall@1": "text to image R@1"}
_COLUMNS = {**_RECALLS, "rsum": "rsum", "seconds": "seconds"}


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Returns the mean and the standard deviation (n − 1 in its denominator; of one value 0)."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def behind(values: Sequence[float], others: Sequence[float]) -> float:
    """Returns by how many standard deviations the mean of `values` is below that of `others`.

    The deviation is the larger one: a baseline in closed form has none. Negative where it is above.
    """
    (mean, deviation), (other, other_deviation) = map(mean_and_deviation, (values, others))
    spread = max(deviation, other_deviation)
    difference = other - mean
    if not spread:
        return float(np.sign(difference)) * np.inf if difference else 0.0
    return float(difference / spread)


def better_than(
    methods: Mapping[str, dict], name: str, peers: Sequence[str], figure: str = "rsum"
) -> dict[str, str]:
    """Returns, of `peers`, those better than `name` by more than a deviation, with both figures."""
    own = methods[name]["figures"][figure]
    found = {}
    for peer in peers:
        others = methods[peer]["figures"][figure]
        if behind(own, others) > 1:
            found[peer] = f"{np.mean(others):.1f} against {np.mean(own):.1f}"
    return found


def accuracy_section(figures: dict, order: Sequence[str], default: str) -> str:
    """Returns the section on accuracy.

    Args:
        figures: as `benchmarks.peers.parts.accuracy.measure` returns them.
        order: of the methods.
        default: the method of the package's default.
    """
    paragraphs = [
        "## Accuracy",
        "The same features and splits for every method, and the same number of epochs at the most. "
        f"A network is trained by one thread, for {figures['seconds']:g} seconds at the most, and "
        "the weights of its best epoch by rsum on the validation split are taken, of one that "
        "starts from canonical correlation analysis those of its last. Tuned settings are the best "
        f"by rsum on the validation split of {figures['trials']} trials: one with the settings to "
        "start from, the others drawn at random, epochs (all or half; from canonical correlation "
        "analysis at most twice the default's), learning rate, sizes, dropout and noise from the "
        "same space for all, and what belongs to the loss. The tables "
        "show the test split, looked at when all tuning was done: mean ± standard deviation over "
        f"{figures['seeds']} seeds (baselines in closed form have none), in percent. Seeds do not "
        "tell what other test pictures would change: the column beyond the default does, the "
        "difference in rsum ± its standard error over these (paired bootstrap).",
        "Max-violation loss, InfoNCE and sigmoid loss are trained with this package and start from "
        "what its default starts from. The networks of PyTorch's packages have the same layers, "
        "batches, optimizer and learning rates, and start from random weights, as does the row of "
        "this package that says so; multiple negatives ranking knows pairs, and takes one text of "
        "each image in the batch. Baselines in closed form choose their regularisation on the "
        "validation split by themselves; the default starts from CCA by a kernel, in all languages "
        "from linear CCA, with fixed regularisation, or from linear CCA with a stronger one where "
        "that is better on the validation split. Seconds are those of a training while all "
        "cores trained, for their cost; for speed see the other parts. Trial: the one chosen.",
    ]
    for method, modules in figures["not_installed"].items():
        paragraphs.append(f"Not measured here: {method} ({', '.join(modules)} not installed).")
    for corpus in figures["absent_corpora"]:
        paragraphs.append(f"Not measured here: {corpus} (TB_KERAS_FLUENT_EMOJI names no file).")
    for corpus, table in figures["corpora"].items():
        paragraphs.append(_corpus_paragraph(corpus, table, order, default))
    return "\n\n".join(paragraphs) + "\n"


def _corpus_paragraph(corpus: str, table: dict, order: Sequence[str], default: str) -> str:
    methods = {name: table["methods"][name] for name in order if name in table["methods"]}
    sizes = ", ".join(f"{split} {n} × {m}" for split, (n, m) in table["sizes"].items())
    titles = [*_COLUMNS.values(), "beyond the default", "trial"]
    rows = []
    means = {
        column: {name: np.mean(row["figures"][column]) for name, row in methods.items()}
        for column in _COLUMNS
    }
    for name, row in methods.items():
        cells = []
        for column in _COLUMNS:
            cell = _cell(row["figures"][column])
            best = column != "seconds" and means[column][name] == max(means[column].values())
            cells.append(f"**{cell}**" if best else cell)
        trial = "" if row["trial"] is None else row["trial"]
        beyond = "" if name == default else _difference(*row["beyond_default"])
        rows.append([name, *cells, beyond, trial])
    best = max(means["rsum"], key=means["rsum"].get)
    gap = behind(methods[default]["figures"]["rsum"], methods[best]["figures"]["rsum"])
    within = "yes" if gap <= 1 else f"no, {gap:.1f} deviations behind"
    ended = [name for name, row in methods.items() if any(row["figures"]["ended"])]
    told = f"The default within one standard deviation of the best by rsum ({best}): {within}."
    if best != default:
        told += f" The best is {_difference(*methods[best]['beyond_default'])} beyond the default."
    if ended:
        told += f" Ended by the seconds, before their last epoch: {'; '.join(ended)}."
    told += "".join(_elsewhere(methods, default))
    epochs = f"{table['epochs']} epoch{'s' if table['epochs'] > 1 else ''}"
    heading = f"### {corpus}\n\nImages × texts: {sizes}; {epochs}."
    table = tabulate(rows, ["", *titles], "github", disable_numparse=True)
    return f"{heading}\n\n{table}\n\n{told}"


def _elsewhere(methods: Mapping[str, dict], default: str) -> Iterator[str]:
    """A sentence for each machine that is not the default's: a run may be ended and go on."""
    machines = {machine for row in methods.values() for machine in row["machines"]}
    for machine in sorted(machines.difference(methods[default]["machines"])):
        names = [name for name, row in methods.items() if machine in row["machines"]]
        yield f" Trained on another machine ({machine}), seconds too: {'; '.join(names)}."


def _difference(difference: float, error: float | None) -> str:
    difference = round(difference, 1) + 0.0  # no negative zero
    return f"{difference:+.1f}" if error is None else f"{difference:+.1f} ± {error:.1f}"


def _cell(values: Sequence[float]) -> str:
    mean, deviation = mean_and_deviation(values)
    return f"{mean:.1f} ± {deviation:.1f}" if len(values) > 1 else f"{mean:.1f}"
