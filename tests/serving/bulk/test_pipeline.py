"""Tests of the pipeline that embeds files, in Beam's direct runner."""

import pytest

pytest.importorskip("apache_beam", reason="apache-beam is not installed: tb_keras[beam]")
pytest.importorskip("pyarrow")

from tb_keras.serving import export
from tb_keras.serving.bulk import pipeline as pipeline_module
from tb_keras.serving.bulk.embedded_parts import embed_part
from tb_keras.serving.bulk.pipeline import EmbedFiles, embed_files
from tests.serving.bulk.shards import PICTURES, write_parquet, write_pictures, write_tar
from tests.serving.exporting.small_exports import picture_encoder
from tests.serving.small_models import network, text_encoder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    encoders = picture_encoder(), text_encoder()
    export(network(*(e.output_shape[1] for e in encoders)), folder / "tiny", *encoders)
    return str(folder / "tiny")


def contents(directory):
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def test_files_are_the_same_after_a_failure(model, tmp_path, monkeypatch):
    """A part that fails ends the pipeline; run again, it does what is left."""
    files = [
        write(tmp_path / name)
        for write, name in ((write_pictures, "a"), (write_tar, "b"), (write_parquet, "c"))
    ]
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    settings = {"column": "image", "items_per_part": 3}
    total = 3 * len(PICTURES)
    done = embed_files(files, EmbedFiles(model, str(tmp_path / "whole"), **settings))
    assert done == (total - 6, 6, 0)
    transform = EmbedFiles(model, str(tmp_path / "broken"), **settings)
    left = [4]  # parts until one fails

    def failing(*arguments):
        if not left[0]:
            raise OSError("the disk is full")
        left[0] -= 1
        return embed_part(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(pipeline_module, "embed_part", failing)
        with pytest.raises(Exception, match="the disk is full"):
            embed_files(files, transform)
    done = embed_files(files, transform)
    assert 0 < done.kept < total
    assert sum(done) == total
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")


@pytest.mark.slow
def test_two_workers_write_what_one_does(model, tmp_path):
    files = [write_tar(tmp_path / "a"), write_pictures(tmp_path / "b")]
    two = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    for name, options in (("one", ()), ("two", two)):
        (tmp_path / name).mkdir()
        embed_files(files, EmbedFiles(model, str(tmp_path / name), items_per_part=2), options)
    assert len(contents(tmp_path / "one")) > 8
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_files_of_one_name(model, tmp_path):
    transform = EmbedFiles(model, str(tmp_path))
    with pytest.raises(ValueError, match=r"distinct names\. Received: 'a.tar' twice"):
        embed_files(["x/a.tar", "y/a.tar"], transform)


def test_what_a_file_no_longer_has_is_deleted(model, tmp_path):
    file, other = write_pictures(tmp_path / "a"), write_pictures(tmp_path / "a-0")
    (tmp_path / "out").mkdir()
    embed_files([file, other], EmbedFiles(model, str(tmp_path / "out"), items_per_part=2))
    before = set(contents(tmp_path / "out"))
    for name in ("3.png", "4.png", "5.png", "6.png"):
        (tmp_path / "a" / name).unlink()
    done = embed_files([file], EmbedFiles(model, str(tmp_path / "out"), items_per_part=2))
    assert done == (0, 1, 2)
    gone = {"embeddings-a-0000000004.parquet", "embeddings-a-0000000006.parquet"}
    gone |= {"unreadable-a-0000000004.parquet"}
    assert gone < before
    assert set(contents(tmp_path / "out")) == before - gone
    embed_files([file], EmbedFiles(model, str(tmp_path / "out"), items_per_part=3))
    names = {name for name in contents(tmp_path / "out") if "-a-00" in name}
    assert names == {"embeddings-a-0000000000.parquet", "unreadable-a-0000000000.parquet"}
