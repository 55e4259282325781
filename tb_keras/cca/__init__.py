"""Canonical correlation analysis, linear and by a kernel."""

__all__ = []


def __dir__() -> list[str]:
    return __all__
