import json

import pytest

from tb_keras.datasets.table import load_table, split_of

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
        (tmp_path / name).write_bytes(b"picture")
    return tmp_path


def written(path, rows, columns=("image", "text")):
    """Writes a table with a writer that is not the csv module's."""
    if path.suffix == ".jsonl":
        lines = [json.dumps(dict(zip(columns, row))) for row in rows]
    else:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        quoted = [['"' + value.replace('"', '""') + '"' for value in row] for row in rows]
        lines = [delimiter.join(row) for row in [columns, *quoted]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.tsv", "pairs.jsonl"])
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
    assert load_table(table, "test").texts == ["a cat", "a dog"]
    assert load_table(table, "all").num_images == 2
    with pytest.raises(ValueError, match=r"'all', 'mine', 'test', which .* Received: 'train'"):
        load_table(table, "train")


def test_hashed_splits_are_disjoint_complete_and_of_about_the_promised_size(tmp_path):
    names = [f"{number}.png" for number in range(400)]
    for name in names:
        (tmp_path / name).write_bytes(b"picture")
    table = written(tmp_path / "pairs.csv", [(name, f"a {name}") for name in names])
    parts = {split: load_table(table, split) for split in ("train", "validation", "test")}
    paths = [path for part in parts.values() for path in part.image_paths]
    assert sorted(paths) == sorted(load_table(table, "all").image_paths)
    # Four standard deviations of a binomial with 400 draws.
    assert abs(parts["train"].num_images - 320) < 32
    assert abs(parts["validation"].num_images - 40) < 24


def test_hash_stays_the_same():
    splits = [split_of(f"{number}.png") for number in range(12)]
    assert [number for number in range(12) if splits[number] == "validation"] == [9]
    assert [number for number in range(12) if splits[number] == "test"] == [5]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", ValueError, "has no rows"),
        (b"image,text\n", ValueError, "has no rows"),
        (b"image,caption\ndog.png,a dog\n", ValueError, "line 2: no column 'text'.*'caption'"),
        (b"image,text\ndog.png,a\nbird.png,a\n", FileNotFoundError, "line 3: .*'bird.png'"),
        (b"image,text\ndog.png,a\ndog.png, \n", ValueError, "line 3: 'text' must be.*' '"),
        (b"image,text\ndog.png,a\n,b\n", ValueError, "line 3: 'image' must be.*''"),
        (b"image,text\ndog.png\n", ValueError, "line 2: 'text' must be.*None"),
        (b"image,text\ndog.png,a dog, a pet\n", ValueError, "line 2: more fields"),
        (b'image,text\ndog.png,"a dog\n', ValueError, "line 2: unexpected end"),
        ("image,text\ndog.png,a\ndog.png,caf\xe9\n".encode("latin-1"), ValueError, "line 3: not"),
        ("image,text\n".encode("utf-16"), ValueError, "line 1: not in UTF-8"),
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
        ('{"image": "dog.png"', "line 2: no JSON"),
        ('["dog.png", "a dog"]', "line 2: expected a JSON object"),
        ('{"image": "dog.png", "text": 3}', "line 2: 'text' must be a string.*3"),
        ('{"text": "a dog"}', "line 2: no column 'image'"),
        ('{"image": "dog.png", "text": "b", "split": "test"}', "line 2: either all rows or none"),
    ],
)
def test_damaged_jsonl(folder, line, message):
    table = folder / "pairs.jsonl"
    table.write_text('{"image": "dog.png", "text": "a"}\n' + line + "\n")
    with pytest.raises(ValueError, match=message):
        load_table(table)


def test_wrong_type_of_file(folder):
    with pytest.raises(ValueError, match=r"must be a .csv, .tsv or .jsonl file.*dog.png"):
        load_table(folder / "dog.png")


def test_no_file(folder):
    with pytest.raises(FileNotFoundError, match=r"pairs\.csv"):
        load_table(folder / "pairs.csv")
