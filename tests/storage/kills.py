"""Kills at any moment of a write."""

import contextlib
import os


@contextlib.contextmanager
def killed_at(monkeypatch, call):
    """Kills the block at its first, second, ... call that makes something durable or visible.

    Yields the list of these calls.
    """
    calls = []

    def killing(function):
        def killed(*args, **kwargs):
            calls.append(function)
            if len(calls) == call + 1:
                raise KeyboardInterrupt
            return function(*args, **kwargs)

        return killed

    with monkeypatch.context() as patched:
        for name in ("replace", "fsync", "utime"):
            patched.setattr(os, name, killing(getattr(os, name)))
        with contextlib.suppress(KeyboardInterrupt):
            yield calls
