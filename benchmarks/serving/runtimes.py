"""What tb-export writes for other runtimes, beside the SavedModel and TensorFlow.

    tb-export --run=runs/openmoji --format=savedmodel,onnx,litert,openvino
    tb-export --run=runs/openmoji --format=onnx,litert,openvino --weights=int8
    python -m benchmarks.serving.runtimes

Embeds the pictures and texts of the run's test split by each model: how far the embeddings are from
those of the network in TensorFlow, and the recalls. Then all are asked in turns, over and over, in
one process, so that each sees the same machine. Writes runtimes.md and runtimes.json beside this
file.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import app, flags
from tabulate import tabulate

from benchmarks.pages import measured_on, write_figures
from benchmarks.serving.opened_models import SAVED_MODEL, OpenedModel, opened_models
from tb_keras.evaluation import retrieval_metrics
from tb_keras.scripts.exporting.run_encoders import run_encoders
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_data import load_corpus
from tb_keras.serving.runtimes.towers import image_tower, text_tower

_RUN = flags.DEFINE_string("run", "runs/openmoji", "A run with both encoders.")
_MODELS = flags.DEFINE_string("models", "savedmodels/openmoji", "What tb-export wrote of it.")
_SECONDS = flags.DEFINE_float("seconds", 60, "How long all are asked for each number of rows.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_TENSORFLOW = "TensorFlow, float32"
_BATCH = 32
_VIEWS = ("image", "text")


def main(arguments: list[str]) -> None:
    del arguments
    run = Run(_RUN.value)
    corpus = load_corpus(run.settings, "test")
    encoders = run_encoders(run)
    tensorflow = _tensorflow(run, encoders)
    exported = opened_models(Path(_MODELS.value))
    models = {SAVED_MODEL: exported.pop(SAVED_MODEL), _TENSORFLOW: tensorflow, **exported}
    files = [Path(path).read_bytes() for path in corpus.image_paths]
    rows = {"image": _image_rows(encoders[0], files), "text": _text_rows(encoders[1], corpus.texts)}
    raw = {"image": {"image_bytes": np.array(files, object)}}
    raw["text"] = {"text": np.array([text.encode() for text in corpus.texts], object)}
    given = {name: raw if name == SAVED_MODEL else rows for name in models}
    right = {view: _embedded(tensorflow, view, rows[view]) for view in _VIEWS}
    figures = {}
    for name, model in models.items():
        found = {view: _embedded(model, view, given[name][view]) for view in _VIEWS}
        far = max(float(np.abs(found[view] - right[view]).max()) for view in _VIEWS)
        rsum = retrieval_metrics(found["image"], found["text"], corpus.matches)["rsum"]
        figures[name] = {"megabytes": model.megabytes, "difference": far, "rsum": float(rsum)}
        print(name, figures[name], flush=True)
    for view in _VIEWS:
        for batch in (1, _BATCH):
            taken = 1e3 * _measured(models, given, view, batch) / batch
            ratios = np.median(taken / taken[:, [list(models).index(_TENSORFLOW)]], axis=0)
            for i, name in enumerate(models):
                figures[name][f"{view}, {batch}"] = {
                    "processor": float(np.median(taken[:, i, 0])),
                    "ratio": float(ratios[i, 0]),
                    "shortest": float(taken[:, i, 1].min()),
                }
            print(view, batch, len(taken), "turns", flush=True)
    write_figures(Path(_DIRECTORY.value) / "runtimes.json", figures, _page(figures, corpus, run))


def _tensorflow(run: Run, encoders) -> OpenedModel:
    """Returns the network as it stands in memory, from pixels and tokens."""
    kind = run.networks()[0]
    network = run.network(kind, run.best_seed(kind))
    towers = (
        image_tower(encoders[0].get_layer("decode_images"), encoders[0], network.image_branch),
        text_tower(encoders[1].get_layer("tokenize"), encoders[1], network.text_branch),
    )

    def embed(tower):
        call = tf.function(
            lambda rows: tower(rows, training=False)["embedding"], reduce_retracing=True
        )
        names = [tensor.name for tensor in tower.inputs]
        single = len(names) == 1
        return lambda rows: call(rows[names[0]] if single else [rows[n] for n in names]).numpy()

    return OpenedModel(*map(embed, towers), None)


def _image_rows(encoder, files: list[bytes]) -> dict[str, np.ndarray]:
    decode = encoder.get_layer("decode_images")
    blocks = [decode(tf.constant(files[i : i + _BATCH])) for i in range(0, len(files), _BATCH)]
    return {"pixels": np.concatenate(blocks)}


def _text_rows(encoder, texts) -> dict[str, np.ndarray]:
    tokens = encoder.get_layer("tokenize")(tf.constant(list(texts)))
    ids, mask = (tokens[name].numpy().astype("int64") for name in ("token_ids", "padding_mask"))
    return {"input_ids": ids, "attention_mask": mask}


def _embedded(model: OpenedModel, view: str, rows: Mapping[str, np.ndarray]) -> np.ndarray:
    embed = getattr(model, view)
    count = len(next(iter(rows.values())))
    return np.concatenate([embed(_taken(rows, i, _BATCH)) for i in range(0, count, _BATCH)])


def _taken(rows: Mapping[str, np.ndarray], start: int, number: int) -> dict[str, np.ndarray]:
    """Returns some rows, tokens without the columns that are padding in all of them."""
    taken = {name: values[start : start + number] for name, values in rows.items()}
    if "attention_mask" in taken:
        longest = taken["attention_mask"].sum(axis=1).max()
        taken = {name: np.ascontiguousarray(values[:, :longest]) for name, values in taken.items()}
    return taken


def _measured(models: Mapping[str, OpenedModel], given, view: str, batch: int) -> np.ndarray:
    """Returns the seconds of each call, of processors and clock, float64 `(turns, models, 2)`."""
    count = len(next(iter(given[_TENSORFLOW][view].values())))
    asked = {name: getattr(model, view) for name, model in models.items()}
    turns, end, start = [], time.perf_counter() + _SECONDS.value, 0
    while time.perf_counter() < end or len(turns) < 3:
        calls = []
        for name, embed in asked.items():
            rows = _taken(given[name][view], start, batch)
            if not turns:  # the first call of a shape sets things up
                embed(rows)
            started = np.array([time.process_time(), time.perf_counter()])
            embed(rows)
            calls.append([time.process_time(), time.perf_counter()] - started)
        turns.append(calls)
        start = (start + batch) % max(1, count - batch)
    return np.array(turns)


def _page(figures: Mapping[str, dict], corpus, run: Run) -> str:
    columns = [f"{view}, {batch}" for view in _VIEWS for batch in (1, _BATCH)]
    times = [
        [
            name,
            *(f"{row[c]['processor']:.1f} ({row[c]['ratio']:.2f})" for c in columns),
            *(f"{row[c]['shortest']:.1f}" for c in columns),
        ]
        for name, row in figures.items()
    ]
    titles = ["", *(f"{c} a call" for c in columns), *(f"{c}, shortest" for c in columns)]
    costs = [
        [name, f"{row['megabytes']:.0f}", f"{row['difference']:.1e}", f"{row['rsum']:.1f}"]
        for name, row in figures.items()
        if name != _TENSORFLOW
    ]
    heads = ["", "MB on disk", "largest difference", "rsum"]
    return f"""# Other runtimes beside TensorFlow

Written by `python -m benchmarks.serving.runtimes`: the embedding network of `{run.name}` with \
{run.settings["image_encoder"]} and {run.settings["text_encoder"]}. {measured_on()}

Milliseconds of processor time a picture or a text, of all threads together: medians of calls in \
turns, and in brackets the median of their ratios to TensorFlow's in the same turn. Then the \
shortest time by the clock, which other work on the machine makes longer, the more the longer a \
call takes. All take pixels and tokens, but the SavedModel, which takes files (PNG \
of 224 x 224 pixels) and strings, and so decodes and tokenizes, too. OpenVINO computes in float32.

{tabulate(times, titles, "github", disable_numparse=True)}

The largest difference is that of a number of an embedding of unit length from TensorFlow's. rsum \
is of the test split, {corpus.num_images} pictures and {corpus.num_texts} texts; TensorFlow's is \
{figures[_TENSORFLOW]["rsum"]:.1f}.

{tabulate(costs, heads, "github", disable_numparse=True)}
"""


if __name__ == "__main__":
    app.run(main)
