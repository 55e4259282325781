"""Small drawn pictures, two of them damaged, in the layouts that are embedded in bulk."""

import io
import tarfile

import numpy as np
from PIL import Image


def _picture(number):
    pixels = np.random.default_rng(number).integers(0, 256, (9, 12, 3), "uint8")
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


PICTURES = {f"{number}.png": _picture(number) for number in range(7)}
PICTURES["2.png"] = b""
PICTURES["5.png"] = PICTURES["5.png"][:60]


def write_pictures(folder):
    """Writes a folder with them, and a file that is no picture; returns its path."""
    folder.mkdir()
    for name, content in PICTURES.items():
        (folder / name).write_bytes(content)
    (folder / "notes.txt").write_text("no picture")
    (folder / "._0.png").write_text("beside a picture, by macOS")
    return str(folder)


def write_tar(folder):
    """Writes a tar archive with them and their captions, as WebDataset has them."""
    folder.mkdir()
    with tarfile.open(folder / "shard-000.tar", "w") as archive:
        for name, content in PICTURES.items():
            caption = name.replace("png", "txt")
            for member, data in ((name, content), (caption, b"a caption"), (f"._{name}", b"")):
                described = tarfile.TarInfo(member)
                described.size = len(data)
                archive.addfile(described, io.BytesIO(data))
    return str(folder / "shard-000.tar")


def write_parquet(folder):
    """Writes a Parquet file with a column of their bytes."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir()
    columns = {"image": list(PICTURES.values()), "other": list(range(len(PICTURES)))}
    parquet.write_table(pa.table(columns), folder / "pictures.parquet", row_group_size=3)
    return str(folder / "pictures.parquet")
