import copy
import json
import os
import pickle

import numpy as np
import pytest

from tb_keras.datasets.published.refcoco import load_refcoco

INSTANCES = {
    "info": {},
    "images": [
        {"id": 10, "file_name": "COCO_train2014_10.jpg", "width": 640, "height": 480},
        {"id": 20, "file_name": "COCO_train2014_20.jpg", "width": 100, "height": 200},
        {"id": 30, "file_name": "COCO_train2014_30.jpg", "width": 50, "height": 50},
    ],
    "annotations": [
        {"id": 1, "image_id": 10, "bbox": [10.5, 20, 100, 50.25], "category_id": 1},
        {"id": 2, "image_id": 20, "bbox": [50, 60, 60.5, 40], "category_id": 18},
        {"id": 3, "image_id": 10, "bbox": [0, 0, 640, 480], "category_id": 18},
        {"id": 4, "image_id": 10, "bbox": [5, 5, 0, 10], "category_id": 18},
        {"id": 5, "image_id": 30, "bbox": [1, 1, 10, 10], "category_id": 1},
    ],
    "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
}


def reference(ref_id, ann_id, image_id, split, *sents):
    return {
        "ref_id": ref_id,
        "ann_id": ann_id,
        "image_id": image_id,
        "category_id": 1,
        "split": split,
        "file_name": f"COCO_train2014_{image_id}_{ann_id}.jpg",
        "sent_ids": [100 * ref_id + n for n in range(len(sents))],
        "sentences": [
            {"sent": s, "raw": s.title(), "tokens": s.split(), "sent_id": 100 * ref_id + n}
            for n, s in enumerate(sents)
        ],
    }


REFERENCES = [
    reference(0, 1, 10, "testA", "man", "the man left"),
    reference(1, 5, 30, "train", "lady"),
    reference(2, 2, 20, "testB", "dog"),
    reference(3, 1, 10, "testA", "man"),
    reference(4, 5, 30, "val", "her"),
]


def write(directory, references=REFERENCES, instances=INSTANCES, protocol=2):
    (directory / "refs(unc).p").write_bytes(pickle.dumps(references, protocol))
    (directory / "instances.json").write_text(json.dumps(instances, indent=0))


@pytest.fixture
def directory(tmp_path):
    """The published layout: refcoco/ beside images/mscoco/images/train2014/."""
    pictures = tmp_path / "images" / "mscoco" / "images" / "train2014"
    pictures.mkdir(parents=True)
    for image in INSTANCES["images"]:
        (pictures / image["file_name"]).write_bytes(b"a picture")
    (tmp_path / "refcoco").mkdir()
    write(tmp_path / "refcoco")
    return tmp_path / "refcoco"


def test_expressions_with_their_objects(directory):
    corpus = load_refcoco(directory)
    assert corpus.texts == ["man", "the man left", "dog", "man"]
    grounding = corpus.grounding
    assert [path[-6:] for path in grounding.picture_paths] == ["10.jpg", "20.jpg"]
    assert grounding.picture_sizes.tolist() == [[640, 480], [100, 200]]
    # All objects of the pictures, but for the one without width (annotation 4).
    assert corpus.image_attributes == {
        "annotation": [1, 2, 3],
        "picture": [10, 20, 10],
        "category": ["person", "dog", "dog"],
    }
    assert grounding.region_pictures.tolist() == [0, 1, 0]
    assert grounding.region_boxes.tolist() == [
        [10.5, 20, 110.5, 70.25],
        [50, 60, 100, 100],
        [0, 0, 640, 480],
    ]
    assert corpus.matches.pairs.tolist() == [[0, 0], [0, 1], [0, 3], [1, 2]]
    np.testing.assert_array_equal(grounding.phrase_boxes, grounding.region_boxes[[0, 0, 1, 0]])
    assert grounding.phrase_pictures.tolist() == [0, 0, 1, 0]
    assert corpus.text_attributes == {
        "categories": [["person"], ["person"], ["dog"], ["person"]],
        "sentence": [0, 1, 200, 300],
        "reference": [0, 0, 2, 3],
        "picture": [10, 10, 20, 10],
        "split": ["testA", "testA", "testB", "testA"],
    }


