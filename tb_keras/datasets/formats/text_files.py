"""Text and JSON files of published data sets: UTF-8, with errors that name the file and line."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from pathlib import Path


def read_text(path: str | os.PathLike) -> str:
    r"""Returns a UTF-8 file as a string; a byte order mark is left out, "\r\n" becomes "\n".

    Args:
        path: the file; if its name ends in `.gz`, it is unpacked.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file is no gzip though its name says so, or not in UTF-8; the message
            names the file, and the line.
    """
    data = Path(path).read_bytes()
    if str(path).endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: no gzip, or cut off ({error})") from error
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        # The decoder counts its positions after the byte order mark.
        line = data.removeprefix(b"\xef\xbb\xbf").count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}, line {line}: not in UTF-8 ({error})") from error


def read_json(path: str | os.PathLike, distinct_keys: bool = False) -> object:
    """Returns what a JSON file in UTF-8 holds.

    Args:
        path: the file.
        distinct_keys: whether to refuse an object with the same key twice, of which otherwise the
            last stands.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file is not in UTF-8, is no JSON or is cut off, or a key stands there
            twice; the message names the file, and the line or the key.
    """
    text = read_text(path)
    try:
        return json.loads(text, object_pairs_hook=_distinct if distinct_keys else None)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {error.lineno}: no JSON ({error})") from error
    except RecursionError:
        raise ValueError(f"{path}: JSON nested too deeply") from None
    except KeyError as error:
        raise ValueError(f"{path}: {error.args[0]!r} stands there twice") from None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen = set()
        raise KeyError(next(key for key, _ in pairs if key in seen or seen.add(key)))
    return result
