import gzip
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.datasets import load

REAL = pathlib.Path(__file__).parents[3].parent / "shared" / "data" / "multi30k"
real = pytest.mark.skipif(not REAL.is_dir(), reason=f"the published files are not at {REAL}")

LISTS = {
    "task1": {
        "train": ["1.jpg", "2.jpg", "3.jpg"],
        "val": ["4.jpg"],
        "test_2016_flickr": ["6.jpg", "5.jpg"],
        "test_2017_flickr": ["7_a.jpg"],
        "test_2018_flickr": ["8_b.jpg"],
        "test_2017_mscoco": ["COCO_val2014_000000000042.jpg#641613"],
    },
    "task2": {
        "train": ["1.jpg", "2.jpg", "3.jpg"],
        "val": ["4.jpg"],
        "test_2016": ["6.jpg", "5.jpg"],
    },
}


def write(directory, zipped=True):
    """The published layout: task1 in four languages, Czech not in 2017, and task2 in two."""
    for task, lists in LISTS.items():
        for folder in ("image_splits", "raw"):
            (directory / task / folder).mkdir(parents=True)
        for name, pictures in lists.items():
            file = f"{name}_images.txt" if task == "task2" else f"{name}.txt"
            (directory / task / "image_splits" / file).write_text("\n".join(pictures) + "\n")
            columns = {"en": "a dog", "de": "ein Hund", "fr": "un chien", "cs": "pes šťastný"}
            if task == "task2":
                columns = {f"{k}.{c}": columns[c] for c in ("en", "de") for k in range(1, 6)}
            for column, text in columns.items():
                if "2017" not in name or column != "cs":
                    lines = "".join(f"{text} {column} {row}\n" for row in range(len(pictures)))
                    store(directory / task / "raw" / f"{name}.{column}", lines.encode(), zipped)
    return directory


def store(path, data, zipped=True):
    if zipped:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(data))
    else:
        path.write_bytes(data)


@pytest.fixture
def directory(tmp_path):
    return write(tmp_path)


def test_one_caption_an_image(directory):
    corpus = load("multi30k", directory)
    assert corpus.texts == ["a dog en 0", "a dog en 1"]
    assert corpus.image_attributes == {"file": ["6.jpg", "5.jpg"]}
    assert corpus.text_attributes == {"language": ["en", "en"], "sentence": [0, 0]}
    assert corpus.image_paths is None
    for languages in ("cs", ["cs"], ("cs", "cs")):
        corpus = load("multi30k", directory, "validation", languages=languages)
        assert corpus.texts == ["pes šťastný cs 0"]
    corpus = load("multi30k", directory, "train", languages=("fr", "en"))
    assert corpus.text_attributes["language"] == ["fr", "en"] * 3
    assert corpus.texts[2:4] == ["un chien fr 1", "a dog en 1"]
    assert corpus.matches.pairs[:, 0].tolist() == [0, 0, 1, 1, 2, 2]


def test_all_languages_are_those_of_the_split(directory):
    corpus = load("multi30k", directory, languages="all")
    assert corpus.text_attributes["language"] == ["en", "de", "fr", "cs"] * 2
    corpus = load("multi30k", directory, "all", languages="all", test="2017")
    assert corpus.image_attributes["file"] == ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "7_a.jpg"]
    assert corpus.text_attributes["language"] == ["en", "de", "fr", "cs"] * 4 + ["en", "de", "fr"]


