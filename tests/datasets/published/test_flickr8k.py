import csv
import shutil
from pathlib import Path

import pytest

from tb_keras.datasets import load

LISTS = {"train": ["4_a.jpg", "2_b.jpg"], "dev": ["3_c.jpg"], "test": ["1_d.jpg"]}
CAPTIONS = {
    name: [f'A dog , "{name[:3]}" # {number} .' for number in range(2)]
    for name in ("1_d.jpg", "2_b.jpg", "3_c.jpg", "4_a.jpg")
}


def write_lists(directory):
    for split, names in LISTS.items():
        (directory / f"Flickr_8k.{split}Images.txt").write_text("\n".join(names) + "\n")


def write_pictures(folder):
    folder.mkdir()
    for name in CAPTIONS:
        (folder / name).write_bytes(b"a picture")


def write_table(directory, captions=CAPTIONS):
    with (directory / "captions.txt").open("w", newline="") as file:
        rows = [(name, text) for name, texts in captions.items() for text in texts]
        csv.writer(file).writerows([("image", "caption"), *rows])


@pytest.fixture
def published(tmp_path):
    """The published layout, without pictures."""
    lines = [
        f"{name}#{number}\t{text}\n"
        for name, texts in CAPTIONS.items()
        for number, text in enumerate(texts)
    ]
    (tmp_path / "Flickr8k.token.txt").write_text("".join(lines))
    write_lists(tmp_path)
    return tmp_path


@pytest.fixture
def table(tmp_path):
    """The layout with a table of captions, with pictures and without lists."""
    write_table(tmp_path)
    write_pictures(tmp_path / "Images")
    return tmp_path


def test_the_published_layout(published):
    corpus = load("flickr8k", published)
    assert corpus.texts == CAPTIONS["1_d.jpg"]
    assert corpus.image_attributes == {"file": ["1_d.jpg"]}
    assert corpus.text_attributes == {"sentence": [0, 1]}
    assert corpus.image_paths is None
    assert load("flickr8k", published, "validation").texts == CAPTIONS["3_c.jpg"]
    train = load("flickr8k", published, "train")
    assert train.image_attributes["file"] == LISTS["train"]
    assert train.matches.pairs.tolist() == [[0, 0], [0, 1], [1, 2], [1, 3]]
    assert load("flickr8k", published, "all").num_images == 4


