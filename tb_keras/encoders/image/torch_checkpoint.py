"""A reader of PyTorch checkpoints that needs no PyTorch and runs no code from the file."""

from __future__ import annotations

import collections
import io
import os
import pickle
import struct
import zipfile
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np

from tb_keras.checks.pickle_opcodes import pickle_opcodes

# The pickle that opens a file of torch.save before PyTorch 1.6.
_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_STORAGE_DTYPES = {
    "BoolStorage": "?",
    "ByteStorage": "u1",
    "CharStorage": "i1",
    "ShortStorage": "i2",
    "IntStorage": "i4",
    "LongStorage": "i8",
    "HalfStorage": "f2",
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
}


def read_torch_checkpoint(path: str | os.PathLike) -> dict[str, np.ndarray]:
    r"""Reads a PyTorch state dict, in the zip format or in the one before PyTorch 1.6.

    A pickle can name code to run. This function knows only the names that a state dict needs,
    `collections.OrderedDict`, `torch._utils._rebuild_tensor_v2` and torch's storage classes, and
    replaces torch's by inert stand-ins. (`tb_keras.datasets.formats.plain_pickle` reads pickles
    that need no names at all, and refuses all that these need.)

    Args:
        path: a file that `torch.save(module.state_dict(), path)` wrote.

    Returns:
        A dict from each tensor's name to a read-only array of its shape and dtype (bool, uint8,
        int8 to int64, float16 to float64). Arrays that shared a storage still do.

    Raises:
        pickle.UnpicklingError: the pickle asks for any other name, which the message gives.
        ValueError: the file is no PyTorch checkpoint, is cut off or damaged, or holds something
            other than a flat dict of names and tensors.

    Examples:
        >>> import io, os, tempfile, zipfile
        >>> pickled = (
        ...     b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n"
        ...     b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
        ...     b"X\x03\x00\x00\x00cpuK\x02tQK\x00K\x02\x85K\x01\x85\x89}tRs."
        ... )
        >>> path = os.path.join(tempfile.mkdtemp(), "tiny.pt")
        >>> with zipfile.ZipFile(path, "w") as archive:
        ...     archive.writestr("tiny/data.pkl", pickled)
        ...     archive.writestr("tiny/data/0", np.array([1, 2], "<f4").tobytes())
        >>> read_torch_checkpoint(path)
        {'w': array([1., 2.], dtype=float32)}
    """
    path = os.fspath(path)
    with open(path, "rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
        file.seek(0)
        try:
            state, storages = (_read_zip if is_zip else _read_legacy)(file)
            return {name: _as_array(name, value, storages) for name, value in _items(state)}
        except _CheckpointError as error:
            raise ValueError(f"`path` {error}. Received: path={path!r}") from error
        except _RefusedGlobalError as error:
            raise pickle.UnpicklingError(f"{error} Received: path={path!r}") from None


class _CheckpointError(Exception):
    """Says what is wrong with a file; the message completes a sentence that begins with it."""


class _RefusedGlobalError(pickle.UnpicklingError):
    """A pickle asks for a global that no state dict needs."""


class _Storage(NamedTuple):
    type_name: str
    key: str
    num_elements: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _RebuildTensor:
    """Stands in for `torch._utils._rebuild_tensor_v2`; no pickle can set an attribute on it."""

    __slots__ = ()

    def __call__(self, storage, offset, shape, strides, *_unused) -> _Tensor:
        return _Tensor(storage, offset, shape, strides)


class _TensorUnpickler(pickle.Unpickler):
    """An unpickler that knows state dicts and nothing else."""

    def __init__(self, file: BinaryIO):
        # Python 2 wrote some of the old files, with names as byte strings.
        super().__init__(file, encoding="utf-8")
        self.file = file
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _RebuildTensor()
        if module == "torch" and name in _STORAGE_DTYPES:
            return name
        raise _RefusedGlobalError(
            f"Refused the global {module:.80}.{name:.80}: a state dict of plain tensors has no use "
            "for it."
        )

    def persistent_load(self, persistent_id: Any) -> _Storage:
        kind, type_name, key, _device, num_elements, *view = persistent_id
        if kind != "storage" or type_name not in _STORAGE_DTYPES or view not in ([], [None]):
            raise _CheckpointError(f"refers to an unsupported storage, {persistent_id!r:.80}")
        storage = _Storage(type_name, str(key), int(num_elements))
        if self.storages.setdefault(storage.key, storage) != storage:
            raise _CheckpointError(f"describes its storage {key!r:.80} in two ways")
        return storage


def _unpickle(unpickler: _TensorUnpickler) -> Any:
    try:
        for _ in pickle_opcodes(unpickler.file):
            pass
        return unpickler.load()
    except (_CheckpointError, _RefusedGlobalError):
        raise
    except Exception as error:  # damaged pickles raise nearly anything
        raise _CheckpointError("holds a damaged or truncated pickle") from error


def _read_legacy(file: BinaryIO) -> tuple[Any, dict[_Storage, np.ndarray]]:
    """Magic number, protocol, system, state dict, keys, then each key's count and elements."""
    try:
        magic_number = _unpickle(_TensorUnpickler(file))
    except _CheckpointError:
        magic_number = None
    if magic_number != _MAGIC_NUMBER:
        raise _CheckpointError("must be a PyTorch checkpoint, in the zip format or the older one")
    for _ in ("protocol", "system"):
        _unpickle(_TensorUnpickler(file))
    unpickler = _TensorUnpickler(file)
    state = _unpickle(unpickler)
    keys = _unpickle(_TensorUnpickler(file))
    if not isinstance(keys, list) or set(map(str, keys)) != set(unpickler.storages):
        raise _CheckpointError("lists other storages than its tensors use")
    arrays = {}
    for key in map(str, keys):
        storage = unpickler.storages[key]
        num_bytes = storage.num_elements * _dtype(storage).itemsize
        # The sizes are compared first, so that a false one cannot fill the memory.
        if not 8 <= num_bytes + 8 <= os.fstat(file.fileno()).st_size - file.tell():
            raise _CheckpointError(f"is truncated: its storage {key!r:.80} is cut off")
        if struct.unpack("<q", file.read(8)) != (storage.num_elements,):
            raise _CheckpointError(f"contradicts itself on the size of its storage {key!r:.80}")
        # PyTorch writes little endian here on every machine.
        arrays[storage] = _elements(storage, file.read(num_bytes), "<")
    return state, arrays


def _read_zip(file: BinaryIO) -> tuple[Any, dict[_Storage, np.ndarray]]:
    """PREFIX/data.pkl holds the state dict, PREFIX/data/KEY the elements of each storage."""
    try:
        with zipfile.ZipFile(file) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            pickles = [name for name in sizes if name.rpartition("/")[2] == "data.pkl"]
            if len(pickles) != 1:
                raise _CheckpointError("is a zip file, but no PyTorch checkpoint (no data.pkl)")
            # PyTorch compresses nothing; a file that does might unfold without end.
            if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                raise _CheckpointError("is a zip file, but no PyTorch checkpoint (compressed)")
            prefix = pickles[0][: -len("data.pkl")]
            byte_order: Literal["<", ">"] = "<"
            if prefix + "byteorder" in sizes and archive.read(prefix + "byteorder") == b"big":
                byte_order = ">"
            unpickler = _TensorUnpickler(io.BytesIO(archive.read(pickles[0])))
            state = _unpickle(unpickler)
            arrays = {}
            for key, storage in unpickler.storages.items():
                name = f"{prefix}data/{key}"
                if sizes.get(name) != storage.num_elements * _dtype(storage).itemsize:
                    raise _CheckpointError(
                        f"lacks its storage {key!r:.80}, or has it in another size"
                    )
                arrays[storage] = _elements(storage, archive.read(name), byte_order)
            return state, arrays
    except (zipfile.BadZipFile, EOFError, RuntimeError, UnicodeDecodeError) as error:
        raise _CheckpointError(f"is a truncated or damaged zip file ({error!s:.200})") from error


def _dtype(storage: _Storage) -> np.dtype:
    return np.dtype(_STORAGE_DTYPES[storage.type_name])


def _elements(storage: _Storage, data: bytes, byte_order: Literal["<", ">"]) -> np.ndarray:
    dtype = _dtype(storage)
    stored = np.ndarray(storage.num_elements, dtype.newbyteorder(byte_order), data)
    return stored.astype(dtype, copy=False)


def _items(state: Any) -> list[tuple[str, Any]]:
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise _CheckpointError(
            f"must hold a dict of names and tensors; it holds a {type(state).__name__}"
        )
    # Not `state.items()`: a pickle may have set an attribute of that name.
    return list(dict.items(state))


def _as_array(name: str, value: Any, storages: dict[_Storage, np.ndarray]) -> np.ndarray:
    if not isinstance(value, _Tensor):
        raise _CheckpointError(
            f"must hold a flat dict of tensors; its {name!r:.80} is a {type(value).__name__}"
        )
    storage, offset, shape, strides = value
    try:
        if not _lies_inside(storage, offset, shape, strides):
            raise ValueError("out of bounds")
        elements = storages[storage]
        if 0 in shape:
            offset, strides = 0, None  # an empty tensor's own may point past the storage
        else:
            offset, strides = offset * elements.itemsize, [s * elements.itemsize for s in strides]
        array = np.ndarray(shape, elements.dtype, elements, offset, strides)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise _CheckpointError(f"holds a tensor {name!r:.80} that exceeds its storage") from error
    array.flags.writeable = False
    return array


def _lies_inside(storage: Any, offset: Any, shape: Any, strides: Any) -> bool:
    """Returns whether every element of the tensor lies in the storage.

    NumPy's own check passes over an empty storage.
    """
    if not isinstance(storage, _Storage) or len(shape) != len(strides):
        return False
    if not all(isinstance(value, int) and value >= 0 for value in (offset, *shape, *strides)):
        return False
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    return 0 in shape or last < storage.num_elements
