"""Embeds many pictures or texts by an exported model, in a pipeline of Apache Beam.

    tb-embed --model=savedmodels/mine --input="shards/*.tar" --output=embedded
    tb-embed --model=savedmodels/mine --input=~/Pictures --output=embedded
    tb-embed --model=savedmodels/mine --input="texts-*.parquet" --column=text --output=embedded
    tb-embed ... --runner=FlinkRunner --beam=--flink_master=localhost:8081

Takes folders of pictures, tar archives of them (WebDataset), Parquet files with pictures or texts
in a column, and text files with a line for each text. OUTPUT gets a Parquet file with identifiers,
paths and embeddings for every ten thousand items, and one with the reasons for those that cannot be
read. The same command goes on where it was, and does again what is of another model. `tb-index
build --embeddings="OUTPUT/embeddings-*.parquet"` makes an index of them.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path

from absl import flags

from tb_keras.datasets.own.archives.shard_names import is_pattern, matching_shards
from tb_keras.scripts.run_main import run_main

_MODEL = flags.DEFINE_string("model", None, "Directory of the exported model.", required=True)
_INPUT = flags.DEFINE_list("input", None, "Files and folders, or patterns of them.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Directory to write to.", required=True)
_OF = flags.DEFINE_enum("of", None, ["images", "texts"], "What is in Parquet files.")
_COLUMN = flags.DEFINE_string("column", None, "Column of Parquet files; by default image or text.")
_ITEMS = flags.DEFINE_integer(
    "items_per_file", 10_000, "Items of each file that is written.", lower_bound=1
)
_RUNNER = flags.DEFINE_string("runner", "DirectRunner", "Runner of Beam.")
_BEAM = flags.DEFINE_multi_string(
    "beam", [], "Another option of Beam, such as --beam=--direct_num_workers=2; repeat it for more."
)


def main(arguments: list[str]) -> None:
    """Runs the script."""
    if arguments:
        raise ValueError(f"tb-embed takes flags only. Received: {' '.join(arguments)}")
    try:
        from tb_keras.serving.bulk.pipeline import EmbedFiles, embed_files
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("apache_beam"):
            raise
        raise ModuleNotFoundError(
            "tb-embed needs the package apache-beam: pip install 'tb_keras[beam]'"
        ) from None
    files = _files()
    of = _OF.value or ("texts" if files[0].endswith(".txt") else "images")
    column = _COLUMN.value or {"images": "image", "texts": "text"}[of]
    output = os.path.abspath(_OUTPUT.value)
    os.makedirs(output, exist_ok=True)
    transform = EmbedFiles(os.path.abspath(_MODEL.value), output, of, column, _ITEMS.value)
    done = embed_files(files, transform, [f"--runner={_RUNNER.value}", *_BEAM.value])
    print(
        f"{done.embedded} {of} embedded, {done.kept} from before, {done.unreadable} cannot be read "
        f"({_OUTPUT.value}/unreadable-*.parquet)"
    )


def _files() -> list[str]:
    """Returns the absolute paths of what --input names."""
    found: list[str] = []
    for path in _INPUT.value:
        braces = is_pattern(Path(path))
        some = list(map(str, matching_shards(Path(path)))) if braces else sorted(glob.glob(path))
        if not some:
            raise FileNotFoundError(f"--input must name files or folders. Received: {path!r}")
        found += map(os.path.abspath, some)
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    run_main("tb-embed", main)
