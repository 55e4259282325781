"""Text and JSON files in UTF-8, read with errors that name the file and line."""

from __future__ import annotations

import collections
import gzip
import json
import os
import zlib
from pathlib import Path
from typing import Any


def read_text(path: str | os.PathLike) -> str:
    r"""Returns the content of a text file. It drops a byte order mark and turns "\r\n" into "\n".

    Args:
        path: the file. It is unpacked if its name ends in `.gz`.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file is not in UTF-8, or its name ends in `.gz` and it cannot be
            unpacked.
    """
    data = Path(path).read_bytes()
    if str(path).endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: not gzip, or cut off ({error})") from error
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        # The decoder counts its positions after the byte order mark.
        line = data.removeprefix(b"\xef\xbb\xbf").count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}, line {line}: not in UTF-8 ({error})") from error


def read_json(path: str | os.PathLike, distinct_keys: bool = False) -> Any:
    """Returns the content of a JSON file.

    Args:
        path: the file.
        distinct_keys: bool, whether to refuse an object in which a key comes twice. Otherwise the
            last value counts.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file is not in UTF-8, is not JSON, is cut off, or has a key twice.
    """
    text = read_text(path)
    try:
        return json.loads(text, object_pairs_hook=_distinct if distinct_keys else None)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {error.lineno}: not JSON ({error})") from error
    except RecursionError:
        raise ValueError(f"{path}: JSON nested too deeply") from None
    except KeyError as error:
        raise ValueError(f"{path}: {error.args[0]!r:.80} comes twice") from None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        counts = collections.Counter(key for key, _ in pairs)
        raise KeyError(next(key for key, count in counts.items() if count > 1))
    return result
