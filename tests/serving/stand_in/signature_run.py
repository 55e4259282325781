"""One batch through one signature, and what a model server refuses."""

import tensorflow as tf

INVALID_ARGUMENT, FAILED_PRECONDITION = 3, 9  # numbers of gRPC statuses, tf.errors' own


class Refusal(Exception):
    """A request that the server refuses: the number of a gRPC status, and why."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def run(model, definition, inputs, outputs):
    """Answers a batch, tensors by name; refuses what the real server refuses."""
    if set(inputs) != set(definition.inputs):
        sent, known = ", ".join(sorted(inputs)), ", ".join(sorted(definition.inputs))
        message = f"input size does not match signature: ({{{sent}}}) != ({{{known}}})"
        raise Refusal(INVALID_ARGUMENT, message)
    for name, tensor in inputs.items():
        expected = definition.inputs[name]
        shape = tf.TensorShape(expected.tensor_shape)
        if tensor.dtype != expected.dtype or not shape.is_compatible_with(tensor.shape):
            message = f"Expects {name} to be {tf.as_dtype(expected.dtype).name} {shape} but "
            message += f"{tensor.dtype.name} {tensor.shape} is provided"
            raise Refusal(INVALID_ARGUMENT, message)
    unknown = set(outputs) - set(definition.outputs)
    if unknown:
        message = f"output tensor alias not found in signature: {', '.join(unknown)}"
        raise Refusal(INVALID_ARGUMENT, message)
    try:
        answer = model(**inputs)
    except tf.errors.OpError as error:
        # Python says first where it has no stack traces of the graph; the real server does not.
        words = error.message.split("<stack traces unavailable>\n")[-1]
        raise Refusal(error.error_code, words) from error
    return {name: answer[name].numpy() for name in outputs or definition.outputs}
