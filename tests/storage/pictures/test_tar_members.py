"""Tests of tar archives read in place: as `tarfile` reads them, and damage is always told."""

import os
import random
import tarfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from tb_keras.storage.pictures.tar_members import TarMembers
from tests.storage.archives import link, write_tar

FILES = [("a.jpg", b"one"), ("./b/ä ö.jpg", b""), ("c::d" + "x" * 150 + ".png", b"z" * 5000)]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_as_tarfile_reads_it(tmp_path, form):
    path = tmp_path / "a.tar"
    for name, content in FILES:
        (tmp_path / "file").write_bytes(content)
        with tarfile.open(path, "a", format=form) as archive:
            archive.add(tmp_path / "file", name[:90])
    members = TarMembers(path)
    with tarfile.open(path) as archive:
        expected = {
            os.path.normpath(member.name): archive.extractfile(member).read() for member in archive
        }
    assert {name: members.read(name) for name in members} == expected
    assert [members.size(name) for name in members] == list(map(len, expected.values()))


def test_long_names(tmp_path):
    members = TarMembers(write_tar(tmp_path / "a.tar", FILES))
    assert list(members) == ["a.jpg", "b/ä ö.jpg", FILES[2][0]]
    assert [members.read(name) for name in members] == [content for _, content in FILES]


def test_links_are_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    files = [("a.jpg", b"one"), (link("b.jpg", str(tmp_path / "secret")), None)]
    files += [(link("c.jpg", "a.jpg", tarfile.LNKTYPE), None), (link("d", "/dev/zero"), None)]
    members = TarMembers(write_tar(tmp_path / "a.tar", files))
    assert list(members) == ["a.jpg"]
    assert members.links == {"b.jpg", "c.jpg", "d"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["../a.jpg"], "lies outside of the archive"),
        (["b/../../a.jpg"], "lies outside of the archive"),
        (["/etc/passwd"], "lies outside of the archive"),
        (["a.jpg", "./a.jpg"], "'a.jpg' stands in it twice"),
    ],
)
def test_names_that_are_refused(tmp_path, names, message):
    path = write_tar(tmp_path / "a.tar", [(name, b"x") for name in names])
    with pytest.raises(ValueError, match=message) as error:
        TarMembers(path)
    assert str(path) in str(error.value)


def test_a_compressed_archive_says_so(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w:gz"):
        pass
    with pytest.raises(ValueError, match=r"a\.tar: no tar archive, or damaged \(compressed"):
        TarMembers(tmp_path / "a.tar")


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 2000, b"\0" * 300])
def test_what_is_no_archive(tmp_path, content):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.tar: "):
        TarMembers(tmp_path / "a.tar")


def test_a_cut_or_damaged_archive_is_an_error_wherever(tmp_path):
    """A bad header in the middle passes for the end of the archive in `tarfile`."""
    whole = write_tar(tmp_path / "a.tar", [(f"{n}.jpg", b"x" * 700) for n in range(5)]).read_bytes()
    end = 5 * (512 + 1024)
    damaged = tmp_path / "damaged.tar"
    for length in [0, 1, 511, 512, 513, 1500, 1536, 4000, end - 512, end]:
        damaged.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"damaged\.tar: "):
            TarMembers(damaged)
    for header in range(0, end, 1536):
        for offset in (0, 100, 124, 148, 257):
            if offset < 257:
                damaged.write_bytes(
                    whole[: header + offset] + b"\xff\xff" + whole[header + offset + 2 :]
                )
                with pytest.raises(ValueError, match=r"damaged\.tar: "):
                    TarMembers(damaged)
    damaged.write_bytes(whole + whole)  # joined: the second would be left out
    with pytest.raises(ValueError, match=r"damaged\.tar: damaged after 5 members"):
        TarMembers(damaged)


def test_random_damage_has_an_answer_or_a_short_error(tmp_path):
    whole = write_tar(tmp_path / "a.tar", [*FILES, (link("l", "a.jpg"), None)]).read_bytes()
    draw = random.Random(0)
    damaged = tmp_path / "damaged.tar"
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(draw.choice([1, 3, 40])):
            content[draw.randrange(len(content))] = draw.randrange(256)
        damaged.write_bytes(content[: draw.choice([len(content), draw.randrange(len(content))])])
        problem = f"{damaged}: "
        try:
            members = TarMembers(damaged)
            for name in members:
                members.read(name)
        except ValueError as error:
            problem = str(error)
        assert problem.startswith(f"{damaged}: ")
        assert len(problem) < 500


def test_no_bomb_is_loaded(tmp_path):
    """Members and headers that say they are huge, in a small file or in a file with holes."""
    path = tmp_path / "a.tar"
    tracemalloc.start()
    for kind in (
        tarfile.REGTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.XHDTYPE,
        tarfile.GNUTYPE_SPARSE,
    ):
        member = tarfile.TarInfo("a.jpg")
        member.type, member.size = kind, 2**33
        for length in (0, 2**33):
            path.write_bytes(member.tobuf(tarfile.GNU_FORMAT))
            with path.open("ab") as file:
                file.truncate(512 + length + 1024)
            if kind == tarfile.REGTYPE and length:
                members = TarMembers(path)
                with pytest.raises(ValueError, match=r"'a\.jpg' is too large: 8589934592 bytes"):
                    members.read("a.jpg")
            elif kind == tarfile.GNUTYPE_SPARSE and length:
                assert list(TarMembers(path)) == []
            else:
                with pytest.raises(ValueError, match=r"a\.tar: "):
                    TarMembers(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**23


def test_an_archive_that_was_cut_off_since_is_an_error(tmp_path):
    path = write_tar(tmp_path / "a.tar", [("a.jpg", b"x" * 10_000)])
    members = TarMembers(path)
    os.truncate(path, 2000)
    with pytest.raises(OSError, match="cut off"):
        members.read("a.jpg")


def test_threads_read_at_once(tmp_path):
    contents = {f"{number}.jpg": bytes([number]) * (1000 + number) for number in range(200)}
    members = TarMembers(write_tar(tmp_path / "a.tar", contents.items()))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(members.read, list(contents) * 5)) == list(contents.values()) * 5
