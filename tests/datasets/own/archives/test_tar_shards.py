"""Tests of WebDataset shards: the same corpus as from a table, and every damage told."""

import json

import pytest

from tb_keras.datasets import load_table
from tb_keras.datasets.own.archives.shard_names import matching_shards
from tb_keras.datasets.own.archives.tar_shards import TarShards
from tb_keras.storage.pictures.picture_reference import read_picture
from tests.storage.archives import link, write_tar

PAIRS = [
    (f"p{number}.jpg", f"text {number}", "train test".split()[number % 2]) for number in range(3)
]


def rows(path):
    return [row for _, row in TarShards(path).rows(["image", "text"])]


def test_the_same_corpus_as_from_a_table(tmp_path):
    for name, _, _ in PAIRS:
        (tmp_path / name).write_bytes(name.encode())
    lines = [",".join(pair) for pair in PAIRS]
    (tmp_path / "pairs.csv").write_text("\n".join(["image,text,split", *lines]))
    files = []
    for name, text, split in PAIRS:
        key = name.removesuffix(".jpg")
        files.append((name, name.encode()))
        files.append((f"{key}.json", json.dumps({"caption": text, "split": split}).encode()))
    write_tar(tmp_path / "0.tar", files[:2])
    write_tar(tmp_path / "1.tar", [*files[3:], files[2]])  # a sample's files need not be adjacent
    for split in ("all", "train", "test"):
        expected = load_table(tmp_path / "pairs.csv", split)
        found = load_table(tmp_path / "{0..1}.tar", split)
        assert found.texts == expected.texts
        assert found.matches == expected.matches
        assert list(map(read_picture, found.image_paths)) == [
            read_picture(path) for path in expected.image_paths
        ]
    assert found.image_paths == [f"{tmp_path}/1.tar::p1.jpg"]


def test_a_folder_of_shards(tmp_path):
    for name, text, _ in PAIRS:
        key = name.removesuffix(".jpg")
        write_tar(tmp_path / f"{key}.tar", [(name, name.encode()), (f"{key}.txt", text.encode())])
    corpus = load_table(tmp_path)
    assert corpus.texts == [text for _, text, _ in PAIRS]
    assert corpus.image_paths == [f"{tmp_path}/p{n}.tar::p{n}.jpg" for n in range(3)]
    (tmp_path / "p0.tar").rename(tmp_path / "val-0.tar")
    assert load_table(tmp_path).texts == ["text 1", "text 2", "text 0"]
    for number in (1, 2):
        (tmp_path / f"p{number}.tar").rename(tmp_path / f"train-{number}.tar")
    assert load_table(tmp_path, "train").texts == ["text 1", "text 2"]
    assert load_table(tmp_path, "validation").texts == ["text 0"]


def test_texts_and_their_files(tmp_path):
    files = {
        "a/1.JPG": b"1",
        "a/1.txt": b"a dog\r\n\n ein Hund \n",
        "a/1.json": b'{"caption": "not this", "width": 3}',
        "a/2.png": b"2",
        "a/2.json": b'{"text": "t", "captions": ["one", "two"], "image": "x"}',
        "a/2.cls": b"7",
        "a/3.gif": b"3",
        "__meta.json": b"{",
        "._4.jpg": b"",
        "readme": b"",
        "a.dir/5.seg.png": b"a mask",
        "a.dir/5.bmp": b"5",
        "a.dir/5.txt": b"\xef\xbb\xbfmarked",
    }
    found = rows(write_tar(tmp_path / "0.tar", files.items()))
    assert [(row["image"], row["text"]) for row in found] == [
        ("0.tar::a/1.JPG", "a dog"),
        ("0.tar::a/1.JPG", " ein Hund "),
        ("0.tar::a/2.png", "one"),
        ("0.tar::a/2.png", "two"),
        ("0.tar::a/3.gif", None),
        ("0.tar::a.dir/5.bmp", "marked"),
    ]
    assert found[0]["width"] == 3
    with pytest.raises(ValueError, match=r"0\.tar, sample 'a/3': 'text' must be a string"):
        load_table(tmp_path / "0.tar")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"1.jpg": b"", "1.png": b"", "1.txt": b"a"}, "two pictures, '1.jpg' and '1.png'"),
        ({"1.txt": b"a"}, "no picture of this key, which ends at the first dot. Received: 1.txt"),
        ({"dog.1.jpg": b"x", "dog.1.txt": b"a"}, "ends at the first dot. Received: dog.1.jpg"),
        ({"1.jpg": b"x", "1.json": b"{"}, "'1.json' is not JSON"),
        ({"1.jpg": b"x", "1.json": b"[" * 100_000}, "'1.json' is not JSON"),
        ({"1.jpg": b"x", "1.json": b"[]"}, "must be a JSON object"),
        ({"1.jpg": b"x", "1.txt": b"\xff"}, "'1.txt' is not in UTF-8"),
        ({"1.jpg": b"x", "1.txt": b"a" * (2**24 + 1)}, "'1.txt' is too large"),
        ({"1.jpg": b"x", "1.json": b'{"caption": 7}'}, "'text' must be a string"),
        ({"1.jpg": b"x", "1.json": b'{"caption": ["a", ""]}'}, "'text' must be a string"),
    ],
)
def test_samples_that_are_wrong(tmp_path, files, message):
    path = write_tar(tmp_path / "0.tar", files.items())
    with pytest.raises(ValueError, match=r"0\.tar, sample '(1|dog)': ") as error:
        load_table(path)
    assert message in str(error.value)
    assert len(str(error.value)) < 500


