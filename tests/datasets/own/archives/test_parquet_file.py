"""Tests of Parquet tables that hold the pictures themselves."""

import pytest

from tb_keras.datasets import load_table
from tb_keras.storage.pictures.picture_reference import read_picture

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

CONTENTS = [f"picture {number}".encode() for number in range(100)]
TEXTS = [f"text {number}" for number in range(100)]


def read(path, **options):
    corpus = load_table(path, **options)
    return list(map(read_picture, corpus.image_paths)), corpus.texts


@pytest.mark.parametrize("statistics", [True, False])
def test_structs_of_bytes_and_paths(tmp_path, statistics):
    """A cell without bytes is a path, relative to the file."""
    cells = [{"bytes": content, "path": "x.jpg"} for content in CONTENTS]
    cells[70] = {"bytes": None, "path": "outside.jpg"}
    (tmp_path / "outside.jpg").write_bytes(b"outside")
    table = pa.table({"image": cells, "text": TEXTS})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=33, write_statistics=statistics)
    expected = [*CONTENTS[:70], b"outside", *CONTENTS[71:]]
    assert read(tmp_path / "a.parquet") == (expected, TEXTS)
    corpus = load_table(tmp_path / "a.parquet")
    assert corpus.image_paths[69:71] == [
        f"{tmp_path}/a.parquet::image[69]",
        f"{tmp_path}/outside.jpg",
    ]


@pytest.mark.parametrize("kind", ["binary", "large", "no path"])
def test_bytes_alone(tmp_path, kind):
    cells = [{"bytes": content} for content in CONTENTS] if kind == "no path" else CONTENTS
    cells = pa.array(cells, pa.large_binary() if kind == "large" else None)
    pq.write_table(pa.table({"photo": cells, "text": TEXTS}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", image_column="photo") == (CONTENTS, TEXTS)


def test_equal_bytes_are_one_picture(tmp_path):
    cells = [{"bytes": content, "path": None} for content in (b"a", b"b", b"a")]
    pq.write_table(pa.table({"image": cells, "text": TEXTS[:3]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == ([b"a", b"b"], TEXTS[:3])


def test_several_files(tmp_path):
    for number in (0, 1):
        cells = [{"bytes": content, "path": None} for content in CONTENTS[number::2]]
        table = pa.table({"image": cells, "text": TEXTS[number::2]})
        pq.write_table(table, tmp_path / f"train-0000{number}-of-2.parquet")
    found = read(tmp_path / "train-{00000..00001}-of-2.parquet")
    assert found == (CONTENTS[::2] + CONTENTS[1::2], TEXTS[::2] + TEXTS[1::2])
    with pytest.raises(FileNotFoundError, match=r"there is no file '.*train-00002-of-2"):
        load_table(tmp_path / "train-{00000..00002}-of-2.parquet")


@pytest.mark.parametrize("cell", [None, {"bytes": None, "path": None}])
def test_an_empty_cell_is_told(tmp_path, cell):
    cells = pa.array([{"bytes": b"a", "path": "a"}, cell])
    pq.write_table(pa.table({"image": cells, "text": TEXTS[:2]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet, row 2: 'image' must be"):
        load_table(tmp_path / "a.parquet")


def test_boxes(tmp_path):
    """Sizes are read from the bytes."""
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    cells = [{"bytes": (tmp_path / "a.png").read_bytes(), "path": "a.png"}]
    boxes = {"x_min": [1], "y_min": [2], "x_max": [30], "y_max": [20]}
    pq.write_table(pa.table({"image": cells, "text": ["a"], **boxes}), tmp_path / "a.parquet")
    grounding = load_table(tmp_path / "a.parquet", boxes=True).grounding
    assert grounding.picture_sizes.tolist() == [[40, 30]]
    assert grounding.picture_paths == [f"{tmp_path}/a.parquet::image[0]"]
