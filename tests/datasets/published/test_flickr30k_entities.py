import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets import load
from tb_keras.datasets.published.flickr30k_entities import load_flickr30k_entities
from tb_keras.datasets.published.flickr30k_entities_files import (
    parse_sentence,
    read_annotations,
    read_sentences,
)

SENTENCES = (
    "[/EN#1/people Two young guys] with [/EN#2/bodyparts shaggy hair] look at [/EN#0/notvisual "
    "each other] .\n"
    "[/EN#1/people/other Two guys , both White] stand near [/EN#4/scene many bushes] .\n"
)
OTHER_SENTENCES = "[/EN#6/animals A dog] runs .\nNo phrase here .\n[/EN#6/animals A dog] sits .\n"


def box_xml(left, top, right, bottom):
    sides = zip(("xmin", "ymin", "xmax", "ymax"), (left, top, right, bottom))
    return "<bndbox>" + "".join(f"<{name}>{value}</{name}>" for name, value in sides) + "</bndbox>"


def object_xml(names, inner):
    return (
        "\t<object>\n" + "".join(f"\t\t<name>{n}</name>\n" for n in names) + inner + "\t</object>\n"
    )


def annotation_xml(*objects, size=(333, 500)):
    return (
        "<annotation>\n\t<filename>100.jpg</filename>\n"
        f"\t<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>\n"
        f"{''.join(objects)}</annotation>\n"
    )


XML = annotation_xml(
    object_xml(["1"], box_xml(11, 21, 100, 300)),
    object_xml(["1", "2"], box_xml(50, 1, 333, 40)),
    object_xml(["4"], "<scene>1</scene><nobndbox>0</nobndbox>"),
    object_xml(["9"], "<scene>0</scene><nobndbox>1</nobndbox>"),
    object_xml(["8"], box_xml(5, 5, 5, 5)),  # of no sentence; one pixel
)
OTHER_XML = annotation_xml(object_xml(["6"], box_xml(0, 2, 30, 9)), size=(20, 10))


@pytest.fixture
def directory(tmp_path):
    """The published layout, with two pictures in the test split and one in the others."""
    for name in ("Sentences", "Annotations", "flickr30k-images"):
        (tmp_path / name).mkdir()
    for picture, sentences, xml in (
        ("100", SENTENCES, XML),
        ("200", OTHER_SENTENCES, OTHER_XML),
        ("300", "A plain sentence .\n", annotation_xml()),
    ):
        (tmp_path / "Sentences" / f"{picture}.txt").write_text(sentences)
        (tmp_path / "Annotations" / f"{picture}.xml").write_text(xml)
        (tmp_path / "flickr30k-images" / f"{picture}.jpg").write_bytes(b"a picture")
    (tmp_path / "test.txt").write_text("100\n200\n")
    (tmp_path / "train.txt").write_text("300\n")
    (tmp_path / "val.txt").write_text("200\n")
    return tmp_path


def test_phrases_with_their_boxes(directory):
    corpus = load("flickr30k_entities", directory)
    assert corpus.texts == [
        "Two young guys",
        "shaggy hair",
        "each other",
        "Two guys , both White",
        "many bushes",
        "A dog",
        "A dog",
    ]
    grounding = corpus.grounding
    assert grounding.picture_paths == [
        str(directory / "flickr30k-images" / name) for name in ("100.jpg", "200.jpg")
    ]
    assert grounding.picture_sizes.tolist() == [[333, 500], [20, 10]]
    assert grounding.region_pictures.tolist() == [0, 0, 0, 1]
    # Pixels 11 to 100 are [10, 100): counted from 1, the last one included; 0 is cut off.
    assert grounding.region_boxes.tolist() == [
        [10, 20, 100, 300],
        [49, 0, 333, 40],
        [4, 4, 5, 5],
        [0, 1, 20, 9],
    ]
    assert grounding.phrase_pictures.tolist() == [0] * 5 + [1] * 2
    union, none = [10, 0, 333, 300], [np.nan] * 4
    np.testing.assert_array_equal(
        grounding.phrase_boxes,
        [union, [49, 0, 333, 40], none, union, none, [0, 1, 20, 9], [0, 1, 20, 9]],
    )
    assert grounding.has_box.tolist() == [True, True, False, True, False, True, True]
    pairs = [(0, 0), (0, 3), (1, 0), (1, 1), (1, 3), (3, 5), (3, 6)]
    assert sorted(map(tuple, corpus.matches.pairs.tolist())) == pairs
    assert corpus.text_attributes == {
        "categories": [
            ["people"],
            ["bodyparts"],
            ["notvisual"],
            ["people", "other"],
            ["scene"],
            ["animals"],
            ["animals"],
        ],
        "sentence": [0, 0, 0, 1, 1, 0, 2],
        "entity": ["1", "2", "0", "1", "4", "6", "6"],
        "picture": ["100"] * 5 + ["200"] * 2,
    }
    assert corpus.image_attributes == {
        "entities": [["1"], ["1", "2"], ["8"], ["6"]],
        "picture": ["100", "100", "100", "200"],
    }


