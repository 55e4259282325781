"""What the pages show works: Python runs, commands run and print what stands there, or exist."""

import ast
import contextlib
import functools
import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cases import selected, slow_but
from tests.docs.pages import (
    PAGES,
    ROOT,
    Block,
    commands,
    console_scripts,
    fenced_blocks,
    python_program,
    script_lines,
    shown_output,
    unknown_names,
)
from tests.forks import Ended, run_forked
from tests.serving.documented import served

pytest.importorskip("keras_hub")

pytestmark = pytest.mark.xdist_group("forking")

SERVED = {"docs/serving.md": "openmoji"}  # page → the model that its Python asks
TRAIN = ("tb-train", "--data=docs/twenty/pictures.csv", "--run=runs/mine")
SIMILARITY = (*TRAIN[:2], "--run=runs/similarity", "--network=similarity")  # run beside the pages'
HTML = "--html=found.html"
TOLERANCE = 0.05  # of figures: processors differ in the last bits of what is trained

FABRICATED = """# A package

```sh
# the whole of it
make demo PYTHON=python3.12 && make test   # tests, too
.venv/bin/tb-train --dataset=openmoji \\
    --run=runs/openmoji --seeds=0,1
tb-search --model=savedmodels/openmoji --dataset openmoji "a flying insect" | head
```

<!-- not run: fabricated -->
```console
$ tb-evaluate --run=runs/openmoji --baselines=
make nothing of this: it is output
```

```python
import pathlib

answer = 6 * 7
```

- as a list's

  ```python
  assert answer == 42
  pathlib.Path("here").write_text("")
  ```

```
make what is in no shell block
```
"""
BROKEN = {
    "AssertionError": FABRICATED.replace("== 42", "== 41"),
    "SyntaxError": FABRICATED.replace("answer = 6 * 7", "answer = 6 *"),
    "NameError": FABRICATED.replace("answer = 6 * 7", ""),
    "ImportError": FABRICATED.replace("import pathlib", "from tb_keras import no_such_name"),
}
WRONG_FLAGS = FABRICATED.replace("--seeds", "--sedes").replace(
    "--run=runs/openmoji --base", "--base"
)
MAKEFILE = "VENV := .venv\nexport A ?= b\n.PHONY: demo\nvenv: a\ndemo test: venv\n\tmake x: y\n"

# What the tests ask about: pages by name, and the fabricated ones beside them.
PROGRAMS = {**PAGES, "right": FABRICATED, **BROKEN}
FLAGGED = {**PAGES, "right": FABRICATED, "wrong flags": WRONG_FLAGS}


class Told(NamedTuple):
    """What one process told about all pages.

    Attributes:
        programs: page → how its Python ended.
        folders: page → where its Python ran.
        scripts: the words of a command → how it ended.
        flags: page → what is wrong with the flags of its commands, a line each.
        folder: where the commands ran.
    """

    programs: dict[str, Ended]
    folders: dict[str, Path]
    scripts: dict[tuple[str, ...], Ended]
    flags: dict[str, list[str]]
    folder: Path


def shell_blocks(text):
    """The shell blocks of a page, each with the output that stands behind it, or None."""
    blocks = fenced_blocks(text)
    return [(b, shown_output(blocks, i)) for i, b in enumerate(blocks) if commands(b)]


def commands_to_run(pages=PAGES):
    """The words of each command that is run, once, in the order of the pages."""
    return dict.fromkeys(
        tuple(words)
        for page in pages
        for block, _ in shell_blocks(PAGES[page])
        if not block.not_run
        for words in commands(block)
        if words[0] in console_scripts()
    )


def folder_with_twenty_rows(folder):
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "twenty").symlink_to(ROOT / "docs" / "twenty")
    return folder


@pytest.fixture(scope="module")
def told(request, tmp_path_factory):
    top = tmp_path_factory.mktemp("pages")
    tasks, kept = [], []  # what is run, and as what it is kept
    programs, asked = selected(request, "program"), selected(request, "words")
    scripts = [*commands_to_run(), SIMILARITY]
    while scripts and scripts[-1] not in asked:  # what stands before may be needed
        scripts.pop()
    folder = folder_with_twenty_rows(top / "commands")
    told = Told({}, {}, {}, {page: [] for page in FLAGGED}, folder)
    with contextlib.ExitStack() as servers:
        for number, (page, text) in enumerate(PROGRAMS.items()):
            if not python_program(text) or (page in PAGES and page not in programs):
                continue
            where = told.folders[page] = folder_with_twenty_rows(top / f"page{number}")
            if page in SERVED:
                text = servers.enter_context(served(text, SERVED[page], where))
            (where / "page.py").write_text(python_program(text), encoding="utf-8")
            tasks.append((where, "program", "page.py"))
            kept.append((told.programs, page))
        for words in scripts:
            tasks.append((folder, "script", console_scripts()[words[0]], *words[1:]))
            kept.append((told.scripts, words))
        lines = [(page, *line) for page, text in FLAGGED.items() for line in script_lines(text)]
        checked = {}
        for module in console_scripts().values():
            mine = [words for _, script, words in lines if script == module]
            tasks.append((top, "flags", module, *mine))
            kept.append((checked, module))
        for (where, name), ended in zip(kept, run_forked(top, tasks), strict=True):
            where[name] = ended
    for module, ended in checked.items():
        assert ended.code == 0, ended.err
        pages = [(page, words[0]) for page, script, words in lines if script == module]
        for (page, name), problem in zip(pages, json.loads(ended.out), strict=True):
            told.flags[page] += [f"{name}: {problem}"] if problem else []
    return told


