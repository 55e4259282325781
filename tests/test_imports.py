"""Imports run one way: a check of every module's syntax tree against the layers of the design.

scripts → training, serving, search, datasets → networks, losses, batching, evaluation, encoders →
corpus → grounding → boxes, matches. An import inside a function or under `TYPE_CHECKING` is one.
"""

import ast
import collections
import pathlib

import pytest

import tb_keras

PACKAGE = pathlib.Path(tb_keras.__file__).parent

# From the bottom up. A room (a file or a folder of the package) may import what stands below it and
# its own layer's other rooms, as long as no circle results.
LAYERS = [
    {
        "adjacency",
        "argument_checks",
        "atomic_file",
        "cache_directory",
        "feature_dtype",
        "fused_adam",
        "mapped_rows",
        "quiet_start",
        "untuned_dataset",
    },
    {"boxes", "matches"},
    {"grounding"},
    {"corpus"},
    {"networks", "losses", "batching", "evaluation", "encoders"},
    {"training", "serving", "search", "datasets"},
    {"scripts"},
]
SAME_ROOM = {"corpus_files": "corpus"}  # the disk form of the corpus: two files, one room

# Within the layers: networks know no loss, encoders no network, evaluation none of them.
FORBIDDEN = {
    "networks": {"losses", "batching", "evaluation", "encoders"},
    "encoders": {"networks", "losses"},
    "evaluation": {"networks", "losses", "batching", "encoders"},
    "losses": {"networks", "encoders", "evaluation"},
    "batching": {"networks", "losses", "encoders", "evaluation"},
    "datasets": {"training", "serving", "search"},
}
ROOT = "the package itself"


def room_of(module: str) -> str:
    """The room of a dotted name within the package, "tb_keras.losses.ranking" → "losses"."""
    parts = module.split(".")
    return SAME_ROOM.get(parts[1], parts[1]) if len(parts) > 1 else ROOT


def imported_modules(source: str, module: str, is_package: bool) -> set[str]:
    """Dotted names of what a module imports from its own package, wherever in it that stands."""
    top = module.split(".")[0]
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".") if is_package else module.split(".")[:-1]
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join([*parts, *([base] if base else [])])
            # "from package import room" imports a room; a name of a room is no room of its own.
            names = {f"{base}.{alias.name}" for alias in node.names}
            found |= names if base == top else {base}
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("importlib.import_module", "import_module", "__import__"):
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return {name for name in found if name.split(".")[0] == top}


def imports_of_rooms(package: pathlib.Path) -> dict[str, dict[str, set[str]]]:
    """For each room, the rooms that it imports, and for each of them the files that do."""
    rooms = collections.defaultdict(lambda: collections.defaultdict(set))
    known = {path.stem for path in package.iterdir() if path.suffix == ".py" or path.is_dir()}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        room = room_of(module)
        rooms[room]  # a room that imports nothing is a room
        for name in imported_modules(file.read_text(encoding="utf-8"), module, is_package):
            # "from package import Name" that is no room takes Name from the package itself.
            target = room_of(name) if name.count(".") and name.split(".")[1] in known else ROOT
            if target != room:
                rooms[room][target].add(str(file.relative_to(package.parent)))
    return rooms


def wrong_imports(package: pathlib.Path) -> list[str]:
    """What is wrong with the package's imports, one line each."""
    rooms = imports_of_rooms(package)
    rooms.pop(ROOT, None)  # the package itself may import anything
    layer = {room: number for number, layer in enumerate(LAYERS) for room in layer}
    problems = [f"{room} stands in no layer of the design" for room in rooms if room not in layer]
    for room, targets in rooms.items():
        for target, files in targets.items():
            where = f"{room} imports {target} (in {', '.join(sorted(files))})"
            if target == ROOT and room != "scripts":
                problems.append(f"{where}: take the name from its own room")
            elif layer.get(target, -1) > layer.get(room, len(LAYERS)):
                problems.append(f"{where}: that stands above it")
            elif target in FORBIDDEN.get(room, ()):
                problems.append(f"{where}: {room} must not know it")
    return problems + circles(rooms)


def circles(rooms: dict[str, dict[str, set[str]]]) -> list[str]:
    """The rooms that import themselves through others."""
    problems = []
    for room in rooms:
        reached, left = set(), list(rooms[room])
        while left:
            target = left.pop()
            if target not in reached:
                reached.add(target)
                left += rooms.get(target, {})
        if room in reached:
            problems.append(f"{room} imports itself in a circle")
    return problems


def test_imports_run_one_way():
    assert wrong_imports(PACKAGE) == []


