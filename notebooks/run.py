"""Runs the notebooks and keeps their outputs in them, so that they can be looked at as they lie.

    make notebooks                              # all
    python notebooks/run.py quickstart          # one

The first run encodes the pictures, which takes minutes; the features are kept for the next one.
"""

import base64
import hashlib
import io
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

HERE = Path(__file__).parent
COLORS = 128  # of the palette of a picture, which halves its size


def source_hash(notebook: nbformat.NotebookNode) -> str:
    """Returns a digest of the code; of another one than is kept, the outputs are stale."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\n\0\n".join(code).encode()).hexdigest()[:16]


def tidied(outputs: list) -> list:
    """Returns outputs without what was written over, as progress bars are, and without warnings."""
    kept = []
    for output in outputs:
        if output.output_type == "stream":
            text = re.sub(r"\x1b\[[0-9;]*m", "", output.text)
            text = re.sub(r"^.*[\r\x08]+(?=.)", "", text, flags=re.MULTILINE)
            text = re.sub(r"\n\s*\n+", "\n", text.replace("\r", "")).lstrip("\n")
            if output.name == "stderr" or not text.strip():
                continue
            output.text = text
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = with_palette(output.data["image/png"])
        kept.append(output)
    return kept


def with_palette(png: str) -> str:
    """Returns a PNG, in base64, with few colours."""
    picture, smaller = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"), io.BytesIO()
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(smaller, "PNG", optimize=True)
    return base64.b64encode(smaller.getvalue()).decode()


def run(path: Path) -> None:
    """Runs a notebook in an empty folder and writes it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = tidied(cell.outputs)
    notebook.metadata = {
        "kernelspec": notebook.metadata.kernelspec,
        "language_info": {"name": "python"},
        "source_hash": source_hash(notebook),
    }
    nbformat.write(notebook, path)
    print(f"Wrote {path}, {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    names = sys.argv[1:] or [path.stem for path in sorted(HERE.glob("*.ipynb"))]
    for name in names:
        run(HERE / f"{name}.ipynb")
