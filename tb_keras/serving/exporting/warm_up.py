"""Requests that a server runs when it loads a model, so that no client waits for the first one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tb_keras.storage.atomic_file import written_beside

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

WARM_UP_FILE = "assets.extra/tf_serving_warmup_requests"
BATCH_SIZES = (1, 8, 32)  # among the `allowed_batch_sizes` of savedmodels/batching_parameters.txt
_HEIGHT, _WIDTH = 48, 64  # of the pictures
_REGIONS = 4  # boxes a picture
_RESULTS = 10  # k of a search
_TEXTS = (
    "a dog",
    "a brown dog runs after a red ball on a wide and sunny beach while two children in swimsuits "
    "watch it from under a striped parasol and a boat passes far behind them",
)


def write_warm_up(
    version_directory: str | os.PathLike, batch_sizes: Sequence[int] = BATCH_SIZES
) -> int:
    """Writes `assets.extra/tf_serving_warmup_requests` into an export: requests to every signature.

    TensorFlow Serving runs them before it calls the version available. The first request to a
    signature prepares its part of the graph, and the first of a size its kernels (oneDNN), which
    takes many times what a request takes later. There is a request of each size to each signature,
    and of size 1 one more, with a JPEG after a PNG and a long text after a short one.

    The model itself is not loaded: the inputs follow from the signatures' names, shapes and types.
    A server does not load a version of whose requests one fails. With `--enable_batching` that is
    so if its `max_batch_size` is less than the largest of `batch_sizes`.

    Format: TFRecords of `tensorflow.serving.PredictionLog`
    (https://www.tensorflow.org/tfx/serving/saved_model_warmup).

    Args:
        version_directory: one version of an exported model, `MODEL/VERSION`.
        batch_sizes: rows a request, positive.

    Returns:
        How many requests were written; a server takes at most 1,000.

    Raises:
        FileNotFoundError: if there is no SavedModel in `version_directory`.
        ImportError: if tensorflow-serving-api is not installed.
        ValueError: if `batch_sizes` hold no positive ints, or a signature takes an input for which
            no example is known.
    """
    if not batch_sizes or any(size < 1 for size in batch_sizes):
        raise ValueError(f"`batch_sizes` must be positive ints. Received: {batch_sizes!r}")
    directory = Path(version_directory)
    if not (directory / "saved_model.pb").is_file():
        raise FileNotFoundError(
            "`version_directory` must hold an exported model (tb-export). "
            f"Received: {str(version_directory)!r}"
        )
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError as error:
        raise ImportError(
            'A warm-up needs tensorflow-serving-api: pip install "tb_keras[serving]"'
        ) from error
    import tensorflow as tf

    batches = [range(size) for size in batch_sizes]
    batches += [range(1, 2)] * (1 in batch_sizes)
    requests = []
    for name, signature in sorted(_signatures(directory).items()):
        for rows in batches:
            request = predict_pb2.PredictRequest()
            # A server goes by the signature; the model's name is for its metrics.
            request.model_spec.name = directory.absolute().parent.name
            request.model_spec.signature_name = name
            for key, info in signature.inputs.items():
                values = _example(name, key, info)
                values = values[np.array(rows) % len(values)]
                request.inputs[key].CopyFrom(tf.make_tensor_proto(values, info.dtype))
            requests.append(request)
    with (
        written_beside(directory / WARM_UP_FILE) as beside,
        tf.io.TFRecordWriter(str(beside)) as writer,
    ):
        for request in requests:
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())
    return len(requests)


def _signatures(directory: Path) -> dict[str, SignatureDef]:
    from tensorflow.core.protobuf import saved_model_pb2

    content = (directory / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    # "__saved_model_init_op" takes no request.
    return {name: s for name, s in graph.signature_def.items() if not name.startswith("__")}


def _example(signature: str, key: str, info: TensorInfo) -> np.ndarray:
    """Two rows for an input, that differ."""
    import tensorflow as tf

    dtype, shape = tf.as_dtype(info.dtype), [dim.size for dim in info.tensor_shape.dim]
    if dtype == tf.string and key == "image_bytes":
        return _pictures()
    if dtype == tf.string and key == "text":
        return np.array([text.encode() for text in _TEXTS], object)
    if key == "boxes":
        return _boxes()
    if key == "k":
        return np.full(2, _RESULTS, dtype.as_numpy_dtype)
    if dtype.is_floating and len(shape) == 2 and shape[1] > 0:
        vectors = np.random.default_rng(list(key.encode())).normal(size=(2, shape[1]))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors.astype(dtype.as_numpy_dtype)
    if dtype.is_integer and len(shape) == 2 and shape[1] > 0:
        # Word indices: some of the word 1, which every vocabulary has, then padding.
        lengths = np.array([[-(-shape[1] // 4)], [shape[1]]])
        return (np.arange(shape[1]) < lengths).astype(dtype.as_numpy_dtype)
    raise ValueError(
        "`version_directory` must hold a model whose signatures take images, texts, features, "
        f"embeddings, boxes or k. Received: {signature!r} takes {key!r}, {dtype.name} {shape}"
    )


def _pictures() -> np.ndarray:
    import tensorflow as tf

    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH] * 4
    png = np.stack([x, y, 255 - x], axis=-1).astype(np.uint8)
    jpeg = np.stack([y, 255 - y, (x + y) // 2], axis=-1).astype(np.uint8)
    return np.array(
        [tf.io.encode_png(png).numpy(), tf.io.encode_jpeg(jpeg, quality=90).numpy()], object
    )


def _boxes() -> np.ndarray:
    """Within the pictures, float32 `(2, _REGIONS, 4)`."""
    corners = np.random.default_rng(0).uniform(0.05, 0.45, (2, _REGIONS, 2, 2))
    corners[:, :, 1] += 0.5
    return (corners * [_WIDTH, _HEIGHT]).reshape(2, _REGIONS, 4).astype(np.float32)
