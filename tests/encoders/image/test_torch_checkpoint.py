"""Tests of the reader of PyTorch checkpoints, against files that PyTorch wrote and forged ones."""

import contextlib
import io
import os
import pathlib
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.image import torch_checkpoint
from tb_keras.encoders.image.torch_checkpoint import read_torch_checkpoint
from tests.cases import examples

GOLDEN = pathlib.Path(__file__).parent / "golden"
FORMATS = ("zip", "legacy")


class Global:
    """Pickles as the global of a name, or as a call of it."""

    def __init__(self, module, name, *args):
        self.module, self.name, self.args = module, name, args


class Storage:
    def __init__(self, type_name, key, num_elements):
        self.persistent_id = (
            "storage",
            Global("torch", type_name),
            key,
            "cpu",
            num_elements,
            None,
        )


def dumps(value) -> bytes:
    """A protocol-2 pickle in which `Global` and `Storage` stand for what they name."""

    class Pickler(pickle._Pickler):  # the C pickler would import the globals to check them
        def persistent_id(self, obj):
            return obj.persistent_id if isinstance(obj, Storage) else None

        def save(self, obj, save_persistent_id=True):
            if not isinstance(obj, Global):
                return super().save(obj, save_persistent_id)
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
            if obj.args:
                super().save(obj.args)
                self.write(pickle.REDUCE)

    file = io.BytesIO()
    Pickler(file, protocol=2).dump(value)
    return file.getvalue()


def tensor(storage, offset, shape, strides):
    return Global("torch._utils", "_rebuild_tensor_v2", storage, offset, shape, strides, False, {})


def write(path, file_format, pickled, storages=(), byte_order=None):
    """A checkpoint of a pickled state dict and its storages, {key: array}."""
    storages = dict(storages)
    if file_format == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickled)
            if byte_order:
                archive.writestr("archive/byteorder", byte_order)
            for key, array in storages.items():
                archive.writestr(f"archive/data/{key}", array.tobytes())
        return path
    parts = [dumps(0x1950A86A20F9469CFC6C), dumps(1001), dumps({"little_endian": True}), pickled]
    parts.append(dumps(list(storages)))
    for array in storages.values():
        parts += [struct.pack("<q", array.size), array.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("file_format", FORMATS)
def test_reads_what_pytorch_wrote(file_format):
    state = read_torch_checkpoint(GOLDEN / f"state_dict_{file_format}.pt")
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
    expected = {
        "matrix": matrix,
        "transposed": matrix.T,
        "column": matrix[:, 2],
        "expanded": np.full(3, 5, np.float32),
        "half": np.array([0.5, -2], np.float16),
        "double": np.array([1e-300]),
        "count": np.array(2**40, np.int64),
        "flags": np.array([True, False, True]),
        "bytes": np.array([0, 255], np.uint8),
        "empty": np.zeros((0, 3), np.float32),
    }
    assert list(state) == list(expected)
    for name, array in expected.items():
        assert state[name].dtype == array.dtype, name
        np.testing.assert_array_equal(state[name], array, err_msg=name, strict=True)
    assert np.shares_memory(state["matrix"], state["column"])
    with pytest.raises(ValueError, match="read-only"):
        state["matrix"][0, 0] = 1


@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_byte_order(tmp_path, byte_order):
    values = np.array([1.5, -3, 1e30], np.float32)
    stored = values.astype(values.dtype.newbyteorder(byte_order))
    state = dumps({"w": tensor(Storage("FloatStorage", "0", 3), 0, (3,), (1,))})
    read = read_torch_checkpoint(write(tmp_path / "w.pt", "zip", state, {"0": stored}, byte_order))
    assert read["w"].dtype == np.float32
    assert read["w"].dtype.isnative
    np.testing.assert_array_equal(read["w"], values)


@pytest.mark.parametrize("file_format", FORMATS)
@given(data=st.data())
@examples(50)
def test_strides_and_offset_match_brute_force(tmp_path_factory, file_format, data):
    shape = tuple(data.draw(st.lists(st.integers(1, 4), max_size=3)))
    strides = tuple(data.draw(st.integers(0, 5)) for _ in shape)
    offset = data.draw(st.integers(0, 5))
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    values = np.arange(last + 1, dtype=np.int64)
    path = tmp_path_factory.mktemp("strides") / "w.pt"

    def read(num_elements):
        storage = Storage("LongStorage", "7", num_elements)
        pickled = dumps({"w": tensor(storage, offset, shape, strides)})
        write(path, file_format, pickled, {"7": values[:num_elements]})
        return read_torch_checkpoint(path)["w"]

    array = read(last + 1)
    assert array.shape == shape
    for index in np.ndindex(*shape):
        assert (
            array[index] == values[offset + sum(i * s for i, s in zip(index, strides, strict=True))]
        )
    with pytest.raises(ValueError, match="'w' that exceeds its storage"):
        read(last)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("subprocess", "Popen"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_parameter"),
        ("collections", "OrderedDict.__init__"),
        ("collections", "Counter"),
        ("numpy", "FloatStorage"),
    ],
)
def test_refuses_every_other_global(tmp_path, file_format, module, name):
    marker = tmp_path / "marker"
    command = f"open({str(marker)!r}, 'w')" if name == "eval" else f"touch {marker}"
    pickled = dumps({"w": Global(module, name, command)})
    path = write(tmp_path / "w.pt", file_format, pickled)
    with pytest.raises(pickle.UnpicklingError, match=f"Refused the global {module}.{name}"):
        read_torch_checkpoint(path)
    assert not marker.exists()


