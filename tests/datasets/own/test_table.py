import json
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.datasets.own.table import load_table

SPLITS = ("train", "validation", "test")
NAMES = ["pairs.csv", "pairs.tsv", "pairs.jsonl", "pairs.parquet"]

ROWS = [
    ("dog.png", "a dog"),
    ("dog.png", 'a pet, "really"\non two lines'),
    ("sub/cat.png", "a cat"),
    ("sub/cat.png", "a dog"),  # no true word, but one text of two images
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("dog.png", "sub/cat.png"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def written(path, rows, columns=("image", "text")):
    """Writes a table with a writer that is not the csv module's."""
    if path.suffix == ".parquet":
        table = {column: [row[i] for row in rows] for i, column in enumerate(columns)}
        pyarrow.parquet.write_table(pyarrow.table(table), path, row_group_size=2)
        return path
    if path.suffix == ".jsonl":
        lines = [json.dumps(dict(zip(columns, row))) for row in rows]
    else:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        quoted = [['"' + str(value).replace('"', '""') + '"' for value in row] for row in rows]
        lines = [delimiter.join(row) for row in [columns, *quoted]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_equal_paths_are_one_image_and_equal_strings_one_text(folder, name):
    corpus = load_table(written(folder / name, ROWS))
    assert corpus.image_paths == [str(folder / "dog.png"), str(folder / "sub/cat.png")]
    assert corpus.texts == ["a dog", ROWS[1][1], "a cat"]
    assert corpus.matches.pairs.tolist() == [[0, 0], [0, 1], [1, 0], [1, 2]]


def test_further_columns_are_ignored_and_a_byte_order_mark_too(folder):
    table = folder / "pairs.csv"
    table.write_text("image,rater,text\ndog.png,7,a dog\n", encoding="utf-8-sig")
    assert load_table(table).texts == ["a dog"]


def test_split_column(folder):
    rows = [(*row, "mine" if row[0] == "dog.png" else "test") for row in ROWS]
    table = written(folder / "pairs.csv", rows, ("image", "text", "split"))
    assert load_table(table, "mine").texts == ["a dog", ROWS[1][1]]
    with pytest.warns(UserWarning, match=r"other splits than train.* left out: 1 of 'mine'"):
        assert load_table(table, "test").texts == ["a cat", "a dog"]
    assert load_table(table, "all").num_images == 2
    with pytest.raises(ValueError, match=r"'all', 'mine', 'test', which .* Received: 'train'"):
        load_table(table, "train")


def test_hashed_splits_are_disjoint_complete_and_of_about_the_promised_size(tmp_path):
    names = [f"{number}.png" for number in range(400)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    table = written(tmp_path / "pairs.csv", [(name, f"a {name}") for name in names])
    parts = {split: load_table(table, split) for split in ("train", "validation", "test")}
    paths = [path for part in parts.values() for path in part.image_paths]
    assert sorted(paths) == sorted(load_table(table, "all").image_paths)
    # Four standard deviations of a binomial with 400 draws.
    assert abs(parts["train"].num_images - 320) < 32
    assert abs(parts["validation"].num_images - 40) < 24


def test_val_and_dev_mean_validation(folder):
    table = written(
        folder / "a.csv", [(*ROWS[0], "val"), (*ROWS[2], "dev")], ("image", "text", "split")
    )
    for split in ("validation", "val"):
        assert load_table(table, split).texts == ["a dog", "a cat"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_splits_in_other_letters(folder, name):
    rows = [(*ROWS[0], "Train"), (*ROWS[2], " restval "), (*ROWS[3], "RESTVAL")]
    table = written(folder / name, rows, ("image", "text", "split"))
    assert load_table(table, "train").matches.pairs.tolist() == [[0, 0], [1, 0], [1, 1]]
    table = written(
        folder / name, [(*ROWS[0], "Training"), (*ROWS[2], "DEV")], ("image", "text", "split")
    )
    assert load_table(table, "Validation").texts == ["a cat"]


def test_the_image_column_has_two_names(folder):
    assert load_table(written(folder / "a.csv", ROWS, ("image_path", "text"))).num_images == 2
    rows = [("sub/cat.png", *row) for row in ROWS]
    table = written(folder / "b.csv", rows, ("image_path", "image", "text"))
    with pytest.raises(ValueError, match=r"both 'image' and 'image_path': name one as `image_col"):
        load_table(table)
    assert load_table(table, image_column="image_path").num_images == 1


@pytest.mark.parametrize("name", NAMES)
def test_languages(folder, name):
    rows = [("dog.png", "hand", "en"), ("dog.png", "hand", "de"), ("dog.png", "main", "fr")]
    table = written(folder / name, rows, ("image", "text", "language"))
    corpus = load_table(table)
    assert corpus.texts == ["hand", "hand", "main"]
    assert corpus.text_attributes == {"language": ["en", "de", "fr"]}
    with pytest.raises(ValueError, match=r"`language` must be left out.*language='en'"):
        load_table(table, language="en")
    corpus = load_table(table, language="en", language_column=None)
    assert corpus.text_attributes == {"language": ["en", "en"]}


def test_line_ends_of_windows_and_semicolons(folder):
    (folder / "a.csv").write_bytes(b'image;text\r\ndog.png;"a dog, a\r\npet"\r\n\r\n')
    assert load_table(folder / "a.csv").texts == ["a dog, a\npet"]
    (folder / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"image": "dog.png", "text": "a"}\r\n\r\n')
    assert load_table(folder / "a.jsonl").texts == ["a"]


def test_parquet_reads_only_the_columns_it_needs(folder):
    rows = [("dog.png", "a dog", b"\x89PNG")]
    assert load_table(written(folder / "a.parquet", rows, ("image", "text", "bytes"))).texts == [
        "a dog"
    ]


def test_twenty_rows_have_three_splits(tmp_path):
    for number in range(20):
        (tmp_path / f"{number}.png").write_bytes(str(number).encode())
        rows = [(f"{n}.png", f"a {n}") for n in range(number + 1)]
        if number >= 2:
            table = written(tmp_path / "pairs.csv", rows)
            sizes = [load_table(table, s).num_images for s in ("train", "validation", "test")]
            assert min(sizes) >= 1
            assert sum(sizes) == number + 1


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1)
texts = texts.filter(str.strip)


@pytest.mark.parametrize("name", NAMES)
@given(rows=st.lists(st.tuples(st.sampled_from(["a.png", "b.png"]), texts), min_size=1))
def test_what_is_written_is_read(tmp_path_factory, name, rows):
    folder = tmp_path_factory.getbasetemp()
    for picture in ("a.png", "b.png"):
        (folder / picture).write_bytes(picture.encode())
    corpus = load_table(written(folder / name, rows))
    pairs = {
        (corpus.image_paths[image], corpus.texts[text]) for image, text in corpus.matches.pairs
    }
    assert pairs == {(str(folder / image), text.strip()) for image, text in rows}
    assert corpus.texts == list(dict.fromkeys(text.strip() for _, text in rows))


SIDES = ("x_min", "y_min", "x_max", "y_max")
BOXES = [
    ("park.png", "two dogs", 10, 20, 30, 40),
    ("park.png", "two dogs", 50, 20, 70.5, 35),
    ("park.png", "a dog", 10, 20, 30, 40),
    ("sky.png", "two dogs", -1, 0, 20, 10),
]


@pytest.fixture
def pictures(tmp_path):
    from PIL import Image

    for name, size in (("park.png", (100, 80)), ("sky.png", (20, 10))):
        Image.new("RGB", size).save(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "as_list"),  # a list does not fit in a field of CSV
    [*((name, False) for name in NAMES), ("pairs.jsonl", True), ("pairs.parquet", True)],
)
def test_boxes(pictures, name, as_list):
    rows, columns = [tuple(map(float, row[2:])) for row in BOXES], SIDES
    if as_list:
        rows, columns = [(list(row),) for row in rows], ("box",)
    rows = [(*pair[:2], *row) for pair, row in zip(BOXES, rows)]
    table = written(pictures / name, rows, ("image", "text", *columns))
    corpus = load_table(table, boxes=True)
    grounding = corpus.grounding
    assert corpus.texts == ["two dogs", "a dog", "two dogs"]
    assert grounding.picture_sizes.tolist() == [[100, 80], [20, 10]]
    assert grounding.picture_paths == [str(pictures / "park.png"), str(pictures / "sky.png")]
    assert grounding.region_pictures.tolist() == [0, 0, 1]
    # The same box in two rows is one region of two phrases.
    assert corpus.matches.pairs.tolist() == [[0, 0], [0, 1], [1, 0], [2, 2]]
    assert grounding.phrase_boxes.tolist() == [[10, 20, 70.5, 40], [10, 20, 30, 40], [0, 0, 20, 10]]
    assert corpus.text_attributes == {"picture": ["park.png", "park.png", "sky.png"]}
    assert load_table(table).matches.pairs.tolist() == [[0, 0], [0, 1], [1, 0]]


def test_a_phrase_without_a_box(pictures):
    lines = [
        {"image": "park.png", "text": "a dog", "box": [1, 2, 3, 4], "language": "en"},
        {"image": "park.png", "text": "it", "box": None, "language": "en"},
        {"image": "park.png", "text": "it", "language": "de"},
    ]
    (pictures / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    corpus = load_table(pictures / "a.jsonl", boxes=True)
    assert corpus.grounding.has_box.tolist() == [True, False, False]
    assert corpus.text_attributes["language"] == ["en", "en", "de"]
    (pictures / "a.csv").write_text("image,text,x_min,y_min,x_max,y_max\npark.png,it,,,,\n")
    corpus = load_table(pictures / "a.csv", boxes=True, language="en")
    assert np.isnan(corpus.grounding.phrase_boxes).all()
    assert corpus.text_attributes == {"picture": ["park.png"], "language": ["en"]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("park.png,a,1,2,3", "line 2: a box must be four finite numbers.*'3', None"),
        ("park.png,a,1,2,3,x", "line 2: a box must be four.*'x'"),
        ("park.png,a,1,2,3,inf", "line 2: a box must be four.*'inf'"),
        ("park.png,a,3,2,1,4", "line 2: expected a finite box, from left.*3.0, 2.0, 1.0, 4.0"),
        ("park.png,a,200,2,300,4", "line 2: expected a box with an area in its .* 100 x 80"),
        ("damaged.png,a,1,2,3,4", "line 2: .*damaged.png' is not a picture"),
        ("park.png,a,0,0.5,1,1", "line 2: a box must be in pixels, .*--dataset_options=box_unit=s"),
    ],
)
def test_damaged_boxes(pictures, row, message):
    (pictures / "damaged.png").write_bytes(b"no picture")
    (pictures / "a.csv").write_text(f"image,text,x_min,y_min,x_max,y_max\n{row}\n")
    with pytest.raises(ValueError, match=message):
        load_table(pictures / "a.csv", boxes=True)


def test_boxes_in_shares_of_the_sides(pictures):
    rows = [("park.png", "a", 0, 0.25, 0.5, 1), ("sky.png", "b", 0, 0, 1, 1)]
    table = written(pictures / "a.csv", rows, ("image", "text", *SIDES))
    corpus = load_table(table, boxes=True, box_unit="share")
    assert corpus.grounding.region_boxes.tolist() == [[0, 20, 50, 80], [0, 0, 20, 10]]
    table = written(pictures / "a.csv", [("park.png", "a", 1, 2, 3, 4)], ("image", "text", *SIDES))
    with pytest.raises(ValueError, match=r"line 2: a box must be in shares .*\[1.0, 2.0, 3.0, 4.0"):
        load_table(table, boxes=True, box_unit="share")
    with pytest.raises(ValueError, match="`box_unit` must be 'pixel' or 'share'"):
        load_table(table, boxes=True, box_unit="percent")


def test_boxes_are_those_of_the_picture_as_it_is_shown(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "turned.jpg", exif=exif)
    rows = [("turned.jpg", "below", 0, 30, 30, 40)]
    corpus = load_table(written(tmp_path / "a.csv", rows, ("image", "text", *SIDES)), boxes=True)
    assert corpus.grounding.picture_sizes.tolist() == [[30, 40]]
    assert corpus.grounding.region_boxes.tolist() == [[0, 30, 30, 40]]


@pytest.mark.parametrize("columns", [(), SIDES[:3], (*SIDES, "box")])
def test_no_columns_of_boxes(pictures, columns):
    rows = [("park.png", "a", *(["1"] * len(columns)))]
    table = written(pictures / "a.csv", rows, ("image", "text", *columns))
    with pytest.raises(ValueError, match=r"`boxes` needs either the columns 'x_min'.*there are"):
        load_table(table, boxes=True)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", ValueError, "has no rows"),
        (b"image,text\n", ValueError, "has no rows"),
        (b"image,legend\ndog.png,a dog\n", ValueError, "csv: no column 'text'.*'legend'"),
        (b"image,text\ndog.png,a\nbird.png,a\n", FileNotFoundError, "line 3: .*'bird.png'"),
        (b"image,text\ndog.png,a\ndog.png, \n", ValueError, "line 3: 'text' must be.*' '"),
        (b"image,text\ndog.png,a\n,b\n", ValueError, "line 3: 'image' must be.*''"),
        (b"image,text\ndog.png\n", ValueError, "line 2: 'text' must be.*None"),
        (b"image,text\ndog.png,a dog, a pet\n", ValueError, "line 2: more fields"),
        (
            b'image,text\ndog.png,"a dog\nsub/cat.png,a cat\ndog.png,a pet\n',
            ValueError,
            "line 2: unexpected end of data; a quote that opens here is not closed",
        ),
        ("image,text\ndog.png,a\ndog.png,caf\xe9\n".encode("latin-1"), ValueError, "line 3: not"),
        ("image,text\n".encode("utf-16"), ValueError, "line 1: not in UTF-8.*as 'CSV UTF-8'"),
        ("image,text\n".encode("utf-16-le"), ValueError, "line 1: not in UTF-8.*'CSV UTF-8'"),
        (b"image,text,text\ndog.png,a,b\n", ValueError, "the column 'text' comes twice"),
        (
            b"image,text,split\ndog.png,a,train\ndog.png,b,test\n",
            ValueError,
            "line 3: 'dog.png' is in 'test', before in 'train'",
        ),
    ],
)
def test_damaged_csv(folder, content, error, message):
    (folder / "pairs.csv").write_bytes(content)
    with pytest.raises(error, match=message):
        load_table(folder / "pairs.csv")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"image": "dog.png"', "line 2: not JSON"),
        ('["dog.png", "a dog"]', "line 2: expected a JSON object"),
        ('{"image": "dog.png", "text": 3}', "line 2: 'text' must be a string.*3"),
        ('{"image": "dog.png", "text": "a \\ud800 dog"}', "line 2: 'text' is no text in UTF-8"),
        ('{"text": "a dog"}', "line 2: 'image' must be a string.*None"),
        ('{"image": "dog.png", "text": "b", "split": "test"}', "line 2: either all rows or none"),
    ],
)
def test_damaged_jsonl(folder, line, message):
    table = folder / "pairs.jsonl"
    table.write_text('{"image": "dog.png", "text": "a"}\n' + line + "\n")
    with pytest.raises(ValueError, match=message):
        load_table(table)


