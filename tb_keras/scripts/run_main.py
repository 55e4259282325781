"""How every script runs: quiet logs, one-line errors, exit codes that mean something."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from absl import app, flags, logging

# Exit codes: 0 done, 1 wrong flag or input (a line on stderr says what to do), 130 interrupted.
_INPUT_ERRORS = (ValueError, OSError, ImportError)
_PATIENCE, _MOMENT = 3.0, 0.05  # seconds
_HAS_TIMER = hasattr(signal, "setitimer")  # not on Windows


def run_main(name: str, main: Callable[[list[str]], None]) -> None:
    """Parses flags and runs `main` with the arguments that are no flags.

    Args:
        name: the script's name, for its messages.
        main: takes the arguments after the script's name.
    """

    def parsed(argv: list[str]) -> list[str]:
        try:
            return flags.FLAGS(argv)
        except flags.Error as error:
            print(f"{name}: {error}; --help lists the flags", file=sys.stderr)
            sys.exit(1)
        except SystemExit:
            sys.exit(0)  # --help was asked for and given, which absl counts as a failure

    def guarded(argv: list[str]) -> None:
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.ERROR)  # TensorFlow logs here too as it exports
        interruptions = _kept_interruptions()
        try:
            main(argv[1:])
        except BaseException as error:
            # Compiled code that an interruption comes upon may raise another error in its place.
            _raise_again(0)
            if interruptions or isinstance(error, KeyboardInterrupt):
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one finds it ending
                print(f"\n{name}: interrupted; the same command goes on from here", file=sys.stderr)
                _end(130)
            if not isinstance(error, _INPUT_ERRORS):
                raise
            logging.debug("%s failed", name, exc_info=True)  # --verbosity=1 shows where
            print(f"{name}: {error}{_remedy(error)}", file=sys.stderr)
            _end(1)
        _raise_again(0)  # all is done by now

    app.run(guarded, flags_parser=parsed)


def _kept_interruptions() -> list[int]:
    """Returns a list that gets the number of each SIGINT, which raises as it did before.

    What is raised in a callback of the garbage collector, or of compiled code, is lost. So a timer
    raises it again until something comes of it, where the system has one.
    """
    interruptions: list[int] = []
    tell = sys.unraisablehook

    def interrupt(number, frame):
        interruptions.append(number)
        _raise_again(_PATIENCE)
        signal.default_int_handler(number, frame)

    def unraisable(lost):
        if isinstance(lost.exc_value, KeyboardInterrupt):
            _raise_again(_MOMENT)  # not at once: here it would be lost again
        else:
            tell(lost)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
        signal.signal(signal.SIGINT, interrupt)
        if _HAS_TIMER:
            signal.signal(signal.SIGALRM, interrupt)
        sys.unraisablehook = unraisable
    return interruptions


def _raise_again(seconds: float) -> None:
    """Has SIGALRM come after so many seconds, 0 for never."""
    if _HAS_TIMER:
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _end(code: int) -> NoReturn:
    # At once: as the interpreter goes down it frees the data set of a training that was stopped,
    # which waits for its generator in another thread, which waits for the interpreter, for ever.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _remedy(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "; pip install 'tb_keras[demo]' brings what the scripts use"
    return ""
