"""Tests of which pictures a folder, a table or a list means."""

import json
import os

import pytest

from tb_keras.scripts.own_data.picture_list import listed_pictures


def made(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_a_folder(tmp_path):
    pictures = ["a/1.jpg", "a/b/2.PNG", "ä ö.jpeg", "z.tif", "日本/1.jpg"]
    made(tmp_path, *pictures, "readme.txt", "a/notes.md", "1.jpg.part", "jpg", ".DS_Store")
    made(tmp_path, ".hidden.jpg", ".git/3.jpg", "a/._1.jpg")
    paths, names = listed_pictures(str(tmp_path))
    assert names == sorted(pictures)
    assert paths == [str(tmp_path / name) for name in names]


def test_links_that_lead_in_a_circle(tmp_path):
    made(tmp_path / "real", "1.jpg")
    (tmp_path / "pictures").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "pictures" / "link")
    os.symlink(tmp_path / "pictures", tmp_path / "real" / "back")
    assert listed_pictures(str(tmp_path / "pictures"))[1] == ["link/1.jpg"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pairs.csv", "image,text\nb/1.jpg,a dog\n./a.jpg,a cat\nb/../b//1.jpg,a pet\n"),
        ("pairs.tsv", "text\timage_path\na dog\tb/1.jpg\na cat\ta.jpg\n"),
        ("pairs.jsonl", '{"image": "b/1.jpg", "text": "a"}\n{"image": "a.jpg"}\n'),
        ("pictures.txt", "b/1.jpg\r\n\r\na.jpg\r\nb/1.jpg"),
    ],
)
def test_a_table_or_a_list(tmp_path, name, content):
    (tmp_path / name).write_text(content, newline="")
    paths, names = listed_pictures(str(tmp_path / name))
    assert names == ["b/1.jpg", "a.jpg"]  # whether they are there or not
    assert paths == [str(tmp_path / name) for name in names]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("pairs.csv", "bild,text\n1.jpg,a\n", "no column 'image', there are 'bild', 'text'"),
        ("pairs.csv", "image,text\n1.jpg,a\n,b\n", r"line 3: 'image' must be a string that is"),
        ("pairs.csv", "image,text\n", "there is no picture in"),
        ("list.txt", "\n\n", "there is no picture in"),
    ],
)
def test_damaged_files(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        listed_pictures(str(tmp_path / name))


def test_columns_and_endings_as_in_every_other_table(tmp_path):
    (tmp_path / "a.CSV").write_text("filepath\ttitle\n./b/1.jpg\ta dog\n")
    assert listed_pictures(str(tmp_path / "a.CSV")) == ([str(tmp_path / "b/1.jpg")], ["b/1.jpg"])
    (tmp_path / "b.csv").write_text("bild,image\n1.jpg,2.jpg\n")
    assert listed_pictures(str(tmp_path / "b.csv"), "bild")[1] == ["1.jpg"]
    with pytest.raises(ValueError, match="no column 'url', there are 'bild', 'image'"):
        listed_pictures(str(tmp_path / "b.csv"), "url")
    images = [{"id": 7, "file_name": "1.jpg"}]
    annotations = [{"id": 1, "image_id": 7, "caption": "a dog"}]
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    assert listed_pictures(str(tmp_path / "c.json"))[1] == ["1.jpg"]


def test_nothing_there(tmp_path):
    with pytest.raises(ValueError, match="there is no picture in"):
        listed_pictures(str(tmp_path))
    with pytest.raises(FileNotFoundError, match="there is no folder or file"):
        listed_pictures(str(tmp_path / "nowhere"))
