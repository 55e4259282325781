"""Tests of the files for a server that stand in savedmodels/, and of the commands in its page."""

import pathlib
import re
import shlex

import pytest
import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

import tb_keras
from tb_keras.serving.exporting.warm_up import BATCH_SIZES
from tb_keras.serving.server_config import CONFIG_FILE

SAVED_MODELS = pathlib.Path(tb_keras.__file__).parents[1] / "savedmodels"
# Flags of tensorflow_model_server, as its main.cc has them.
SERVER_FLAGS = set(
    "port grpc_socket_path rest_api_port rest_api_num_threads rest_api_timeout_in_ms "
    "enable_batching allow_version_labels_for_unavailable_models batching_parameters_file "
    "enable_per_model_batching_parameters model_config_file model_config_file_poll_wait_seconds "
    "model_name model_base_path num_load_threads num_unload_threads max_num_load_retries "
    "load_retry_interval_micros file_system_poll_wait_seconds tensorflow_session_parallelism "
    "tensorflow_intra_op_parallelism tensorflow_inter_op_parallelism ssl_config_file "
    "grpc_channel_arguments grpc_max_threads enable_model_warmup "
    "num_request_iterations_for_warmup monitoring_config_file".split()
)
# tensorflow-serving-api lacks these protos. Their fields, by name, number and type, as
# session_bundle_config.proto and monitoring_config.proto of TensorFlow Serving have them.
INT64 = "TYPE_MESSAGE type_name: '.google.protobuf.Int64Value'"
PROTOS = {
    "BatchingParameters": {
        "max_batch_size": (1, INT64),
        "batch_timeout_micros": (2, INT64),
        "max_enqueued_batches": (3, INT64),
        "num_batch_threads": (4, INT64),
        "thread_pool_name": (5, "TYPE_MESSAGE type_name: '.google.protobuf.StringValue'"),
        "allowed_batch_sizes": (6, "TYPE_INT64 label: LABEL_REPEATED"),
        "pad_variable_length_inputs": (7, "TYPE_BOOL"),
    },
    "PrometheusConfig": {"enable": (1, "TYPE_BOOL"), "path": (2, "TYPE_STRING")},
    "MonitoringConfig": {
        "prometheus_config": (1, "TYPE_MESSAGE type_name: '.serving.PrometheusConfig'")
    },
}


def parsed(proto, file):
    described = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="serving")
    described.syntax = "proto3"
    described.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    for name, fields in PROTOS.items():
        message = described.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            text_format.Parse(f"name: '{field}' number: {number} type: {kind}", message.field.add())
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(described)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"serving.{proto}"))()
    return text_format.Parse((SAVED_MODELS / file).read_text(), message)


def test_batching_parameters():
    found = parsed("BatchingParameters", "batching_parameters.txt")
    sizes = list(found.allowed_batch_sizes)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == found.max_batch_size.value
    # The warm-up prepares sizes that occur, and has none that the server refuses.
    assert set(BATCH_SIZES) <= set(sizes)
    assert found.batch_timeout_micros.value > 0
    assert found.max_enqueued_batches.value > 0
    assert found.num_batch_threads.value > 0
    # Boxes would be filled up with the first number of the first box.
    assert not found.pad_variable_length_inputs


def test_monitoring():
    prometheus = parsed("MonitoringConfig", "monitoring.config").prometheus_config
    assert prometheus.enable
    template = kubernetes()["Deployment"]["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == prometheus.path
    assert annotations["prometheus.io/port"] == "8501"


def kubernetes():
    content = (SAVED_MODELS / "kubernetes.yaml").read_text()
    return {document["kind"]: document for document in yaml.safe_load_all(content)}


def check_flags(flags, mounted):
    """Flags are the server's, and files they name stand in savedmodels/, or will by an export."""
    for name, value in flags.items():
        assert name in SERVER_FLAGS
        if name.endswith("_file"):
            directory, file = value.rsplit("/", 1)
            assert directory == mounted
            assert file == CONFIG_FILE or (SAVED_MODELS / file).is_file()
    assert flags["model_config_file"] == f"{mounted}/{CONFIG_FILE}"
    assert int(flags["model_config_file_poll_wait_seconds"]) > 0
    assert flags["allow_version_labels_for_unavailable_models"] == "true"
    assert ("batching_parameters_file" in flags) == (flags.get("enable_batching") == "true")


def test_kubernetes():
    documents = kubernetes()
    assert set(documents) == {"PersistentVolumeClaim", "Deployment", "Service"}
    deployment, service = documents["Deployment"]["spec"], documents["Service"]["spec"]
    pod = deployment["template"]
    assert deployment["selector"]["matchLabels"] == pod["metadata"]["labels"] == service["selector"]
    (container,) = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    assert {p["port"]: ports[p["targetPort"]] for p in service["ports"]} == {8500: 8500, 8501: 8501}
    flags = dict(argument.removeprefix("--").split("=") for argument in container["args"])
    assert {flags["port"], flags["rest_api_port"]} == {"8500", "8501"}
    (mount,), (volume,) = container["volumeMounts"], pod["spec"]["volumes"]
    assert mount["name"] == volume["name"]
    assert mount["readOnly"]
    claim = volume["persistentVolumeClaim"]["claimName"]
    assert claim == documents["PersistentVolumeClaim"]["metadata"]["name"]
    check_flags(flags, mount["mountPath"])
    cores = container["resources"]["limits"]["cpu"]
    assert flags["tensorflow_session_parallelism"] == cores
    batching = parsed("BatchingParameters", "batching_parameters.txt")
    assert str(batching.num_batch_threads.value) == cores
    for probe in ("startupProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["port"] == "rest"
        assert re.fullmatch(r"/v1/models/\w+", asked["path"])


def docker_commands():
    page = (SAVED_MODELS.parent / "docs" / "serving.md").read_text()
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", " ")
    return [line for line in blocks.splitlines() if line.startswith("docker run")]


@pytest.mark.parametrize("command", docker_commands())
def test_docker(command):
    arguments = shlex.split(command)
    image = next(i for i, a in enumerate(arguments) if a.startswith("tensorflow/serving"))
    (container,) = kubernetes()["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert arguments[image] == container["image"]
    published = {arguments[i + 1] for i, a in enumerate(arguments[:image]) if a == "-p"}
    assert published == {"8500:8500", "8501:8501"}
    (mounted,) = (arguments[i + 1] for i, a in enumerate(arguments[:image]) if a == "-v")
    assert mounted == "$PWD/savedmodels:/models:ro"
    flags = dict(argument.removeprefix("--").split("=") for argument in arguments[image + 1 :])
    check_flags(flags, "/models")


def test_there_are_docker_commands():
    assert len(docker_commands()) == 1
