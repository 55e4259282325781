"""The official gRPC services over loaded versions."""

import contextlib

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tests.serving.stand_in.signature_run import FAILED_PRECONDITION, INVALID_ARGUMENT, Refusal, run

CODES = {code.value[0]: code for code in grpc.StatusCode}


class GrpcService(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """Predict, GetModelMetadata and GetModelStatus; the rest is UNIMPLEMENTED."""

    def __init__(self, versions):
        self._versions = versions

    def Predict(self, request, context):
        with aborting(context):
            number, model, definitions = self._pick(request.model_spec)
            name = request.model_spec.signature_name or "serving_default"
            if name not in definitions:
                raise Refusal(FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
            try:
                inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
            except (TypeError, ValueError) as error:
                raise Refusal(INVALID_ARGUMENT, f"tensor parsing error: {error}") from error
            arrays = run(model.signatures[name], definitions[name], inputs, request.output_filter)
            response = predict_pb2.PredictResponse()
            response.model_spec.name, response.model_spec.signature_name = self._versions.name, name
            response.model_spec.version.value = number
            for key, array in arrays.items():
                response.outputs[key].CopyFrom(as_proto_field(array))
            return response

    def GetModelMetadata(self, request, context):
        with aborting(context):
            return metadata(self._versions, *specified(request.model_spec))

    def GetModelStatus(self, request, context):
        with aborting(context):
            name, version, _ = specified(request.model_spec)
            return status(self._versions.status(name, version))

    def _pick(self, model_spec):
        return self._versions.pick(*specified(model_spec))


@contextlib.contextmanager
def aborting(context):
    """Turns a refusal into the status of a call."""
    try:
        yield
    except Refusal as refusal:
        context.abort(CODES[refusal.code], str(refusal))


def specified(model_spec):
    version = model_spec.version.value if model_spec.HasField("version") else None
    return model_spec.name, version, model_spec.version_label


def as_proto_field(array):
    """Values one by one, not as content: as the real server writes them."""
    if array.dtype != np.float32:
        return tf.make_tensor_proto(array)
    proto = tensor_pb2.TensorProto(dtype=tf.float32.as_datatype_enum, float_val=array.ravel())
    proto.tensor_shape.CopyFrom(tf.TensorShape(array.shape).as_proto())
    return proto


def metadata(versions, name, version, label):
    number, _, definitions = versions.pick(name, version, label)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name, response.model_spec.version.value = name, number
    found = get_model_metadata_pb2.SignatureDefMap()
    for key, definition in definitions.items():
        found.signature_def[key].CopyFrom(definition)
    response.metadata["signature_def"].Pack(found)
    return response


def status(states):
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, state in sorted(states.items(), reverse=True):
        response.model_version_status.add(version=number, state=state)
    return response
