import hashlib
import itertools
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("resvg_py")
from PIL import Image

from tb_keras.corpus import boxes as box_functions
from tb_keras.datasets import load
from tb_keras.datasets.openmoji.pictures import drawings
from tb_keras.datasets.openmoji.reader import split_of_groups
from tb_keras.datasets.openmoji.siblings import sibling_groups
from tb_keras.datasets.scenes import drawing as scenes_drawing
from tb_keras.datasets.scenes.backgrounds import BACKGROUNDS, background
from tb_keras.datasets.scenes.layout import casts, place
from tb_keras.datasets.scenes.reader import load_scenes
from tb_keras.datasets.scenes.subjects import confusable, is_plural, subjects
from tb_keras.datasets.scenes.texts import expressions

RELATION = re.compile(r" (?:is |are )?(?:to the )?(left of|right of|above|below|closest to) ")
# What each superlative ranks by, and by how much the first must lead: twice the gap, 1.3 times.
RANKINGS = {
    "leftmost": (lambda box: -centre(box)[0], 24),
    "rightmost": (lambda box: centre(box)[0], 24),
    "topmost": (lambda box: -centre(box)[1], 24),
    "bottommost": (lambda box: centre(box)[1], 24),
    "larger": (lambda box: np.log(side(box)), np.log(1.3)),
    "smaller": (lambda box: -np.log(side(box)), np.log(1.3)),
}
RANKINGS |= {"largest": RANKINGS["larger"], "smallest": RANKINGS["smaller"]}
GAP = 12  # pixels: 4% of the shorter side of 400 by 300


pytestmark = pytest.mark.xdist_group("openmoji")


@pytest.fixture(scope="module", autouse=True)
def cache(openmoji_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TB_KERAS_CACHE", str(openmoji_cache))
        yield


@pytest.fixture(scope="module")
def corpus(cache):
    return load_scenes(scenes=40)


@pytest.fixture(scope="module")
def scenes(corpus):
    """For each scene, its names, boxes and (text, object, kind, sentence) of its phrases."""
    grounding, found = corpus.grounding, []
    referent = dict(corpus.matches.pairs[:, ::-1].tolist())
    for picture in range(grounding.num_pictures):
        rows = np.flatnonzero(grounding.region_pictures == picture)
        phrases = [
            (
                corpus.texts[text],
                referent[text] - rows[0],
                corpus.text_attributes["kind"][text],
                corpus.text_attributes["sentence"][text],
            )
            for text in np.flatnonzero(grounding.phrase_pictures == picture).tolist()
        ]
        names = [corpus.image_attributes["name"][row] for row in rows]
        found.append((names, grounding.region_boxes[rows].astype(float), phrases))
    return found


def without_article(text):
    return text.split(" ", 1)[1]


def centre(box):
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def side(box):
    return max(box[2] - box[0], box[3] - box[1])


def offset(relation, box, landmark):
    """How far a box lies in a relation's direction, and how far across it."""
    (x, y), (u, v) = centre(box), centre(landmark)
    return {
        "left of": (u - x, abs(v - y)),
        "right of": (x - u, abs(v - y)),
        "above": (v - y, abs(u - x)),
        "below": (y - v, abs(u - x)),
    }[relation]


def readings(text):
    """The ways to read a text as one thing in a relation to another, without articles."""
    for match in RELATION.finditer(text):
        second = re.sub(r"^(the|an?) ", "", text[match.end() :])
        yield text[: match.start()], match[1], second


def referent(text, names, boxes):
    """The object a phrase refers to, told from its text and the boxes; None where in doubt."""
    text = without_article(text)
    for first, relation, second in readings(text):
        if first in names and names.count(second) == 1:
            rows = [row for row, name in enumerate(names) if name == first]
            return related(rows, relation, boxes, boxes[names.index(second)])
    if text in names:
        return names.index(text) if names.count(text) == 1 else None
    word, name = text.split(" ", 1)
    rows = [row for row, other in enumerate(names) if other == name]
    if word in ("small", "large"):
        share = side(boxes[rows[0]]) / 300
        right = share <= 0.2 if word == "small" else share >= 0.36
        return rows[0] if right and len(rows) == 1 else None
    value, lead = RANKINGS[word]
    *_, second, first = sorted(rows, key=lambda row: value(boxes[row]))
    return first if value(boxes[first]) - value(boxes[second]) >= lead - 1e-9 else None


def related(rows, relation, boxes, landmark):
    if relation == "closest to":
        distances = [np.hypot(*np.subtract(centre(boxes[row]), centre(landmark))) for row in rows]
        order = np.argsort(distances)
        clear = distances[order[1]] >= 1.5 * distances[order[0]]
        return rows[order[0]] if clear else None
    offsets = [offset(relation, boxes[row], landmark) for row in rows]
    right = [row for row, (along, across) in zip(rows, offsets) if along >= max(GAP, across)]
    wrong = [row for row, (along, _) in zip(rows, offsets) if along <= -GAP]
    return right[0] if len(right) == 1 and len(right + wrong) == len(rows) else None


def files_of(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).glob("*/*.png")}


