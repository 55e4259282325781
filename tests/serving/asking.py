"""Asks an exported model in a process that knows neither tb_keras nor keras-hub."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import tb_keras

SIZES = (1, 2, 7)

# Asks every signature in batches of each size, and writes the answers to a file.
CLIENT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tb_keras", "keras_hub"):
            raise ImportError(name + " must not be needed")

sys.meta_path.insert(0, Blocked())
sys.path[:] = [path for path in sys.path if path != sys.argv[4]]
for name in ("tb_keras", "keras_hub"):
    try:
        __import__(name)
    except ImportError:
        pass
    else:
        raise SystemExit(name + " could be imported")

import numpy as np
import tensorflow as tf
import tensorflow_text

signatures = tf.saved_model.load(sys.argv[1]).signatures
asked = np.load(sys.argv[2], allow_pickle=True).item()
answers = {}
for name, inputs in asked.items():
    for size in (1, 2, 7):
        parts = []
        for start in range(0, len(next(iter(inputs.values()))), size):
            batch = {k: tf.constant(v[start : start + size]) for k, v in inputs.items()}
            (output,) = signatures[name](**batch).values()
            parts.append(output.numpy())
        answers[f"{name}/{size}"] = np.concatenate(parts)
np.savez(sys.argv[3], **answers)
"""


def ask(model, asked, directory):
    """The answers of another process, `signature/batch size` → array."""
    directory.mkdir()
    np.save(directory / "asked.npy", asked, allow_pickle=True)
    repository = str(pathlib.Path(tb_keras.__file__).parents[1])
    files = [str(model), str(directory / "asked.npy"), str(directory / "answers.npz")]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, "-c", CLIENT, *files, repository],
        check=True,
        cwd=directory,
        env=environment,
    )
    return np.load(directory / "answers.npz")


def described(version):
    """Of each signature: name, shape and dtype of its inputs and of its outputs."""
    graph = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    (graph,) = graph.meta_graphs
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
