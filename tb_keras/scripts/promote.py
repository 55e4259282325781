"""Makes a model's canary version its stable one, in the file that a server reads.

    tb-promote --model=savedmodels/openmoji

tb-export labels each new version canary in savedmodels/models.config. A request for the label
stable gets the earlier version until you run this.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from tb_keras.scripts.run_main import run_main
from tb_keras.serving import promote

_MODEL = flags.DEFINE_string("model", None, "Directory of an exported model.", required=True)


def main(arguments: list[str]) -> None:
    """Runs the script."""
    if arguments:
        raise ValueError(f"tb-promote takes flags only. Received: {' '.join(arguments)}")
    directory = Path(_MODEL.value)
    print(f"stable is version {promote(directory.parent, directory.name)} now")


if __name__ == "__main__":
    run_main("tb-promote", main)
