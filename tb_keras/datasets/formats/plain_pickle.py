"""Pickles from the internet: plain data is read, anything that names code is refused."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
from pathlib import Path

_MAX_BYTES = 2**29

# What looks a name up, calls or builds an object, or refers to something outside the file.
_REFUSED = frozenset(
    "GLOBAL STACK_GLOBAL INST OBJ NEWOBJ NEWOBJ_EX REDUCE BUILD EXT1 EXT2 EXT4 "
    "PERSID BINPERSID NEXT_BUFFER READONLY_BUFFER".split()
)
_OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}


def load_plain_pickle(
    path: str | os.PathLike, encoding: str = "utf-8", max_bytes: int = _MAX_BYTES
) -> object:
    """Reads a pickle that holds plain data only, without running anything that is in it.

    Unpickling an unknown file may run any command. Here the file is first scanned, opcode by
    opcode, and then read by an unpickler that finds no class and no function: lists, tuples,
    dicts, str, bytes, numbers, booleans and None are read (sets too, from protocol 4 on; below it
    a set is a call), in protocols 0 to 5, and everything else is refused. About 0.2 s a MiB.

    Args:
        path: the file.
        encoding: of the 8-bit strings that Python 2 wrote (its `str`; its `unicode` needs none),
            or "bytes" to leave them as bytes.
        max_bytes: the largest file to read; what is read takes about ten times that in memory.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file is larger, is no pickle, is cut off, is in another encoding, or
            names code; the message names the file and what stands there. Nothing has run then.

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
        raise ValueError(f"{path}: strings are not in `encoding`={encoding!r} ({error})") from error
    except _RefusedPickle as error:
        raise ValueError(f"{path}: {error}") from None
    # What the standard library lists for a damaged pickle, and what its opcodes raise besides.
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
        raise ValueError(f"{path}: no pickle, or a damaged one ({error!r})") from error


class _RefusedPickle(Exception):
    """Refuses a pickle; the message says what was found."""


def _check_opcodes(data: bytes) -> None:
    # `pickletools.genops` does the same, but for Python 2's strings: it takes them to be ASCII.
    file = io.BytesIO(data)
    name = None
    while name != "STOP":
        position = file.tell()
        opcode = _OPCODES.get(file.read(1))
        if opcode is None:
            raise _RefusedPickle(f"no pickle, or cut off: no opcode at byte {position}")
        name, argument = opcode.name, None
        if name == "STRING":
            file.readline()
        elif opcode.arg is not None:
            argument = opcode.arg.reader(file)
        if name in _REFUSED:
            raise _RefusedPickle(f"{name} at byte {position} names code, plain data is expected")
        # The unpickler makes room for as many objects as the largest number it is told.
        if name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > len(data):
            raise _RefusedPickle(f"{name} at byte {position} asks for room for {argument} objects")


class _PlainUnpickler(pickle.Unpickler):
    """The second lock: should the scan and the unpickler ever disagree, nothing is found."""

    def find_class(self, module: str, name: str) -> None:
        raise _RefusedPickle(f"{module}.{name} is code, plain data is expected")

    def persistent_load(self, pid: object) -> None:
        raise _RefusedPickle(f"the persistent object {pid!r} stands outside the file")
