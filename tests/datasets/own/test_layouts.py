"""Every layout gives the corpus that the same pairs give in a plain table."""

import json
import os
import re

import pytest

from tb_keras.datasets import load, load_splits
from tb_keras.datasets.own.hashed_splits import split_named
from tb_keras.datasets.own.table import load_table
from tests.datasets.own.layouts import (
    CLASSES,
    LAYOUTS,
    PICTURES,
    metadata,
    pairs,
    table,
    text_files,
    write_pictures,
    write_rows,
)

SPLITS = ("all", "train", "validation", "test")


def content(corpus, pictures):
    """A corpus without the place of its pictures, which may be any folder of theirs."""
    ends = [max((n for n in pictures if p.endswith(f"/{n}")), key=len) for p in corpus.image_paths]
    assert all(map(os.path.isfile, corpus.image_paths))
    return ends, corpus.texts, corpus.matches.pairs.tolist(), dict(corpus.text_attributes)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_corpus(tmp_path, layout):
    write, pictures = LAYOUTS[layout]
    path, options = write(tmp_path / "layout", pictures)
    (tmp_path / "plain").mkdir()
    write_pictures(tmp_path / "plain", pictures)
    splits = [split_named(name.split("/")[0]) for name, _ in pairs(pictures)]
    in_folders = set(splits) == {"train", "validation", "test"}
    columns = ("image", "text", "split") if in_folders else ("image", "text")
    rows = [(*pair, split)[: len(columns)] for pair, split in zip(pairs(pictures), splits)]
    plain = write_rows(tmp_path / "plain" / "pairs.csv", columns, rows)
    for split in SPLITS:
        expected = content(load_table(plain, split), pictures)
        assert content(load("table", path, split, **options), pictures) == expected
    corpora, lines = load_splits("table", path, SPLITS[1:], **options)
    assert sum(corpus.num_images for corpus in corpora.values()) == len(pictures)
    assert lines[0].startswith(f"{len(pictures)} images, {len({row[1] for row in rows})} texts in ")
    by = "(folder|file)" if in_folders else "hash"
    assert re.match(f"split by {by} ", lines[1])


def test_what_a_table_was_taken_for(tmp_path):
    path, _ = table("pairs.csv")(tmp_path, CLASSES)
    (tmp_path / "copy.png").write_bytes((tmp_path / "bus/1.png").read_bytes())
    with path.open("a") as file:
        file.write("copy.png,a bus of steel\n")
    assert load_splits("table", path, ["train"])[1] == [
        "10 images, 6 texts in 11 rows of pairs.csv (columns image, text)",
        "split by hash 8/1/1 (train/validation/test); 5 texts belong to several images; 1 picture "
        "is a copy of another",
    ]
    path = write_rows(path, ("image", "text", "split"), [("copy.png", "a", "dev")] * 2)
    lines = load_splits("table", path, ["all"])[1]
    assert lines[0] == "1 image, 1 text in 2 rows of pairs.csv (columns image, text, split)"
    assert lines[1] == "split by the column split 0/1/0 (train/validation/test)"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            ("path", "filename", "text"),
            "has both 'filename' and 'path': name one as `image_column`",
        ),
        (("image", "caption", "title"), r"both 'caption' and 'title': .*--columns=text=caption\)"),
        (("image", "title", "caption_1"), "has both 'title' and 'caption_#': name one as `text_c"),
        (("image", "legend", "rater"), "no column 'text', .*--columns=text=NAME names another"),
        (("bild", "text", "rater"), "no column 'image', .*--columns=image=NAME names another"),
    ],
)
def test_columns_that_may_be_meant_or_none(tmp_path, columns, message):
    path = write_rows(tmp_path / "a.csv", columns, [("1.png",) * 3])
    with pytest.raises(ValueError, match=message) as error:
        load_table(path)
    assert len(str(error.value)) < 200 + len(str(path))


def test_documented_names_count_more_than_others(tmp_path):
    write_pictures(tmp_path, ["1.png"])
    columns = ("file_name", "image", "text", "title", "caption_1", "language_2")
    path = write_rows(tmp_path / "a.csv", columns, [("no.png", "1.png", "a dog", "b", "c", "d")])
    assert load_table(path).texts == ["a dog"]


