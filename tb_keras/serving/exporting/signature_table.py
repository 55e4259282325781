"""A table of the signatures of an exported model, for its card."""

from __future__ import annotations

from collections.abc import Mapping

from tabulate import tabulate

MEANINGS = {
    "image_bytes": "the content of a PNG, JPEG, GIF or BMP file; an animation's first frame",
    "text": "UTF-8; other bytes are read as U+FFFD, and a text is cut after 10,000 characters",
    "boxes": "left, top, right, bottom in pixels of the picture, at most 1,000 a picture",
    "features": "finite floats, or word indices: 0 is padding, 1 a word out of the vocabulary",
    "k": "how many answers to each query, from 1 to 1,000",
    "embedding": "what `score_embeddings` takes",
    "score": "higher where image and text fit better",
    "id": 'best first; beyond a query\'s own k, "" with score 0',
}


def signature_table(signatures: Mapping) -> str:
    """Returns Markdown: a table of the signatures, then what their inputs and outputs mean.

    Args:
        signatures: concrete functions by name, with dict outputs.

    Examples:
        >>> import tensorflow as tf
        >>> def double(k):
        ...     return {"score": 2 * k}
        >>> k = tf.TensorSpec((None,), tf.int32, name="k")
        >>> asked = tf.function(double, input_signature=[k]).get_concrete_function()
        >>> print(signature_table({"double": asked}))
        | signature   | inputs         | outputs            |
        |-------------|----------------|--------------------|
        | `double`    | `k`: int32 (n) | `score`: int32 (n) |
        <BLANKLINE>
        - `k`: how many answers to each query, from 1 to 1,000
        - `score`: higher where image and text fit better
    """
    rows, names = [], set()
    for name, asked in sorted(signatures.items()):
        inputs = {spec.name: spec for spec in asked.structured_input_signature[0]}
        outputs = asked.structured_outputs
        names |= {*inputs, *outputs}
        rows.append([f"`{name}`", _listed(inputs), _listed(outputs)])
    meanings = [f"- `{name}`: {text}" for name, text in MEANINGS.items() if name in names]
    table = tabulate(rows, ["signature", "inputs", "outputs"], "github", disable_numparse=True)
    return "\n".join([table, "", *meanings])


def _listed(tensors: Mapping) -> str:
    return "; ".join(
        f"`{name}`: {tensor.dtype.name} ({_shape(tensor.shape)})"
        for name, tensor in tensors.items()
    )


def _shape(shape) -> str:
    """Returns a shape such as "n, ?, 4": rows, any number, four."""
    return ", ".join(["n", *("?" if size is None else str(size) for size in shape[1:])])