def test_the_check_sees_the_package():
    rooms = imports_of_rooms(PACKAGE)
    assert {"matches", "corpus", "losses", "networks", "training", "evaluation"} <= set(rooms)
    assert "adjacency" in rooms["matches"]
    assert "matches" in rooms["corpus"]
    assert {"matches", "corpus"} <= set(rooms["batching"])
    assert "losses" in rooms["training"]


RIGHT = {
    "__init__.py": "from tb_keras import losses as losses\nfrom tb_keras.matches import Matches",
    "adjacency.py": "import numpy",
    "matches.py": "from tb_keras.adjacency import Adjacency",
    "boxes.py": "",
    "corpus.py": "import tb_keras.matches\ndef f():\n from tb_keras import corpus_files",
    "corpus_files.py": "from tb_keras.corpus import Corpus",
    "networks/__init__.py": "from tb_keras.networks.branch import branch",
    "networks/branch.py": "import keras",
    "losses/__init__.py": "from tb_keras.losses.ranking import loss",
    "losses/ranking.py": "from tb_keras.matches import Matches\nfrom . import distances",
    "losses/distances.py": "",
    "batching/__init__.py": "from tb_keras.corpus import Corpus",
    "evaluation/__init__.py": "from ..matches import Matches",
    "encoders/__init__.py": "from tb_keras.cache_directory import cache_directory",
    "cache_directory.py": "",
    "datasets/__init__.py": "from tb_keras import boxes\nimport tb_keras.corpus",
    "training/__init__.py": "from tb_keras.losses import loss\nfrom tb_keras import networks",
    "scripts/train.py": "import tb_keras\nfrom tb_keras import training, Matches",
}


def fabricated(directory, **changes):
    """A small package of the same layout, with some files exchanged."""
    files = {**RIGHT, **changes}
    for name, source in files.items():
        file = directory / "tb_keras" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    return directory / "tb_keras"


def test_a_right_package_passes(tmp_path):
    assert wrong_imports(fabricated(tmp_path)) == []


@pytest.mark.parametrize(
    ("file", "source", "problem"),
    [
        ("matches.py", "from tb_keras.corpus import Corpus", "matches imports corpus"),
        ("adjacency.py", "import tb_keras.matches", "adjacency imports matches"),
        ("corpus.py", "from tb_keras import losses", "corpus imports losses"),
        ("corpus_files.py", "from tb_keras import datasets", "corpus imports datasets"),
        ("networks/branch.py", "from tb_keras.losses import loss", "networks imports losses"),
        ("networks/branch.py", "from ..losses.ranking import loss", "networks imports losses"),
        ("networks/branch.py", "from .. import losses", "networks imports losses"),
        ("networks/__init__.py", "from .. import datasets", "networks imports datasets"),
        ("networks/branch.py", "def f():\n  import tb_keras.datasets", "networks imports datasets"),
        (
            "networks/branch.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  from tb_keras import losses",
            "networks imports losses",
        ),
        (
            "networks/branch.py",
            "class A:\n  def f(self):\n    try:\n      from tb_keras.training import x\n"
            "    except ImportError:\n      pass",
            "networks imports training",
        ),
        (
            "networks/branch.py",
            "import importlib\nlosses = importlib.import_module('tb_keras.losses')",
            "networks imports losses",
        ),
        ("encoders/__init__.py", "import tb_keras.networks as n", "encoders imports networks"),
        ("evaluation/__init__.py", "from tb_keras.losses import x", "evaluation imports losses"),
        ("evaluation/__init__.py", "from tb_keras import networks", "evaluation imports networks"),
        ("evaluation/x.py", "import tb_keras.datasets.coco", "evaluation imports datasets"),
        ("evaluation/x.py", "from tb_keras.encoders import x", "evaluation imports encoders"),
        ("losses/ranking.py", "from tb_keras.training import x", "losses imports training"),
        ("batching/__init__.py", "from tb_keras import scripts", "batching imports scripts"),
        ("training/__init__.py", "from tb_keras.scripts import x", "training imports scripts"),
        ("losses/ranking.py", "from tb_keras import Matches", "losses imports the package itself"),
        ("losses/ranking.py", "import tb_keras", "losses imports the package itself"),
        ("helpers.py", "", "helpers stands in no layer"),
    ],
)
def test_a_wrong_import_is_found(tmp_path, file, source, problem):
    problems = wrong_imports(fabricated(tmp_path, **{file: source}))
    assert any(problem in line for line in problems), problems


def test_a_circle_within_a_layer_is_found(tmp_path):
    package = fabricated(
        tmp_path,
        **{
            "serving/__init__.py": "from tb_keras import search",
            "search/__init__.py": "from tb_keras import training",
            "training/__init__.py": "def f():\n  from tb_keras.serving import export",
        },
    )
    problems = wrong_imports(package)
    assert sorted(problems) == [
        f"{room} imports itself in a circle" for room in ("search", "serving", "training")
    ]