PROGRAMMED = [page for page in PAGES if python_program(PAGES[page])]
TRAINING = ("docs/losses_and_batches.md", "docs/own_data.md", *SERVED)  # takes its time


@pytest.mark.parametrize(
    "program", slow_but(*(page for page in PROGRAMMED if page not in TRAINING), cases=PROGRAMMED)
)
def test_python_of_the_page_runs(told, program):
    assert told.programs[program].code == 0, told.programs[program].err


@pytest.mark.parametrize("page", [page for page in PAGES if shell_blocks(PAGES[page])])
def test_commands_of_the_page_exist(told, page):
    assert unknown_names(PAGES[page], (ROOT / "Makefile").read_text(encoding="utf-8")) == []
    assert told.flags[page] == []


OF_THE_README = commands_to_run(["README.md"])
slow = functools.partial(pytest.param, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "words", [w if w in OF_THE_README else slow(w) for w in commands_to_run()], ids=" ".join
)
def test_the_command_runs(told, words):
    assert told.scripts[words].code == 0, told.scripts[words].err


@pytest.mark.parametrize("words", [TRAIN, slow(SIMILARITY)], ids=" ".join)
def test_what_training_on_twenty_rows_says(told, words):
    code, out, err = told.scripts[words]
    assert (code, err) == (0, "")
    assert "training pictures are few" in out
    assert f"Next: tb-evaluate {words[2]}" in out
    assert (f"Next: tb-search {words[2]}" in out) == (words == TRAIN)  # the other cannot search


@pytest.mark.slow
@pytest.mark.parametrize("words", [words for words in commands_to_run() if HTML in words])
def test_the_page_of_answers_is_written(told, words):
    assert (told.folder / HTML.split("=")[1]).read_text().count("<img") > 1


def same(shown, printed):
    number = r"-?\d+\.\d+"
    if re.fullmatch(number, shown) and re.fullmatch(number, printed):
        return abs(float(shown) - float(printed)) <= TOLERANCE
    return shown == printed


def like(shown, printed):
    """Whether a text stands in another, but for spaces and the last bits of figures."""
    shown, printed = shown.split(), printed.split()
    starts = range(len(printed) - len(shown) + 1)
    return any(all(map(same, shown, printed[start:])) for start in starts)


SHOWN = [
    (page, tuple(commands(block)[-1]), output)
    for page, text in PAGES.items()
    for block, output in shell_blocks(text)
    if output is not None and not block.not_run
]


def test_outputs_are_shown():
    assert {"README.md", "docs/own_data.md", "docs/search.md"} <= {page for page, *_ in SHOWN}


@pytest.mark.parametrize(
    ("page", "words", "output"),
    slow_but(*(shown for shown in SHOWN if shown[1] in OF_THE_README), cases=SHOWN),
)
def test_the_output_is_what_stands_there(told, page, words, output):
    assert like(output, told.scripts[words].out), told.scripts[words].out


@pytest.mark.parametrize("page", PAGES)
def test_what_is_not_run_says_why(page):
    for block, _ in shell_blocks(PAGES[page]):
        ours = all(words[0] in console_scripts() for words in commands(block))
        assert block.not_run or ours, f"{page}:{block.first_line}"


def test_the_readme_is_short_and_its_pictures_small():
    assert len(PAGES["README.md"].splitlines()) <= 150
    pictures = [*(ROOT / "docs" / "pictures").iterdir()]
    assert pictures
    assert [picture.name for picture in pictures if picture.stat().st_size > 150e3] == []


def test_right_python_runs_in_order_in_the_folder(told):
    assert told.programs["right"].code == 0, told.programs["right"].err
    assert (told.folders["right"] / "here").exists()


@pytest.mark.parametrize("message", BROKEN)
def test_broken_python_is_found(told, message):
    assert told.programs[message].code == 2
    assert message in told.programs[message].err


def test_a_traceback_says_the_line_of_the_text(told):
    line = 1 + BROKEN["AssertionError"].splitlines().index("  assert answer == 41")
    assert f"line {line}," in told.programs["AssertionError"].err
    ast.parse(python_program(FABRICATED))


def test_right_commands_pass(told):
    assert unknown_names(FABRICATED, MAKEFILE) == []
    assert told.flags["right"] == []


def test_wrong_commands_are_found(told):
    text = FABRICATED.replace("make test", "make tests").replace("tb-search", "tb-find")
    assert unknown_names(text, MAKEFILE) == [
        "make tests: no such target",
        "tb-find: no such script",
    ]
    assert len(told.flags["wrong flags"]) == 2
    for problem in (
        "tb-train: Unknown command line flag 'sedes'",
        "tb-evaluate: flag --run=None: Flag --run must have a value other than None",
    ):
        assert any(problem in line for line in told.flags["wrong flags"])


def test_blocks_are_read():
    first, second, *_ = fenced_blocks(FABRICATED)
    assert (first.language, first.not_run) == ("sh", None)
    assert (second.language, second.not_run) == ("console", "fabricated")
    assert commands(second) == [["tb-evaluate", "--run=runs/openmoji", "--baselines="]]
    assert commands(Block("text", 1, ["make demo"], None)) == []


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("a\n 1. 0.95", "loading\na\n 1. 0.96\n", True),
        ("a\n 1. 0.95", "figure 3.5\na\n 1. 0.96\n", True),
        ("a\n 1. 0.95", "a\n 1. 0.85\n", False),
        ("a\n 1. 0.95", "b\n 1. 0.95\n", False),
        ("-0.10 b 0.20", "-0.11 b 0.40", False),
    ],
)
def test_outputs_are_compared(shown, printed, expected):
    assert like(shown, printed) == expected