def test_every_phrase_refers_to_its_object_and_no_other(scenes):
    kinds = []
    for names, boxes, phrases in scenes:
        for text, row, kind, _ in phrases:
            assert referent(text, names, boxes) == row, text
            kinds.append((kind, names.count(names[row]) > 1))
    assert len(set(kinds)) == 5  # all three of what stands once, the last two of what does not


def test_every_expression_refers_to_its_object_in_random_layouts():
    rng, said = np.random.default_rng(0), set()
    for _ in range(300):
        names = ["apple"] * int(rng.integers(1, 4)) + ["dog", "tea cup"]
        sizes = rng.integers(36, 141, (len(names), 2))
        corners = rng.integers(0, [400, 300] - sizes + 1)
        boxes = np.concatenate([corners, corners + sizes], axis=1)
        for row, own in enumerate(expressions(names, boxes, 400, 300)):
            for expression in own:
                assert referent(f"the {expression.text}", names, boxes) == row, expression
                said |= {*expression.text.split()}
    words = {*RANKINGS, "small", "large", "left", "right", "above", "below", "closest"}
    assert said == words | {"apple", "dog", "tea", "cup", "of", "to", "the"}


def test_no_phrase_is_said_twice_of_one_object_nor_of_two(scenes):
    for _, _, phrases in scenes:
        texts = [without_article(text) for text, *_ in phrases]
        assert len(set(texts)) == len(texts)
        assert 6 <= len(texts) <= 12


def test_size_and_number_of_objects_and_copies(scenes):
    counts = np.array([len(names) for names, *_ in scenes])
    assert set(counts) == {4, 5, 6, 7}
    copies = np.array([len(names) - len(set(names)) for names, *_ in scenes])
    assert set(copies) == {0, 1, 2}
    assert 0.25 < np.mean(copies > 0) < 0.75
    for _, boxes, _ in scenes:
        sides = np.array([side(box) for box in boxes])
        assert sides.min() >= 34
        assert sides.max() <= 140
        np.testing.assert_array_equal(box_functions.clip(boxes, (400, 300)), boxes)
        overlap = box_functions.iou(boxes, boxes) - np.eye(len(boxes))
        assert overlap.max() < 0.1
        np.testing.assert_array_equal(boxes, boxes.round())


def test_attributes_and_grounding_of_phrases(corpus):
    np.testing.assert_array_equal(corpus.matches.images_per_text(), 1)
    regions = corpus.matches.pairs[np.argsort(corpus.matches.pairs[:, 1]), 0]
    grounding = corpus.grounding
    np.testing.assert_array_equal(grounding.phrase_boxes, grounding.region_boxes[regions])
    np.testing.assert_array_equal(grounding.phrase_pictures, grounding.region_pictures[regions])
    assert grounding.picture_sizes.tolist() == [[400, 300]] * 40
    categories = [[corpus.image_attributes["category"][row]] for row in regions]
    assert corpus.text_attributes["categories"] == categories
    for emoji, name in zip(corpus.image_attributes["emoji"], corpus.image_attributes["name"]):
        assert subjects()[emoji].name == name
    with Image.open(grounding.picture_paths[0]) as picture:
        assert (picture.size, picture.mode) == ((400, 300), "RGB")


def test_sentences_are_true_and_hold_their_phrases(corpus, scenes):
    sentences = load("scenes", texts="sentences", scenes=40)
    assert sentences.image_paths == corpus.grounding.picture_paths
    assert sentences.grounding is None
    assert sentences.text_attributes == {"language": ["en"] * sentences.num_texts}
    for picture, (_, boxes, phrases) in enumerate(scenes):
        own = [sentences.texts[t] for i, t in sentences.matches.pairs if i == picture]
        assert 3 <= len(own) <= 5
        objects = {without_article(text): row for text, row, *_ in phrases}
        for sentence in own:
            assert re.fullmatch(r"[A-Z].*\.", sentence)
            text = re.sub(r"^There is ", "", sentence[:-1])
            read = [
                (objects[without_article(first)], relation, objects[second])
                for first, relation, second in readings(text)
                if without_article(first) in objects and second in objects
            ]
            true = [
                along >= max(GAP, across)
                for a, relation, b in read
                for along, across in [offset(relation, boxes[a], boxes[b])]
            ]
            assert any(true), sentence
        for text, _, _, number in phrases:
            assert number == -1 or text in own[number][0].lower() + own[number][1:]


