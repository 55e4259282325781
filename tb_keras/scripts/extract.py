"""Extracts the features of pictures, once, into a directory.

    tb-extract --images=photos --output=features/photos
    tb-extract --images=photos --output=features/vgg19 --image_encoder=vgg19_fc7 --crops=10

--images is a folder (searched with its subfolders), a table (CSV, TSV, JSONL, Parquet) with a
column image (--columns=image=NAME names another), or a text file with a path on each line. --output
becomes a directory with features.npy (a row for each picture), images.jsonl (the picture of each
row) and settings.json.

A picture that cannot be read is an error; with --unreadable=skip it is left out and listed in
unreadable.jsonl. Run the same command again after an interruption, or when pictures were added or
changed: it encodes only what is missing.
"""

from __future__ import annotations

from absl import flags

from tb_keras.features import extract_features
from tb_keras.scripts.own_data import column_flag
from tb_keras.scripts.own_data.picture_list import listed_pictures
from tb_keras.scripts.own_data.readable_pictures import UNREADABLE, skips
from tb_keras.scripts.run_main import run_main
from tb_keras.scripts.runs.settled_paths import settle_encoder

_LISTED = 10  # unreadable pictures that are printed

_IMAGES = flags.DEFINE_string("images", None, "Folder, table or list of pictures.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Directory of the features.", required=True)
_IMAGE_ENCODER = flags.DEFINE_string(
    "image_encoder",
    "efficientnet_lite0_levels",
    "Image encoder: efficientnet_lite0_levels, _lite1_levels or _lite2_levels, or without _levels "
    "their last depth alone (weights arrive with pip); vgg19_fc7 or resnet152 as in the papers, "
    "keras.applications/NAME or keras_hub/PRESET (weights are downloaded); or several joined by +.",
)
_WEIGHTS = flags.DEFINE_string(
    "weights", "pretrained", "File of the encoder's weights; by default the published ones."
)
_SIZE = flags.DEFINE_integer(
    "size", None, "Pixels of the encoder's input; by default its own size.", lower_bound=32
)
_CROPS = flags.DEFINE_enum(
    "crops",
    "1",
    ["1", "2", "10"],
    "Crops of each picture whose features are averaged: the central one, this and its mirror "
    "image, or ten as in the papers (ten times as slow).",
)
_DTYPE = flags.DEFINE_enum(
    "dtype", "float16", ["float16", "float32"], "Type of the features on disk."
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size",
    None,
    "Pictures encoded at a time; by default 32, or 3 with ten crops.",
    lower_bound=1,
)

flags.adopt_module_key_flags(column_flag)  # so that --help shows it
flags.declare_key_flag(UNREADABLE)  # so that --help shows it


def main(arguments: list[str]) -> None:
    """Runs the script."""
    if arguments:
        raise ValueError(f"what to do with {arguments[0]!r}? Pictures are named by --images=")
    column = column_flag.column_options().get("image_column")
    paths, names = listed_pictures(_IMAGES.value, column)
    print(f"{len(paths)} pictures in {_IMAGES.value}", flush=True)
    done = extract_features(
        paths,
        names,
        _OUTPUT.value,
        encoder=settle_encoder(_IMAGE_ENCODER.value),
        weights=_WEIGHTS.value,
        size=_SIZE.value,
        crops=int(_CROPS.value),
        dtype=_DTYPE.value,
        strict=not skips(),
        batch_size=_BATCH_SIZE.value,
    )
    for name, reason in list(done.unreadable.items())[:_LISTED]:
        print(f"  left out {name}: {reason}")
    if len(done.unreadable) > _LISTED:
        print(f"  and {len(done.unreadable) - _LISTED} more, see {_OUTPUT.value}/unreadable.jsonl")
    if len(done.unreadable) == len(paths):
        raise ValueError(f"none of the pictures in {_IMAGES.value!r} can be read")
    counts = f"{done.encoded} encoded, {done.kept} there before, {len(done.unreadable)} left out"
    print(f"Wrote {_OUTPUT.value}: {counts}")


if __name__ == "__main__":
    run_main("tb-extract", main)