def test_five_captions_an_image(directory):
    corpus = load("multi30k", directory, task=2, languages="all")
    assert (corpus.num_images, corpus.num_texts) == (2, 20)
    assert corpus.texts[:3] == ["a dog 1.en 0", "ein Hund 1.de 0", "a dog 2.en 0"]
    assert corpus.text_attributes["sentence"] == [k // 2 for k in range(10)] * 2
    assert load("multi30k", directory, "train", task=2, languages="de").num_texts == 15


def test_test_pictures(directory):
    for test, file in (
        ("2016", "6.jpg"),
        ("2017", "7_a.jpg"),
        ("2018", "8_b.jpg"),
        ("mscoco", "COCO_val2014_000000000042.jpg"),
    ):
        assert load("multi30k", directory, test=test).image_attributes["file"][0] == file
    with pytest.raises(
        ValueError, match=r"`test` must be one of 2016, .*, mscoco for task=1.*2017"
    ):
        load("multi30k", directory, test=2017)
    with pytest.raises(ValueError, match=r"`test` must be one of 2016 for task=2. .*'2018'"):
        load("multi30k", directory, task=2, test="2018")


def test_arguments(directory):
    with pytest.raises(ValueError, match=r"`split` must be one of .*Received: 'val'"):
        load("multi30k", directory, "val")
    with pytest.raises(ValueError, match=r"`task` must be 1 or 2. Received: 3"):
        load("multi30k", directory, task=3)
    for wrong in ("english", ("en", "nl"), ()):
        with pytest.raises(
            ValueError, match=r"`languages` must be 'all' or some of en, de, fr, cs"
        ):
            load("multi30k", directory, languages=wrong)


def test_a_language_that_a_split_lacks(directory):
    with pytest.raises(
        ValueError, match=r"`languages` must .*test_2017_flickr.*: en, de, fr\. .*'cs'"
    ):
        load("multi30k", directory, test="2017", languages=("en", "cs"))
    with pytest.raises(ValueError, match=r"`languages` must .*: en, de\. Received: 'fr'"):
        load("multi30k", directory, task=2, languages="fr")
    (directory / "task2" / "raw" / "test_2016.3.en.gz").unlink()
    with pytest.raises(ValueError, match=r"`languages` must .*: de\. Received: 'en'"):
        load("multi30k", directory, task=2)
    for path in (directory / "task2" / "raw").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match=r"`languages` must .*: none\. Received: 'all'"):
        load("multi30k", directory, task=2, languages="all")
    (directory / "task2" / "image_splits" / "test_2016_images.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"test_2016_images\.txt"):
        load("multi30k", directory, task=2)


def test_unpacked_files_are_the_same(directory, tmp_path_factory):
    unpacked = write(tmp_path_factory.mktemp("unpacked"), zipped=False)
    for options in ({"split": "all", "languages": "all"}, {"task": 2, "languages": "de"}):
        corpus = load("multi30k", directory, **options)
        same = load("multi30k", unpacked, **options)
        assert (same.texts, same.text_attributes) == (corpus.texts, corpus.text_attributes)
        assert same.matches == corpus.matches


def test_pictures(directory):
    with pytest.raises(FileNotFoundError, match=r"no folder of pictures '.*photos'"):
        load("multi30k", directory, pictures="photos")
    folder = directory / "flickr30k-images"
    folder.mkdir()
    (folder / "5.jpg").write_bytes(b"a picture")
    with pytest.raises(FileNotFoundError, match=r"no picture '.*6\.jpg'; 1 of 2 pictures are miss"):
        load("multi30k", directory)
    assert load("multi30k", directory, test="2017").image_paths is None  # of another folder
    (folder / "6.jpg").write_bytes(b"a picture")
    corpus = load("multi30k", directory)
    assert corpus.image_paths == [str(folder / "6.jpg"), str(folder / "5.jpg")]
    (folder / "COCO_val2014_000000000042.jpg").write_bytes(b"a picture")
    assert load("multi30k", directory, test="mscoco", pictures=folder).image_paths == [
        str(folder / "COCO_val2014_000000000042.jpg")
    ]


def test_some_of_the_pictures_under_their_names_in_flickr8k(directory):
    photos = directory / "photos"
    photos.mkdir()
    for name in ("5_1f.jpg", "5.png", "7_b.jpg", "55_2a.jpg", "6_3c.txt"):
        (photos / name).write_bytes(b"a picture")
    with pytest.raises(FileNotFoundError, match=r"no picture '.*6\.jpg'; 1 of 2 pictures are miss"):
        load("multi30k", directory, pictures="photos")
    message = r"^1 of 2 pictures are left out: they are not there, such as '.*photos/6\.jpg'$"
    with pytest.warns(UserWarning, match=message):
        corpus = load(
            "multi30k", directory, languages=("en", "de"), pictures=photos, missing="drop"
        )
    assert corpus.image_paths == [str(photos / "5_1f.jpg")]
    assert corpus.image_attributes["file"] == ["5_1f.jpg"]
    assert corpus.texts == ["a dog en 1", "ein Hund de 1"]
    (photos / "5.jpg").write_bytes(b"a picture")  # the very name comes first
    with pytest.warns(UserWarning, match="1 of 2 pictures"):
        corpus = load("multi30k", directory, pictures=photos, missing="drop")
    assert corpus.image_attributes["file"] == ["5.jpg"]
    for split, test in (("train", "2016"), ("test", "2017")):  # "7_b.jpg" is not "7_a.jpg"
        with pytest.raises(FileNotFoundError, match=r"no picture '.*photos/.*'; \d of \d pictures"):
            load("multi30k", directory, split, test=test, pictures=photos, missing="drop")
    with pytest.raises(ValueError, match=r"`missing` must be 'error' or 'drop'\. Received: 'skip'"):
        load("multi30k", directory, missing="skip")


# Its time would be in the names of tests, which two processes must agree on.
TEXT = gzip.compress(b"a dog en 0\na dog en 1\n", mtime=0)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("raw/test_2016_flickr.en.gz", TEXT[:-9], r"flickr\.en\.gz: not gzip, or cut off"),
        ("raw/test_2016_flickr.en.gz", TEXT[:12], r"flickr\.en\.gz: not gzip, or cut off"),
        ("raw/test_2016_flickr.en.gz", b"a dog\n", r"flickr\.en\.gz: not gzip, or cut off"),
        ("raw/test_2016_flickr.en", b"", r"flickr\.en: expected 2 lines, .* Received: 1"),
        ("raw/test_2016_flickr.en", b"a\n", r"flickr\.en: expected 2 lines, .*flickr\.txt.*: 1"),
        ("raw/test_2016_flickr.en", b"a\nb\nc\n", r"flickr\.en: expected 2 lines, .*Received: 3"),
        ("raw/test_2016_flickr.en", b"a\n \n", r"flickr\.en, line 2: the caption is empty"),
        ("raw/test_2016_flickr.en", b"a\ncaf\xe9\n", r"flickr\.en, line 2: not in UTF-8"),
        ("image_splits/test_2016_flickr.txt", b"", r"flickr\.txt names no picture"),
        ("image_splits/test_2016_flickr.txt", b"6.jpg\n", r"flickr\.en\.gz: expected 1 lines"),
        ("image_splits/test_2016_flickr.txt", b"6.jpg\n" * 2, r"flickr\.txt, line 2: the picture"),
        ("image_splits/test_2016_flickr.txt", b"\n\xe9", r"flickr\.txt, line 2: not in UTF-8"),
    ],
)
def test_a_damaged_file_is_named(directory, name, data, message):
    (directory / "task1" / name).write_bytes(data)
    with pytest.raises(ValueError, match=message):
        load("multi30k", directory)


