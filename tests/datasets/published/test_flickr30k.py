import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.datasets import load

TOKEN = (
    "100.jpg#0\tTwo young guys .\n100.jpg#1\tTwo men # 2 .\n"
    "300.jpg#0\tA cat\tsits .\n200.jpg#0\tA dog runs .\n400.jpg#0\tIn no list .\n"
)
IMAGES = [
    {
        "sentids": [number],
        "imgid": number,
        "sentences": [
            {"tokens": ["a"], "raw": f"{text} {number}.", "imgid": number, "sentid": 7 * number}
            for text in ("A dog", "A pet")
        ],
        "split": split,
        "filename": f"{number}.jpg",
    }
    for number, split in ((900, "train"), (700, "test"), (800, "val"), (100, "test"))
]
for _image in IMAGES:
    _image["sentences"][1]["sentid"] += 1


@pytest.fixture
def directory(tmp_path):
    """The published token file and the lists of Flickr30K Entities, without pictures."""
    (tmp_path / "results_20130124.token").write_text(TOKEN)
    for name, ids in (("train", "200\n"), ("val", "300"), ("test", "100\n")):
        (tmp_path / f"{name}.txt").write_text(ids)
    return tmp_path


def write_json(directory, images=IMAGES):
    text = json.dumps({"images": images, "dataset": "flickr30k"})
    (directory / "dataset_flickr30k.json").write_text(text)


def test_token_file_with_the_lists_of_entities(directory):
    corpus = load("flickr30k", directory)
    assert corpus.texts == ["Two young guys .", "Two men # 2 ."]
    assert corpus.matches.pairs.tolist() == [[0, 0], [0, 1]]
    assert corpus.image_attributes == {"file": ["100.jpg"]}
    assert corpus.text_attributes == {"sentence": [0, 1]}
    assert corpus.image_paths is None
    assert load("flickr30k", directory, "train").texts == ["A dog runs ."]
    assert load("flickr30k", directory, "validation").texts == ["A cat\tsits ."]
    corpus = load("flickr30k", directory, "all")
    assert corpus.image_attributes["file"] == ["200.jpg", "300.jpg", "100.jpg"]
    assert corpus.matches.pairs.tolist() == [[0, 0], [1, 1], [2, 2], [2, 3]]


def test_karpathys_splits_come_first(directory):
    write_json(directory)
    corpus = load("flickr30k", directory)
    assert corpus.texts == ["A dog 700.", "A pet 700.", "A dog 100.", "A pet 100."]
    assert corpus.image_attributes == {"file": ["700.jpg", "100.jpg"]}
    assert corpus.text_attributes == {"sentence": [0, 1, 0, 1]}
    assert load("flickr30k", directory, splits="entities").num_images == 1
    assert load("flickr30k", directory, "all").num_images == 4
    (directory / "results_20130124.token").unlink()
    assert load("flickr30k", directory, splits="karpathy").num_images == 2


def test_arguments_and_missing_files(directory, tmp_path_factory):
    with pytest.raises(ValueError, match=r"`split` must be one of .*Received: 'val'"):
        load("flickr30k", directory, "val")
    with pytest.raises(ValueError, match=r"`splits` must be 'karpathy' or 'entities'.*'standard'"):
        load("flickr30k", directory, splits="standard")
    with pytest.raises(FileNotFoundError, match=r"dataset_flickr30k\.json"):
        load("flickr30k", directory, splits="karpathy")
    with pytest.raises(FileNotFoundError, match=r"neither dataset_flickr30k\.json nor results_20"):
        load("flickr30k", tmp_path_factory.mktemp("empty"))
    (directory / "test.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"test\.txt"):
        load("flickr30k", directory)


@pytest.mark.parametrize("splits", ["karpathy", "entities"])
def test_pictures(directory, splits):
    write_json(directory)
    with pytest.raises(FileNotFoundError, match=r"no folder of pictures .*flickr30k_images'"):
        load("flickr30k", directory, splits=splits, pictures="flickr30k_images")
    folder = directory / "flickr30k-images"
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match=r"no picture '.*00\.jpg'; (1 of 1|2 of 2) pict"):
        load("flickr30k", directory, splits=splits)
    for name in ("100.jpg", "700.jpg"):
        (folder / name).write_bytes(b"a picture")
    corpus = load("flickr30k", directory, splits=splits)
    assert corpus.image_paths == [str(folder / name) for name in corpus.image_attributes["file"]]
    folder.rename(directory / "elsewhere")
    assert load("flickr30k", directory, splits=splits).image_paths is None
    for pictures in ("elsewhere", directory / "elsewhere"):
        found = load("flickr30k", directory, splits=splits, pictures=pictures)
        assert found.image_paths[-1] == str(directory / "elsewhere" / "100.jpg")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("test.txt", b"", r"test\.txt names no picture"),
        ("test.txt", b"100\n100\n", r"test\.txt, line 2: the picture '100\.jpg' comes twice"),
        ("test.txt", b"100\n500\n", r"test\.txt, line 2: the picture '500\.jpg' has no caption"),
        ("test.txt", b"\xe9", r"test\.txt, line 1: not in UTF-8"),
        ("results_20130124.token", b"", r"results_20130124\.token has no caption"),
        ("results_20130124.token", b"100.jpg#0\ta\n100.j", r"token, line 2: expected NAME#NUMBER"),
        ("results_20130124.token", b"100.jpg#0\t \n", r"token, line 1: the caption is empty"),
        ("results_20130124.token", b"100.jpg#0\ta\xe9\n", r"token, line 1: not in UTF-8"),
        ("results_20130124.token", b"100.jpg#0\ta\n" * 2, r"line 2: the caption '100\.jpg#0' co"),
    ],
)
def test_a_damaged_file_is_named(directory, name, content, message):
    (directory / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load("flickr30k", directory)


def test_a_picture_in_two_lists(directory):
    (directory / "train.txt").write_text("200\n100\n")
    with pytest.raises(ValueError, match=r"test\.txt, line 1: the picture '100\.jpg' comes twice"):
        load("flickr30k", directory, "all")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES + IMAGES[1:2], r"images\[4\]: the picture '700\.jpg' comes twice"),
        ([{**IMAGES[1], "sentences": []}], r"images\[0\]: the picture '700\.jpg' has no caption"),
        (
            [{**IMAGES[1], "sentences": [{"raw": " ", "sentid": 0}]}],
            r"images\[0\]\.sentences\[0\]: the caption is empty",
        ),
    ],
)
def test_a_damaged_json_is_named(directory, images, message):
    write_json(directory, images)
    with pytest.raises(ValueError, match=rf"dataset_flickr30k\.json, {message}"):
        load("flickr30k", directory)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(directory):
    texts = load("flickr30k", directory, "all").texts
    for path in directory.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load("flickr30k", directory, "all").texts == texts


