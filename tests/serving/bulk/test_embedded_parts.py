"""Tests of parts of a collection that are embedded, and of the index that is made of them."""

import os

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("sqlglot")

import pyarrow as pa
from pyarrow import parquet

from tb_keras.search import ImageTextIndex
from tb_keras.serving import ExportedModel, export
from tb_keras.serving.bulk.embedded_files import EmbeddedFiles
from tb_keras.serving.bulk.embedded_parts import embed_part
from tb_keras.serving.bulk.parts import Part, parts_of
from tests.serving.bulk.shards import PICTURES, write_parquet, write_pictures, write_tar
from tests.serving.exporting.small_exports import picture_encoder
from tests.serving.small_models import network, text_encoder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    encoders = picture_encoder(), text_encoder()
    export(network(*(e.output_shape[1] for e in encoders)), folder / "tiny", *encoders)
    return ExportedModel(folder / "tiny")


def embedded(directory):
    files = sorted(str(file) for file in directory.glob("embeddings-*.parquet"))
    tables = [parquet.read_table(file) for file in files]
    rows = [row for table in tables for row in table.to_pylist()]
    return {row["id"]: (row["path"], np.float32(row["embedding"])) for row in rows}


@pytest.mark.parametrize("write", [write_pictures, write_tar, write_parquet])
def test_pictures_in_every_layout(write, model, tmp_path):
    """Those that cannot be read are told apart, whatever lies around them."""
    file, column = write(tmp_path / "input"), "image"
    parts = list(parts_of(file, "images", column, 4))
    assert [(part.first, part.stop) for part in parts] == [(0, 4), (4, len(PICTURES))]
    counts = [embed_part(model, part, str(tmp_path)) for part in parts]
    assert np.sum(counts, axis=0).tolist() == [len(PICTURES) - 2, 2, 0]
    found = embedded(tmp_path)
    items = [item for part in parts for item in part.items()]
    bad = {item.id for item in items} - set(found)
    tables = [parquet.read_table(f) for f in sorted(tmp_path.glob("unreadable-*.parquet"))]
    rows = [row for table in tables for row in table.to_pylist()]
    assert {row["id"] for row in rows} == bad
    assert all(row["reason"] for row in rows)
    paths = [path for path, _ in found.values()]
    expected = model.embed_images(paths, verbose=False)
    np.testing.assert_allclose([e for _, e in found.values()], expected, atol=1e-5)


def test_pictures_of_two_folders_with_the_same_names(tmp_path):
    ids = []
    for name in ("2019", "2020"):
        (part,) = parts_of(write_pictures(tmp_path / name), "images", None, 100)
        ids += [item.id for item in part.items()]
    assert ids[0] == "2019/0.png"
    assert len(set(ids)) == 2 * len(PICTURES)


LINES = ["a dog", "", "a\u2028cat\x0b", "  ", "a bus", "the end"]


@pytest.mark.parametrize("kind", ["txt", "parquet"])
def test_texts_of_all_parts_are_those_of_the_file(tmp_path, kind):
    """Line by line, without the mark that a file may begin with; blank ones are no texts."""
    file = tmp_path / f"texts.{kind}"
    if kind == "txt":
        file.write_bytes("\ufeff".encode() + "\r\n".join(LINES).encode())
    else:
        column = pa.array([None if line == "" else line for line in LINES], pa.string())
        parquet.write_table(pa.table({"text": column}), file, row_group_size=2)
    for items_per_part in (1, 2, 3, 10):
        parts = list(parts_of(str(file), "texts", "text", items_per_part))
        assert len(parts) == -(-len(LINES) // items_per_part)
        found = [item for part in parts for item in part.items()]
        assert found == [(text, text) for text in LINES if text.strip()]


def test_a_part_stays_until_its_items_or_the_model_change(model, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("a dog\n\na cat\na dog\n")
    (part,) = parts_of(str(texts), "texts", None, 10)
    assert embed_part(model, part, str(tmp_path)) == (3, 0, 0)
    (file,) = tmp_path.glob("*.parquet")
    before = file.read_bytes()
    assert embed_part(model, part, str(tmp_path)) == (0, 0, 3)
    file.unlink()
    assert embed_part(model, part, str(tmp_path)) == (3, 0, 0)
    assert file.read_bytes() == before
    texts.write_text("a dog\na bus\n")
    (part,) = parts_of(str(texts), "texts", None, 10)
    assert embed_part(model, part, str(tmp_path)) == (2, 0, 0)
    other = parquet.read_table(file).replace_schema_metadata({"tb_keras.model": "other"})
    parquet.write_table(other, file)
    assert embed_part(model, part, str(tmp_path)) == (2, 0, 0)


def test_an_index_of_what_is_embedded(model, tmp_path):
    """It answers as one that encodes by itself, and goes on after a kill."""
    file = write_tar(tmp_path / "input")
    for part in parts_of(file, "images", None, 3):
        embed_part(model, part, str(tmp_path))
    texts = tmp_path / "texts.txt"
    texts.write_text("a dog\na cat\na dog\n")
    (part,) = parts_of(str(texts), "texts", None, 10)
    os.mkdir(tmp_path / "texts")
    embed_part(model, part, str(tmp_path / "texts"))
    files = EmbeddedFiles(
        sorted(map(str, tmp_path.glob("embeddings-*.parquet"))), model.fingerprint
    )
    assert len(files) == len(PICTURES) - 2
    index = ImageTextIndex.build(tmp_path / "index", model, embedded=files)
    paths = [item.path for item in files]
    by_itself = ImageTextIndex.build(tmp_path / "other", model, paths, [item.id for item in files])
    with index, by_itself:
        queries = model.embed_texts(["a dog", "x"], verbose=False)
        (scores, ids), (expected, their_ids) = (i.search(queries, 4) for i in (index, by_itself))
        np.testing.assert_allclose(scores, expected, atol=1e-5)
        np.testing.assert_array_equal(ids, their_ids)
        assert index.items([files[0].id])[0].path == files[0].path
        of_texts = EmbeddedFiles(
            [str(f) for f in (tmp_path / "texts").glob("emb*.parquet")], model.fingerprint
        )
        assert index.add_embedded(of_texts) == (2, 0, 0)
        assert index.add_embedded(of_texts) == (0, 0, 2)
        assert sorted(index.ids("texts")) == ["a cat", "a dog"]
        assert index.check() == []


def test_errors(model, tmp_path):
    file = write_parquet(tmp_path / "input")
    with pytest.raises(ValueError, match="`column` must be one of image, other"):
        list(parts_of(file, "images", "picture", 10))
    with pytest.raises(ValueError, match=r"`file` must be a folder, \.tar or \.parquet"):
        list(parts_of("pictures.zip", "images", None, 10))
    with pytest.raises(ValueError, match="must have columns id, path and embedding"):
        EmbeddedFiles([file], model.fingerprint)
    embed_part(model, Part(file, "images", "image", 0, 3), str(tmp_path))
    (written,) = map(str, tmp_path.glob("embeddings-*.parquet"))
    with pytest.raises(ValueError, match="has the embeddings of another model"):
        EmbeddedFiles([written], "another")
    with pytest.raises(FileNotFoundError):
        EmbeddedFiles([], model.fingerprint)
