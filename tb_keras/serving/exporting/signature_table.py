"""A table of what an exported model can be asked, for its card."""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS = {
    "image_bytes": "the content of a PNG, JPEG, GIF or BMP file (of an animation the first frame)",
    "text": "UTF-8; what is none is read as U+FFFD, and what is beyond 10,000 characters is cut",
    "boxes": "left, top, right, bottom in pixels of the picture, at most 1,000 a picture",
    "features": "finite; integers are word indices: 0 padding, 1 a word out of the vocabulary",
    "k": "how many answers to each query, from 1 to 1,000",
    "embedding": "what `score_embeddings` takes",
    "score": "higher where image and text fit better",
    "id": 'best first; beyond a query\'s own k, "" with score 0',
}


def signature_table(signatures: Mapping) -> str:
    """Returns Markdown: a row for each signature, then what its inputs and outputs mean.

    Args:
        signatures: concrete functions by name, with dict outputs.

    Examples:
        >>> import tensorflow as tf
        >>> def double(k):
        ...     return {"score": 2 * k}
        >>> k = tf.TensorSpec((None,), tf.int32, name="k")
        >>> asked = tf.function(double, input_signature=[k]).get_concrete_function()
        >>> print(signature_table({"double": asked}))
        | signature | inputs | outputs |
        |---|---|---|
        | `double` | `k`: int32 (n) | `score`: int32 (n) |
        <BLANKLINE>
        - `k`: how many answers to each query, from 1 to 1,000
        - `score`: higher where image and text fit better
    """
    rows, names = [], set()
    for name, asked in sorted(signatures.items()):
        inputs = {spec.name: spec for spec in asked.structured_input_signature[0]}
        outputs = asked.structured_outputs
        names |= {*inputs, *outputs}
        rows.append(f"| `{name}` | {_listed(inputs)} | {_listed(outputs)} |")
    meanings = [f"- `{name}`: {text}" for name, text in MEANINGS.items() if name in names]
    return "\n".join(["| signature | inputs | outputs |", "|---|---|---|", *rows, "", *meanings])


def _listed(tensors: Mapping) -> str:
    return "; ".join(
        f"`{name}`: {tensor.dtype.name} ({_shape(tensor.shape)})"
        for name, tensor in tensors.items()
    )


def _shape(shape) -> str:
    """Such as "n, ?, 4": rows, any number, four."""
    return ", ".join(["n", *("?" if size is None else str(size) for size in shape[1:])])
