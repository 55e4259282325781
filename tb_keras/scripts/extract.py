"""Extracts features once: of pictures into a directory, or of pictures and texts to train from.

    tb-extract --images=photos --output=features/photos
    tb-extract --images=photos --output=features/vgg19 --image_encoder=vgg19_fc7 --crops=10
    tb-extract --data=captions.csv --shards=shards/captions

--images is a folder (searched with its subfolders), a table (CSV, TSV, JSONL, Parquet) with a
column image (--columns=image=NAME names another), or a text file with a path on each line. --output
becomes a directory with features.npy (a row for each picture), images.jsonl (the picture of each
row) and settings.json.

A picture that cannot be read is an error; with --unreadable=skip it is left out and listed in
unreadable.jsonl. Run the same command again after an interruption, or when pictures were added or
changed: it encodes only what is missing.

--shards gets the training split of a data set, as files that hold each picture's features with
those of all its texts, in a random order. tb-train --train_shards trains from them. It may be an
address such as gs://bucket/captions. The features are kept nowhere else. Run the same command again
after an interruption, and it goes on after the last whole file, of 10,000 pictures. Pictures
without a text are left out.
"""

from __future__ import annotations

from absl import flags

from tb_keras.features import extract_features
from tb_keras.scripts import data_flags
from tb_keras.scripts.own_data import column_flag
from tb_keras.scripts.own_data.picture_list import listed_pictures
from tb_keras.scripts.own_data.readable_pictures import UNREADABLE, skips
from tb_keras.scripts.process.idle_flags import refuse
from tb_keras.scripts.run_main import run_main
from tb_keras.scripts.runs.settled_paths import settle_encoder
from tb_keras.scripts.runs.written_shards import write_training_shards

_LISTED = 10  # unreadable pictures that are printed

_IMAGES = flags.DEFINE_string("images", None, "Folder, table or list of pictures.")
_OUTPUT = flags.DEFINE_string("output", None, "With --images: directory of the features.")
_SHARDS = flags.DEFINE_string(
    "shards", None, "Directory of the files to train from, of the data set that --data names."
)
_WEIGHTS = flags.DEFINE_string(
    "weights",
    "pretrained",
    "With --images: file of the encoder's weights; by default the published ones.",
)
_SIZE = flags.DEFINE_integer(
    "size",
    None,
    "With --images: pixels of the encoder's input; by default its own size.",
    lower_bound=32,
)
_DTYPE = flags.DEFINE_enum(
    "dtype", "float16", ["float16", "float32"], "With --images: type of the features on disk."
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size",
    None,
    "With --images: pictures encoded at a time; by default 32, or 3 with ten crops.",
    lower_bound=1,
)

_OF_BOTH = (data_flags.IMAGE_ENCODER, data_flags.CROPS)
_OF_DATA = (
    *(data_flags.DATASET, data_flags.DATA, data_flags.DATASET_OPTIONS),
    *(data_flags.TEXT_ENCODER, data_flags.ENCODERS, data_flags.MAX_TOKENS),
)
_OF_IMAGES = (_OUTPUT, _WEIGHTS, _SIZE, _DTYPE, _BATCH_SIZE)

flags.adopt_module_key_flags(column_flag)  # so that --help shows it
for flag in (*_OF_BOTH, *_OF_DATA, UNREADABLE):
    flags.declare_key_flag(flag.name)


def main(arguments: list[str]) -> None:
    """Runs the script."""
    if arguments:
        raise ValueError(f"what to do with {arguments[0]!r}? Pictures are named by --images=")
    if (_IMAGES.value is None) == (_SHARDS.value is None):
        raise ValueError("name either pictures, --images, or files to write, --shards")
    if _SHARDS.value is not None:
        refuse(_OF_IMAGES, "--images")
        write_training_shards(data_flags.data_settings(), _SHARDS.value)
        return
    refuse(_OF_DATA, "--shards")
    if _OUTPUT.value is None:
        raise ValueError("--output must name the directory of the features")
    _extract()


def _extract() -> None:
    column = column_flag.column_options().get("image_column")
    paths, names = listed_pictures(_IMAGES.value, column)
    print(f"{len(paths)} pictures in {_IMAGES.value}", flush=True)
    done = extract_features(
        paths,
        names,
        _OUTPUT.value,
        encoder=settle_encoder(data_flags.IMAGE_ENCODER.value),
        weights=_WEIGHTS.value,
        size=_SIZE.value,
        crops=data_flags.CROPS.value,
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
