"""Compiles the C program beside this file, writes its requests and reads its answers."""

import pathlib
import shutil
import struct
import subprocess
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.exporting.asking import meta_graph, op_libraries

SOURCE = pathlib.Path(__file__).parent / "saved_model_client.c"
LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")


class Answer(NamedTuple):
    """The answer to a request: TF_Code, message, and arrays by name if the code is 0."""

    code: int
    message: str
    outputs: dict


def compiled(directory):
    """The program; skips the test where it cannot be built."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    package = pathlib.Path(tf.__file__).parent
    if not all((package / library).is_file() for library in LIBRARIES):
        pytest.skip(f"TensorFlow is installed without {' and '.join(LIBRARIES)}")
    # The usual linker takes seconds to read so large a library.
    linker = ["-fuse-ld=gold"] if shutil.which("ld.gold") else []
    program = directory / "saved_model_client"
    subprocess.run(
        [
            *(compiler, "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror"),
            *("-isystem", tf.sysconfig.get_include(), "-o", program, SOURCE),
            *(f"-L{package}", *(f"-l:{library}" for library in LIBRARIES), "-ldl"),
            *(f"-Wl,-rpath,{package}", *linker),
        ],
        check=True,
    )
    return program


def run(program, version, requests, directory, libraries=None):
    """Runs the program on a file of requests, with nothing of this process's environment."""
    directory.mkdir()
    (directory / "requests").write_bytes(requests)
    libraries = op_libraries() if libraries is None else libraries
    command = [program, version, directory / "requests", directory / "answers", *libraries]
    return subprocess.run(
        command, cwd=directory, env={"TF_CPP_MIN_LOG_LEVEL": "3"}, capture_output=True, text=True
    )


def asked(program, version, requests, directory, libraries=None):
    """The answers to requests, each a signature's name and its inputs by name."""
    signatures = meta_graph(version).signature_def
    content = b"".join(request(signatures[name], inputs) for name, inputs in requests)
    done = run(program, version, content, directory, libraries)
    assert done.returncode == 0, done.stderr
    reader = _Reader((directory / "answers").read_bytes())
    answers = [reader.answer(sorted(signatures[name].outputs)) for name, _ in requests]
    assert reader.is_at_the_end()
    return answers


def request(signature, inputs):
    """Returns a request as the program reads it; see its head."""
    parts = [_number(len(inputs)), _number(len(signature.outputs))]
    for name, array in inputs.items():
        parts += [_string(signature.inputs[name].name.encode()), _tensor(np.asarray(array))]
    parts += [_string(signature.outputs[name].name.encode()) for name in sorted(signature.outputs)]
    return b"".join(parts)


def _number(value):
    return struct.pack("=Q", value)


def _string(content):
    return _number(len(content)) + content


def _tensor(array):
    head = map(_number, (tf.as_dtype(array.dtype).as_datatype_enum, array.ndim, *array.shape))
    if array.dtype == object:
        return b"".join([*head, *map(_string, array.ravel())])
    return b"".join([*head, np.ascontiguousarray(array).tobytes()])


class _Reader:
    def __init__(self, content):
        self._content, self._at = content, 0

    def is_at_the_end(self):
        return self._at == len(self._content)

    def answer(self, names):
        code, message = self._number(), self._string().decode()
        outputs = {} if code else {name: self._tensor() for name in names}
        return Answer(code, message, outputs)

    def _bytes(self, size):
        self._at += size
        assert self._at <= len(self._content)
        return self._content[self._at - size : self._at]

    def _number(self):
        return struct.unpack("=Q", self._bytes(8))[0]

    def _string(self):
        return self._bytes(self._number())

    def _tensor(self):
        dtype, rank = tf.as_dtype(self._number()), self._number()
        shape = [self._number() for _ in range(rank)]
        count = int(np.prod(shape))
        if dtype == tf.string:
            return np.array([self._string() for _ in range(count)], object).reshape(shape)
        content = self._bytes(count * dtype.size)
        return np.frombuffer(content, dtype.as_numpy_dtype).reshape(shape)