def test_a_picture_that_is_a_link_is_told(tmp_path):
    files = [("0.jpg", b"x"), (link("1.jpg", "0.jpg"), None), ("1.txt", b"a"), ("0.txt", b"b")]
    with pytest.raises(ValueError, match="sample '1': its picture is a link"):
        load_table(write_tar(tmp_path / "0.tar", files))


def test_an_archive_without_samples(tmp_path):
    with pytest.raises(ValueError, match=r"0\.tar has no rows"):
        load_table(write_tar(tmp_path / "0.tar", [("readme", b"x")]))


def test_patterns(tmp_path):
    names = ["a-08", "a-09", "a-10", "b-08", "b-09", "b-10", "x", "y", "7", "8", "{odd}"]
    for name in names:
        write_tar(tmp_path / f"{name}.tar", [])

    def named(pattern):
        return [shard.stem for shard in matching_shards(tmp_path / pattern)]

    assert named("{a,b}-{08..10}.tar") == names[:6]
    assert named("{x,y}.tar") == ["x", "y"]
    assert named("{7..8}.tar") == ["7", "8"]
    assert named("{odd}.tar") == ["{odd}"]
    for pattern in ("{7..9}.tar", "z.tar", "{odd,x}.tar"):
        with pytest.raises(FileNotFoundError, match="there is no file"):
            named(pattern)
    for pattern in ("{9..7}.tar", "{0..99999999999}.tar", "{0..999}" * 4 + ".tar"):
        with pytest.raises(ValueError, match="a pattern must name 1 to 100000 shards"):
            named(pattern)


def test_shards_of_several_folders(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "sets" / name).mkdir(parents=True)
        write_tar(tmp_path / "sets" / name / "0.tar", [("1.jpg", name.encode()), ("1.txt", b"t")])
    corpus = load_table(tmp_path / "sets" / "{a,b}" / "0.tar")
    assert list(map(read_picture, corpus.image_paths)) == [b"a", b"b"]
    assert corpus.image_paths[0] == f"{tmp_path}/sets/a/0.tar::1.jpg"


def test_copies_in_shards_are_one_picture(tmp_path):
    for shard, text in (("0", b"a dog"), ("1", b"a pet")):
        write_tar(tmp_path / f"{shard}.tar", [("1.jpg", b"same"), ("1.txt", text)])
    corpus = load_table(tmp_path / "{0,1}.tar")
    assert (corpus.num_images, corpus.texts) == (1, ["a dog", "a pet"])


def test_a_table_may_name_members(tmp_path):
    write_tar(tmp_path / "0.tar", [("1.jpg", b"same")])
    (tmp_path / "pairs.csv").write_text("image,text\n./0.tar::1.jpg,a dog\n")
    assert load_table(tmp_path / "pairs.csv").image_paths == [f"{tmp_path}/0.tar::1.jpg"]
    (tmp_path / "pairs.csv").write_text("image,text\n0.tar::2.jpg,a dog\n")
    with pytest.raises(FileNotFoundError, match=r"line 2: there is no picture '0\.tar::2\.jpg'"):
        load_table(tmp_path / "pairs.csv")
