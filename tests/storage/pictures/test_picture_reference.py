"""Tests of references to pictures: files, members of archives and cells, opened in one place."""

import hashlib
import io
import os
import pathlib
import tarfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from tb_keras.storage.pictures.picture_reference import (
    picture_digest,
    picture_exists,
    picture_source,
    picture_state,
    read_picture,
    size_or_digest,
)
from tests.storage.archives import write_tar

CELLS = [f"picture {number}".encode() * 9 for number in range(500)]


@pytest.fixture
def parquet(tmp_path):
    """A file of row groups of 70 rows, with bytes alone and in Hugging Face's structs."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    structs = [{"bytes": cell, "path": f"{row}.jpg"} for row, cell in enumerate(CELLS)]
    table = pa.table({"image": structs, "raw": CELLS, "text": ["a"] * len(CELLS)})
    pq.write_table(table, tmp_path / "pairs.parquet", row_group_size=70)
    return str(tmp_path / "pairs.parquet")


@pytest.fixture
def tar(tmp_path):
    return str(write_tar(tmp_path / "000.tar", [("./a/dog.jpg", b"dog"), ("x::y.jpg", b"odd")]))


def test_a_file_a_member_and_a_cell(tmp_path, tar, parquet):
    (tmp_path / "dog.jpg").write_bytes(b"a file")
    references = {
        str(tmp_path / "dog.jpg"): b"a file",
        f"{tar}::a/dog.jpg": b"dog",
        f"{tar}::x::y.jpg": b"odd",
        f"{parquet}::image[0]": CELLS[0],
        f"{parquet}::raw[499]": CELLS[499],
    }
    for reference, content in references.items():
        assert picture_exists(reference)
        assert read_picture(reference) == content
        assert picture_digest(reference) == hashlib.sha256(content).hexdigest()
        source = picture_source(reference)
        assert source == reference or source.getvalue() == content
    state = os.stat(tar)
    found = picture_state(f"{tar}::a/dog.jpg")
    assert (found.st_size, found.st_mtime_ns) == (state.st_size, state.st_mtime_ns)
    sizes = [size_or_digest(reference) for reference in references]
    assert sizes[:3] == [6, 3, 3]
    assert len(set(sizes[3:])) == 2


def test_a_file_whose_name_has_the_separator(tmp_path):
    """The file is meant, even where an archive of the first part lies beside it."""
    write_tar(tmp_path / "a.tar", [("b.jpg", b"member"), ("c.jpg", b"another")])
    (tmp_path / "a.tar::b.jpg").write_bytes(b"file")
    (tmp_path / "x::y").mkdir()
    write_tar(tmp_path / "x::y" / "z::1.tar", [("d.jpg", b"deep")])
    assert read_picture(tmp_path / "a.tar::b.jpg") == b"file"
    assert read_picture(tmp_path / "a.tar::c.jpg") == b"another"
    assert read_picture(tmp_path / "x::y" / "z::1.tar::d.jpg") == b"deep"


@pytest.mark.parametrize("name", ["nowhere.jpg", "a::b.jpg", "000.tar::cat.jpg", "no.tar::dog.jpg"])
def test_what_is_not_there(tmp_path, tar, name):
    reference = str(tmp_path / name)
    assert not picture_exists(reference)
    with pytest.raises(FileNotFoundError) as error:
        read_picture(reference)
    assert reference in str(error.value)


def test_cells_that_are_not_there(parquet):
    for name in ("image[500]", "image", "image[-1]", "text[0]", "other[0]"):
        assert not picture_exists(f"{parquet}::{name}")
        with pytest.raises(FileNotFoundError):
            read_picture(f"{parquet}::{name}")


def test_cells_in_any_order_and_from_threads(parquet):
    references = [f"{parquet}::image[{row}]" for row in range(len(CELLS))]
    backwards = [read_picture(reference) for reference in references[::-37]]
    assert backwards == CELLS[::-37]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read_picture, references)) == CELLS


def test_a_damaged_parquet_file_is_a_short_error(parquet):
    content = pathlib.Path(parquet).read_bytes()
    pathlib.Path(parquet).write_bytes(content[:1000] + b"\xff" * 2000 + content[3000:])
    with pytest.raises(ValueError, match=r"pairs\.parquet: ") as error:
        [read_picture(f"{parquet}::image[{row}]") for row in range(len(CELLS))]
    assert len(str(error.value)) < 500


def test_an_archive_that_changed_is_read_anew(tmp_path):
    for content in (b"one", b"three", b"seven", b"eight"):  # of one size, perhaps of one time
        path = write_tar(tmp_path / "a.tar", [("a.jpg", content * 2000)])
        assert read_picture(f"{path}::a.jpg") == content * 2000
        assert picture_digest(f"{path}::a.jpg") == hashlib.sha256(content * 2000).hexdigest()


def test_archives_that_are_not_used_are_closed(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for number in range(100):
        write_tar(tmp_path / f"{number}.tar", [("a.jpg", b"x")])
        read_picture(tmp_path / f"{number}.tar::a.jpg")
    assert len(os.listdir("/proc/self/fd")) - before < 70


def test_pillow_opens_members(tmp_path):
    image = pytest.importorskip("PIL.Image")
    from tb_keras.corpus.upright_pictures import open_upright, upright_size

    stream = io.BytesIO()
    exif = image.Exif()
    exif[0x0112] = 6
    image.new("RGB", (40, 30)).save(stream, "JPEG", exif=exif)
    path = write_tar(tmp_path / "a.tar", [("a.jpg", stream.getvalue())])
    assert upright_size(f"{path}::a.jpg") == open_upright(f"{path}::a.jpg").size == (30, 40)
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["a.jpg"]