@pytest.mark.parametrize(
    ("split", "texts"),
    [
        ("train", ["lady"]),
        ("val", ["her"]),
        ("validation", ["her"]),
        ("testA", ["man", "the man left", "man"]),
        ("testB", ["dog"]),
    ],
)
def test_splits(directory, split, texts):
    assert load_refcoco(directory, split).texts == texts


def test_arguments(directory):
    with pytest.raises(ValueError, match=r"`split` must be one of train, val, .*'dev'"):
        load_refcoco(directory, "dev")
    with pytest.raises(ValueError, match=r"`split_by` must be one of unc, google, umd.*'me'"):
        load_refcoco(directory, split_by="me")
    with pytest.raises(FileNotFoundError, match=r"refs\(google\)\.p"):
        load_refcoco(directory, split_by="google")
    write(directory, REFERENCES[:3])
    with pytest.raises(ValueError, match=r"refs\(unc\)\.p has: testA, testB, train.*'val'"):
        load_refcoco(directory, "val")


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_of_the_pickle(directory, protocol):
    write(directory, protocol=protocol)
    assert load_refcoco(directory, "testB").texts == ["dog"]


def test_json_instead_of_the_pickle(directory):
    (directory / "refs(unc).json").write_text(json.dumps(REFERENCES[:1]))
    assert load_refcoco(directory).texts == ["man", "the man left"]
    (directory / "refs(unc).p").unlink()
    assert load_refcoco(directory).texts == ["man", "the man left"]


def test_a_malicious_pickle_does_not_run(directory):
    class Command:
        def __reduce__(self):
            return os.system, (f"touch {directory / 'mark'}",)

    write(directory, [*REFERENCES, Command()])
    with pytest.raises(ValueError, match=r"refs\(unc\)\.p: GLOBAL at byte .* names code"):
        load_refcoco(directory)
    assert not (directory / "mark").exists()


def test_pictures(directory, tmp_path):
    pictures = tmp_path / "images" / "mscoco" / "images" / "train2014"
    (pictures / "COCO_train2014_20.jpg").rename(tmp_path / "COCO_train2014_20.jpg")
    message = r"COCO_train2014_20\.jpg', which .*instances\.json, image 20 names"
    with pytest.raises(FileNotFoundError, match=message):
        load_refcoco(directory)
    assert load_refcoco(directory, check_pictures=False).num_texts == 4
    assert load_refcoco(directory, "testB", picture_folder=tmp_path).num_texts == 1


@pytest.mark.parametrize(
    ("file", "content", "error", "message"),
    [
        ("instances.json", "", ValueError, r"instances\.json, line 1: not JSON"),
        ("instances.json", '{\n"images": [', ValueError, r"instances\.json, line 2: not JSON"),
        ("instances.json", '"caf\xe9"', ValueError, r"instances\.json, line 1: not in UTF-8"),
        ("instances.json", "[]", ValueError, r"instances\.json: there is no 'images'"),
        ("instances.json", '{"images": {}}', ValueError, r"'images' must be of type list"),
        ("instances.json", None, FileNotFoundError, r"instances\.json"),
        ("refs(unc).p", "", ValueError, r"refs\(unc\)\.p: not a pickle, or cut off"),
        (
            "refs(unc).p",
            "\x80\x02](X\x05",
            ValueError,
            r"refs\(unc\)\.p: not a pickle, or a damaged",
        ),
        ("refs(unc).p", "\x80\x02U\x01\xe9.", ValueError, r"refs\(unc\)\.p: strings are not in"),
        ("refs(unc).p", "}.", ValueError, r"refs\(unc\)\.p: expected a list. Received: dict"),
        ("refs(unc).p", "].", ValueError, r"`split` must be one of those that .*refs\(unc\)\.p"),
        ("refs(unc).p", None, FileNotFoundError, r"refs\(unc\)\.p"),
        ("refs(unc).json", "[{", ValueError, r"refs\(unc\)\.json, line 1: not JSON"),
        ("refs(unc).json", "[3]", ValueError, r"refs\(unc\)\.json, reference number 0: .*'ref_id'"),
    ],
)
def test_a_damaged_file_is_named(directory, file, content, error, message):
    path = directory / file
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(error, match=message):
        load_refcoco(directory)


