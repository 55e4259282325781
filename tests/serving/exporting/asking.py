"""Asks an exported model in a process of TensorFlow and the op libraries of tensorflow-text alone.

Neither tb_keras nor keras-hub nor Keras can be imported there, nor the Python part of
tensorflow-text, which needs Keras.
"""

import contextlib
import itertools
import os
import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

SIZES = (1, 2, 7)

# Asks every signature in batches of each size, and writes the answers to a file.
CLIENT = """
import sys

for name in ("tb_keras", "keras_hub", "keras", "tf_keras", "tensorflow_text"):
    sys.modules[name] = None  # an import of it fails

import numpy as np
import tensorflow as tf

sizes, models = sys.argv[1].split(","), int(sys.argv[2])
for library in sys.argv[3 + 3 * models :]:
    tf.load_op_library(library)

def joined(parts):
    # An answer may be as wide as its batch needs; what is beyond is empty.
    width = max(part.shape[1:] for part in parts)
    if len(width) == 1:
        padding = [[(0, 0), (0, width[0] - part.shape[1])] for part in parts]
        empty = parts[0].dtype.type()
        parts = [np.pad(p, around, constant_values=empty) for p, around in zip(parts, padding)]
    return np.concatenate(parts)

def plain(array):
    return array.astype(bytes) if array.dtype == object else array

for model, questions, file in zip(*[iter(sys.argv[3 : 3 + 3 * models])] * 3):
    signatures = tf.saved_model.load(model).signatures
    asked = np.load(questions, allow_pickle=True).item()
    answers = {}
    for name, inputs in asked.items():
        for size in map(int, sizes):
            parts = {}
            for start in range(0, len(next(iter(inputs.values()))), size):
                batch = {k: tf.constant(v[start : start + size]) for k, v in inputs.items()}
                for key, output in signatures[name](**batch).items():
                    parts.setdefault(key, []).append(plain(output.numpy()))
            for key, arrays in parts.items():
                label = f"{name}/{size}" if len(parts) == 1 else f"{name}/{size}/{key}"
                answers[label] = joined(arrays)
    np.savez(file, **answers)

found = [name for name in sys.modules if name.split(".")[0] in ("keras", "tensorflow_text")]
if any(sys.modules[name] for name in found):
    raise SystemExit(f"imported: {found}")
"""


def ask(model, asked, directory):
    """The answers of another process: "signature/batch size" → array.

    Of a signature with several outputs: "signature/batch size/output".
    """
    return ask_all({"model": (model, asked)}, directory)["model"]


def ask_all(models, directory):
    """The answers of several models, each with what it is asked, from one other process."""
    directory.mkdir()
    files = []
    for name, (model, asked) in models.items():
        np.save(directory / f"{name}.npy", asked, allow_pickle=True)
        files += [str(model), str(directory / f"{name}.npy"), str(directory / f"{name}.npz")]
    sizes = ",".join(map(str, SIZES))
    subprocess.run(
        [sys.executable, "-c", CLIENT, sizes, str(len(models)), *files, *op_libraries()],
        check=True,
        cwd=directory,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    answers = {name: dict(np.load(directory / f"{name}.npz")) for name in models}
    for of_model in answers.values():
        _require_the_same_in_every_batch(of_model)
    return answers


def op_libraries():
    """The op libraries of the installed tensorflow-text: what a server links."""
    package = pathlib.Path(tf.__file__).parents[1] / "tensorflow_text"
    libraries = sorted(map(str, package.glob("python/*/*.so")))
    assert libraries
    return libraries


@contextlib.contextmanager
def moved_away(*paths):
    """Files and directories that are elsewhere while the context lasts."""
    elsewhere = [(path, path.with_name(path.name + ".moved-away")) for path in paths]
    for path, other in elsewhere:
        path.rename(other)
    try:
        yield
    finally:
        for path, other in elsewhere:
            other.rename(path)


def _require_the_same_in_every_batch(answers):
    """A server joins requests: the size of the batch must not change an answer."""
    labels = {tuple(label.split("/")[::2]) for label in answers}
    for name, *key in labels:
        of_sizes = [answers["/".join([name, str(size), *key])] for size in SIZES]
        for one, other in itertools.combinations(of_sizes, 2):
            if one.dtype.kind == "f":
                np.testing.assert_allclose(one, other, atol=1e-5, err_msg=name)
            else:
                np.testing.assert_array_equal(one, other, err_msg=name)


def described(version):
    """Of each signature: name, shape and dtype of its inputs and of its outputs."""
    graph = meta_graph(version)
    return {
        name: tuple(
            {
                key: ([d.size for d in info.tensor_shape.dim], tf.as_dtype(info.dtype).name)
                for key, info in tensors.items()
            }
            for tensors in (signature.inputs, signature.outputs)
        )
        for name, signature in graph.signature_def.items()
        if not name.startswith("__")
    }


def meta_graph(version):
    """The one MetaGraphDef of an export."""
    content = (version / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    return graph
