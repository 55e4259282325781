"""Tests of the extended ground truths of MSCOCO, on the ids that eccv_caption brings."""

import json
import warnings

import numpy as np
import pytest

from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.formats.package_files import package_directory
from tb_keras.datasets.published import coco_ground_truths as module
from tb_keras.datasets.published.coco_ground_truths import with_ground_truth
from tb_keras.evaluation import ranked_precision_metrics_from_scores

try:
    DATA = package_directory("eccv_caption", "eccv_caption") / "data"
except ModuleNotFoundError:
    pytest.skip("needs eccv_caption", allow_module_level=True)


def truth(name):
    """Both directions as the package has them."""
    return [
        {
            int(key): values
            for key, values in json.loads((DATA / f"{name}_{file}").read_text()).items()
        }
        for file in ("image_to_caption.json", "caption_to_image.json")
    ]


@pytest.fixture(scope="module")
def pictures():
    """All 5,000 with five captions each, in the order of the protocol."""
    _, of_texts = truth("original")
    texts = np.load(DATA / "coco_test_ids.npy").tolist()
    images = list(dict.fromkeys(of_texts[text][0] for text in texts))
    rows = {image: row for row, image in enumerate(images)}
    return Corpus(
        np.array([rows[of_texts[text][0]] for text in texts]),
        image_attributes={"id": images},
        text_attributes={"id": texts},
    )


@pytest.mark.parametrize(
    ("name", "pairs", "images", "texts"),
    [("original", 25000, 5000, 25000), ("cxc", 35585, 5000, 24972), ("eccv", None, 1261, 1332)],
)
def test_every_query_has_the_published_matches(pictures, name, pairs, images, texts):
    found = with_ground_truth(pictures, name)
    if name == "original":
        assert found.matches == pictures.matches
    if pairs:
        assert len(found.matches.pairs) == pairs
    image_ids, text_ids = found.image_attributes["id"], found.text_attributes["id"]
    known = set(text_ids)
    of_images, of_texts = truth(name)
    asked = np.flatnonzero(found.image_attributes["query"])
    assert len(asked) == images
    for image in asked:
        matching = {text_ids[text] for text in found.matches.texts_of(image)}
        assert matching == set(of_images[image_ids[image]]) & known
    asked = np.flatnonzero(found.text_attributes["query"])
    assert len(asked) == texts
    for text in asked:
        matching = {image_ids[image] for image in found.matches.images_of(text)}
        assert matching == set(of_texts[text_ids[text]])
    assert (found.num_images, found.num_texts) == (5000, 25000)


@pytest.mark.slow
def test_a_part_in_another_order(pictures):
    rng = np.random.default_rng(0)
    images = rng.permutation(5000)[:300]
    texts = np.flatnonzero(np.isin(pictures.matches.pairs[:, 0], images))
    part = pictures.subset(images, rng.permutation(texts))
    for name in module.GROUND_TRUTHS:
        whole = with_ground_truth(pictures, name).subset(
            images,
            [pictures.text_attributes["id"].index(i) for i in part.text_attributes["id"]],
        )
        found = with_ground_truth(part, name)
        assert found.matches == whole.matches
        assert np.array_equal(found.image_attributes["query"], whole.image_attributes["query"])
        assert np.array_equal(found.text_attributes["query"], whole.text_attributes["query"])


def test_the_packages_own_figures(pictures):
    """Of 2,000 of the pictures, on random scores that favour what matches in CxC."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for ujson and tqdm
        from eccv_caption import Metrics
    rng = np.random.default_rng(0)
    part = with_ground_truth(pictures.subset(images=range(2000)), "eccv")
    matching = tuple(with_ground_truth(part, "cxc").matches.pairs.T)
    scores = rng.random((2000, 10_000))
    scores[matching] = 1 - 0.002 * rng.random(len(matching[0]))
    image_ids, text_ids = (np.array(a["id"]) for a in (part.image_attributes, part.text_attributes))
    asked = [a["query"] for a in (part.image_attributes, part.text_attributes)]

    def ranked(scores, ids):
        best = np.argpartition(-scores, 60)[:60]
        return ids[best[np.argsort(-scores[best])]].tolist()

    retrieved = {
        "i2t": {image_ids[i]: ranked(scores[i], text_ids) for i in np.flatnonzero(asked[0])},
        "t2i": {text_ids[t]: ranked(scores[:, t], image_ids) for t in np.flatnonzero(asked[1])},
    }
    metrics = Metrics()
    for direction, known in (("i2t", set(text_ids)), ("t2i", set(image_ids))):
        truth = metrics.eccv_gts[direction]
        kept = {query: [id for id in truth[query] if id in known] for query in retrieved[direction]}
        metrics.eccv_gts[direction] = {query: ids for query, ids in kept.items() if ids}
    theirs = metrics.eccv_metrics(retrieved, "all")
    found = ranked_precision_metrics_from_scores(scores, part.matches, *asked)
    for direction in ("i2t", "t2i"):
        assert found[f"{direction}_queries"] == len(metrics.eccv_gts[direction])
        for ours, name in (
            ("map@r", "eccv_map_at_r"),
            ("r_precision", "eccv_rprecision"),
            ("recall@1", "eccv_r1"),
        ):
            expected = 100 * theirs[name][direction]
            assert 1 < expected < 90
            np.testing.assert_allclose(found[f"{direction}_{ours}"], expected)


def test_wrong_arguments_are_named(pictures):
    part = pictures.subset(images=[0, 1])
    with pytest.raises(
        ValueError, match=r"`ground_truth` must be one of original, cxc, eccv.*'pm'"
    ):
        with_ground_truth(part, "pm")
    with pytest.raises(ValueError, match=r"must have the image attribute 'id'.*\[\]"):
        with_ground_truth(part.replace(image_attributes={}), "cxc")
    with pytest.raises(ValueError, match=r"must have the text attribute 'id'.*\['name'\]"):
        with_ground_truth(part.replace(text_attributes={"name": ["x"] * 10}), "cxc")
    with pytest.raises(ValueError, match="an image id twice"):
        with_ground_truth(part.replace(image_attributes={"id": [1, 1]}), "cxc")
    with pytest.raises(ValueError, match=r"of MSCOCO's 5,000 test pictures. Received: picture 7"):
        with_ground_truth(part.replace(image_attributes={"id": [391895, 7]}), "cxc")


def test_without_the_package(monkeypatch, pictures):
    monkeypatch.setattr(module, "package_directory", lambda *_: package_directory("no_such", "x"))
    with pytest.raises(ModuleNotFoundError, match="needs the package x: pip install x"):
        with_ground_truth(pictures, "cxc")