def test_whole_sentences(directory):
    corpus = load_flickr30k_entities(directory, texts="sentences")
    assert corpus.texts == [
        "Two young guys with shaggy hair look at each other .",
        "Two guys , both White stand near many bushes .",
        "A dog runs .",
        "No phrase here .",
        "A dog sits .",
    ]
    assert [corpus.matches.images_of(text).tolist() for text in range(5)] == [[0]] * 2 + [[1]] * 3
    assert [path[-7:] for path in corpus.image_paths] == ["100.jpg", "200.jpg"]
    assert corpus.text_attributes["sentence"] == [0, 1, 0, 1, 2]
    assert corpus.image_attributes == {"picture": ["100", "200"]}
    assert corpus.grounding is None


def test_splits(directory):
    assert load_flickr30k_entities(directory, "val").texts == ["A dog", "A dog"]
    assert load_flickr30k_entities(directory, "validation").texts == ["A dog", "A dog"]
    train = load_flickr30k_entities(directory, "train")
    assert (train.num_images, train.num_texts, train.grounding.num_pictures) == (0, 0, 1)
    with pytest.raises(ValueError, match="`split` must be one of train, val, validation, test"):
        load_flickr30k_entities(directory, "dev")
    with pytest.raises(ValueError, match="`texts` must be 'phrases' or 'sentences'"):
        load_flickr30k_entities(directory, texts="words")


def test_it_is_kept_on_disk(directory, tmp_path):
    corpus = load_flickr30k_entities(directory)
    corpus.save(tmp_path / "corpus")
    again = Corpus.load(tmp_path / "corpus")
    assert again.texts == corpus.texts
    assert dict(again.text_attributes) == dict(corpus.text_attributes)
    np.testing.assert_array_equal(again.grounding.phrase_boxes, corpus.grounding.phrase_boxes)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(directory):
    before = load_flickr30k_entities(directory)
    for path in [*directory.glob("*.txt"), *directory.glob("*/*.txt"), *directory.glob("*/*.xml")]:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    after = load_flickr30k_entities(directory)
    assert after.texts == before.texts
    assert after.text_attributes == before.text_attributes
    np.testing.assert_array_equal(after.grounding.region_boxes, before.grounding.region_boxes)


def test_pictures(directory, tmp_path):
    (directory / "flickr30k-images" / "200.jpg").rename(tmp_path / "200.jpg")
    with pytest.raises(FileNotFoundError, match=r"200\.jpg', which .*test\.txt, line 2 names"):
        load_flickr30k_entities(directory)
    corpus = load_flickr30k_entities(directory, check_pictures=False)
    assert corpus.num_texts == 7
    corpus = load_flickr30k_entities(directory, "val", picture_folder=tmp_path)
    assert corpus.grounding.picture_paths == [str(tmp_path / "200.jpg")]


