"""Entry points of the console scripts; each script is a module of absl flags and a `main`."""

import runpy


def _run(script: str) -> None:
    # As __main__, so that absl finds the script's own flags and docstring for --help.
    runpy.run_module(f"tb_keras.scripts.{script}", run_name="__main__", alter_sys=True)


def train() -> None:
    """Runs tb-train."""
    _run("train")


def evaluate() -> None:
    """Runs tb-evaluate."""
    _run("evaluate")


def export() -> None:
    """Runs tb-export."""
    _run("export")


def search() -> None:
    """Runs tb-search."""
    _run("search")


def localize() -> None:
    """Runs tb-localize."""
    _run("localize")


def extract() -> None:
    """Runs tb-extract."""
    _run("extract")


def promote() -> None:
    """Runs tb-promote."""
    _run("promote")
