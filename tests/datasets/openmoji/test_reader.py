import os

import numpy as np
import pytest

pytest.importorskip("resvg_py")

from tb_keras.datasets.openmoji import pictures as openmoji_pictures
from tb_keras.datasets.openmoji.near_equal import near_equal_emojis, near_equal_pairs
from tb_keras.datasets.openmoji.pictures import draw, drawings
from tb_keras.datasets.openmoji.reader import load_openmoji, split_of_groups
from tb_keras.datasets.openmoji.siblings import connected_groups, sibling_groups
from tb_keras.datasets.openmoji.texts import english_words

SPLITS = ("train", "validation", "test")


pytestmark = pytest.mark.xdist_group("openmoji")


@pytest.fixture(scope="module")
def directory(openmoji_cache):
    return openmoji_cache / "openmoji"


@pytest.fixture(scope="module")
def load(directory):
    return lambda split="all", **options: load_openmoji(directory, split, size=16, **options)


@pytest.fixture(scope="module")
def whole(load):
    return load()


def siblings(corpus, *names):
    rows = [corpus.image_attributes["name"].index(name) for name in names]
    return len({corpus.image_attributes["group"][row] for row in rows}) == 1


def test_about_1900_pictures_each_with_two_texts(whole):
    assert 1850 < whole.num_images < 2000
    assert whole.matches.texts_per_image().min() >= 2
    assert not any(0x1F3FB <= ord(c) <= 0x1F3FF for e in drawings() for c in e)


def test_pictures_are_transparent_and_of_the_given_size(whole):
    import tensorflow as tf

    pixels = tf.io.decode_png(tf.io.read_file(whole.image_paths[0])).numpy()
    assert pixels.shape == (16, 16, 4)
    assert (pixels[0, 0, 3], pixels[8, 8, 3]) == (0, 255)
    assert len(set(whole.image_paths)) == whole.num_images
    assert all(os.path.getsize(path) for path in whole.image_paths)


def test_splits_are_disjoint_complete_and_of_the_promised_size(load, whole):
    parts = {split: load(split) for split in SPLITS}
    emojis = [emoji for part in parts.values() for emoji in part.image_attributes["emoji"]]
    assert sorted(emojis) == sorted(whole.image_attributes["emoji"])
    groups = [set(part.image_attributes["group"]) for part in parts.values()]
    assert sum(map(len, groups)) == len(set.union(*groups))
    shares = [part.num_images / whole.num_images for part in parts.values()]
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.01)


def test_no_name_and_no_keywords_stand_in_two_splits(load, whole):
    texts = [text for split in SPLITS for text in load(split, languages="all").texts]
    in_english = [text for split in SPLITS for text in load(split).texts]
    assert sorted(in_english) == sorted(whole.texts)
    assert len(texts) == load(languages="all").num_texts


@pytest.mark.parametrize(
    "names",
    [
        ("person running", "woman running facing right", "man running"),
        ("prince", "princess", "person with crown"),
        ("family", "family man woman girl boy"),
        ("thumbs up", "thumbs down"),
        ("up arrow", "left arrow", "down right arrow"),
        ("twelve o clock", "five thirty"),  # near-equal
        ("flag france", "flag st martin"),  # equal
        ("flag luxembourg", "flag netherlands"),  # near-equal and nearest
        ("bell", "bell with slash"),
        ("red heart", "green heart"),
    ],
)
def test_siblings_are_one_group(whole, names):
    assert siblings(whole, *names)


@pytest.mark.parametrize(
    "names",
    [
        ("dog", "cat"),
        ("astronaut", "firefighter"),
        ("grinning face", "twelve o clock"),
        ("flag france", "flag japan"),
    ],
)
def test_strangers_are_not(whole, names):
    assert not siblings(whole, *names)


def test_no_group_is_more_than_a_twentieth(whole):
    assert np.bincount(whole.image_attributes["group"]).max() < whole.num_images / 20


def test_a_keyword_is_one_text_of_many_pictures(load):
    corpus = load("test", text_kinds=["keyword"])
    assert len(set(corpus.texts)) == corpus.num_texts
    face = corpus.texts.index("face")
    names = [corpus.image_attributes["name"][image] for image in corpus.matches.images_of(face)]
    assert len(names) > 10
    assert any("face" in name for name in names)
    assert set(corpus.text_attributes["kind"]) == {"keyword"}


def test_names_in_other_languages(load):
    corpus = load(languages=["es", "ja"], text_kinds=["name"])
    cat = corpus.image_attributes["emoji"].index("🐈")
    texts = corpus.matches.texts_of(cat)
    assert [corpus.texts[text] for text in texts] == ["gato", "ネコ"]
    assert [corpus.text_attributes["language"][text] for text in texts] == ["es", "ja"]
    assert not any(":" in text or "_" in text for text in corpus.texts)


def test_all_languages(load):
    corpus = load("validation", languages="all")
    languages = set(corpus.text_attributes["language"])
    assert len(languages) >= 10
    assert {"en", "de", "ar", "zh"} <= languages


def test_a_string_of_two_languages_is_two_texts(load):
    corpus = load(languages=["es", "it"], text_kinds=["name"])
    keys = list(zip(corpus.texts, corpus.text_attributes["language"]))
    assert len(set(keys)) == len(keys) > len(set(corpus.texts))


