"""Imports run one way: no circle among the files, and no room that knows what stands above it.

Read from the syntax trees. An import inside a function or under `TYPE_CHECKING` counts as one.
"""

import ast
import pathlib

import pytest

import tb_keras

PACKAGE = pathlib.Path(tb_keras.__file__).parent

# A room may import its own files, and what stands here beside it.
ALLOWED = {
    "checks": "",
    "storage": "",
    "corpus": "checks storage",
    "networks": "checks corpus",
    "losses": "checks corpus",
    "batching": "checks storage corpus",
    "cca": "checks storage corpus",
    "encoders": "checks storage corpus",
    "features": "checks storage corpus encoders",
    "evaluation": "checks storage corpus cca",
    "search": "checks storage corpus",
    "datasets": "checks storage corpus",
    "training": (
        "checks storage corpus networks losses batching cca encoders features evaluation search"
    ),
    "serving": "checks storage corpus networks search encoders features training",
    "scripts": (
        "checks storage corpus networks losses batching cca encoders features evaluation search "
        "datasets training serving"
    ),
}
ROOT = "tb_keras"


def modules_of(package: pathlib.Path) -> dict[str, pathlib.Path]:
    """The dotted name of each file of a package, and where it is."""
    found = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported_by(name: str, file: pathlib.Path, known: set[str]) -> set[str]:
    """The modules of the package that a file imports, wherever in it the import stands."""
    found = set()

    def add(dotted: str) -> None:
        while dotted and dotted not in known:  # a class or a function of a module
            dotted = dotted.rpartition(".")[0]
        if dotted:
            found.add(dotted)

    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                add(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join([*parts, *([base] if base else [])])
            for alias in node.names:
                add(f"{base}.{alias.name}")
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            first = node.args[0] if node.args else None
            if called in ("importlib.import_module", "import_module", "__import__") and isinstance(
                getattr(first, "value", None), str
            ):
                add(first.value)
    return found - {name}


def imports_of(package: pathlib.Path) -> dict[str, set[str]]:
    """For each file of a package, the files of the package that it imports."""
    modules = modules_of(package)
    return {name: imported_by(name, file, set(modules)) for name, file in modules.items()}


def circle(imports: dict[str, set[str]]) -> list[str]:
    """The files of a circle of imports, in order; empty where there is none."""
    done, path = set(), []

    def visit(name: str) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name not in done:
            path.append(name)
            for target in sorted(imports[name]):
                if found := visit(target):
                    return found
            path.pop()
            done.add(name)
        return []

    for name in imports:
        if found := visit(name):
            return found
    return []


def wrong_imports(package: pathlib.Path) -> list[str]:
    """What is wrong with a package's imports, one line each."""
    imports = imports_of(package)
    problems = []
    for name, targets in imports.items():
        if name == ROOT:
            continue  # the package itself may import any room
        room = name.split(".")[1]
        if room not in ALLOWED:
            problems.append(f"{name}: {room} is no room of the design")
            continue
        for target in sorted(targets):
            of = target.split(".")[1] if "." in target else ROOT
            if of not in (room, *ALLOWED[room].split()) and not (room == "scripts" and of == ROOT):
                problems.append(f"{name} imports {target}: {room} must not know {of}")
    found = circle(imports)
    return problems + ([f"A circle: {' -> '.join(found)}"] if found else [])


def test_imports_run_one_way():
    assert wrong_imports(PACKAGE) == []


def test_the_check_sees_the_package():
    imports = imports_of(PACKAGE)
    assert len(imports) > 200
    assert "tb_keras.corpus.adjacency" in imports["tb_keras.corpus.matches"]
    assert "tb_keras.losses.ranking.loss" in imports["tb_keras.losses"]
    assert "tb_keras.corpus.corpus" in imports["tb_keras.batching.neighborhood_sampling"]


def test_rooms_are_small():
    """At most fifteen files a folder, so that one looks through it at a glance."""
    sizes = {
        str(folder.relative_to(PACKAGE)): len(list(folder.glob("*.py")))
        for folder in [PACKAGE, *PACKAGE.rglob("*")]
        if folder.is_dir()
    }
    assert {folder: size for folder, size in sizes.items() if size > 15} == {}


def test_no_name_hides_a_module():
    """`tb_keras.room.name` is either a module or something public, never both."""
    hidden = []
    for name, file in modules_of(PACKAGE).items():
        if file.name == "__init__.py":
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        shown = alias.asname or alias.name
                        beside = file.parent / f"{shown}.py", file.parent / shown / "__init__.py"
                        is_module = node.module == name
                        if not is_module and any(path.exists() for path in beside):
                            hidden.append(f"{name}.{shown}")
                elif (
                    isinstance(node, ast.FunctionDef) and (file.parent / f"{node.name}.py").exists()
                ):
                    hidden.append(f"{name}.{node.name}")
    assert hidden == []


RIGHT = {
    "__init__.py": "from tb_keras import losses\nfrom tb_keras.corpus.matches import Matches",
    "storage/__init__.py": "",
    "storage/cache.py": "import numpy",
    "checks/__init__.py": "",
    "corpus/__init__.py": "from tb_keras.corpus.matches import Matches",
    "corpus/matches.py": "from tb_keras.storage.cache import cache",
    "corpus/corpus.py": "import tb_keras.corpus.matches\ndef f():\n from tb_keras import storage",
    "networks/__init__.py": "from tb_keras.networks.branch import branch",
    "networks/branch.py": "import keras",
    "losses/__init__.py": "from tb_keras.losses.ranking import loss",
    "losses/ranking.py": "from tb_keras.corpus.matches import Matches\nfrom . import distances",
    "losses/distances.py": "",
    "evaluation/__init__.py": "from ..corpus.matches import Matches",
    "encoders/__init__.py": "from tb_keras.storage.cache import cache",
    "batching/__init__.py": "from tb_keras.corpus import Matches",
    "datasets/__init__.py": "from tb_keras import corpus\nimport tb_keras.corpus.corpus",
    "training/__init__.py": "from tb_keras.losses.ranking import x\nfrom tb_keras import networks",
    "scripts/__init__.py": "",
    "scripts/train.py": "import tb_keras\nfrom tb_keras import training, Matches",
}


def fabricated(directory, **changes):
    """A small package of the same layout, with some files exchanged."""
    for name, source in {**RIGHT, **changes}.items():
        file = directory / "tb_keras" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    return directory / "tb_keras"


def test_a_right_package_passes(tmp_path):
    assert wrong_imports(fabricated(tmp_path)) == []


@pytest.mark.parametrize(
    ("file", "source", "problem"),
    [
        ("storage/cache.py", "import tb_keras.corpus.matches", "storage must not know corpus"),
        ("corpus/corpus.py", "from tb_keras import losses", "corpus must not know losses"),
        ("networks/branch.py", "from tb_keras.losses import x", "networks must not know losses"),
        ("networks/branch.py", "from ..losses.ranking import x", "networks must not know losses"),
        ("networks/branch.py", "from .. import losses", "networks must not know losses"),
        ("networks/__init__.py", "from .. import datasets", "networks must not know datasets"),
        (
            "networks/branch.py",
            "def f():\n  import tb_keras.datasets",
            "networks must not know datasets",
        ),
        (
            "networks/branch.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  from tb_keras import losses",
            "networks must not know losses",
        ),
        (
            "networks/branch.py",
            "class A:\n  def f(self):\n    try:\n      from tb_keras.training import x\n"
            "    except ImportError:\n      pass",
            "networks must not know training",
        ),
        (
            "networks/branch.py",
            "import importlib\nlosses = importlib.import_module('tb_keras.losses')",
            "networks must not know losses",
        ),
        (
            "encoders/__init__.py",
            "import tb_keras.networks as n",
            "encoders must not know networks",
        ),
        ("evaluation/x.py", "from tb_keras import networks", "evaluation must not know networks"),
        ("losses/ranking.py", "from tb_keras import Matches", "losses must not know tb_keras"),
        ("losses/ranking.py", "import tb_keras", "losses must not know tb_keras"),
        (
            "training/__init__.py",
            "from tb_keras.scripts import x",
            "training must not know scripts",
        ),
        ("helpers.py", "", "helpers is no room of the design"),
        ("losses/distances.py", "from tb_keras.losses import ranking", "A circle: "),
        ("corpus/matches.py", "def f():\n  from tb_keras.corpus import corpus", "A circle: "),
    ],
)
def test_a_wrong_import_is_found(tmp_path, file, source, problem):
    problems = wrong_imports(fabricated(tmp_path, **{file: source}))
    assert any(problem in line for line in problems), problems
