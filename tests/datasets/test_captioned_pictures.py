import pytest

from tb_keras.datasets.captioned_pictures import Caption, CaptionedPictures, check_split


def captions(*texts, ids=None):
    attributes = [{}] * len(texts) if ids is None else [{"id": id} for id in ids]
    return [
        Caption(text, f"a.txt, line {line}", attributes[line - 1])
        for line, text in enumerate(texts, 1)
    ]


def test_rows_stand_in_the_order_of_their_pictures():
    gathered = CaptionedPictures()
    gathered.add("x/b.jpg", captions(" a dog\n", "a dog", ids=[5, 3]), "b", id=2)
    gathered.add("y/a.jpg", captions("a cat", ids=[4]), "a", id=1)
    corpus = gathered.corpus()
    assert corpus.texts == ["a dog", "a dog", "a cat"]
    assert corpus.matches.pairs.tolist() == [[0, 0], [0, 1], [1, 2]]
    assert corpus.image_attributes == {"file": ["b.jpg", "a.jpg"], "id": [2, 1]}
    assert corpus.text_attributes == {"id": [5, 3, 4]}
    assert corpus.image_paths is None


@pytest.mark.parametrize(
    ("path", "lines", "id", "message"),
    [
        ("z/c.jpg", captions(), 9, "^c: the picture 'c.jpg' has no caption"),
        ("z/c.jpg", captions("a", " \t\u3000"), 9, "^a.txt, line 2: the caption is empty"),
        ("z/b.jpg", captions("a"), 9, "^c: the picture 'b.jpg' comes twice"),
        ("z/c.jpg", captions("a"), 2, "^c: the picture id 2 comes twice"),
        ("z/c.jpg", captions("a", "b", ids=[8, 7]), 9, "^a.txt, line 2: the caption id 7 comes t"),
        ("z/c.jpg", captions("a", "b", ids=[8, 8]), 9, "^a.txt, line 2: the caption id 8 comes t"),
    ],
)
def test_what_is_wrong_is_named(path, lines, id, message):
    gathered = CaptionedPictures()
    gathered.add("x/b.jpg", captions("a dog", ids=[7]), "b", id=2)
    with pytest.raises(ValueError, match=message):
        gathered.add(path, lines, "c", id=id)


def test_pictures_are_there_or_not_but_never_by_halves(tmp_path):
    gathered = CaptionedPictures()
    paths = [tmp_path / folder / name for folder in ("x", "y") for name in ("a.jpg", "b.jpg")]
    for number, path in enumerate(paths):
        gathered.add(path.with_stem(f"{path.stem}{number}"), captions("a"), "a")
    assert gathered.corpus().image_paths is None
    with pytest.raises(FileNotFoundError, match=r"There is no folder of pictures .*x', .*y'"):
        gathered.corpus(pictures_needed=True)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a0.jpg").touch()
    with pytest.raises(FileNotFoundError, match=r"no picture '.*x/b1.jpg'; 3 of 4 pictures are"):
        gathered.corpus()
    (tmp_path / "y").mkdir()
    for name in ("x/b1.jpg", "y/a2.jpg", "y/b3.jpg"):
        (tmp_path / name).touch()
    found = gathered.corpus(pictures_needed=True)
    assert found.image_paths == [
        str(tmp_path / n) for n in ("x/a0.jpg", "x/b1.jpg", "y/a2.jpg", "y/b3.jpg")
    ]


def test_splits():
    for split in ("train", "validation", "test", "all"):
        check_split(split)
    with pytest.raises(ValueError, match=r"`split` must be one of train, .*, all. Received: 'val'"):
        check_split("val")