@pytest.mark.parametrize(
    ("part", "row", "changes", "message"),
    [
        ("refs", 2, {"ref_id": 0}, r"refs\(unc\)\.p, reference 0 comes twice"),
        ("refs", 2, {"ref_id": "2"}, r"reference number 2: 'ref_id' must be of type int"),
        ("refs", 2, {"ann_id": 77}, r"reference 2: .*instances\.json has no annotation 77"),
        ("refs", 2, {"ann_id": None}, r"reference 2: 'ann_id' must be of type int"),
        ("refs", 2, {"image_id": 77}, r"reference 2: .*instances\.json has no image 77"),
        ("refs", 2, {"image_id": 10}, r"reference 2: its annotation 2 must be of its image 10"),
        ("refs", 2, {"image_id": 30}, r"reference 2: its annotation 2 must be of its image 30"),
        ("refs", 2, {"ann_id": 4, "image_id": 10}, r"annotation 4: expected a box with an area"),
        ("refs", 2, {"split": 5}, r"reference 2: 'split' must be of type str"),
        ("refs", 2, {"sentences": "dog"}, r"reference 2: 'sentences' must be of type list"),
        ("refs", 2, {"sentences": ["dog"]}, r"reference 2: there is no 'sent'"),
        ("refs", 2, {"sentences": [{"sent": "dog"}]}, r"reference 2: there is no 'sent_id'"),
        ("images", 1, {"id": 10}, r"instances\.json, image 10 comes twice"),
        ("images", 1, {"width": None}, r"image 20: 'width' must be of type int"),
        ("images", 1, {"height": 0}, r"image 20: the size must be positive"),
        ("images", 1, {"file_name": 5}, r"image 20: 'file_name' must be of type str"),
        ("annotations", 1, {"id": 1}, r"instances\.json, annotation 1 comes twice"),
        ("annotations", 1, {"bbox": [1, 2, 3]}, r"annotation 2: 'bbox' must be four numbers"),
        ("annotations", 1, {"bbox": [1, 2, 3, "4"]}, r"annotation 2: 'bbox' must be four numbers"),
        ("annotations", 1, {"bbox": [1, 2, -3, 4]}, r"annotation 2: 'bbox' .* not negative"),
        ("annotations", 3, {"bbox": [1, 2, -3, 4]}, r"annotation 4: 'bbox' .* not negative"),
        ("annotations", 1, {"bbox": [1, 2, np.nan, 4]}, r"annotation 2: expected a finite box"),
        ("annotations", 3, {"bbox": [1, 2, np.inf, 4]}, r"annotation 4: expected a finite box"),
        ("annotations", 1, {"bbox": [101, 2, 3, 4]}, r"annotation 2: expected a box with an area"),
        ("annotations", 1, {"category_id": 5}, r"annotation 2: .*instances\.json has no category"),
        ("annotations", 1, {"image_id": None}, r"annotation 2: 'image_id' must be of type int"),
        ("categories", 1, {"id": 1}, r"instances\.json, category 1 comes twice"),
        ("categories", 1, {"name": 5}, r"category 18: 'name' must be of type str"),
    ],
)
def test_a_wrong_entry_is_named(directory, part, row, changes, message):
    references, instances = copy.deepcopy(REFERENCES), copy.deepcopy(INSTANCES)
    (references if part == "refs" else instances[part])[row].update(changes)
    write(directory, references, instances)
    with pytest.raises(ValueError, match=message):
        load_refcoco(directory)


def test_windows_line_ends_change_nothing(directory):
    path = directory / "instances.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_refcoco(directory, "testB").texts == ["dog"]
