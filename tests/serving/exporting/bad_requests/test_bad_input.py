"""Tests of bad input to an exported model: it is refused, and the message says where it is bad."""

import re

import numpy as np
import pytest

from tests.serving.exporting.asking import described, meta_graph
from tests.serving.exporting.bad_requests.signature_requests import (
    ASKED,
    AT,
    MODELS,
    PAIRED,
    SIGNATURES,
    every,
    of_models,
    refused,
    rows,
)

pytestmark = pytest.mark.xdist_group("exports")

BAD_NUMBERS = {
    "NaN": (np.nan, "finite"),
    "infinity": (np.inf, "finite"),
    "minus infinity": (-np.inf, "finite"),
    "a number too large": (3e38, "small enough for float32"),
}

NUMBERS = ("features", "image_features", "text_features", "image_embedding", "text_embedding")


@pytest.mark.parametrize("model", of_models(MODELS))
def test_every_signature_is_asked(models, model):
    found = {
        name: set(signature.structured_input_signature[1])
        for name, signature in models[model].items()
        if name != "serving_default"
    }
    expected = {name: set(inputs) for name, inputs in SIGNATURES[model].items()}
    assert found == expected


def function_of(graph, name):
    """The name of the function that a signature calls."""
    (output,) = graph.signature_def[name].outputs.values()
    nodes = {node.name: node for node in graph.graph_def.node}
    functions = {f.signature.name: f for f in graph.graph_def.library.function}
    wrapper = functions[nodes[output.name.split(":")[0]].attr["f"].func.name]
    (call,) = (node for node in wrapper.node_def if "f" in node.attr)
    return call.attr["f"].func.name


@pytest.mark.parametrize("model", of_models(MODELS))
def test_the_default_is_another_signature(small_exports, model):
    """So what is true of that one is true of the default."""
    version = small_exports[model].version
    graph, other = meta_graph(version), "localize" if model == "regions" else "similarity"
    assert function_of(graph, "serving_default") == function_of(graph, other)
    assert function_of(graph, "serving_default") != function_of(graph, "score_embeddings")
    assert described(version)["serving_default"] == described(version)[other]


@pytest.mark.parametrize(("model", "name", "key"), of_models(every(*NUMBERS, "boxes")))
@pytest.mark.parametrize("kind", BAD_NUMBERS)
def test_bad_numbers(models, model, name, key, kind):
    bad, message = BAD_NUMBERS[kind]
    at = list(AT) if key == "boxes" else [17, 4500]  # beyond the first block of vectors
    inputs = rows(model, name, 40 if key == "boxes" else 5000)
    if name == "score_embeddings":
        inputs = {other: np.full_like(value, 2) for other, value in inputs.items()}
    inputs[key][at, ..., 2:] = bad
    # Either input of a pair may be to blame for a score.
    both = r"(`\w+`, )?" if name in ("similarity", "score_embeddings") else ""
    other = r"(, `\w+`)?" if both else ""
    positions = "17" if key == "boxes" and message == "finite" else f"{at[0]}, {at[1]}"
    message = {"finite": "(be finite|hold finite numbers)"}.get(message, f"be {message}")
    message = rf"{both}`{key}`{other} must {message}\. Not so at positions: \[{positions}\]"
    refused(models, model, name, message, **inputs)


@pytest.mark.parametrize(("model", "name", "key"), of_models(every("k")))
@pytest.mark.parametrize(
    ("bad", "limit"),
    [(0, "at least 1"), (-(2**31), "at least 1"), (1001, "at most 1000"), (2**31 - 1, "at most")],
)
def test_bad_k(models, model, name, key, bad, limit):
    inputs = rows(model, name, 40)
    inputs[key][list(AT)] = bad
    message = rf"`k` must be {limit}.*\. Not so at positions: \[17, 19\]"
    refused(models, model, name, message, **inputs)


@pytest.mark.parametrize(("model", "name"), of_models(PAIRED))
def test_unequal_numbers(models, model, name):
    """One of the inputs has a row less, or just one, which would fit by broadcasting."""
    for key in SIGNATURES[model][name]:
        for left in (1, 2):
            inputs = rows(model, name, 3)
            inputs[key] = inputs[key][:left]
            sizes = " ".join(str(len(value)) for value in inputs.values())
            names = ", ".join(f"`{other}`" for other in inputs)
            message = rf"{names} must be equally many\. Received:\]? \[{sizes}\]"
            refused(models, model, name, message, **inputs)


def message(nodes, check):
    """The node of what an assertion says, as bytes."""
    return nodes[check.input[1].split(":")[0]].SerializeToString()


def ancestors(nodes, node):
    """The names of all nodes that a node of a function waits for, and its own."""
    found, waiting = set(), [node.name]
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in found:
            found.add(name)
            waiting += [given.lstrip("^").split(":")[0] for given in nodes[name].input]
    return found


@pytest.mark.parametrize(("model", "name"), of_models(PAIRED))
def test_nothing_is_computed_beside_the_check_of_equal_numbers(models, model, name):
    """A node that does not wait for it may fail first, rarely, with TensorFlow's own message."""
    functions = models[model][name].graph.as_graph_def().library.function
    (nodes,) = (
        {node.name: node for node in function.node_def}
        for function in functions
        if function.signature.name.startswith("__inference_checked_")
    )
    (check,) = (
        node.name
        for node in nodes.values()
        if node.op == "Assert" and b"equally many. Received:" in message(nodes, node)
    )
    loops = [node for node in nodes.values() if node.op in ("While", "StatelessWhile")]
    assert loops
    assert all(check in ancestors(nodes, loop) for loop in loops)


@pytest.mark.parametrize(("model", "name"), of_models(ASKED))
def test_wrong_shapes(models, model, name):
    """TensorFlow does not hold a request against the signature's shape, nor does a server."""
    for key, good in rows(model, name, 2).items():
        wrong = [good[..., None], np.resize(good, good.shape[1:] or ())]
        wrong += [good[..., :1]] * (good.ndim > 1)  # would fit by broadcasting
        for bad in wrong:
            sizes = re.escape(" ".join(map(str, bad.shape)))
            message = rf"`{key}` must have shape \((any|\d|,| )+\)\. Received:\] \[{sizes}\]"
            refused(models, model, name, message, **{**rows(model, name, 2), key: bad})


@pytest.mark.parametrize(("model", "name"), of_models(ASKED))
def test_wrong_types(models, model, name):
    for key, good in rows(model, name, 2).items():
        dtype, word = {"O": ("float32", "string"), "f": ("float64", "float")}.get(
            good.dtype.kind, ("int64", "int32")
        )
        bad = np.ones(good.shape, dtype)
        message = f"expected to be a {word} tensor but is a (float|double|int64) tensor"
        refused(models, model, name, message, **{**rows(model, name, 2), key: bad})
