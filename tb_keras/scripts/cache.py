"""Shows what is kept in the cache directory, and deletes what you no longer need.

    tb-cache info
    tb-cache prune --older_than=30
    tb-cache prune --encoder=vgg19_fc7
    tb-cache prune --all

The directory is $TB_KERAS_CACHE or else ~/.cache/tb_keras. It holds the features of pictures and
texts, by encoder, and drawn pictures. All of it can be made again. prune says what it would free,
and asks. Features that another process is writing stay.
"""

from __future__ import annotations

import sys

from absl import flags

from tb_keras.scripts.run_main import run_main
from tb_keras.scripts.tables.kept_entries import chosen_entries, entries_table, kept_entries
from tb_keras.storage.cache_directory import cache_directory

_OLDER_THAN = flags.DEFINE_float(
    "older_than", None, "prune: what was not used for this many days.", lower_bound=0
)
_ENCODER = flags.DEFINE_string("encoder", None, "prune: what is of this encoder, as info names it.")
_ALL = flags.DEFINE_bool("all", False, "prune: everything.")
_YES = flags.DEFINE_bool("yes", False, "prune: delete without asking.")


def main(arguments: list[str]) -> None:
    """Runs the script."""
    if arguments not in (["info"], ["prune"]):
        raise ValueError(f"say tb-cache info or tb-cache prune. Received: {' '.join(arguments)}")
    entries = kept_entries()
    if arguments == ["info"]:
        print(f"{cache_directory()}\n{entries_table(entries)}")
        return
    if _ALL.value == (_OLDER_THAN.value is not None or _ENCODER.value is not None):
        raise ValueError("prune needs either --all, or --older_than, --encoder or both")
    chosen = chosen_entries(entries, _ENCODER.value, _OLDER_THAN.value)
    if _ENCODER.value and not chosen and _OLDER_THAN.value is None:
        names = ", ".join(dict.fromkeys(entry.encoder for entry in entries))
        raise ValueError(f"--encoder must be one of {names}. Received: --encoder={_ENCODER.value}")
    if not chosen:
        print("There is nothing to delete")
        return
    print(f"To delete from {cache_directory()}:\n{entries_table(chosen)}")
    if not _YES.value:
        if not sys.stdin.isatty():
            raise ValueError("--yes deletes this; nobody can be asked here")
        if input("Delete it? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was deleted")
            return
    freed = sum(entry.delete() for entry in chosen)
    print(f"Deleted {freed / 1e6:,.1f} MB")


if __name__ == "__main__":
    run_main("tb-cache", main)
