"""The same ten pairs in every layout that is read."""

import csv
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet

# Two texts for each of five pictures; a text and its commas, quotes and letters as they come.
PICTURES = {
    "1.png": ["a dog", "a pet, asleep"],
    "2.jpg": ["a cat", "ein Kätzchen"],
    "3.png": ['the "best" bus', "a vehicle"],
    "4.png": ["a ship", "it | floats; slowly"],
    "sub/5.png": ["a train", "on rails"],
}
CLASSES = {
    f"{name}/{number}.png": [name.replace("_", " ")]
    for name in ("a_dog", "bus", "cat", "ship", "train")
    for number in (1, 2)
}


def in_split_folders(pictures):
    """The pictures in folders named after splits, one each for validation and test."""
    parts = dict(zip(pictures, ["val", "test"]))
    placed = {f"{parts.get(name, 'train')}/{name}": texts for name, texts in pictures.items()}
    return dict(sorted(placed.items()))


def write_pictures(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"the picture " + Path(name).name.encode() + name.encode())


def pairs(pictures):
    return [(name, text) for name, texts in pictures.items() for text in texts]


def write_rows(path, columns, rows, **dialect):
    """Writes a table in the form that its ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        table = {column: [row[place] for row in rows] for place, column in enumerate(columns)}
        pyarrow.parquet.write_table(pyarrow.table(table), path)
    elif path.suffix in (".jsonl", ".json"):
        found = [{c: v for c, v in zip(columns, row) if v is not None} for row in rows]
        lines = [json.dumps(row, ensure_ascii=False) for row in found]
        text = "\n".join(lines) if path.suffix == ".jsonl" else f"[{','.join(lines)}]"
        path.write_text(text + "\n", encoding="utf-8")
    else:
        dialect = {"delimiter": "\t" if path.suffix == ".tsv" else ",", **dialect}
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n", **dialect).writerows([columns, *rows])
    return path


def table(name, columns=("image", "text"), given=None, **dialect):
    """A layout: a table with a row for each pair."""

    def write(folder, pictures):
        write_pictures(folder, pictures)
        return write_rows(folder / name, columns, pairs(pictures), **dialect), given or {}

    return write


def lists(name, columns=("image", "text")):
    """A layout: a table with a row for each picture, whose texts are a list."""

    def write(folder, pictures):
        write_pictures(folder, pictures)
        return write_rows(folder / name, columns, list(pictures.items())), {}

    return write


def numbered(name, stem="caption_", given=None, **dialect):
    """A layout: a table with a row for each picture, and a column for each of its texts."""

    def write(folder, pictures):
        write_pictures(folder, pictures)
        columns = ["file_name", *(f"{stem}{number}" for number in range(9, 12))]
        rows = [(name, texts[0], None, *texts[1:]) for name, texts in pictures.items()]
        return write_rows(folder / name, columns, rows, **dialect), given or {}

    return write


def metadata(name, columns=("file_name", "text"), each=False):
    """A layout: an image folder of Hugging Face, with a table there or in each split's folder."""

    def write(folder, pictures):
        write_pictures(folder, pictures)
        if not each:
            write_rows(folder / name, columns, pairs(pictures))
            return folder, {}
        for part in dict.fromkeys(picture.split("/")[0] for picture in pictures):
            own = {p.split("/", 1)[1]: t for p, t in pictures.items() if p.startswith(f"{part}/")}
            write_rows(folder / part / name, columns, pairs(own))
        return folder, {}

    return write


def split_tables(name, data=""):
    """A layout: a table for each split in one folder, named by a pattern."""

    def write(folder, pictures):
        write_pictures(folder / data, pictures)
        for part in dict.fromkeys(picture.split("/")[0] for picture in pictures):
            own = {p: t for p, t in pictures.items() if p.startswith(f"{part}/")}
            write_rows(folder / data / name.format(part), ("image", "text"), pairs(own))
        (folder / data / "about.json").write_text('{"by": "me"}')
        return folder, {}

    return write


def text_files(folder, pictures):
    """A layout: a `.txt` file beside each picture, with a text on each line."""
    write_pictures(folder, pictures)
    for name, texts in pictures.items():
        file = (folder / name).with_suffix(".txt")
        file.write_text("\r\n".join(texts) + "\r\n\r\n", encoding="utf-8-sig", newline="")
    return folder, {}


def classes(folder, pictures):
    """A layout: pictures in folders whose names are the texts."""
    write_pictures(folder, pictures)
    return folder, {}


def coco(file, place, given=None):
    """A layout: captions in the form of MSCOCO's files."""

    def write(folder, pictures):
        write_pictures(folder / place, pictures)
        images = [{"id": 70 - n, "file_name": name} for n, name in enumerate(pictures)]
        annotations = [
            {"id": 9 * n + text, "image_id": image["id"], "caption": f"{caption} "}
            for text in range(2)
            for n, image in enumerate(images)
            for caption in pictures[image["file_name"]][text : text + 1]
        ]
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"info": {}, "images": images, "annotations": annotations}))
        return path, given or {}

    return write


NAMED = {"image_column": "bild", "text_column": "legende"}

# The layouts as docs/layouts.md has them, with the pictures that each can hold.
LAYOUTS = {
    "csv": (table("pairs.csv"), PICTURES),
    "tsv": (table("pairs.tsv"), PICTURES),
    "jsonl": (table("pairs.jsonl"), PICTURES),
    "json": (table("pairs.json", ("image_path", "caption")), PICTURES),
    "parquet": (table("pairs.parquet", ("path", "title")), PICTURES),
    "semicolons": (table("pairs.csv", ("Image", "Caption"), delimiter=";"), PICTURES),
    "pipes": (table("pairs.csv", ("image_name", "comment"), delimiter="|"), PICTURES),
    "open_clip": (table("train.csv", ("filepath", "title"), delimiter="\t"), PICTURES),
    "own names": (table("pairs.csv", ("bild", "legende"), NAMED), PICTURES),
    "list in jsonl": (lists("pairs.jsonl", ("filename", "captions")), PICTURES),
    "list in parquet": (lists("pairs.parquet", ("image", "caption")), PICTURES),
    "numbered csv": (numbered("pairs.csv"), PICTURES),
    "numbered tsv": (numbered("pairs.tsv", "Text"), PICTURES),
    "numbered jsonl": (numbered("pairs.jsonl", "title "), PICTURES),
    "numbered parquet": (numbered("pairs.parquet", "sentence-"), PICTURES),
    "a pattern": (numbered("pairs.csv", "legende_", {"text_column": "legende_*"}), PICTURES),
    "metadata.csv": (metadata("metadata.csv"), PICTURES),
    "metadata.jsonl": (metadata("metadata.jsonl", ("file_name", "what it shows")), PICTURES),
    "metadata.parquet": (metadata("metadata.parquet"), in_split_folders(PICTURES)),
    "metadata of each split": (metadata("metadata.csv", each=True), in_split_folders(PICTURES)),
    "a table for each split": (split_tables("{}.csv"), in_split_folders(PICTURES)),
    "shards of each split": (
        split_tables("{}-00000-of-00001.parquet", "data"),
        in_split_folders(PICTURES),
    ),
    ".txt files": (text_files, PICTURES),
    ".txt files in splits": (text_files, in_split_folders(PICTURES)),
    "class folders": (classes, CLASSES),
    "class folders in splits": (classes, in_split_folders(CLASSES)),
    "MSCOCO": (coco("annotations/captions_val2017.json", "val2017"), PICTURES),
    "MSCOCO's form": (coco("a/mine.json", "b", {"pictures": "../b"}), PICTURES),
}
