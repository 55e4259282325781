import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.datasets import load

IMAGES = [
    {
        "filepath": "train2014" if split == "train" else "val2014",
        "sentids": list(range(10 * cocoid, 10 * cocoid + 6)),
        "filename": f"COCO_{'train' if split == 'train' else 'val'}2014_{cocoid:012d}.jpg",
        "imgid": number,
        "split": split,
        "sentences": [
            {"tokens": ["a"], "raw": f"A dog {k} on {cocoid}. ", "sentid": 10 * cocoid + k}
            for k in range(6)
        ],
        "cocoid": cocoid,
    }
    for number, (cocoid, split) in enumerate(
        ((42, "test"), (7, "restval"), (9, "train"), (30, "val"), (8, "test"))
    )
]


def write_json(directory, images=IMAGES):
    text = json.dumps({"images": images, "dataset": "coco"})
    (directory / "dataset_coco.json").write_text(text)
    return directory


def published(images):
    """The same images as MSCOCO's own files have them: captions by themselves, in any order."""
    return {
        "info": {"year": 2014},
        "images": [{"id": image["cocoid"], "file_name": image["filename"]} for image in images],
        "annotations": sorted(
            (
                {"image_id": image["cocoid"], "id": line["sentid"], "caption": line["raw"]}
                for image in images
                for line in image["sentences"]
            ),
            key=lambda annotation: (annotation["id"] % 10, annotation["id"]),
        ),
        "licenses": [],
    }


def write_published(directory, **changes):
    (directory / "annotations").mkdir(exist_ok=True)
    for folder in ("train2014", "val2014"):
        content = published([image for image in IMAGES if image["filepath"] == folder])
        content |= changes if folder == "val2014" else {}
        file = directory / "annotations" / f"captions_{folder}.json"
        file.write_text(json.dumps(content, indent=0))
    return directory


def test_the_files_of_2017(tmp_path):
    expected = [load("coco", write_published(tmp_path), split) for split in ("train", "all")]
    for folder in ("train", "val"):
        file = tmp_path / "annotations" / f"captions_{folder}2014.json"
        file.rename(file.with_name(f"captions_{folder}2017.json"))
    for split, corpus in zip(("train", "all"), expected):
        found = load("coco", tmp_path, split)
        assert (found.texts, ids(found)) == (corpus.texts, ids(corpus))
    with pytest.raises(ValueError, match="must be one of train, validation, all without"):
        load("coco", tmp_path)
    write_published(tmp_path)
    (tmp_path / "train2014").mkdir()  # the files of 2014 count, and so do their pictures
    with pytest.raises(FileNotFoundError, match=r"train2014/COCO_train2014_0+\d+\.jpg"):
        load("coco", tmp_path, "train")


def ids(corpus):
    return corpus.image_attributes["id"]


def test_karpathys_splits_in_the_order_of_the_file(tmp_path):
    directory = write_json(tmp_path)
    corpus = load("coco", directory)
    assert corpus.texts == [f"A dog {k} on {id}." for id in (42, 8) for k in range(5)]
    assert corpus.matches.pairs[:, 0].tolist() == [0] * 5 + [1] * 5
    assert corpus.image_attributes == {
        "file": ["COCO_val2014_000000000042.jpg", "COCO_val2014_000000000008.jpg"],
        "id": [42, 8],
    }
    assert corpus.text_attributes == {"id": [*range(420, 425), *range(80, 85)]}
    assert corpus.image_paths is None
    assert ids(load("coco", directory, "train")) == [7, 9]
    assert ids(load("coco", directory, "train", restval=False)) == [9]
    assert ids(load("coco", directory, "validation")) == [30]
    assert ids(load("coco", directory, "all")) == [42, 7, 9, 30, 8]