def test_boxes_are_tight_to_the_pixels(tmp_path, monkeypatch):
    magenta = np.broadcast_to(np.uint8([255, 0, 255]), (200, 300, 3))
    monkeypatch.setattr(scenes_drawing, "background", lambda *_: magenta.copy())
    grounding = load_scenes(tmp_path, "validation", scenes=6, width=300, height=200).grounding
    alone = 0
    for picture, path in enumerate(grounding.picture_paths):
        boxes = grounding.region_boxes[grounding.region_pictures == picture].astype(int)
        difference = np.abs(np.asarray(Image.open(path)).astype(int) - magenta).max(axis=-1)
        drawn, clearly = difference > 0, difference >= 16
        inside = np.zeros_like(drawn)
        for left, top, right, bottom in boxes:
            inside[top:bottom, left:right] = True
        assert not (drawn & ~inside).any()
        for box, overlaps in zip(boxes, box_functions.iou(boxes, boxes)):
            if np.count_nonzero(overlaps) == 1:
                own = clearly[box[1] : box[3], box[0] : box[2]]
                for edge in (own[0], own[-1], own[:, 0], own[:, -1]):
                    assert edge.any()
                alone += 1
    assert alone >= 10


def test_a_stamp_has_no_faint_rim(tmp_path):
    pixels = np.zeros((100, 100, 4), np.uint8)
    pixels[20:80, 20:80, 3] = 255
    pixels[50, 95, 3] = 30  # a lone speck, which smaller drawing makes fade
    Image.fromarray(pixels).save(tmp_path / "block.png")
    stamp = scenes_drawing.stamp(str(tmp_path / "block.png"), 38)
    assert stamp.size == (30, 30)
    assert np.asarray(stamp)[..., 3].min() >= 24


@pytest.mark.slow
def test_more_scenes_begin_with_the_same_and_nothing_depends_on_the_process(corpus, tmp_path):
    program = """
import sys
from tb_keras.datasets.scenes.reader import load_scenes
corpus = load_scenes(sys.argv[1], scenes=3)
print("|".join(corpus.texts))
"""
    environment = {**os.environ, "PYTHONHASHSEED": "7", "KERAS_BACKEND": "tensorflow"}
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    texts = ran.stdout.strip().splitlines()[-1].split("|")
    assert texts == list(corpus.texts[: len(texts)])
    assert corpus.grounding.phrase_pictures[len(texts) - 1 : len(texts) + 1].tolist() == [2, 3]
    paths = corpus.grounding.picture_paths
    assert files_of(tmp_path) == {
        os.path.basename(path): pathlib.Path(path).read_bytes() for path in paths[:3]
    }


def test_stopped_half_way_it_continues(tmp_path, monkeypatch):
    options = {"split": "test", "scenes": 4, "width": 200, "height": 160}
    load_scenes(tmp_path / "whole", **options)
    replace, replaced = os.replace, []

    def stopped(source, target):
        if len(replaced) == 2:
            raise KeyboardInterrupt
        replaced.append(target)
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            load_scenes(tmp_path / "stopped", **options)
    assert sorted(files_of(tmp_path / "stopped")) == ["00000.png", "00001.png"]
    written = [path.stat().st_mtime_ns for path in replaced]
    load_scenes(tmp_path / "stopped", **options)
    assert files_of(tmp_path / "stopped") == files_of(tmp_path / "whole")
    assert [path.stat().st_mtime_ns for path in replaced] == written


def test_seed_split_and_size_give_other_scenes(corpus, tmp_path):
    first = {path.read_bytes() for path in [pathlib.Path(corpus.grounding.picture_paths[0])]}
    for options in ({"seed": 1}, {"split": "validation"}, {"width": 401}):
        grounding = load_scenes(tmp_path, scenes=1, **options).grounding
        first.add(pathlib.Path(grounding.picture_paths[0]).read_bytes())
    assert len(first) == 4


