"""How every script runs: its flags, its errors in one line, its exit code."""

from __future__ import annotations

import os
import pickle
import sys
import warnings
from collections.abc import Callable

from absl import app, flags, logging

from tb_keras.scripts.process.start_up import end_process, prepare_process

_INPUT_ERRORS = (ValueError, OSError, ImportError, pickle.UnpicklingError)


def run_main(name: str, main: Callable[[list[str]], None]) -> None:
    """Parses the flags and runs `main` with the other arguments.

    The process ends with exit code 0 when all is done, 1 after a wrong flag or input (a line on
    stderr says what to do), 130 after Ctrl-C and 143 after SIGTERM. Other errors have a traceback.

    A flag's value that begins with ~ begins with the home folder, as a shell makes it elsewhere
    than behind an equals sign.

    Args:
        name: the script's name, for its messages.
        main: takes the arguments after the script's name.
    """
    prepare_process()

    def parsed(argv: list[str]) -> list[str]:
        try:
            arguments = flags.FLAGS(argv)
        except flags.Error as error:
            print(f"{name}: {error}; --help lists the flags", file=sys.stderr)
            sys.exit(1)
        except SystemExit:
            sys.exit(0)  # after --help, for which absl exits with 1
        _find_home()
        return arguments

    def guarded(argv: list[str]) -> None:
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        warnings.formatwarning = lambda message, *_, **__: f"{name}: {message}\n"
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.ERROR)  # TensorFlow logs here too as it exports
        try:
            main(argv[1:])
        except (*_INPUT_ERRORS, tf.errors.OpError) as error:
            logging.debug("%s failed", name, exc_info=True)  # --verbosity=1 shows where
            print(f"{name}: {_said(error)}", file=sys.stderr)
            end_process(1)

    app.run(guarded, flags_parser=parsed)


def _find_home() -> None:
    for name in flags.FLAGS:
        flag = flags.FLAGS[name]
        if flag.present and isinstance(flag.value, str):
            flag.value = os.path.expanduser(flag.value)
        elif flag.present and isinstance(flag.value, list):
            flag.value = list(map(os.path.expanduser, flag.value))


def _said(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"{error}; pip install 'tb_keras[demo]' brings what the scripts use"
    if hasattr(error, "node_def"):  # of TensorFlow, whose operations are no help
        from tb_keras.features.decoded_pictures import picture_error

        return picture_error(error)
    return str(error)
