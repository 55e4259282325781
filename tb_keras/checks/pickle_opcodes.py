"""The opcodes of a pickle, looked at before anything is made of them."""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from typing import BinaryIO

_OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}


class DamagedPickleError(ValueError):
    """A file is no pickle, or asks for more memory than it can use."""


def pickle_opcodes(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yields the place and the name of each opcode, up to the end of the pickle.

    Args:
        file: a file at the beginning of a pickle. At the end it is there again.

    Raises:
        DamagedPickleError: if there is something else, or an opcode asks for room for more objects
            than the file has bytes.

    Examples:
        >>> import io, pickle
        >>> [name for _, name in pickle_opcodes(io.BytesIO(pickle.dumps(1, protocol=2)))]
        ['PROTO', 'BININT1', 'STOP']
    """
    start, size = file.tell(), file.seek(0, 2)
    file.seek(start)
    name = None
    # `pickletools.genops` would do, but it takes Python 2's strings to be ASCII.
    while name != "STOP":
        position = file.tell()
        opcode = _OPCODES.get(file.read(1))
        if opcode is None:
            raise DamagedPickleError(f"not a pickle, or cut off: no opcode at byte {position}")
        name, argument = opcode.name, 0
        if name == "STRING":
            file.readline()
        elif opcode.arg is not None:
            argument = opcode.arg.reader(file)
        # The unpickler allocates memory for as many objects as such a number says.
        if name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > size:
            raise DamagedPickleError(
                f"{name} at byte {position} asks for room for {argument} objects"
            )
        yield position, name
    file.seek(start)
