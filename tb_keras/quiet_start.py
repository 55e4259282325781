"""Keeps TensorFlow's start-up notes out of a script's output."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

# TensorFlow 2.21 prints these while it is imported, whatever TF_CPP_MIN_LOG_LEVEL says.
_NOTES = (
    "All log messages before absl::InitializeLog()",
    "oneDNN custom operations are on",
    "Could not find cuda drivers",
    "This TensorFlow binary is optimized",
    "To enable the following instructions",
)


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Holds back what is written to file descriptor 2, and passes on all but the known notes.

    Example:

    >>> with quiet_start():
    ...     _ = os.write(2, b"I0000 port.cc:153] oneDNN custom operations are on.\\n")
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held.read().decode(errors="replace").splitlines(keepends=True):
                if not any(note in line for note in _NOTES):
                    sys.stderr.write(line)


def is_script() -> bool:
    """Tells whether this process is one of the package's console scripts."""
    return os.path.basename(sys.argv[0] if sys.argv else "").startswith("tb-")
