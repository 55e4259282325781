"""Random damage to the bytes of a valid file, and to the values of structured ones."""

import io
import json
import pickle
import re
import struct
import zlib

import numpy as np

NUMBERS = [b"-1", b"0", b"1e999", b"NaN", b"9" * 30, b"-0", b"1_0", b"0x7", b"4294967296", b"."]
SIGNS = [b"\0", b'"', b"\n", b"\t", b",", b"{", b"]", b"<", b"&", b"\r", b"\\ud800", b"\xff"]
WORDS = [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4), b"\x80\0\0\0"]
VALUES = [None, True, -1, 0, 1.5, 1e308, 10**30, "", "x", "\ud800", "1", [], {}, [[]], [None]]
VALUES += ["x" * 2000, 10**600, ["x"] * 900]
_PNG = b"\x89PNG\r\n\x1a\n"
HEAD = 600  # bytes, in which half of the damage is


def damaged(content, name, random):
    """Returns a damaged copy of the content of a file of some name."""
    changes = _STRUCTURED.get(name.rpartition(".")[2])
    if changes is not None and random.random() < 0.5:
        try:
            return changes(content, random)
        except (ValueError, RecursionError, OverflowError):
            pass
    is_png = content.startswith(_PNG)
    for _ in range(random.integers(1, 5)):
        content = _CHANGES[random.integers(len(_CHANGES))](content, random)
    # What a checksum finds, no reader sees.
    return _with_checksums(content) if is_png and random.random() < 0.6 else content


def _with_checksums(content):
    """Returns a PNG whose chunks have the right checksums, as far as chunks are found."""
    parts, at = [content[: len(_PNG)]], len(_PNG)
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        if at + 12 + length > len(content):
            break
        checked = content[at + 4 : at + 8 + length]
        parts += [content[at : at + 4], checked, struct.pack(">I", zlib.crc32(checked))]
        at += 12 + length
    return b"".join([*parts, content[at:]])


def _place(content, random):
    end = min(len(content), HEAD) if random.random() < 0.5 else len(content)
    return int(random.integers(end + 1))


def _with(content, at, replaced, new):
    return content[:at] + new + content[at + replaced :]


def _byte(content, random):
    return _with(content, _place(content, random), 1, random.bytes(1))


def _bit(content, random):
    at = _place(content, random)
    flipped = content[at : at + 1] and bytes([content[at] ^ 1 << int(random.integers(8))])
    return _with(content, at, 1, flipped)


def _word(content, random):
    return _with(content, _place(content, random), 4, WORDS[random.integers(len(WORDS))])


def _sign(content, random):
    sign = SIGNS[random.integers(len(SIGNS))]
    return _with(content, _place(content, random), int(random.integers(2)), sign)


def _number(content, random):
    found = list(re.finditer(rb"-?\d+(\.\d+)?", content[:20_000]))
    if not found:
        return _byte(content, random)
    number = found[random.integers(len(found))]
    new = NUMBERS[random.integers(len(NUMBERS))]
    return content[: number.start()] + new + content[number.end() :]


def _long(content, random):
    """Inserts what no error may repeat."""
    letter = [b"x", b"1", b"[", b" ", b"\xc3\xa4"][random.integers(5)]
    return _with(content, _place(content, random), int(random.integers(3)), 2000 * letter)


def _cut(content, random):
    return content[: _place(content, random)]


def _without_part(content, random):
    return _with(content, _place(content, random), int(random.integers(1, 50)), b"")


def _part_twice(content, random):
    at, length = _place(content, random), int(random.integers(1, 200))
    return content[: at + length] + content[at:]


def _parts_exchanged(content, random):
    first, second = sorted((_place(content, random), _place(content, random)))
    return content[:first] + content[second:] + content[first:second]


def _noise(content, random):
    return _with(content, _place(content, random), 0, random.bytes(random.integers(1, 40)))


_CHANGES = [_byte, _byte, _bit, _word, _sign, _number, _cut]
_CHANGES += [_long, _without_part, _part_twice, _parts_exchanged, _noise]


def _changed_value(value, random):
    """Returns nested lists and dicts with one value or key exchanged."""
    nested = isinstance(value, (dict, list)) and value and random.random() < 0.85
    if not nested:
        return VALUES[random.integers(len(VALUES))]
    if isinstance(value, list):
        at = int(random.integers(len(value)))
        return [*value[:at], _changed_value(value[at], random), *value[at + 1 :]]
    key = list(value)[random.integers(len(value))]
    choice = random.random()
    if choice < 0.15:
        return {other: item for other, item in value.items() if other != key}
    if choice < 0.25:
        other = list(value)[random.integers(len(value))]
        return {(other if name == key else name): item for name, item in value.items()}
    return {**value, key: _changed_value(value[key], random)}


def _json(content, random):
    return json.dumps(_changed_value(json.loads(content), random)).encode()


def _json_lines(content, random):
    lines = content.decode().splitlines()
    at = int(random.integers(len(lines)))
    lines[at] = _json(lines[at].encode(), random).decode()
    return "\n".join(lines).encode()


def _pickle(content, random):
    value = _changed_value(pickle.loads(content), random)
    return pickle.dumps(value, int(random.integers(6)))


def _array(content, random):
    array = np.load(io.BytesIO(content))
    changes = [
        lambda: array.astype(["c8", "S3", "U4", "?", "u1", "i8", "f2", ">f8"][random.integers(8)]),
        lambda: array.ravel(),
        lambda: array[None],
        lambda: array[:0],
        lambda: array[: len(array) // 2],
        lambda: np.asfortranarray(array),
        lambda: array.reshape(-1)[0],
        lambda: np.where(random.random(array.shape) < 0.3, np.nan, 1.0),
        lambda: np.zeros(array.shape, [("a", "f4"), ("b", "i2")]),
        lambda: np.array([array.tolist(), None], object),
        lambda: np.zeros(array.shape, "M8[s]"),
        lambda: np.zeros((len(array) if array.ndim else 1, 0)),
    ]
    stream = io.BytesIO()
    np.save(stream, changes[random.integers(len(changes))](), allow_pickle=True)
    return stream.getvalue()


def _table(content, random):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(io.BytesIO(content))
    rows = _changed_value(table.to_pylist(), random)
    try:
        table = pyarrow.Table.from_pylist(rows if isinstance(rows, list) else [{"image": rows}])
        stream = io.BytesIO()
        pyarrow.parquet.write_table(table, stream)
    except (pyarrow.ArrowException, OverflowError, TypeError, AttributeError, UnicodeError):
        raise ValueError("no table has such values") from None
    return stream.getvalue()


_STRUCTURED = {
    "json": _json,
    "jsonl": _json_lines,
    "p": _pickle,
    "npy": _array,
    "parquet": _table,
}
