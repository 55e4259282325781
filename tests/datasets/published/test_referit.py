import json

import numpy as np
import pytest

from tb_keras.datasets.published.referit import load_referit

QUERIES = {
    "30_2.png": ["tallest bldng", "sky"],
    "7_1.png": ["sky"],
    "30_1.png": ["sealion ", "sky", "sky"],
}
FILES = {
    "referit_query_test.json": QUERIES,
    "referit_query_val.json": {"7_1.png": ["the floor"]},
    "referit_imcrop.json": {
        "7.jpg": ["7_1.png"],
        "30.jpg": ["30_1.png", "30_3.png", "30_2.png"],
        "99.jpg": ["99_1.png"],
    },
    "referit_bbox.json": {
        "30_1.png": [0, 0, 479, 359],
        "30_2.png": [106, 84, 168, 175],
        "30_3.png": [5, 6, 5, 6],
        "7_1.png": [0, 40, 400, 479],
        "99_1.png": [0, 0, 1, 1],
    },
    "referit_imsize.json": {"7.jpg": [360, 480], "30.jpg": [480, 360], "99.jpg": [360, 480]},
}


@pytest.fixture
def directory(tmp_path):
    """The published layout: data/*.json and referit-dataset/images/*.jpg."""
    (tmp_path / "data").mkdir()
    (tmp_path / "referit-dataset" / "images").mkdir(parents=True)
    for name in ("7.jpg", "30.jpg"):
        (tmp_path / "referit-dataset" / "images" / name).write_bytes(b"a picture")
    for name, content in FILES.items():
        (tmp_path / "data" / name).write_text(json.dumps(content, indent=0))
    return tmp_path / "data"


def test_expressions_with_their_regions(directory):
    corpus = load_referit(directory)
    assert corpus.texts == ["tallest bldng", "sky", "sky", "sealion ", "sky", "sky"]
    grounding = corpus.grounding
    assert [path[-13:] for path in grounding.picture_paths] == ["images/30.jpg", "/images/7.jpg"]
    assert grounding.picture_sizes.tolist() == [[480, 360], [360, 480]]
    assert corpus.image_attributes == {
        "region": ["30_1.png", "30_3.png", "30_2.png", "7_1.png"],
        "picture": ["30.jpg", "30.jpg", "30.jpg", "7.jpg"],
    }
    assert grounding.region_pictures.tolist() == [0, 0, 0, 1]
    # The last pixel is included; what reaches over the border (400 of 360) is cut off.
    assert grounding.region_boxes.tolist() == [
        [0, 0, 480, 360],
        [5, 6, 6, 7],
        [106, 84, 169, 176],
        [0, 40, 360, 480],
    ]
    assert corpus.text_attributes == {
        "region": ["30_2.png"] * 2 + ["7_1.png"] + ["30_1.png"] * 3,
        "picture": ["30.jpg"] * 2 + ["7.jpg"] + ["30.jpg"] * 3,
    }
    assert [corpus.matches.images_of(text).tolist() for text in range(6)] == [
        [2],
        [2],
        [3],
        [0],
        [0],
        [0],
    ]
    np.testing.assert_array_equal(
        grounding.phrase_boxes, grounding.region_boxes[[2, 2, 3, 0, 0, 0]]
    )


def test_splits(directory):
    assert load_referit(directory, "val").texts == ["the floor"]
    assert load_referit(directory, "validation").texts == ["the floor"]
    with pytest.raises(ValueError, match=r"`split` must be one of train, val, .*'dev'"):
        load_referit(directory, "dev")
    with pytest.raises(FileNotFoundError, match=r"referit_query_trainval\.json"):
        load_referit(directory, "trainval")


