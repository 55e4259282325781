"""WebDataset shards: tar archives with a picture and its texts under one key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tb_keras.datasets.own.archives.shard_names import common_folder, matching_shards
from tb_keras.datasets.own.table_file import Row, TableFile
from tb_keras.storage.pictures.picture_folder import PICTURES
from tb_keras.storage.pictures.picture_reference import SEPARATOR, opened_tar
from tb_keras.storage.pictures.tar_members import TarMembers

_CAPTIONS = ("caption", "captions", "text")  # fields of a JSON file, the first there counts
_LARGEST = 2**24  # bytes of a text or JSON file


class TarShards(TableFile):
    """The samples of tar archives, as rows of a table.

    The files of a sample have one name up to its first dot, which is the key: `0001.jpg`, and
    `0001.txt` with a text on each line, or `0001.json`. A JSON file is an object. Its caption is in
    a field `caption`, `captions` or `text`, one string or a list of several, unless there is a text
    file. Its other fields are columns. Other files are ignored.

    Args:
        path: a `.tar` file, or a pattern of them such as `shard-{000..009}.tar`.

    Examples:
        >>> import io, tarfile, tempfile
        >>> path = Path(tempfile.mkdtemp()) / "000.tar"
        >>> with tarfile.open(path, "w") as archive:
        ...     for name, content in (("1.jpg", b"a picture"), ("1.txt", b"a dog")):
        ...         member = tarfile.TarInfo(name)
        ...         member.size = len(content)
        ...         archive.addfile(member, io.BytesIO(content))
        >>> [row for _, row in TarShards(path).rows(["image", "text"])]
        [{'image': '000.tar::1.jpg', 'text': 'a dog'}]
    """

    def __init__(self, path: Path):
        shards = matching_shards(path)
        super().__init__(common_folder(shards) / path.name)
        self._shards = shards
        self.columns = ["image", "text"]
        for _, row in self.rows([]):
            self.columns = list(row)
            break

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yields a row for each text, and one for a picture without a text."""
        for shard in self._shards:
            members = opened_tar(shard)
            prefix = f"{shard.relative_to(self.path.parent)}{SEPARATOR}"
            for key, files in _samples(members).items():
                where = f"{shard}, sample {key!r:.80}"
                image = _picture(where, key, files, members)
                fields = _fields(where, files, members)
                for text in fields.pop("text"):
                    yield where, {**fields, "image": prefix + image, "text": text}


def _samples(members: TarMembers) -> dict[str, dict[str, str]]:
    """Returns the names of each key's files by their endings, in lower case."""
    samples: dict[str, dict[str, str]] = {}
    for name in members:
        folder, slash, last = name.rpartition("/")
        stem, dot, ending = last.partition(".")
        if stem and dot and not stem.startswith("__"):
            samples.setdefault(folder + slash + stem, {})["." + ending.lower()] = name
    return {key: files for key, files in samples.items() if _is_sample(files)}


def _is_sample(files: Mapping[str, str]) -> bool:
    return any(ending in (".txt", ".json") or ending.endswith(PICTURES) for ending in files)


def _picture(where: str, key: str, files: Mapping[str, str], members: TarMembers) -> str:
    found = [name for ending, name in files.items() if ending in PICTURES]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{where}: two pictures, {found[0]!r:.80} and {found[1]!r:.80}")
    if any(f"{key}{ending}" in members.links for ending in PICTURES):
        raise ValueError(f"{where}: its picture is a link, which is not followed")
    names = ", ".join(files.values())
    raise ValueError(
        f"{where}: no picture of this key, which ends at the first dot. Received: {names:.120}"
    )


def _fields(where: str, files: Mapping[str, str], members: TarMembers) -> dict:
    fields = {}
    if ".json" in files:
        try:
            fields = json.loads(_text(where, files[".json"], members))
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{where}: {files['.json']!r:.80} is not JSON ({error})") from None
        if not isinstance(fields, dict):
            raise ValueError(f"{where}: {files['.json']!r:.80} must be a JSON object")
    caption: object = next((fields[name] for name in _CAPTIONS if name in fields), None)
    if ".txt" in files:
        lines = _text(where, files[".txt"], members).replace("\r\n", "\n").split("\n")
        caption = [line for line in lines if line.strip()]
    return {**fields, "text": caption if isinstance(caption, list) and caption else [caption]}


def _text(where: str, name: str, members: TarMembers) -> str:
    if members.size(name) > _LARGEST:
        raise ValueError(f"{where}: {name!r:.80} is too large: {members.size(name)} bytes")
    try:
        return members.read(name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: {name!r:.80} is not in UTF-8 ({error.reason})") from None
