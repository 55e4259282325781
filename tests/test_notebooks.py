"""Every notebook runs from its first cell to its last, on fewer pictures and in fewer epochs."""

import base64
import importlib.util
import io
import os
from pathlib import Path

import numpy as np
import pytest

from tests.cases import slow_but

nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# Goes to the end of the cell that is tagged "parameters", as papermill's parameters do.
REDUCED = {
    "quickstart": """
import dataclasses
import functools

import tb_keras

def fewer(room, name, **settings):
    setattr(room, name, functools.partial(getattr(room, name), **settings))

# The baselines solve equations of as many unknowns as there are features.
fewer(tb_keras.features, "encode_corpus", image_encoder="efficientnet_lite0")
fewer(tb_keras.evaluation, "RegularizedCCABaseline", regularizations=(1.0,), powers=(0.5,))
recipe = dataclasses.replace(
    recipe, epochs=2, hidden_dim=64, embedding_dim=32, images_per_batch=24, learning_rate=1e-3
)
pictures = 48
""",
    "localization": """
import dataclasses

sizes = {"hidden_dim": 16, "embedding_dim": 8, "epochs": 2, "pictures_per_batch": 4}
embedding_recipe = dataclasses.replace(embedding_recipe, **sizes)
similarity_recipe = dataclasses.replace(similarity_recipe, joint_dims=(8, 4), **sizes)
train_scenes, validation_scenes = 8, 6
image_encoder = "efficientnet_lite0"
region_size = 32
""",
}
FIGURES = {
    "quickstart": {"relation", "curve", "texts-for-pictures", "pictures-for-texts", "own-words"},
    "localization": {"scenes", "regions", "curve", "found"},
}
ROWS = {
    "quickstart": {"table": ["chance", "ridge", "regularized cca", "embedding network"]},
    "localization": {"table": ["random", "largest", "ridge", "embedding", "similarity"]},
}
SECONDS = 240  # a cell


def read(path):
    return nbformat.read(path, as_version=4)


def start_kernels_of_this_interpreter(directory, monkeypatch):
    """A `python3` kernel elsewhere on the machine may belong to another environment."""
    from ipykernel.kernelspec import write_kernel_spec

    write_kernel_spec(str(directory / "kernels" / "python3"))
    monkeypatch.setenv("JUPYTER_PATH", str(directory))
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("IPYTHONDIR", str(directory / "ipython"))


def executed(notebook, directory, monkeypatch):
    from nbclient import NotebookClient

    start_kernels_of_this_interpreter(directory / "jupyter", monkeypatch)
    work = directory / "work"
    work.mkdir()
    NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(work)}},
    ).execute()
    return notebook


def outputs(notebook, kind):
    """The outputs of one MIME type, by the cell's id."""
    return {
        cell.id: output.data[kind]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if kind in output.get("data", {})
    }


def source_hash(notebook):
    spec = importlib.util.spec_from_file_location("run_notebooks", ROOT / "notebooks" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.source_hash(notebook)


def is_blank(png):
    import matplotlib.image

    pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(png)), format="png")
    return np.ptp(pixels) < 0.5


def check_retrieval(table):
    for *recalls, rsum, error in table.values():
        assert all(0 <= recall <= 100 for recall in recalls)
        assert abs(sum(recalls) - rsum) < 0.5
        assert 0 < error < 100
    assert table["ridge"][-2] > table["chance"][-2]


def check_localization(table):
    for first, error, *recalls, upper_bound, pointing, mean_iou in table.values():
        assert 0 <= first <= recalls[0] <= recalls[1] <= upper_bound <= 100
        assert 0 <= error < 100
        assert 0 <= pointing <= 100
        assert 0 <= mean_iou <= 1
    assert len({row[4] for row in table.values()}) == 1  # all have the same proposals
    assert max(row[3] for row in table.values()) > 0


CHECKS = {"quickstart": check_retrieval, "localization": check_localization}


def test_there_are_notebooks():
    assert set(REDUCED) == {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_committed_was_run_as_it_stands(path):
    """`make notebooks` writes the outputs; other code than that which made them is stale."""
    notebook = read(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "source_hash"}
    assert notebook.metadata.source_hash == source_hash(notebook)
    assert path.stat().st_size < 1e6
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    errors = [o for c in code for o in c.outputs if "error" in (o.output_type, o.get("name"))]
    assert errors == []
    figures = outputs(notebook, "image/png")
    assert FIGURES[path.stem] <= set(figures)
    assert not [cell for cell, png in figures.items() if is_blank(png)]
    check_tables(path, notebook)


def test_other_code_is_stale():
    notebook = read(NOTEBOOKS[0])
    notebook.cells[1].source += "\n1 + 1"
    assert notebook.metadata.source_hash != source_hash(notebook)


# What Jupyter deprecates inside itself is not ours to mend.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "path",
    slow_but(ROOT / "notebooks" / "quickstart.ipynb", cases=NOTEBOOKS),
    ids=lambda path: path.stem,
)
def test_notebook_runs(path, tmp_path, monkeypatch):
    pytest.importorskip("nbclient")
    notebook = read(path)
    (settings,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    settings.source += REDUCED[path.stem]
    notebook = executed(notebook, tmp_path, monkeypatch)

    figures = outputs(notebook, "image/png")
    assert FIGURES[path.stem] <= set(figures)
    assert not [cell for cell, png in figures.items() if is_blank(png)]
    check_tables(path, notebook)
    for kind in ("image/png", "text/markdown", "text/html"):
        assert set(outputs(notebook, kind)) == set(outputs(read(path), kind)), kind


def check_tables(path, notebook):
    tables = outputs(notebook, "text/markdown")
    for cell, rows in ROWS[path.stem].items():
        lines = [[entry.strip() for entry in line.split("|")] for line in tables[cell].splitlines()]
        table = {line[1]: [float(entry) for entry in line[2:-1]] for line in lines[2:]}
        assert list(table) == rows
        CHECKS[path.stem](table)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_error_in_a_cell_is_found(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    cells = [nbformat.v4.new_code_cell("1 + 1"), nbformat.v4.new_code_cell("1 / 0")]
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="ZeroDivisionError"):
        executed(nbformat.v4.new_notebook(cells=cells), tmp_path, monkeypatch)
