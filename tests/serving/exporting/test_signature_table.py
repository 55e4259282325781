"""Tests of the table of signatures, read back as a user of Markdown would."""

import re

import pytest
import tensorflow as tf

from tb_keras.serving.exporting.signature_table import MEANINGS, signature_table


def signature(inputs, outputs):
    """A concrete function of some inputs; it gives zeros of the outputs' types."""
    specs = [tf.TensorSpec(shape, dtype, name=name) for name, (shape, dtype) in inputs.items()]

    def function(*given):
        shapes = {
            name: [1 if side is None else side for side in shape]
            for name, (shape, _) in outputs.items()
        }
        return {
            name: tf.fill(shapes[name], "") if dtype == "string" else tf.zeros(shapes[name], dtype)
            for name, (_, dtype) in outputs.items()
        }

    return tf.function(function, input_signature=specs, autograph=False).get_concrete_function()


@pytest.fixture(scope="module")
def table():
    text, scores = ((None,), "string"), {"score": ((None, 7), "float32")}
    boxes = ((None, None, 4), "float32")
    return signature_table(
        {
            "search": signature({"text": text, "k": ((None,), "int32")}, {"id": text, **scores}),
            "localize": signature({"image_bytes": text, "boxes": boxes, "text": text}, scores),
        }
    )


def test_each_signature_has_a_row(table):
    head, line, *rows = re.findall(r"^\|(.*)\|$", table, re.MULTILINE)
    assert [cell.strip() for cell in head.split("|")] == ["signature", "inputs", "outputs"]
    assert re.fullmatch("(-+[|]?){3}", line)
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    assert cells == [
        [
            "`localize`",
            "`image_bytes`: string (n); `boxes`: float32 (n, ?, 4); `text`: string (n)",
            "`score`: float32 (n, 7)",
        ],
        [
            "`search`",
            "`text`: string (n); `k`: int32 (n)",
            "`id`: string (n); `score`: float32 (n, 7)",
        ],
    ]


def test_each_name_that_occurs_is_explained_once(table):
    explained = re.findall(r"^- `(\w+)`: (.+)$", table, re.MULTILINE)
    assert dict(explained) == {
        name: MEANINGS[name] for name in ("image_bytes", "text", "boxes", "k", "score", "id")
    }
    assert len(explained) == 6
