import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.datasets import load

REAL = pathlib.Path(__file__).parents[3].parent / "shared" / "data"
NAMES = [f"COCO_{folder}2014_{id:012d}" for folder, id in (("val", 42), ("train", 9), ("val", 7))]
WRITTEN = "imageid.human-written-caption.txt"
TRANSLATED = "imageid.manually-translated-caption.txt"
EXTENSION = "coco-cn_ext.icap2020.txt"


@pytest.fixture
def directory(tmp_path):
    """The published layout of version 201805, with the extension beside it."""
    files = {
        "coco-cn_train.txt": NAMES[1],
        "coco-cn_val.txt": NAMES[2],
        "coco-cn_test.txt": NAMES[0],
        WRITTEN: f"{NAMES[1]}#0\t一只猫\n{NAMES[0]}#0\t一只狗\n"
        f"{NAMES[0]}#1\t狗 # 1\n{NAMES[2]}#0\t鸟",
        TRANSLATED: "".join(f"{NAMES[0]}#{k} 翻译{k}。\n" for k in range(5)),
        EXTENSION: "COCO_train2014_000000000011#0\t三个甜甜圈\n"
        "COCO_train2014_000000000011#2\t蘸酱\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_written_captions(directory):
    corpus = load("coco_cn", directory)
    assert corpus.texts == ["一只狗", "狗 # 1"]
    assert corpus.image_attributes == {"file": [f"{NAMES[0]}.jpg"], "id": [42]}
    assert corpus.text_attributes == {"sentence": [0, 1], "language": ["zh", "zh"]}
    assert corpus.image_paths is None
    assert load("coco_cn", directory, "train").texts == ["一只猫"]
    assert load("coco_cn", directory, "validation").texts == ["鸟"]
    corpus = load("coco_cn", directory, "all")
    assert corpus.image_attributes["id"] == [9, 7, 42]
    assert corpus.matches.pairs.tolist() == [[0, 0], [1, 1], [2, 2], [2, 3]]


def test_translated_captions_and_the_extension(directory):
    assert load("coco_cn", directory, captions="translated").texts == [
        f"翻译{k}。" for k in range(5)
    ]
    for split in ("train", "validation", "all"):
        with pytest.raises(ValueError, match=r"`split` must be 'test' for captions='translated'"):
            load("coco_cn", directory, split, captions="translated")
    corpus = load("coco_cn", directory, "all", captions="extension")
    assert corpus.texts == ["三个甜甜圈", "蘸酱"]
    assert (corpus.num_images, corpus.text_attributes["sentence"]) == (1, [0, 2])
    with pytest.raises(ValueError, match=r"`split` must be 'all' for captions='extension'.*'test'"):
        load("coco_cn", directory, captions="extension")
    with pytest.raises(ValueError, match=r"`captions` must be one of written, .*Received: 'human'"):
        load("coco_cn", directory, captions="human")
    with pytest.raises(ValueError, match=r"`split` must be one of .*Received: 'val'"):
        load("coco_cn", directory, "val")


def test_pictures(directory):
    with pytest.raises(FileNotFoundError, match=r"no folder of pictures '.*mscoco/val2014'"):
        load("coco_cn", directory, pictures="mscoco")
    folder = directory / "mscoco" / "val2014"
    folder.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=rf"{NAMES[0]}\.jpg'; 1 of 1 pictures are missing"):
        load("coco_cn", directory, pictures="mscoco")
    (folder / f"{NAMES[0]}.jpg").write_bytes(b"a picture")
    corpus = load("coco_cn", directory, pictures="mscoco")
    assert corpus.image_paths == [str(folder / f"{NAMES[0]}.jpg")]
    assert load("coco_cn", directory).image_paths is None
    assert load("coco_cn", directory / "mscoco" / "..").texts == corpus.texts


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("coco-cn_test.txt", "", r"coco-cn_test\.txt names no picture"),
        ("coco-cn_test.txt", f"{NAMES[0]}\n{NAMES[0][:-3]}", r"line 2: expected a name such as"),
        ("coco-cn_test.txt", f"{NAMES[0]}\n{NAMES[0]}", r"line 2: the picture '.*' comes twice"),
        ("coco-cn_test.txt", "COCO_val2014_000000000001", r"line 1: the picture '.*01.jpg' has no"),
        (WRITTEN, "", r"caption\.txt has no caption"),
        (WRITTEN, f"{NAMES[0]}#0\ta\n{NAMES[0]}", r"caption\.txt, line 2: expected NAME#NUMBER"),
        (WRITTEN, f"{NAMES[0]}#0\ta\n{NAMES[0]}#1\t", r"caption\.txt, line 2: the caption is emp"),
        (WRITTEN, f"{NAMES[0]}#0\ta\n" * 2, r"caption\.txt, line 2: the caption '.*#0' comes"),
        (WRITTEN, f"{NAMES[1]}#0\ta\n", r"coco-cn_test\.txt, line 1: the picture '.*' has no capt"),
        (EXTENSION, "a.jpg#0\ta\n", r"icap2020\.txt, line 1: expected a name such as COCO_val"),
    ],
)
def test_a_damaged_file_is_named(directory, name, text, message):
    options = {"split": "all", "captions": "extension"} if name == EXTENSION else {}
    (directory / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        load("coco_cn", directory, **options)
    assert str(directory) in str(caught.value)
    (directory / name).write_bytes("\n三".encode("gb18030"))
    with pytest.raises(ValueError, match=r"line 2: not in UTF-8"):
        load("coco_cn", directory, **options)
    (directory / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        load("coco_cn", directory, **options)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(directory):
    texts = load("coco_cn", directory, "all").texts
    for path in directory.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load("coco_cn", directory, "all").texts == texts


captions = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n") | st.sampled_from("#\t 狗")
).filter(str.strip)


@given(
    images=st.dictionaries(
        st.tuples(st.sampled_from(["train", "val"]), st.integers(0, 9)),
        st.dictionaries(st.integers(0, 20), captions, min_size=1),
        min_size=1,
    )
)
def test_what_is_written_comes_back(tmp_path_factory, images):
    images = {key: images[key] for key in {id: (folder, id) for folder, id in images}.values()}
    directory = tmp_path_factory.mktemp("coco_cn")
    lines = [
        f"COCO_{folder}2014_{id:012d}#{number}\t{text}\n"
        for (folder, id), texts in images.items()
        for number, text in texts.items()
    ]
    (directory / EXTENSION).write_text("".join(lines), encoding="utf-8", newline="")
    corpus = load("coco_cn", directory, "all", captions="extension")
    assert corpus.texts == [text.strip() for texts in images.values() for text in texts.values()]
    assert corpus.text_attributes["sentence"] == [n for texts in images.values() for n in texts]
    assert corpus.image_attributes["id"] == [id for _, id in images]
    owners = [row for row, texts in enumerate(images.values()) for _ in texts]
    assert corpus.matches.pairs[:, 0].tolist() == owners


@pytest.mark.skipif(
    not (REAL / EXTENSION).is_file(), reason=f"the published {EXTENSION} is not at {REAL}"
)
def test_the_published_extension():
    corpus = load("coco_cn", REAL, "all", captions="extension")
    assert (corpus.num_images, corpus.num_texts) == (4573, 4712)
    assert corpus.texts[0] == "一个男人和一个女人穿着军装玩手机。"
    assert corpus.image_attributes["id"][0] == 217153
    assert corpus.matches.texts_of(0).tolist() == [0]
    assert sorted(set(corpus.text_attributes["sentence"])) == [0, 1, 2]