def test_captions_per_image(tmp_path):
    directory = write_json(tmp_path)
    assert load("coco", directory, captions_per_image=None).num_texts == 12
    assert load("coco", directory, captions_per_image=1).text_attributes == {"id": [420, 80]}
    for wrong in (0, -1, 2.0, "5", True):
        with pytest.raises(ValueError, match=r"`captions_per_image` must be a positive int"):
            load("coco", directory, captions_per_image=wrong)


def test_without_karpathys_file_the_splits_are_mscocos(tmp_path):
    directory = write_published(tmp_path)
    corpus = load("coco", directory, "validation")
    assert ids(corpus) == [42, 7, 30, 8]
    assert corpus.texts == [f"A dog {k} on {id}." for id in (42, 7, 30, 8) for k in range(5)]
    assert corpus.text_attributes["id"] == [10 * id + k for id in (42, 7, 30, 8) for k in range(5)]
    assert ids(load("coco", directory, "train")) == [9]
    assert ids(load("coco", directory, "all")) == [9, 42, 7, 30, 8]
    with pytest.raises(ValueError, match=r"`split` must be one of .* without dataset_coco\.json"):
        load("coco", directory, "test")
    write_json(directory)
    assert ids(load("coco", directory, "validation")) == [30]
    with pytest.raises(ValueError, match=r"`split` must be one of train, validation, test, all"):
        load("coco", directory, "val")


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"neither dataset_coco\.json nor .*_train2014\.js"):
        load("coco", tmp_path, "train")
    (write_published(tmp_path) / "annotations" / "captions_train2014.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"captions_train2014\.json"):
        load("coco", tmp_path, "all")


def test_pictures(tmp_path):
    directory = write_json(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no folder of pictures '.*photos/val2014'"):
        load("coco", directory, pictures="photos")
    (directory / "val2014").mkdir()
    assert load("coco", directory, "train", restval=False).image_paths is None
    with pytest.raises(FileNotFoundError, match=r"_000000000042\.jpg'; 2 of 2 pictures are miss"):
        load("coco", directory)
    for image in IMAGES:
        if image["filepath"] == "val2014":
            (directory / "val2014" / image["filename"]).write_bytes(b"a picture")
    corpus = load("coco", directory)
    assert corpus.image_paths == [
        str(directory / "val2014" / file) for file in corpus.image_attributes["file"]
    ]
    with pytest.raises(FileNotFoundError, match=r"_000000000009\.jpg'; 1 of 2 pictures are miss"):
        load("coco", directory, "train")
    (directory / "photos").mkdir()
    (directory / "val2014").rename(directory / "photos" / "val2014")
    found = load("coco", directory, pictures="photos").image_paths
    assert found[1] == str(directory / "photos" / "val2014" / "COCO_val2014_000000000008.jpg")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            [{**IMAGES[0], "filename": "x.jpg"}, IMAGES[0]],
            r"images\[1\]: the picture id 42 comes t",
        ),
        ([*IMAGES, IMAGES[4]], r"images\[5\]: the picture 'COCO_val2014_000000000008\.jpg' comes"),
        (
            [IMAGES[0], {**IMAGES[4], "sentences": IMAGES[0]["sentences"]}],
            r"images\[1\]\.sentences\[0\]: the caption id 420 comes twice",
        ),
        (
            [{key: value for key, value in IMAGES[0].items() if key != "cocoid"}],
            r"images\[0\]: there is no 'cocoid'",
        ),
        ([{**IMAGES[0], "sentences": []}], r"images\[0\]: the picture '.*' has no caption"),
        (
            [{**IMAGES[0], "sentences": [{"raw": "\n", "sentid": 1}]}],
            r"images\[0\]\.sentences\[0\]: the caption is empty",
        ),
    ],
)
def test_a_wrong_entry_of_karpathys_file_is_named(tmp_path, images, message):
    with pytest.raises(ValueError, match=rf"dataset_coco\.json, {message}"):
        load("coco", write_json(tmp_path, images))


