import pytest

from tb_keras import datasets
from tb_keras.datasets import load


def test_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"openmoji, .*refcoco, authors, table.*'imagenet'"):
        load("imagenet")


def test_unknown_option_lists_the_known():
    with pytest.raises(ValueError, match=r"languages, text_kinds, size.*'colour'"):
        load("openmoji", colour="red")


@pytest.mark.parametrize("split", ["dev", "", None])
def test_unknown_split_lists_the_known(split):
    with pytest.raises(ValueError, match="'train', 'validation', 'test', 'all'"):
        load("openmoji", split=split)


def test_directory_is_asked_for_where_it_is_needed():
    with pytest.raises(ValueError, match="'table' needs a `directory`"):
        load("table")


def test_options_reach_the_reader(tmp_path):
    (tmp_path / "a.png").write_bytes(b"picture")
    (tmp_path / "pairs.csv").write_text("picture,text\na.png,a dog\n")
    corpus = load("table", tmp_path / "pairs.csv", "all", image_column="picture", language="en")
    assert corpus.texts == ["a dog"]
    assert corpus.text_attributes == {"language": ["en"]}


def test_every_reader_is_public_by_its_name():
    for name, reader in datasets._READERS.items():
        assert getattr(datasets, f"load_{name}") is reader
        assert f"load_{name}" in dir(datasets)