def assert_same(found, expected):
    assert found.texts == expected.texts
    assert found.matches == expected.matches
    assert found.image_attributes == expected.image_attributes


@pytest.mark.slow
def test_the_same_twice_and_from_nothing(load, whole, tmp_path):
    assert_same(load(), whole)
    assert_same(load_openmoji(tmp_path, "validation", size=16), load("validation"))
    assert sibling_groups(tmp_path).tolist() == whole.image_attributes["group"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"made_from": 1', "\x00", None])
def test_a_damaged_cache_is_made_anew(tmp_path, content):
    by_name = {words[0]: emoji for emoji, words in english_words().items()}
    emojis = [by_name[name] for name in ("dog", "flag france", "bell", "flag st martin")]
    cache = tmp_path / "near_equal.json"
    if content is not None:
        cache.write_text(content, encoding="utf-8")
    expected = [[by_name["flag france"], by_name["flag st martin"]]]
    assert near_equal_emojis(emojis, cache) == expected
    written = cache.read_text(encoding="utf-8")
    assert near_equal_emojis(emojis, cache) == expected
    assert cache.read_text(encoding="utf-8") == written
    assert [path.name for path in tmp_path.iterdir()] == [cache.name]


def test_interrupted_drawing_continues(tmp_path, monkeypatch):
    emojis = list(drawings())[:8]
    real, calls = openmoji_pictures.drawn, []

    def interrupted_at(number):
        def drawn(file, size):
            if len(calls) == number:
                raise KeyboardInterrupt
            calls.append(file)
            return real(file, size)

        return drawn

    monkeypatch.setattr(openmoji_pictures, "drawn", interrupted_at(5))
    with pytest.raises(KeyboardInterrupt):
        draw(emojis, tmp_path, 16)
    monkeypatch.setattr(openmoji_pictures, "drawn", interrupted_at(None))
    paths = draw(emojis, tmp_path, 16)
    assert calls == [drawings()[emoji] for emoji in emojis]  # none was drawn twice
    for emoji, path in zip(emojis, paths):
        with open(path, "rb") as file:
            assert file.read() == real(drawings()[emoji], 16)


def test_a_half_written_file_is_no_picture(tmp_path, monkeypatch):
    emoji = next(iter(drawings()))

    def killed(source, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            draw([emoji], tmp_path, 16)
    assert not list(tmp_path.glob("*/*.png"))
    assert draw([emoji], tmp_path, 16) == [str(path) for path in tmp_path.glob("*/*.png")]


def test_near_equal_pairs_against_a_loop_over_all_turns():
    random = np.random.default_rng(0)
    pictures = random.uniform(size=(12, 4, 4, 3))
    pictures[6:9] = np.rot90(pictures[:3], 1, axes=(1, 2)) + random.normal(0, 0.02, (3, 4, 4, 3))
    pictures[9:] = pictures[3:6, ::-1]
    ink = 1 - pictures
    difference = np.full((12, 12), np.inf)
    for left, right in np.argwhere(~np.eye(12, dtype=bool)):
        for turns in range(4):
            turned = np.rot90(ink[right], turns)
            for other in (turned, turned[::-1]):
                norm = min(np.linalg.norm(ink[left]), np.linalg.norm(ink[right]))
                distance = np.linalg.norm(ink[left] - other) / norm
                difference[left, right] = min(difference[left, right], distance)
    for threshold, nearest in ((0.2, 0.2), (0.2, 0.55), (0.6, 0.0)):
        expected = {
            (min(left, right), max(left, right))
            for left in range(12)
            for right in range(12)
            if difference[left, right] < threshold
            or (right == difference[left].argmin() and difference[left, right] < nearest)
        }
        found = near_equal_pairs(pictures, threshold, nearest)
        assert {tuple(pair) for pair in found.tolist()} == expected
    assert {(0, 6), (1, 7), (2, 8), (3, 9)} <= expected


def test_connected_groups_against_reachability():
    random = np.random.default_rng(1)
    for _ in range(20):
        pairs = random.integers(0, 12, (random.integers(0, 12), 2))
        reached = np.eye(12, dtype=int)
        reached[pairs[:, 0], pairs[:, 1]] = reached[pairs[:, 1], pairs[:, 0]] = 1
        reached = np.linalg.matrix_power(reached, 12) > 0
        groups = connected_groups(12, pairs)
        np.testing.assert_array_equal(groups[:, None] == groups, reached)


def test_split_of_groups_follows_from_emoji_not_from_numbering():
    emojis = "🐶🐱🐭🐰🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐦🦆🦉🦇"
    groups = np.arange(len(emojis))
    split = split_of_groups(groups, emojis)
    np.testing.assert_array_equal(split_of_groups(groups[::-1], emojis), split)
    assert [np.sum(split == name) for name in SPLITS] == [14, 2, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"languages": ["en", "xx"]}, "`languages` must be.*'en', 'es'.*'xx'"),
        ({"languages": "en"}, "`languages` must be a sequence"),
        ({"languages": []}, "`languages` must be"),
        ({"text_kinds": ["names"]}, "`text_kinds` must be.*'name', 'keywords', 'keyword'"),
        ({"languages": ["es"], "text_kinds": ["keywords"]}, "must include 'name'"),
        ({"size": 0}, "`size` must be a positive int. Received: size=0"),
        ({"size": 2.5}, "`size` must be a positive int"),
    ],
)
def test_wrong_arguments(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_openmoji(tmp_path, **options)
