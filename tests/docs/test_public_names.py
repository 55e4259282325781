"""README, documentation and notebooks name nothing of the package but what is public."""

import ast
import json
import re

import pytest

from tests.docs.pages import PAGES, ROOT, python_program

griffe = pytest.importorskip("griffe")

NOTEBOOKS = {
    str(path.relative_to(ROOT)): "\n".join(
        "".join(cell["source"])
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    )
    for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
}
PROGRAMS = NOTEBOOKS | {page: python_program(text) for page, text in PAGES.items()}


@pytest.fixture(scope="module")
def public():
    """The dotted names of the rooms and of what they make public."""
    package = griffe.load("tb_keras", search_paths=[str(ROOT)])
    names = {"tb_keras", *(f"tb_keras.{name}" for name in package.exports)}
    for room in package.modules.values():
        names |= {f"{room.path}.{name}" for name in room.exports or ()}
    return names


def names_used(program):
    """The dotted names of the package that a program imports or reaches, as deep as it goes."""
    tree = ast.parse(program)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("tb_keras")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tb_keras"):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute) and re.fullmatch(
            r"tb_keras(\.\w+)+", dotted := ast.unparse(node)
        ):
            found.add(".".join(dotted.split(".")[:3]))
    return found


@pytest.mark.parametrize("page", [page for page in PROGRAMS if PROGRAMS[page]])
def test_python_names_public_names_only(public, page):
    assert names_used(PROGRAMS[page]) - public == set()


@pytest.mark.parametrize("page", PAGES)
def test_prose_names_public_names_only(public, page):
    named = re.findall(r"`(tb_keras(?:\.\w+)+)[`(]", PAGES[page])
    assert set(named) - public == set()


def test_the_notebooks_are_read():
    assert set(NOTEBOOKS) == {"notebooks/quickstart.ipynb", "notebooks/localization.ipynb"}


@pytest.mark.parametrize(
    "program",
    [
        "from tb_keras.corpus.matches import Matches",
        "import tb_keras.corpus.matches",
        "from tb_keras.losses import no_such",
        "import tb_keras\ntb_keras.corpus.matches.Matches(1)",
        "import tb_keras\nx = tb_keras.losses.no_such()",
    ],
)
def test_a_deeper_name_is_found(public, program):
    assert names_used(program) - public


def test_public_names_pass(public):
    program = "import tb_keras\nfrom tb_keras.losses import InfoNCE\ntb_keras.losses.InfoNCE.call"
    assert names_used(program) - public == set()