captions = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n") | st.sampled_from("#\t ")
).filter(str.strip)


@given(pictures=st.lists(st.lists(captions, min_size=1, max_size=5), min_size=1, max_size=5))
def test_what_is_written_comes_back(tmp_path_factory, pictures):
    folder = tmp_path_factory.mktemp("flickr30k")
    lines, images = [], []
    for id, texts in enumerate(pictures):
        lines += [f"{id}.jpg#{number}\t{text}\n" for number, text in enumerate(texts)]
        sentences = [{"raw": text, "sentid": 5 * id + n} for n, text in enumerate(texts)]
        images.append({"filename": f"{id}.jpg", "split": "test", "sentences": sentences})
    token = folder / "results_20130124.token"
    token.write_text("".join(reversed(lines)), encoding="utf-8", newline="")
    (folder / "test.txt").write_text("\n".join(map(str, range(len(pictures)))))
    write_json(folder, images)
    for splits, step in (("entities", -1), ("karpathy", 1)):
        corpus = load("flickr30k", folder, splits=splits)
        assert corpus.texts == [text.strip() for texts in pictures for text in texts[::step]]
        assert corpus.image_attributes["file"] == [image["filename"] for image in images]
        owners = [row for row, texts in enumerate(pictures) for _ in texts]
        assert corpus.matches.pairs[:, 0].tolist() == owners
        numbers = [n for texts in pictures for n in range(len(texts))[::step]]
        assert corpus.text_attributes["sentence"] == numbers


KAGGLE = """image_name| comment_number| comment
1.jpg| 0| Two young guys | with hair look at "hands" .
1.jpg| 1|  Two friends .
2.jpg| 0| A dog , it runs .
2.jpg| 4   A dog runs across the grass .
3.jpg| 0| A man .
"""


def test_kaggles_file_with_the_line_that_lacks_a_pipe(tmp_path):
    (tmp_path / "results.csv").write_text(KAGGLE)
    (tmp_path / "flickr30k_images").mkdir()
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        (tmp_path / "flickr30k_images" / name).touch()
    corpus = load("flickr30k", tmp_path, "all")
    assert corpus.texts == [
        'Two young guys | with hair look at "hands" .',
        "Two friends .",
        "A dog , it runs .",
        "A dog runs across the grass .",
        "A man .",
    ]
    assert corpus.image_attributes["file"] == ["1.jpg", "2.jpg", "3.jpg"]
    assert corpus.image_paths[0] == str(tmp_path / "flickr30k_images/1.jpg")
    assert corpus.matches.pairs.tolist() == [[0, 0], [0, 1], [1, 2], [1, 3], [2, 4]]
    assert corpus.text_attributes["sentence"] == [0, 1, 0, 4, 0]
    splits = [load("flickr30k", tmp_path, split) for split in ("train", "validation", "test")]
    assert [part.num_images for part in splits] == [1, 1, 1]


def test_kaggles_file_with_the_published_lists(tmp_path):
    (tmp_path / "results.csv").write_text(KAGGLE)
    (tmp_path / "test.txt").write_text("2\n")
    assert load("flickr30k", tmp_path).texts == [
        "A dog , it runs .",
        "A dog runs across the grass .",
    ]
    with pytest.raises(FileNotFoundError, match=r"train\.txt"):
        load("flickr30k", tmp_path, "train")
    with (tmp_path / "results.csv").open("a") as file:
        file.write("4.jpg, 0, A man .\n")
    with pytest.raises(ValueError, match=r"results\.csv, line 7: expected NAME\| NUMBER\| caption"):
        load("flickr30k", tmp_path)