def test_pictures(directory, tmp_path):
    (tmp_path / "referit-dataset" / "images" / "7.jpg").rename(tmp_path / "7.jpg")
    with pytest.raises(FileNotFoundError, match=r"7\.jpg', which .*referit_imcrop\.json names"):
        load_referit(directory)
    assert load_referit(directory, check_pictures=False).num_texts == 6
    assert load_referit(directory, "val", picture_folder=tmp_path).num_texts == 1


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(directory):
    texts = load_referit(directory).texts
    for path in directory.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_referit(directory).texts == texts


@pytest.mark.parametrize("name", [name for name in FILES if name != "referit_query_val.json"])
def test_a_file_that_is_cut_off_empty_or_missing_is_named(directory, name):
    path = directory / name
    text = path.read_text()
    path.write_text(text[:-10])
    with pytest.raises(
        ValueError, match=rf"{name}, line {text[:-10].count(chr(10)) + 1}: not JSON"
    ):
        load_referit(directory)
    path.write_text("")
    with pytest.raises(ValueError, match=f"{name}, line 1: not JSON"):
        load_referit(directory)
    path.write_text("[]")
    with pytest.raises(ValueError, match=f"{name}: expected a JSON object. Received: list"):
        load_referit(directory)
    path.write_text("{}")
    with pytest.raises(ValueError, match=f"{name} (does not hold|holds no)"):
        load_referit(directory)
    path.write_bytes(b'{\n"caf\xe9": 1}')
    with pytest.raises(ValueError, match=f"{name}, line 2: not in UTF-8"):
        load_referit(directory)
    path.write_text('{"a": 1, "b": 2, "a": 1}')
    with pytest.raises(ValueError, match=f"{name}: 'a' comes twice"):
        load_referit(directory)
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match=f"{name}: JSON nested too deeply"):
        load_referit(directory)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=name):
        load_referit(directory)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("query_test", {"30_9.png": ["a"]}, "imcrop.json does not hold the region '30_9.png'"),
        ("query_test", {"30_1.png": "sky"}, "query_test.json, '30_1.png': expected a list of str"),
        ("query_test", {"30_1.png": [1]}, "query_test.json, '30_1.png': expected a list of str"),
        ("imcrop", {"30.jpg": 5}, "imcrop.json, '30.jpg': expected a list of strings"),
        ("imcrop", {"99.jpg": ["7_1.png"]}, "imcrop.json, '7_1.png': in '99.jpg', before in '7.j"),
        ("imcrop", {"30.jpg": ["30_1.png", "30_2.png", "30_4.png"]}, "bbox.json .*'30_4.png'"),
        ("bbox", {"30_3.png": [1, 2, 3]}, "bbox.json, '30_3.png': expected 4 integers"),
        ("bbox", {"30_3.png": [1, 2, 3, "4"]}, "bbox.json, '30_3.png': expected 4 integers"),
        ("bbox", {"30_3.png": [9, 2, 3, 4]}, "bbox.json, '30_3.png': expected a finite box"),
        (
            "bbox",
            {"30_3.png": [480, 2, 490, 4]},
            "bbox.json, '30_3.png': expected a box with an area",
        ),
        (
            "bbox",
            {"30_3.png": [-9, 2, -1, 4]},
            "bbox.json, '30_3.png': expected a box with an area",
        ),
        ("imsize", {"30.jpg": [480]}, "imsize.json, '30.jpg': expected 2 positive integers"),
        ("imsize", {"30.jpg": [480, 0]}, "imsize.json, '30.jpg': expected 2 positive integers"),
    ],
)
def test_a_wrong_entry_is_named(directory, name, changes, message):
    name = f"referit_{name}.json"
    (directory / name).write_text(json.dumps({**FILES[name], **changes}))
    with pytest.raises(ValueError, match=message):
        load_referit(directory)


def test_a_region_named_twice_in_its_picture_is_one(directory):
    crops = {**FILES["referit_imcrop.json"], "7.jpg": ["7_1.png", "7_1.png"]}
    (directory / "referit_imcrop.json").write_text(json.dumps(crops))
    assert load_referit(directory, "val").num_images == 1