def test_held_out_subjects_and_their_siblings_are_never_in_training(corpus):
    groups = sibling_groups(pathlib.Path(os.environ["TB_KERAS_CACHE"]) / "openmoji")
    group_of = dict(zip(drawings(), groups.tolist()))
    trained = load_scenes(split="train", scenes=12)
    seen, held_out = (
        {group_of[emoji] for emoji in part.image_attributes["emoji"]} for part in (trained, corpus)
    )
    assert len(held_out) > 80
    assert not seen & held_out
    emojis = list(drawings())
    split = dict(zip(emojis, split_of_groups(groups, emojis).tolist()))
    assert {split[emoji] for emoji in corpus.image_attributes["emoji"]} == {"test"}
    assert {split[emoji] for emoji in trained.image_attributes["emoji"]} == {"train"}
    for picture in range(40):
        own = corpus.grounding.region_pictures == picture
        present = set(np.array(corpus.image_attributes["emoji"])[own])
        assert len({group_of[emoji] for emoji in present}) == len(present)


def test_casts_take_all_subjects_evenly():
    some = list(subjects().values())[::9]
    groups = {subject.emoji: row // 2 for row, subject in enumerate(some)}
    cast = casts(some, groups, 100, lambda purpose, number: np.random.default_rng([7, number]))
    dealt = [subject for own in cast for subject in dict.fromkeys(own)]
    counts = np.array([dealt.count(subject) for subject in some])
    assert np.ptp(counts) <= 2
    assert cast[:30] == casts(
        some, groups, 30, lambda purpose, number: np.random.default_rng([7, number])
    )
    for own in cast:
        assert not any(confusable(*two) for two in itertools.combinations(set(own), 2))
        assert len({groups[subject.emoji] for subject in own}) == len(set(own))
        assert sum(own.count(subject) == 1 for subject in own) >= 3


def test_subjects_are_things_with_names_of_their_own():
    names = [subject.name for subject in subjects().values()]
    assert 1050 < len(names) < 1200
    assert len(set(names)) == len(names)
    for name in ("dog", "red apple", "jack-o'-lantern", "woman's hat", "farmer", "padlock"):
        assert name in names
    for emoji in ("➡️", "🔟", "🇫🇷", "🆗", "🟥", "🕐", "👌", "♈", "👩‍🌾", "👨‍👩‍👧"):
        assert emoji in drawings()
        assert emoji not in subjects()
    assert not [name for name in names if re.search(r"\b(button|symbol|o clock)\b|^flag", name)]
    assert all(re.fullmatch(r"[\w' -]+", name) and name == name.lower() for name in names)
    categories = {subject.category for subject in subjects().values()}
    assert categories == set(
        "faces animals food people nature places vehicles objects activities clothing body "
        "other".split()
    )
    for emoji, category in (
        ("🦏", "animals"),
        ("🍎", "food"),
        ("🚲", "vehicles"),
        ("🪴", "nature"),
    ):
        assert subjects()[emoji].category == category
    assert [is_plural(name) for name in ("person lifting weights", "scissors")] == [False, True]


def test_one_of_a_kind_without_a_clear_expression_has_none():
    boxes = np.array([[100, 100, 140, 140], [104, 103, 144, 143], [100, 0, 140, 40]])
    first, second, third = expressions(["apple", "apple", "dog"], boxes, 400, 300)
    assert first == second == []
    assert {"dog", "small dog"} == {expression.text for expression in third[:2]}


def test_place_gives_up_where_there_is_no_room():
    rng = np.random.default_rng(0)
    assert place([(90, 90), (90, 90)], 100, 100, rng) is None


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_backgrounds_are_calm_and_differ(kind):
    canvases = [background(kind, 60, 40, np.random.default_rng(seed)) for seed in range(4)]
    assert {(canvas.shape, canvas.dtype.name) for canvas in canvases} == {((40, 60, 3), "uint8")}
    assert len({hashlib.sha256(canvas.tobytes()).hexdigest() for canvas in canvases}) == 4
    assert np.mean(canvases) > 120


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "all"}, "`split` must be one of 'train', 'validation', 'test'. Received: 'all'"),
        ({"texts": "words"}, "`texts` must be one of 'phrases', 'sentences'. Received: 'words'"),
        ({"scenes": 0}, "`scenes` must be a positive int. Received: scenes=0"),
        ({"scenes": 2.0}, "`scenes` must be a positive int"),
        ({"scenes": True}, "`scenes` must be a positive int"),
        ({"seed": -1}, "`seed` must be a non-negative int. Received: seed=-1"),
        ({"width": 100}, "`width` must be an int of at least 160. Received: width=100"),
        ({"height": "300"}, "`height` must be an int of at least 160. Received: height='300'"),
    ],
)
def test_wrong_arguments(options, message, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)):
        load_scenes(tmp_path, **options)
    assert not list(tmp_path.iterdir())
