"""What a script sets up before TensorFlow is imported, which takes seconds."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import NoReturn

_INTERRUPTED = "Interrupted; run the same command again to go on.\n"


def prepare_process() -> None:
    """Silences TensorFlow's notes and lets Ctrl-C or SIGTERM end the process at once.

    Scripts write each file whole or go on with it, so nothing that can be seen needs to be cleaned
    up. Hidden files and directories that were being written stay, such as `.unfinished-*`, which
    you may delete. A signal that is ignored, as in the background of a shell, stays ignored.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for number, default in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is default:
            signal.signal(number, _interrupted)


def end_process(code: int) -> NoReturn:
    """Ends the process without Python's clean-up, in which TensorFlow's threads may hang."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, RuntimeError):  # closed, or interrupted as it flushed
            stream.flush()
    os._exit(code)


def _interrupted(number: int, frame: object) -> NoReturn:
    line_end = "\n" if os.isatty(2) else ""  # of a progress bar, or behind ^C
    os.write(2, f"{line_end}{_INTERRUPTED}".encode())
    end_process(128 + number)