def test_a_gzipped_file_that_is_not_in_utf8(directory):
    store(directory / "task1" / "raw" / "test_2016_flickr.en", b"a\ncaf\xe9\n")
    with pytest.raises(ValueError, match=r"flickr\.en\.gz, line 2: not in UTF-8"):
        load("multi30k", directory)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(directory):
    texts = load("multi30k", directory, languages="all").texts
    for path in (directory / "task1").rglob("*2016*"):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        data = b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")
        store(path.with_suffix("") if path.suffix == ".gz" else path, data, path.suffix == ".gz")
    assert load("multi30k", directory, languages="all").texts == texts


captions = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n\ufeff") | st.just("\t")
).filter(str.strip)


@given(
    rows=st.lists(st.tuples(captions, captions), min_size=1, max_size=5),
    zipped=st.booleans(),
    last_line_ends=st.booleans(),
)
def test_what_is_written_comes_back(tmp_path_factory, rows, zipped, last_line_ends):
    task = tmp_path_factory.mktemp("multi30k") / "task1"
    for folder in ("image_splits", "raw"):
        (task / folder).mkdir(parents=True)
    files = [f"{number}.jpg" for number in range(len(rows))]
    (task / "image_splits" / "val.txt").write_text("\n".join(files))
    for language, texts in zip(("en", "de"), zip(*rows)):
        data = "\n".join(texts) + "\n" * last_line_ends
        store(task / "raw" / f"val.{language}", data.encode(), zipped)
    corpus = load("multi30k", task.parent, "validation", languages="all")
    assert corpus.texts == [text.strip() for row in rows for text in row]
    assert corpus.text_attributes["language"] == ["en", "de"] * len(rows)
    assert corpus.image_attributes["file"] == files
    assert corpus.matches.pairs[:, 0].tolist() == [row for row in range(len(rows)) for _ in "ab"]


@real
@pytest.mark.parametrize(
    ("split", "test", "size", "languages"),
    [
        ("train", "2016", 29000, ["en", "de", "fr", "cs"]),
        ("validation", "2016", 1014, ["en", "de", "fr", "cs"]),
        ("test", "2016", 1000, ["en", "de", "fr", "cs"]),
        ("test", "2017", 1000, ["en", "de", "fr"]),
        ("test", "2018", 1071, ["en", "de", "fr", "cs"]),
        ("test", "mscoco", 461, ["en", "de", "fr"]),
    ],
)
def test_the_published_task_1(split, test, size, languages):
    corpus = load("multi30k", REAL, split, languages="all", test=test)
    assert (corpus.num_images, corpus.num_texts) == (size, size * len(languages))
    assert corpus.text_attributes["language"] == languages * size
    assert all(file.endswith(".jpg") for file in corpus.image_attributes["file"])


@real
@pytest.mark.parametrize(
    ("split", "size"), [("train", 29000), ("validation", 1014), ("test", 1000)]
)
def test_the_published_task_2(split, size):
    corpus = load("multi30k", REAL, split, task=2)
    assert (corpus.num_images, corpus.num_texts) == (size, 5 * size)
    assert corpus.text_attributes["sentence"] == [0, 1, 2, 3, 4] * size
    other = load("multi30k", REAL, split, languages=("de",))
    assert other.image_attributes["file"] == corpus.image_attributes["file"]


@real
def test_published_captions_word_for_word():
    corpus = load("multi30k", REAL, "train", languages="all")
    assert corpus.image_attributes["file"][0] == "1000092795.jpg"
    assert corpus.texts[:2] == [
        "Two young, White males are outside near many bushes.",
        "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.",
    ]
    # A line with a tab is one caption like any other.
    assert "in einer \tWasserfontäne" in corpus.texts[4 * 7365 + 1]