DAMAGES = {
    "test.txt": [
        ("", ValueError, "test.txt names no picture"),
        ("100\n200\n100\n", ValueError, "test.txt, line 3: the picture '100' comes twice"),
        ("100\n\xff", ValueError, "test.txt, line 2: not in UTF-8"),
        (None, FileNotFoundError, "test.txt"),
    ],
    "Sentences/200.txt": [
        ("", ValueError, "200.txt has no sentence"),
        ("\r\n\n", ValueError, "200.txt has no sentence"),
        ("Fine .\n[/EN#6/animals A dog runs .\n", ValueError, "200.txt, line 2: .* column 1 "),
        ("[/EN#6/animals A dog] runs ] .\n", ValueError, "200.txt, line 1: .* column 28 "),
        ("a [b] .\n", ValueError, "200.txt, line 1: .* column 3 "),
        ("[/EN#6/animals A [/EN#7/other b] c] .", ValueError, "200.txt, line 1: .* column 1 "),
        ("[/EN#6/animals ] runs .\n", ValueError, "200.txt, line 1: .* column 1 "),
        ("[/EN#6 A dog] runs .\n", ValueError, "200.txt, line 1: .* column 1 "),
        ("Fine .\nA caf\xe9 .\n", ValueError, "200.txt, line 2: not in UTF-8"),
        (None, FileNotFoundError, "200.txt"),
    ],
    "Annotations/200.xml": [
        ("", ValueError, "200.xml, line 1: not XML .no element found"),
        (OTHER_XML[:-20], ValueError, "200.xml, line 6: not XML"),
        (OTHER_XML.replace("100.jpg", "caf\xe9.jpg"), ValueError, "200.xml, line 2: not in UTF-8"),
        (None, FileNotFoundError, "200.xml"),
        ("<annotation/>", ValueError, "200.xml: <size/width> must be an integer. Received: None"),
        (annotation_xml(size=(0, 5)), ValueError, "200.xml: <size> must be positive"),
        (annotation_xml(size=("x", 5)), ValueError, "<size/width> must be an integer.*'x'"),
        (OTHER_XML.replace("<name>6</name>", ""), ValueError, "200.xml, object 1: .*<name>"),
        (OTHER_XML.replace("<name>6", "<name>"), ValueError, "200.xml, object 1: .*<name>"),
        (OTHER_XML.replace(">30<", ">x<"), ValueError, "object 1: <bndbox/xmax> must be an int"),
        (OTHER_XML.replace("<xmax>30</xmax>", ""), ValueError, "object 1: <bndbox/xmax> must be"),
        (OTHER_XML.replace("bndbox", "box"), ValueError, "object 1: expected <bndbox>, <scene>"),
        (OTHER_XML.replace(">0<", ">32<"), ValueError, "200.xml, object 1: expected a finite box"),
        (
            OTHER_XML.replace(">0<", ">21<"),
            ValueError,
            "200.xml, object 1: expected a box with an area",
        ),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', ValueError, "200.xml: expected no document"),
    ],
}


@pytest.mark.parametrize(
    ("file", "content", "error", "message"),
    [(file, *damage) for file, damages in DAMAGES.items() for damage in damages],
)
def test_a_damaged_file_is_named(directory, file, content, error, message):
    path = directory / file
    path.unlink()
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(error, match=message):
        load_flickr30k_entities(directory)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_document_type_does_not_hide_in_another_encoding(tmp_path, encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    with pytest.raises(ValueError, match=r"a\.xml"):
        read_annotations(tmp_path / "a.xml")


def test_an_entity_without_annotation_has_no_box(directory):
    (directory / "Annotations" / "200.xml").write_text(annotation_xml(size=(20, 10)))
    corpus = load_flickr30k_entities(directory, "val")
    assert corpus.texts == ["A dog", "A dog"]
    assert not corpus.grounding.has_box.any()
    assert len(corpus.matches.pairs) == 0


def test_a_box_that_names_its_entity_twice_matches_once(directory):
    xml = annotation_xml(object_xml(["6", "6"], box_xml(1, 1, 4, 4)), size=(20, 10))
    (directory / "Annotations" / "200.xml").write_text(xml)
    corpus = load_flickr30k_entities(directory, "val")
    assert corpus.matches.pairs.tolist() == [[0, 0], [0, 1]]


words = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="[]"), min_size=1).filter(
        lambda word: word.split() == [word]
    ),
    min_size=1,
    max_size=4,
)
names = st.from_regex(re.compile(r"[A-Za-z0-9#-]{1,8}"), fullmatch=True)
phrases = st.tuples(words, names, st.lists(names, min_size=1, max_size=3))


@given(parts=st.lists(words | phrases, max_size=6))
def test_mark_up_comes_back(parts):
    """A part is words without mark-up, or a phrase: words, entity, categories."""
    marked, plain, expected = [], [], []
    for part in parts:
        if isinstance(part, tuple):
            own, entity, categories = part
            marked.append(f"[/EN#{'/'.join([entity, *categories])} {' '.join(own)}]")
            plain += own
            expected.append((" ".join(own), entity, tuple(categories)))
        else:
            marked.append(" ".join(part))
            plain += part
    sentence = parse_sentence(" ".join(marked))
    assert sentence.text == " ".join(plain)
    found = [(phrase.text, phrase.entity, phrase.categories) for phrase in sentence.phrases]
    assert found == expected


@given(line=st.text(st.sampled_from("[]/EN#1 a"), max_size=40))
def test_any_line_is_read_or_refused(line):
    try:
        sentence = parse_sentence(line)
    except ValueError:
        return
    assert not set("[]") & set(sentence.text)
    assert line.count("[") == line.count("]") == len(sentence.phrases)


def test_a_sentence_is_a_line_whatever_else_separates_its_words(tmp_path):
    (tmp_path / "a.txt").write_text("one\u2028line\x0b\n\nanother", encoding="utf-8")
    assert [s.text for s in read_sentences(tmp_path / "a.txt")] == ["one line", "another"]
