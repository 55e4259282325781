"""Tests of a corpus of proposals against loops over its phrases and regions."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.encoders import proposal_report, proposed_corpus, with_true_boxes

# The package holds the function under the module's name.
proposed_corpus_module = importlib.import_module("tb_keras.encoders.regions.proposed_corpus")
NUM_PICTURES = 5


def random_boxes(random, count):
    """Of few coordinates, so that boxes often overlap and sometimes coincide."""
    corners = np.sort(random.choice(7, (count, 2, 2)), axis=1) * 10.0
    corners[:, 1] += 10
    return corners.reshape(count, 4)


def random_corpus(seed, phrases=12):
    """Phrases in no order of their pictures, about a quarter of them without a box."""
    random = np.random.default_rng(seed)
    boxes = random_boxes(random, phrases)
    boxes[random.random(phrases) < 0.25] = np.nan
    grounding = Grounding(
        [f"{row}.png" for row in range(NUM_PICTURES)],
        np.full((NUM_PICTURES, 2), 100),
        [0],
        [[0, 0, 1, 1]],
        random.integers(0, NUM_PICTURES, phrases),
        boxes,
    )
    return Corpus(
        np.zeros((1, phrases), bool),
        image_features=np.ones((1, 2), np.float32),
        text_features=np.ones((phrases, 3), np.float32),
        texts=[f"phrase {row}" for row in range(phrases)],
        text_attributes={"kind": ["name"] * phrases},
        image_attributes={"name": ["region"]},
        grounding=grounding,
    )


def random_proposals(seed):
    random = np.random.default_rng(seed + 1000)
    pictures = np.repeat(np.arange(NUM_PICTURES), random.integers(0, 9, NUM_PICTURES))
    return pictures, random_boxes(random, len(pictures)).astype(np.float32)


def proposed(corpus, proposals, **options):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(proposed_corpus_module, "propose_regions", lambda *given: proposals)
        return proposed_corpus(corpus, **options)


def overlap(a, b):
    """Intersection over union of two boxes, by counting cells of a grid of 10 pixels."""
    cells = [
        {
            (x, y)
            for x in range(int(box[0]), int(box[2]), 10)
            for y in range(int(box[1]), int(box[3]), 10)
        }
        for box in (a, b)
    ]
    return len(cells[0] & cells[1]) / len(cells[0] | cells[1])


def relations(grounding, positive, negative):
    """The matching and the ignored (region, phrase) pairs, by a loop over all of them."""
    matching, ignored = set(), set()
    for phrase, truth in enumerate(grounding.phrase_boxes):
        for region, box in enumerate(grounding.region_boxes):
            if grounding.region_pictures[region] != grounding.phrase_pictures[phrase]:
                continue
            if np.isnan(truth).any():
                ignored.add((region, phrase))
            elif overlap(box, truth) >= positive:
                matching.add((region, phrase))
            elif overlap(box, truth) >= negative:
                ignored.add((region, phrase))
    return matching, ignored


@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([(0.6, 0.3), (0.45, 0.1), (1, 0.95)]))
def test_matches_against_loops(seed, true_boxes, thresholds):
    positive, negative = thresholds
    corpus = random_corpus(seed)
    found = proposed(
        corpus,
        random_proposals(seed),
        true_boxes=true_boxes,
        positive_iou=positive,
        negative_iou=negative,
    )
    matching, ignored = relations(found.grounding, positive, negative)
    mask, negatives = found.matches.mask(), found.matches.negative_mask()
    for region in range(found.num_images):
        for phrase in range(found.num_texts):
            pair = (region, phrase)
            assert mask[pair] == (pair in matching)
            assert negatives[pair] == (pair not in matching | ignored)


@given(st.integers(0, 10**6))
def test_true_boxes_stand_once_each_among_all_proposals(seed):
    corpus, (pictures, boxes) = random_corpus(seed), random_proposals(seed)
    found = proposed(corpus, (pictures, boxes), true_boxes=True).grounding
    rows = list(map(tuple, np.column_stack([found.region_pictures, found.region_boxes]).tolist()))
    assert len(rows) == len(set(rows))
    expected = set(map(tuple, np.column_stack([pictures, boxes]).tolist()))
    for picture, box in zip(corpus.grounding.phrase_pictures, corpus.grounding.phrase_boxes):
        if not np.isnan(box).any():
            expected.add((int(picture), *box.tolist()))
    assert set(rows) == expected
    assert (np.diff(found.region_pictures) >= 0).all()
    # Proposals keep their order, and the true boxes that are none of them come behind.
    for picture in range(NUM_PICTURES):
        own = list(dict.fromkeys(map(tuple, boxes[pictures == picture].tolist())))
        regions = [row[1:] for row in rows if row[0] == picture]
        assert regions[: len(own)] == own


@given(st.integers(0, 10**6), st.sampled_from([(0.6, 0.3), (0.45, 0.1)]))
def test_true_boxes_may_be_added_later(seed, thresholds):
    corpus, proposals = random_corpus(seed), random_proposals(seed)
    overlaps = dict(zip(("positive_iou", "negative_iou"), thresholds))
    expected = proposed(corpus, proposals, true_boxes=True, **overlaps)
    found = with_true_boxes(proposed(corpus, proposals), **overlaps)
    for name in ("region_pictures", "region_boxes", "phrase_boxes"):
        np.testing.assert_array_equal(
            getattr(found.grounding, name), getattr(expected.grounding, name)
        )
    np.testing.assert_array_equal(found.matches.pairs, expected.matches.pairs)
    np.testing.assert_array_equal(found.matches.ignored, expected.matches.ignored)
    assert (found.texts, found.text_attributes) == (expected.texts, expected.text_attributes)
    assert found.text_features is corpus.text_features


def test_without_true_boxes_the_regions_are_the_proposals():
    pictures, boxes = random_proposals(3)
    found = proposed(random_corpus(3), (pictures, boxes)).grounding
    np.testing.assert_array_equal(found.region_pictures, pictures)
    np.testing.assert_array_equal(found.region_boxes, boxes)


def test_the_phrases_stay_and_what_was_of_the_old_regions_goes():
    corpus, proposals = random_corpus(0), random_proposals(0)
    found = proposed(corpus, proposals)
    assert found.texts == corpus.texts
    assert found.text_features is corpus.text_features
    assert found.text_attributes == corpus.text_attributes
    assert found.image_features is None
    assert found.image_attributes == {}
    assert found.num_images == len(proposals[0])
    assert found.grounding.picture_paths == corpus.grounding.picture_paths
    np.testing.assert_array_equal(found.grounding.phrase_boxes, corpus.grounding.phrase_boxes)


def test_options_reach_the_proposals(monkeypatch):
    given_arguments = []

    def propose_regions(*arguments):
        given_arguments.append(arguments)
        return random_proposals(0)

    monkeypatch.setattr(proposed_corpus_module, "propose_regions", propose_regions)
    corpus = random_corpus(0)
    proposed_corpus(corpus, "edge_boxes", 7, "model.yml", verbose=False)
    assert given_arguments == [
        (corpus.grounding.picture_paths, "edge_boxes", 7, "model.yml", False)
    ]


def test_no_proposal_at_all():
    found = proposed(random_corpus(0), (np.zeros(0, np.int64), np.zeros((0, 4), np.float32)))
    assert found.num_images == 0
    report = proposal_report(found)
    assert report["pictures_without_region"] == report["pictures_without_match"] == NUM_PICTURES
    assert report["phrases_without_box"] + report["phrases_without_match"] == 12


@given(st.integers(0, 10**6), st.booleans())
def test_report_against_loops(seed, true_boxes):
    corpus = proposed(random_corpus(seed), random_proposals(seed), true_boxes=true_boxes)
    grounding = corpus.grounding
    matching, _ = relations(grounding, 0.6, 0.3)
    matched = {phrase for _, phrase in matching}
    expected = dict.fromkeys(
        ("pictures", "pictures_without_region", "pictures_without_match"), 0
    ) | dict.fromkeys(("phrases", "phrases_without_box", "phrases_without_match"), 0)
    for picture in range(NUM_PICTURES):
        expected["pictures"] += 1
        expected["pictures_without_region"] += picture not in grounding.region_pictures.tolist()
        expected["pictures_without_match"] += not any(
            grounding.phrase_pictures[phrase] == picture for phrase in matched
        )
    for phrase, box in enumerate(grounding.phrase_boxes):
        expected["phrases"] += 1
        without_box = bool(np.isnan(box).any())
        expected["phrases_without_box"] += without_box
        expected["phrases_without_match"] += not without_box and phrase not in matched
    assert proposal_report(corpus) == expected
    if true_boxes:
        assert expected["phrases_without_match"] == 0


@pytest.mark.parametrize("asked", [proposed_corpus, with_true_boxes, proposal_report])
def test_a_corpus_without_grounding_is_refused(asked):
    with pytest.raises(ValueError, match="`corpus` must have a grounding"):
        asked(Corpus(np.arange(2), texts=["a", "b"]))


def test_thresholds_are_checked():
    with pytest.raises(ValueError, match="`positive_iou` must be in"):
        proposed(random_corpus(0), random_proposals(0), positive_iou=1.5)
    with pytest.raises(ValueError, match="`negative_iou` in"):
        proposed(random_corpus(0), random_proposals(0), negative_iou=0.7)


def test_drawn_objects_are_proposed_and_matched(tmp_path, monkeypatch):
    pytest.importorskip("cv2.ximgproc")
    from PIL import Image

    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    boxes = [[10, 10, 60, 50], [80, 60, 140, 110], [20, 20, 90, 90]]
    phrase_pictures, paths = [0, 0, 1], []
    for picture in range(2):
        pixels = np.full((120, 160, 3), 240, np.uint8)
        for owner, (left, top, right, bottom) in zip(phrase_pictures, boxes):
            if owner == picture:
                pixels[top:bottom, left:right] = (200, left, bottom)
        paths.append(str(tmp_path / f"{picture}.png"))
        Image.fromarray(pixels).save(paths[-1])
    grounding = Grounding(paths, [[160, 120]] * 2, [], np.zeros((0, 4)), phrase_pictures, boxes)
    corpus = Corpus(np.zeros((0, 3), bool), texts=["a", "b", "c"], grounding=grounding)
    found = proposed_corpus(corpus, verbose=False)
    assert (found.matches.images_per_text() > 0).all()
    assert proposal_report(found)["phrases_without_match"] == 0
