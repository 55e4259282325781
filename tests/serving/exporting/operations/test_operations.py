"""Tests of the graph of an export: that servers of older releases can load and run it.

The released servers link TensorFlow 2.19 or 2.20 and tensorflow-text 2.12.1. None of them is
installed here, so their operations come from two lists of names:

- `tensorflow_text_2_12_1_operations.txt`, of all operations in the released wheel;
- `tensorflow_2_19_operations.txt`, of core operations that are older than TensorFlow 2.19, as far
  as could be found out: its head says how.

What this cannot show: that an operation had the same attributes and kernels in those releases.
Attributes with their default values are left out of the graph, so that only those that a graph
really sets could be unknown there; a graph also says from which version on it can be read.
"""

import pathlib
import re
import sys

import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

import tb_keras
from tb_keras.encoders import encoder_pair
from tb_keras.encoders.regions import region_encoder as region_encoder_module
from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.serving import export
from tests.cases import slow_but
from tests.encoders.presets.random_presets import FAMILIES, write_preset
from tests.serving.exporting.asking import meta_graph, op_libraries
from tests.serving.exporting.fitted_exports import NAMES
from tests.serving.small_models import TEXT_DIM, image_encoder, network, text_encoder

pytestmark = pytest.mark.xdist_group("exports")

KINDS = ["small", "real", "features", "kernel similarity", "bfloat16", "regions", *NAMES, *FAMILIES]

# TF_GRAPH_DEF_VERSION of TensorFlow 2.19 is above this: it grows by one a day, and 2.21 has 2474.
GRAPH_VERSION_OF_2_19 = 2000


def listed(name):
    lines = (pathlib.Path(__file__).parent / name).read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


CORE, TEXT = (listed(f"tensorflow_{release}_operations.txt") for release in ("2_19", "text_2_12_1"))


@pytest.fixture(scope="module", params=slow_but("small", cases=KINDS))
def version(request, tmp_path_factory):
    """An export of each kind."""
    kind = request.param
    if kind in ("small", "real"):
        return request.getfixturevalue(f"export_of_{kind}_encoders").version
    if kind in NAMES:
        return request.getfixturevalue("fitted_export")(kind).version
    if kind in FAMILIES:
        return export_of_pair(kind, tmp_path_factory.mktemp(kind))
    if kind == "bfloat16":
        return export(network(5, 4), tmp_path_factory.mktemp(kind) / "model", weights=kind)
    if kind == "regions":
        return region_export(tmp_path_factory.mktemp(kind) / "model")
    kind = "similarity" if kind == "features" else kind
    return request.getfixturevalue("feature_export")(kind)[1]


def export_of_pair(family, directory):
    write_preset(family, directory / "preset")
    encoders = encoder_pair(f"keras_hub/{directory / 'preset'}")
    made = network(*(encoder.output_shape[1] for encoder in encoders))
    return export(made, directory / "model", *encoders)


def region_export(directory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(region_encoder_module, "image_encoder", image_encoder)
        encoder = RegionEncoder("small", size=32, context=True)
    return export(network(encoder.feature_dim, TEXT_DIM), directory, encoder, text_encoder())


@pytest.fixture(scope="module")
def graph(version):
    return meta_graph(version)


@pytest.fixture(scope="module")
def nodes(graph):
    """The nodes of the graph and of all functions."""
    functions = graph.graph_def.library.function
    inner = [node for function in functions for node in function.node_def]
    assert inner
    return [*graph.graph_def.node, *inner]


def test_every_operation_is_in_the_released_servers(nodes):
    operations = {node.op for node in nodes}
    assert "MatMul" in operations  # the test sees the graph
    unknown = operations - {*CORE, *TEXT}
    assert not unknown, "not in TensorFlow 2.19? If so, add to tensorflow_2_19_operations.txt"


def test_the_lists_name_operations():
    """Core operations and those of tensorflow-text, each in its list, once and in order."""
    for names in (CORE, TEXT):
        assert names == sorted(set(names))
    core = set(dir(tf.raw_ops))
    assert not [name for name in CORE if name not in core]
    for library in op_libraries():
        tf.load_op_library(library)
    assert not [name for name in TEXT if name in core or op_def_registry.get(name) is None]


def test_nothing_but_a_graph(graph, nodes):
    """No Python function and nothing that XLA must compile."""
    assert not [node.op for node in nodes if re.search("Py.*Func|Xla", node.op)]
    functions = graph.graph_def.library.function
    attributes = {name for part in (*nodes, *functions) for name in part.attr}
    assert not [name for name in attributes if re.search("[Xx]la", name)]


def test_any_device_will_do(nodes):
    assert {node.device for node in nodes} <= {"", "/device:CPU:*", "/device:CPU:0"}


def test_a_server_finds_the_signatures(graph):
    assert list(graph.meta_info_def.tags) == ["serve"]
    methods = {name: signature.method_name for name, signature in graph.signature_def.items()}
    assert methods.pop("__saved_model_init_op") == ""
    assert len(methods) >= 4
    assert set(methods.values()) == {"tensorflow/serving/predict"}


def test_an_older_release_can_read_it(graph):
    assert graph.meta_info_def.stripped_default_attrs
    assert graph.graph_def.versions.min_consumer < GRAPH_VERSION_OF_2_19
    assert not graph.graph_def.versions.bad_consumers
    for function in graph.graph_def.library.function:
        assert function.signature.name


def test_every_variable_is_restored(graph):
    """Keras 3 saves a copy of each of its variables, and only the copy is restored by a server."""
    read = [node for node in graph.graph_def.node if node.op == "VarHandleOp"]
    restored = [node for node in graph.object_graph_def.nodes if node.HasField("variable")]
    assert len(read) == len(restored) + len(graph.asset_file_def)  # the path of each is one
    names = [node.attr["shared_name"].s.decode() for node in read]
    assert len(set(names)) == len(names)


def test_nothing_of_the_training(graph):
    handles = [node for node in graph.graph_def.node if node.op == "VarHandleOp"]
    names = " ".join(node.attr["shared_name"].s.decode() for node in handles)
    assert not re.search("adam|momentum|optimizer|iteration|learning_rate|seed", names, re.I)


def test_no_path_of_this_machine(version, nodes):
    package = pathlib.Path(tb_keras.__file__).parents[1]
    files = [path for path in version.rglob("*") if path.is_file() and "data-" not in path.name]
    for content in (file.read_bytes() for file in files):
        for path in (package, pathlib.Path.home(), version.parents[2], sys.prefix):
            assert str(path).encode() not in content
        assert b"site-packages" not in content
    constants = [node for node in nodes if node.op == "Const"]
    strings = [s for node in constants for s in node.attr["value"].tensor.string_val]
    assert not [string for string in strings if string.startswith(b"/") and len(string) > 1]
