"""Requests that a server runs when it loads a model, so that its first client need not wait."""

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
_BOXES = 4  # a picture
_K = 10  # answers of a search
_TEXTS = (
    "a dog",
    "a brown dog runs after a red ball on a wide and sunny beach while two children in swimsuits "
    "watch it from under a striped parasol and a boat passes far behind them",
)


def write_warm_up(
    version_directory: str | os.PathLike, batch_sizes: Sequence[int] = BATCH_SIZES
) -> int:
    """Writes warm-up requests into an export, `assets.extra/tf_serving_warmup_requests`.

    TensorFlow Serving runs them before it makes the version available. The first request to a
    signature prepares its part of the graph, and the first of each size its kernels (oneDNN); both
    take many times what later requests take. The file has one request of each size for each
    signature. Size 1 has a second request, with a JPEG instead of a PNG and with a long text.

    The model is not loaded: the inputs follow from the signatures' names, shapes and types. A
    server refuses to load a version if one of its requests fails. With `--enable_batching`, a
    request of more rows than its `max_batch_size` fails.

    Args:
        version_directory: one version of an exported model, `MODEL/VERSION`.
        batch_sizes: sizes of the requests in rows, positive.

    Returns:
        The number of requests written; a server takes at most 1,000.

    Raises:
        FileNotFoundError: if there is no SavedModel in `version_directory`.
        ImportError: if tensorflow-serving-api is not installed.
        ValueError: if `batch_sizes` are not positive ints, or a signature takes an input for which
            no example is known.

    Reference:
        https://www.tensorflow.org/tfx/serving/saved_model_warmup: TFRecords of
        `tensorflow.serving.PredictionLog`.
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
            # A server goes by the signature, and takes the model's name for its metrics.
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
    """Returns two rows for an input, which differ."""
    import tensorflow as tf

    dtype, shape = tf.as_dtype(info.dtype), [dim.size for dim in info.tensor_shape.dim]
    if dtype == tf.string and key == "image_bytes":
        return _pictures()
    if dtype == tf.string and key == "text":
        return np.array([text.encode() for text in _TEXTS], object)
    if key == "boxes":
        return _boxes()
    if key == "k":
        return np.full(2, _K, dtype.as_numpy_dtype)
    if dtype.is_floating and len(shape) == 2 and shape[1] > 0:
        vectors = np.random.default_rng(list(key.encode())).normal(size=(2, shape[1]))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors.astype(dtype.as_numpy_dtype)
    if dtype.is_integer and len(shape) == 2 and shape[1] > 0:
        # Word indices: the word 1, which every vocabulary has, several times, then padding.
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
    """Returns boxes within the pictures, float32 `(2, _BOXES, 4)`."""
    corners = np.random.default_rng(0).uniform(0.05, 0.45, (2, _BOXES, 2, 2))
    corners[:, :, 1] += 0.5
    return (corners * [_WIDTH, _HEIGHT]).reshape(2, _BOXES, 4).astype(np.float32)