def test_refuses_a_global_in_place_of_the_magic_number(tmp_path):
    path = tmp_path / "w.pt"
    path.write_bytes(dumps(Global("os", "system", f"touch {tmp_path / 'marker'}")))
    with pytest.raises(pickle.UnpicklingError, match=r"os\.system"):
        read_torch_checkpoint(path)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "target",
    [
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch", "FloatStorage"),
        ("collections", "OrderedDict"),
    ],
)
def test_a_pickle_cannot_change_the_stand_ins(tmp_path, target):
    state = (None, {"items": 1, "__call__": 1, "__defaults__": 1})
    pickled = dumps(Global(*target))[:-1] + dumps(state)[2:-1] + pickle.BUILD + pickle.STOP
    with pytest.raises(ValueError, match="damaged or truncated pickle"):
        read_torch_checkpoint(write(tmp_path / "w.pt", "zip", pickled))
    assert not hasattr(torch_checkpoint._RebuildTensor, "items")


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_truncation_is_an_error(tmp_path, file_format):
    content = (GOLDEN / f"state_dict_{file_format}.pt").read_bytes()
    path = tmp_path / "w.pt"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="`path` "):
            read_torch_checkpoint(path)


@pytest.mark.parametrize("file_format", FORMATS)
@given(data=st.data())
@examples(200)
def test_damage_raises_nothing_unforeseen(tmp_path_factory, file_format, data):
    content = bytearray((GOLDEN / f"state_dict_{file_format}.pt").read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damage") / "w.pt"
    path.write_bytes(content)
    with contextlib.suppress(ValueError, pickle.UnpicklingError):
        assert isinstance(read_torch_checkpoint(path), dict)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be a PyTorch checkpoint"),
        (b"\x89PNG\r\n\x1a\n", "must be a PyTorch checkpoint"),
        (pickle.dumps({"w": [1.0]}), "must be a PyTorch checkpoint"),
    ],
)
def test_files_that_are_no_checkpoint(tmp_path, content, message):
    path = tmp_path / "w.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_torch_checkpoint(path)
    assert str(path) in str(error.value)


def test_zip_files_that_are_no_checkpoint(tmp_path):
    path = tmp_path / "w.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no checkpoint")
    with pytest.raises(ValueError, match=r"no data\.pkl"):
        read_torch_checkpoint(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data.pkl", dumps({}))
    with pytest.raises(ValueError, match="compressed"):
        read_torch_checkpoint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("é/data.pkl", dumps({}))  # its name is marked as UTF-8
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xff"))
    with pytest.raises(ValueError, match="is a truncated or damaged zip file"):
        read_torch_checkpoint(path)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_false_size_is_refused_before_it_is_allocated(tmp_path, file_format):
    pickled = dumps({"w": tensor(Storage("DoubleStorage", "0", 2**60), 0, (2**60,), (1,))})
    path = write(tmp_path / "w.pt", file_format, pickled, {"0": np.zeros(4)})
    with pytest.raises(ValueError, match="storage '0'"):
        read_torch_checkpoint(path)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([1, 2], "it holds a list"),
        ({"epoch": 3}, "its 'epoch' is a int"),
        ({3: 4}, "must hold a dict of names"),
        ({"state_dict": {"w": 1}}, "its 'state_dict' is a dict"),
    ],
)
def test_only_flat_dicts_of_tensors(tmp_path, file_format, state, message):
    with pytest.raises(ValueError, match=message):
        read_torch_checkpoint(write(tmp_path / "w.pt", file_format, dumps(state)))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_torch_checkpoint(os.fspath(tmp_path / "none.pt"))


def test_a_pickle_that_asks_for_much_memory(tmp_path):
    """A number of five bytes makes Python's unpickler fill gigabytes, for minutes."""
    path = tmp_path / "a.pt"
    path.write_bytes((GOLDEN / "state_dict_legacy.pt").read_bytes()[:2] + b"]r\xff\xff\xff\x7f.")
    with pytest.raises(ValueError, match="PyTorch checkpoint"):
        read_torch_checkpoint(path)
    pickled = b"\x80\x02}r\xff\xff\xff\x7f."
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", pickled)
    with pytest.raises(ValueError, match="damaged or truncated pickle"):
        read_torch_checkpoint(path)
