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
sys.path[:] = [path for path in sys.path if path != sys.argv[1]]
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

for model, questions, file in zip(*[iter(sys.argv[2:])] * 3):
    signatures = tf.saved_model.load(model).signatures
    asked = np.load(questions, allow_pickle=True).item()
    answers = {}
    for name, inputs in asked.items():
        for size in (1, 2, 7):
            parts = []
            for start in range(0, len(next(iter(inputs.values()))), size):
                batch = {k: tf.constant(v[start : start + size]) for k, v in inputs.items()}
                (output,) = signatures[name](**batch).values()
                parts.append(output.numpy())
            answers[f"{name}/{size}"] = np.concatenate(parts)
    np.savez(file, **answers)
"""


def ask(model, asked, directory):
    """The answers of another process, `signature/batch size` → array."""
    return ask_all({"model": (model, asked)}, directory)["model"]


def ask_all(models, directory):
    """The answers of several models, each with what it is asked, from one other process."""
    directory.mkdir()
    files = []
    for name, (model, asked) in models.items():
        np.save(directory / f"{name}.npy", asked, allow_pickle=True)
        files += [str(model), str(directory / f"{name}.npy"), str(directory / f"{name}.npz")]
    repository = str(pathlib.Path(tb_keras.__file__).parents[1])
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, "-c", CLIENT, repository, *files],
        check=True,
        cwd=directory,
        env=environment,
    )
    return {name: np.load(directory / f"{name}.npz") for name in models}


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