ANNOTATION = {"image_id": 42, "id": 1, "caption": "A dog."}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": []}, r"annotation 70: .*captions_val2014\.json has no image 7"),
        ({"images": [], "annotations": []}, r"captions_val2014\.json holds no image"),
        ({"annotations": []}, r"image 42: the picture '.*42\.jpg' has no caption"),
        ({"annotations": [ANNOTATION]}, r"image 7: the picture '.*07\.jpg' has no caption"),
        ({"annotations": [ANNOTATION] * 2}, r"annotation 1 comes twice"),
        ({"annotations": [{**ANNOTATION, "caption": ""}]}, r"annotation 1: the caption is empty"),
        ({"annotations": [{**ANNOTATION, "caption": 1}]}, r"annotation 1: 'caption' must be of ty"),
        ({"annotations": [{"id": 3}]}, r"annotation 3: there is no 'image_id'"),
        ({"annotations": {}}, r"captions_val2014\.json: 'annotations' must be of type list"),
        ({"images": [{"id": 42}] * 2}, r"image 42 comes twice"),
        ({"images": [{"id": 42}], "annotations": [ANNOTATION]}, r"image 42: there is no 'file_nam"),
    ],
)
def test_a_wrong_entry_of_mscocos_file_is_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        load("coco", write_published(tmp_path, **changes), "validation")
    assert "captions_val2014.json" in str(caught.value)


@pytest.mark.parametrize("name", ["dataset_coco.json", "annotations/captions_val2014.json"])
def test_a_damaged_file_is_named(tmp_path, name):
    if name == "dataset_coco.json":
        write_json(tmp_path)
    path = write_published(tmp_path) / name
    content = path.read_bytes()
    for damaged, message in (
        (content[:-10], "line [0-9]+: not JSON"),
        (b"", "line 1: not JSON"),
        (content.replace(b"A dog", b"Un caf\xe9"), "line [0-9]+: not in UTF-8"),
        (b"[1]", "there is no 'images'"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{path.name}.*{message}"):
            load("coco", tmp_path, "validation")


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path):
    file = write_published(tmp_path) / "annotations" / "captions_val2014.json"
    texts = load("coco", tmp_path, "validation").texts
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert load("coco", tmp_path, "validation").texts == texts


captions = st.text(st.characters(exclude_categories=["Cs"])).filter(str.strip)


@given(
    images=st.dictionaries(
        st.integers(0, 10**12 - 1), st.lists(captions, min_size=1, max_size=7), min_size=1
    ),
    seed=st.randoms(use_true_random=False),
)
def test_both_kinds_of_files_give_what_was_written(tmp_path_factory, images, seed):
    directory = tmp_path_factory.mktemp("coco")
    numbers = iter(seed.sample(range(10**6), sum(map(len, images.values()))))
    entries = [
        {
            "filepath": "val2014",
            "filename": f"COCO_val2014_{id:012d}.jpg",
            "cocoid": id,
            "split": "val",
            "sentences": [{"raw": text, "sentid": next(numbers)} for text in texts],
        }
        for id, texts in images.items()
    ]
    write_json(directory, entries)
    corpus = load("coco", directory, "validation", captions_per_image=None)
    assert corpus.texts == [text.strip() for texts in images.values() for text in texts]
    assert ids(corpus) == list(images)
    owners = [row for row, texts in enumerate(images.values()) for _ in texts]
    assert corpus.matches.pairs[:, 0].tolist() == owners

    (directory / "annotations").mkdir()
    file = directory / "annotations" / "captions_val2014.json"
    file.write_text(json.dumps(published(entries)))
    (directory / "dataset_coco.json").unlink()
    same = load("coco", directory, "validation", captions_per_image=None)
    assert same.matches == corpus.matches
    assert same.image_attributes == corpus.image_attributes

    def of_image(found):
        rows = zip(found.matches.pairs[:, 0], found.text_attributes["id"], found.texts)
        return sorted(map(tuple, rows))

    assert of_image(same) == of_image(corpus)