def test_errors_are_short(folder):
    long = "x" * 100_000
    for line in ({"image": "dog.png", "text": [[long]]}, {"image": long, "text": "a"}):
        (folder / "a.jsonl").write_text(json.dumps(line))
        with pytest.raises((ValueError, FileNotFoundError), match="line 1: ") as error:
            load_table(folder / "a.jsonl")
        assert len(str(error.value)) < 500 + len(str(folder))


def test_columns_whose_names_are_numbers(folder):
    table = written(folder / "a.csv", ROWS, ("0", "1"))
    corpus = load_table(table, image_column=0, text_column=1)  # as a script's option gives them
    assert corpus.num_images == 2


def test_wrong_type_of_file(folder):
    with pytest.raises(
        ValueError, match=r"must be a .csv, .tsv, .jsonl, .parquet or .tar file.*dog.png"
    ):
        load_table(folder / "dog.png")


@pytest.mark.parametrize("name", NAMES)
def test_no_file(folder, name):
    with pytest.raises(FileNotFoundError, match=name):
        load_table(folder / name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [b"", b"\n"])
def test_empty_file(folder, name, content):
    (folder / name).write_bytes(content)
    message = "not a Parquet file" if name.endswith("parquet") else "has no rows"
    with pytest.raises(ValueError, match=message):
        load_table(folder / name)


def test_damaged_parquet(folder):
    path = written(folder / "pairs.parquet", ROWS)
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"pairs\.parquet: not a Parquet file, or damaged"):
            load_table(path)
    path.write_bytes(whole[:4] + bytes(60) + whole[64:])
    with pytest.raises(ValueError, match=r"pairs\.parquet: damaged after row 0"):
        load_table(path)
    with pytest.raises(ValueError, match=r"row 2: 'text' must be a string.*None"):
        load_table(written(path, [ROWS[0], ("dog.png", None)]))


def test_the_table_that_ships_has_ten_pictures_with_two_texts_each():
    folder = Path(__file__).parents[3] / "docs/twenty"
    corpus = load_table(folder / "pictures.csv")
    assert (corpus.num_images, corpus.num_texts) == (10, 20)
    assert corpus.matches.texts_per_image().tolist() == [2] * 10
    assert sorted(map(Path, corpus.image_paths)) == sorted(folder.glob("pictures/*.png"))
    assert {load_table(folder / "pictures.csv", split).num_images for split in SPLITS} == {8, 1}