def test_pictures_by_url_are_refused_whatever_their_column(tmp_path):
    path = write_rows(tmp_path / "a.csv", ("url", "caption"), [("https://a.org/1.jpg", "a dog")])
    with pytest.raises(ValueError, match="line 2: a picture must be a file; img2dataset"):
        load_table(path)


def test_rows_with_more_texts_than_the_first(tmp_path):
    write_pictures(tmp_path, ["1.png", "2.png"])
    lines = [{"image": "1.png", "text_1": "a"}, {"image": "2.png", "text_1": "b", "text_2": "c"}]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    assert load_table(path).texts == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"image": "1.png", "text": []}, r"line 1: 'text' must be .* Received: \[\]"),
        ({"image": "1.png", "text": ["a", ""]}, "line 1: 'text' must be .* Received: ''"),
        ({"image": "1.png", "text": ["a", 3]}, "line 1: 'text' must be .* Received: 3"),
        ({"image": "1.png", "text_1": " ", "text_2": None}, "line 1: 'text_#' must be a string"),
        ({"image": "1.png", "text_1": "a", "text_2": 3}, "line 1: 'text_2' must .* Received: 3"),
    ],
)
def test_rows_without_texts(tmp_path, row, message):
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    with pytest.raises(ValueError, match=message):
        load_table(tmp_path / "a.jsonl")


def test_a_folder_with_one_table_and_with_several(tmp_path):
    path, _ = table("pairs.tsv")(tmp_path, PICTURES)
    assert load_table(tmp_path).texts == load_table(path).texts
    write_rows(tmp_path / "more.csv", ("image", "text"), pairs(PICTURES))
    with pytest.raises(ValueError, match=r"several tables, such as 'more.csv' and 'pairs.tsv'"):
        load_table(tmp_path)


def test_what_tables_of_splits_were_taken_for(tmp_path):
    for name, text in (("birds_train.csv", "a"), ("birds_dev.csv", "b"), ("birds_test.csv", "c")):
        write_pictures(tmp_path, [f"{text}.png"])
        write_rows(tmp_path / name, ("image", "text"), [(f"{text}.png", text)])
    (tmp_path / "about.json").write_text("{}")
    assert load_table(tmp_path, "validation").texts == ["b"]
    assert load_splits("table", tmp_path, ["train"])[1] == [
        "3 images, 3 texts in 3 rows of birds_dev.csv, birds_test.csv, birds_train.csv in "
        f"{tmp_path.name} (columns image, text, split)",
        "split by file 1/1/1 (train/validation/test)",
    ]
    write_rows(tmp_path / "birds_test.csv", ("image", "caption"), [("c.png", "c")])
    with pytest.raises(ValueError, match=r"birds_test.csv: no column 'text', there are 'image'"):
        load_table(tmp_path)


def test_validation_that_nobody_named(tmp_path):
    for name, count in (("train", 40), ("test", 10)):
        pictures = [f"{name}-{number}.png" for number in range(count)]
        write_pictures(tmp_path, pictures)
        write_rows(tmp_path / f"{name}.csv", ("image", "text"), [(p, f"a {p}") for p in pictures])
    message = (
        rf"{tmp_path.name}: no image is of the split 'validation', so \d of 40 training images"
    )
    with pytest.warns(UserWarning, match=message):
        corpora, lines = load_splits("table", tmp_path, ["train", "validation", "test"])
    train, validation, test = (corpora[name].num_images for name in corpora)
    assert (train + validation, test) == (40, 10)
    assert not set(corpora["train"].texts) & set(corpora["validation"].texts)
    assert lines[1] == f"split by file {train}/{validation}/10 (train/validation/test)"


def test_a_column_of_splits_counts_more_than_the_names_of_tables(tmp_path):
    write_pictures(tmp_path, ["1.png", "2.png"])
    for number, name in enumerate(("train.tsv", "val.tsv"), 1):
        row = (f"{number}.png", name, "test")
        write_rows(tmp_path / name, ("image", "text", "split"), [row])
    assert load_table(tmp_path, "test").texts == ["train.tsv", "val.tsv"]


def test_json_that_is_no_table_may_lie_beside_folders_of_classes(tmp_path):
    write_pictures(tmp_path, CLASSES)
    (tmp_path / "class_to_idx.json").write_text('{"bus": 0, "cat": 1}')
    assert load_table(tmp_path).num_images == len(CLASSES)
    (tmp_path / "class_to_idx.json").write_text('{"bus": 0, "ca')
    with pytest.raises(ValueError, match=r"class_to_idx.json"):
        load_table(tmp_path)


