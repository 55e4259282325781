import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.datasets.published.karpathy_splits import read_karpathy_splits

IMAGES = [
    {
        "filepath": "val2014",
        "sentids": [20, 10],
        "filename": "b.jpg",
        "imgid": 0,
        "split": split,
        "sentences": [
            {"tokens": ["a", "dog"], "raw": f"A {split} dog. ", "imgid": 0, "sentid": number + 20},
            {"tokens": ["a", "pet"], "raw": "A pet\n", "imgid": 0, "sentid": number + 10},
        ],
        "cocoid": 100 + number,
    }
    for number, split in enumerate(("test", "restval", "train", "val", "train"))
]


def written(path, images):
    path.write_text(json.dumps({"images": images, "dataset": "coco"}), encoding="utf-8")
    return path


def test_pictures_in_the_order_of_the_file(tmp_path):
    path = written(tmp_path / "dataset_coco.json", IMAGES)
    first = next(read_karpathy_splits(path, "test"))
    assert (first.path, first.cocoid) == ("val2014/b.jpg", 100)
    assert first.where == f"{path}, images[0]"
    assert [tuple(caption) for caption in first.captions] == [
        ("A test dog. ", f"{path}, images[0].sentences[0]", {"id": 20}),
        ("A pet\n", f"{path}, images[0].sentences[1]", {"id": 10}),
    ]

    def ids(split, **options):
        return [picture.cocoid for picture in read_karpathy_splits(path, split, **options)]

    assert ids("train") == [101, 102, 104]
    assert ids("train", restval=False) == [102, 104]
    assert (ids("validation"), ids("test")) == ([103], [100])
    assert ids("all") == [100, 101, 102, 103, 104]
    assert ids("all", restval=False) == [100, 102, 103, 104]
    with pytest.raises(ValueError, match=r"`split` must be one of .* Received: 'val'"):
        ids("val")


def test_without_folder_and_cocoid(tmp_path):
    image = {name: IMAGES[0][name] for name in ("filename", "split", "sentences")}
    path = written(tmp_path / "dataset_flickr30k.json", [image])
    (picture,) = read_karpathy_splits(path, "all")
    assert (picture.path, picture.cocoid) == ("b.jpg", None)


def changed(key, value):
    """The images with one part of the second exchanged, or left out where `value` is None."""
    images = copy.deepcopy(IMAGES)
    *parents, last = key
    part = images[1]
    for parent in parents:
        part = part[parent]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return images


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (("split",), None, r"images\[1\]: there is no 'split'"),
        (("split",), "dev", r"images\[1\]: 'split' must be one of train, restval, .*'dev'"),
        (("filename",), 5, r"images\[1\]: 'filename' must be of type str. Received: 5"),
        (("filepath",), 5, r"images\[1\]: 'filepath' must be of type str. Received: 5"),
        (("cocoid",), "5", r"images\[1\]: 'cocoid' must be of type int. Received: '5'"),
        (("sentences",), None, r"images\[1\]: there is no 'sentences'"),
        (("sentences",), {}, r"images\[1\]: 'sentences' must be of type list"),
        (("sentences", 1), "A pet", r"images\[1\].sentences\[1\]: there is no 'raw'"),
        (("sentences", 1, "raw"), None, r"images\[1\].sentences\[1\]: there is no 'raw'"),
        (
            ("sentences", 1, "sentid"),
            1.5,
            r"images\[1\].sentences\[1\]: 'sentid' must be of type int",
        ),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, key, value, message):
    path = written(tmp_path / "dataset_coco.json", changed(key, value))
    with pytest.raises(ValueError, match=rf"dataset_coco\.json, {message}"):
        list(read_karpathy_splits(path, "all"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: not JSON"),
        (b'{"images": [\n{"filename": "a.jpg"', "line 2: not JSON"),
        (b'{"images": [\n"caf\xe9"]}', "line 2: not in UTF-8"),
        (b"[]", ": there is no 'images'"),
        (b'{"images": {}}', ": 'images' must be of type list"),
        (b'{"images": [7]}', r"images\[0\]: there is no 'split'"),
        (b'{"images": []}', "holds no picture of the split 'test'"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, message):
    (tmp_path / "dataset_coco.json").write_bytes(content)
    with pytest.raises(ValueError, match=rf"dataset_coco\.json.*{message}"):
        list(read_karpathy_splits(tmp_path / "dataset_coco.json", "test"))


@given(data=st.data())
def test_what_is_written_comes_back(tmp_path_factory, data):
    text = st.text(st.characters(exclude_categories=["Cs"]))
    sentences = st.lists(st.fixed_dictionaries({"raw": text, "sentid": st.integers()}))
    images = data.draw(
        st.lists(
            st.fixed_dictionaries(
                {"filename": text, "split": st.sampled_from(["train", "restval", "val", "test"])},
                optional={"filepath": text, "cocoid": st.integers()},
            ).flatmap(lambda image: sentences.map(lambda found: {**image, "sentences": found})),
            min_size=1,
        )
    )
    path = tmp_path_factory.getbasetemp() / "dataset_any.json"
    content = json.dumps({"images": images}, ensure_ascii=data.draw(st.booleans()))
    path.write_text(content, encoding="utf-8")
    found = list(read_karpathy_splits(path, "all"))
    assert len(found) == len(images)
    for picture, image in zip(found, images):
        folder = [image["filepath"]] if "filepath" in image else []
        assert picture.path == "/".join([*folder, image["filename"]])
        assert picture.cocoid == image.get("cocoid")
        assert [
            {"raw": caption.text, "sentid": caption.attributes["id"]}
            for caption in picture.captions
        ] == image["sentences"]