def test_pictures_of_the_published_layout(published):
    write_pictures(published / "Flicker8k_Dataset")
    paths = [str(published / "Flicker8k_Dataset" / "1_d.jpg")]
    assert load("flickr8k", published).image_paths == paths
    (published / "Flicker8k_Dataset").rename(published / "photos")
    assert load("flickr8k", published).image_paths is None
    paths = [str(published / "photos" / "1_d.jpg")]
    assert load("flickr8k", published, pictures="photos").image_paths == paths
    with pytest.raises(FileNotFoundError, match="no folder of pictures"):
        load("flickr8k", published, pictures="elsewhere")
    (published / "photos" / "1_d.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"no picture '.*1_d\.jpg'; 1 of 1"):
        load("flickr8k", published, pictures="photos")


def test_a_table_of_captions_with_lists_reads_the_same(published):
    corpora = [load("flickr8k", published, split) for split in ("train", "validation", "test")]
    (published / "Flickr8k.token.txt").unlink()
    write_table(published)
    for corpus, split in zip(corpora, ("train", "validation", "test")):
        same = load("flickr8k", published, split)
        assert same.texts == corpus.texts
        assert same.image_attributes == corpus.image_attributes
        assert same.text_attributes == corpus.text_attributes
        assert same.matches.pairs.tolist() == corpus.matches.pairs.tolist()


def test_a_table_of_captions_without_lists_is_split_by_hash(table):
    splits = {name: load("flickr8k", table, name) for name in ("train", "validation", "test")}
    files = [file for corpus in splits.values() for file in corpus.image_attributes["file"]]
    assert sorted(files) == sorted(CAPTIONS)
    assert all(corpus.num_images for corpus in splits.values())
    for corpus in splits.values():
        assert corpus.texts == [
            text for file in corpus.image_attributes["file"] for text in CAPTIONS[file]
        ]
        assert all(Path(path).is_file() for path in corpus.image_paths)
    shutil.rmtree(table / "Images")
    assert load("flickr8k", table).texts == splits["test"].texts


def test_what_no_list_names_is_counted(published):
    token = published / "Flickr8k.token.txt"
    token.write_text(token.read_text() + "5_e.jpg.1#0\tA pet .\n5_e.jpg.1#1\tA cat .\n")
    with pytest.warns(UserWarning, match=r"1 pictures in no split are left out, .*'5_e\.jpg\.1'"):
        corpus = load("flickr8k", published, "all")
    assert corpus.num_images == 4
    write_pictures(published / "Flicker8k_Dataset")
    (published / "Flicker8k_Dataset" / "6_f.jpg").write_bytes(b"a picture")
    with pytest.warns(UserWarning, match="left out") as said:
        corpus = load("flickr8k", published, "all")
    assert corpus.num_images == 4
    assert [str(warning.message) for warning in said] == [
        f"{published}: 1 pictures in no split are left out, such as '6_f.jpg'",
        f"{published}: 2 captions of pictures that are not there are left out, such as '5_e.jpg.1'",
    ]


def test_without_lists_pictures_and_captions_that_stand_alone_are_counted(table):
    write_table(table, {**CAPTIONS, "7_g.jpg": ["A pet ."]})
    (table / "Images" / "6_f.jpg").write_bytes(b"a picture")
    with pytest.warns(UserWarning, match="left out") as said:
        assert load("flickr8k", table, "all").num_images == 4
    assert ["6_f.jpg" in str(said[0].message), "7_g.jpg" in str(said[1].message)] == [True, True]
    shutil.rmtree(table / "Images")
    (table / "Images").mkdir()
    with pytest.raises(FileNotFoundError, match="no picture of the 5 that have captions"):
        load("flickr8k", table)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("Flickr_8k.testImages.txt", b"", r"testImages\.txt names no picture"),
        ("Flickr_8k.testImages.txt", b"1_d.jpg\n2_b.jpg\n", r"testImages\.txt, line 2: .* twice"),
        ("Flickr_8k.testImages.txt", b"1_d.jpg\n9.jpg\n", r"line 2: the picture '9\.jpg' has no c"),
        ("Flickr8k.token.txt", b"1_d.jpg#0\ta\n1_d.j", r"token\.txt, line 2: expected NAME#NUMBER"),
        ("captions.txt", b"", r"captions\.txt, line 1: expected the header image,caption"),
        ("captions.txt", b"image_name|comment\n", r"line 1: expected the header .*'image_name"),
        ("captions.txt", b"image,caption\n", r"captions\.txt has no caption"),
        ("captions.txt", b"image,caption\n1_d.jpg\n", r"captions\.txt, line 2: the caption is em"),
        ("captions.txt", b"image,caption\n1_d.jpg,a,b\n", r"line 2: more fields than the header"),
        ("captions.txt", b"image,caption\n1_d.jpg,\xe9\n", r"captions\.txt, line 2: not in UTF-8"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*left out")
def test_a_damaged_file_is_named(published, name, content, message):
    if name == "captions.txt":
        (published / "Flickr8k.token.txt").unlink()
    (published / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load("flickr8k", published)


def test_missing_files(published):
    with pytest.raises(ValueError, match=r"`split` must be one of .*Received: 'dev'"):
        load("flickr8k", published, "dev")
    (published / "Flickr_8k.devImages.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"devImages\.txt"):
        load("flickr8k", published)
    (published / "Flickr8k.token.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"neither Flickr8k\.token\.txt nor captions\.txt"):
        load("flickr8k", published)


REAL = Path(__file__).parents[3].parent / "shared" / "data" / "flickr8k"


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the published files are not at {REAL}")
def test_the_published_files():
    with pytest.warns(UserWarning, match="91 pictures in no split are left out"):
        corpora = [load("flickr8k", REAL, split) for split in ("train", "validation", "test")]
    assert [corpus.num_images for corpus in corpora] == [6000, 1000, 1000]
    assert [corpus.num_texts for corpus in corpora] == [30000, 5000, 5000]