def test_json_that_is_no_table_is_told_where_there_are_no_texts(tmp_path):
    write_pictures(tmp_path, ["1.png"])
    (tmp_path / "notes.json").write_text('{"by": "me"}')
    with pytest.raises(ValueError, match=r"notes.json must hold a list of objects"):
        load_table(tmp_path)


@pytest.mark.parametrize(
    ("name", "dataset"),
    [("captions.txt", "flickr8k"), ("results.csv", "flickr30k"), ("dataset_coco.json", "coco")],
)
def test_folders_of_published_data_sets_are_told(tmp_path, name, dataset):
    write_pictures(tmp_path, ["Images/1.png"])
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=rf"{name}' of a data set .*--dataset={dataset}"):
        load_table(tmp_path)


@pytest.mark.parametrize(
    "pictures", [[], ["1.png"], ["1.png", "a/2.png"], ["train/1.png"], ["all/1.png"]]
)
def test_folders_without_texts(tmp_path, pictures):
    write_pictures(tmp_path, pictures)
    with pytest.raises(ValueError, match=rf"has {len(pictures)} pictures, but no texts: a table, "):
        load_table(tmp_path)


def test_pictures_without_a_text_file_are_counted(tmp_path):
    text_files(tmp_path, PICTURES)
    write_pictures(tmp_path, ["6.webp", "train/7.png"])
    with pytest.warns(UserWarning, match=r"2 pictures without a .txt file .* such as '6.webp'"):
        assert load_table(tmp_path).num_images == 5
    (tmp_path / "1.txt").write_text("\n \n")
    with (
        pytest.warns(UserWarning, match="2 pictures without"),
        pytest.raises(ValueError, match=r"1\.txt: 'text' must be a string that is not empty"),
    ):
        load_table(tmp_path)


def test_metadata_of_pictures_outside_of_the_splits(tmp_path):
    metadata("metadata.csv")(tmp_path, {"train/1.png": ["a"], "2.png": ["b"]})
    with pytest.raises(ValueError, match=r"line 3: a picture must be in the folder of a split"):
        load_table(tmp_path)
    assert load_table(tmp_path, split_column=None).num_images == 2


def test_metadata_that_is_empty_or_there_twice(tmp_path):
    (tmp_path / "metadata.csv").touch()
    with pytest.raises(ValueError, match="has no rows"):
        load_table(tmp_path)
    metadata("metadata.csv", each=True)(tmp_path, {"train/1.png": ["a"]})
    assert load_table(tmp_path).texts == ["a"]
    (tmp_path / "train/metadata.jsonl").touch()
    with pytest.raises(ValueError, match=r"must have one of 'metadata.csv' and 'metadata.jsonl'"):
        load_table(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": []}, r"must hold a list of objects, or 'images' and .* --dataset=coco or"),
        ({}, "must hold a list of objects, or 'images' and 'annotations' as MSCOCO's captions do$"),
        ([], "has no rows"),
        (["a"], r"a\.json, \[0\]: expected a JSON object. Received: 'a'"),
        ([{"image": "1.png", "text": 3}], r"a\.json, \[0\]: 'text' must be a string"),
        ({"images": [], "annotations": []}, "holds no image"),
        (
            {"images": [{"id": 1, "file_name": "1.png"}], "annotations": [{"id": 7}]},
            "annotation 7: there is no 'image_id'",
        ),
    ],
)
def test_damaged_json(tmp_path, content, message):
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        load_table(tmp_path / "a.json")


def test_images_without_captions_are_counted(tmp_path):
    write_pictures(tmp_path / "images", ["1.png", "2.png"])
    images = [{"id": n, "file_name": f"{n}.png"} for n in (1, 2)]
    annotations = [{"id": 7, "image_id": 2, "caption": "a dog"}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    with pytest.warns(UserWarning, match="1 images without a caption are left out"):
        corpus = load_table(path)
    assert corpus.image_paths == [str(tmp_path / "images/2.png")]


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder of pictures '.*none'"):
        load_table(table("pairs.csv")(tmp_path, PICTURES)[0], pictures="none")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_table(tmp_path / "nowhere")
