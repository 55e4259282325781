"""Pickles from the internet, read without running code."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

from tb_keras.checks.pickle_opcodes import DamagedPickleError, pickle_opcodes

_MAX_BYTES = 2**29

# Opcodes that look up a name, call or build an object, or refer to something outside the file.
_REFUSED = frozenset(
    "GLOBAL STACK_GLOBAL INST OBJ NEWOBJ NEWOBJ_EX REDUCE BUILD EXT1 EXT2 EXT4 "
    "PERSID BINPERSID NEXT_BUFFER READONLY_BUFFER".split()
)


def load_plain_pickle(
    path: str | os.PathLike, encoding: str = "utf-8", max_bytes: int = _MAX_BYTES
) -> object:
    """Reads a pickle of plain data without running any code.

    Ordinary unpickling may run any command that the file holds. This function first scans the
    opcodes of the file, and then reads it with an unpickler that finds no class and no function.
    It reads lists, tuples, dicts, str, bytes, numbers, bools and None in protocols 0 to 5, and sets
    from protocol 4 on. It refuses everything else.

    Args:
        path: the file.
        encoding: the encoding of strings that Python 2 wrote as `str`, or "bytes" to read them as
            bytes.
        max_bytes: int, the size of the largest file to read. Its content takes about ten times as
            much memory.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file is too large, is not a pickle, is cut off, has another encoding or
            names code.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "refs.p"
        >>> _ = path.write_bytes(pickle.dumps({"ids": [1, 2]}, protocol=2))
        >>> load_plain_pickle(path)
        {'ids': [1, 2]}
        >>> _ = path.write_bytes(pickle.dumps(print))
        >>> load_plain_pickle(path)  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        ValueError: refs.p: STACK_GLOBAL at byte 30 names code, plain data is expected
    """
    path = Path(path)
    size = path.stat().st_size
    if size > max_bytes:
        raise ValueError(f"{path}: expected at most `max_bytes`={max_bytes}. Received: {size}")
    data = path.read_bytes()
    try:
        _check_opcodes(data)
        return _PlainUnpickler(io.BytesIO(data), encoding=encoding).load()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: strings are not in `encoding`={encoding!r:.80} ({error})"
        ) from error
    except (_RefusedPickle, DamagedPickleError) as error:
        raise ValueError(f"{path}: {error}") from None
    # The errors that Python documents for a damaged pickle, and those that its opcodes raise.
    except (
        pickle.UnpicklingError,
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(f"{path}: not a pickle, or a damaged one ({error!r:.200})") from error


class _RefusedPickle(Exception):
    """A pickle that is refused; the message says what it holds."""


def _check_opcodes(data: bytes) -> None:
    for position, name in pickle_opcodes(io.BytesIO(data)):
        if name in _REFUSED:
            raise _RefusedPickle(f"{name} at byte {position} names code, plain data is expected")


class _PlainUnpickler(pickle.Unpickler):
    """An unpickler that finds nothing, in case the scan and the unpickler disagree."""

    def find_class(self, module: str, name: str) -> None:
        raise _RefusedPickle(f"{module}.{name} is code, plain data is expected")

    def persistent_load(self, pid: object) -> None:
        raise _RefusedPickle(f"the persistent object {pid!r:.80} is outside the file")
