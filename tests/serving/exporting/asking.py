"""Asks an exported model in a process of TensorFlow and the op libraries of tensorflow-text alone.

Neither tb_keras nor keras-hub nor Keras can be imported there, nor the Python part of
tensorflow-text, which needs Keras. The process starts at the first question and waits for more.
"""

import atexit
import contextlib
import functools
import itertools
import os
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

SIZES = (1, 2, 7)

# Reads a model's path and requests to it, writes the answers to each, and so on.
CLIENT = """
import os
import pickle
import sys
import traceback

forbidden = ("tb_keras", "keras_hub", "keras", "tf_keras", "tensorflow_text")
for name in forbidden:
    sys.modules[name] = None  # an import of it fails

import tensorflow as tf

for library in sys.argv[1:]:
    tf.load_op_library(library)

def answers_of(model, requests):
    signatures = tf.saved_model.load(model).signatures
    answers = []
    for name, inputs in requests:
        found = signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        answers.append({key: tensor.numpy() for key, tensor in found.items()})
    found = [name for name in sys.modules if name.split(".")[0] in forbidden]
    assert not any(sys.modules[name] for name in found), f"imported: {found}"
    return answers

answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # what is printed is no answer
while True:
    try:
        question = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    try:
        answer = answers_of(*question)
    except Exception:
        answer = traceback.format_exc()
    pickle.dump(answer, answers)
    answers.flush()
"""


@functools.cache
def _client():
    process = subprocess.Popen(
        [sys.executable, "-c", CLIENT, *op_libraries()],
        cwd=os.path.sep,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    atexit.register(process.communicate)
    return process


def answers_of(version, requests):
    """Returns the other process's answers to requests, each a signature's name and its inputs."""
    client = _client()
    pickle.dump((str(version), requests), client.stdin)
    client.stdin.flush()
    answers = pickle.load(client.stdout)
    assert isinstance(answers, list), answers
    return answers


def ask(version, asked):
    """Returns the other process's answers in batches of each size, "signature/batch size" → array.

    A signature with several outputs has the labels "signature/batch size/output".
    """
    batches = [
        (name, size, {key: value[start : start + size] for key, value in inputs.items()})
        for name, inputs in asked.items()
        for size in SIZES
        for start in range(0, len(next(iter(inputs.values()))), size)
    ]
    parts = {}
    answers = answers_of(version, [(name, inputs) for name, _, inputs in batches])
    for (name, size, _), outputs in zip(batches, answers, strict=True):
        for key, array in outputs.items():
            label = f"{name}/{size}" if len(outputs) == 1 else f"{name}/{size}/{key}"
            parts.setdefault(label, []).append(array)
    found = {label: _joined(arrays) for label, arrays in parts.items()}
    _require_the_same_in_every_batch(found)
    return found


def _joined(parts):
    parts = [part.astype(bytes) if part.dtype == object else part for part in parts]
    # An answer may be as wide as its batch needs; what is beyond is empty.
    width = max(part.shape[1:] for part in parts)
    if len(width) == 1:
        padding = [[(0, 0), (0, width[0] - part.shape[1])] for part in parts]
        empty = parts[0].dtype.type()
        parts = [np.pad(p, around, constant_values=empty) for p, around in zip(parts, padding)]
    return np.concatenate(parts)


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
    """Returns the inputs and outputs of each signature: shape and dtype by name."""
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
