"""What the pages show works: their Python runs, and the commands that they name exist."""

import ast
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.serving.documented import served

ROOT = Path(__file__).parent.parent
SHELLS = ("sh", "bash", "shell", "console")

# Parses command lines, one a line of JSON, by a script's own flags; prints what is wrong.
PARSE_FLAGS = """
import contextlib, importlib, io, json, sys
from absl import flags
with contextlib.redirect_stdout(io.StringIO()):
    importlib.import_module("tb_keras.scripts." + sys.argv[1])
problems = []
for line in sys.stdin:
    flags.FLAGS.unparse_flags()
    try:
        flags.FLAGS(json.loads(line))
    except flags.Error as error:
        problems.append(str(error).strip())
print(json.dumps(problems))
"""


class Block(NamedTuple):
    """A fenced block: its language, the number of its first line, and its lines."""

    language: str
    first_line: int
    lines: list[str]


def fenced_blocks(text):
    blocks, fence, indent = [], None, 0
    for number, line in enumerate(text.splitlines(), start=1):
        opening = re.match(r"( {0,3})(`{3,}|~{3,})\s*([\w+-]*)", line)
        if fence is None and opening:
            indent, fence = len(opening[1]), opening[2]
            blocks.append(Block(opening[3].lower(), number + 1, []))
        elif fence is not None and re.fullmatch(rf" {{0,3}}{re.escape(fence)}+\s*", line):
            fence = None
        elif fence is not None:
            blocks[-1].lines.append(re.sub(rf"^ {{0,{indent}}}", "", line))
    return blocks


def python_program(text):
    """All Python blocks as one program, each line where it stands, so that a traceback says it."""
    program = [""] * (len(text.splitlines()) + 1)
    for block in fenced_blocks(text):
        if block.language in ("python", "py"):
            start = block.first_line - 1
            program[start : start + len(block.lines)] = block.lines
    return "\n".join(program).rstrip() + "\n"


def run_python_blocks(text, directory):
    """Runs the blocks in a fresh process in `directory`; returns what it wrote if it failed."""
    program = python_program(text)
    if not program.strip():
        return ""
    file = directory / "README.md.py"
    file.write_text(program, encoding="utf-8")
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, file.name],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": paths, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.stdout + done.stderr if done.returncode else ""


def commands(text):
    """The commands of the shell blocks, each as its words; of a console session, what is typed."""
    found = []
    for block in fenced_blocks(text):
        if block.language not in SHELLS:
            continue
        lines = re.sub(r"\\\n\s*", " ", "\n".join(block.lines)).split("\n")
        if block.language == "console" or any(line.startswith("$ ") for line in lines):
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        for line in lines:
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = []
            for word in [*lexer, ";"]:
                if not set(word) <= set("();<>|&"):
                    words.append(word)
                elif set(word) & set(";|&") and words:
                    found.append(words)
                    words = []
    return found


def make_targets(makefile):
    names = re.findall(r"^([^\s#:=.][^:=\n]*):(?!=)", makefile, flags=re.MULTILINE)
    return {name for names_of_rule in names for name in names_of_rule.split()}


def console_scripts():
    """Name → module of each console script of setup.py."""
    return dict(
        re.findall(r"(tb-[\w-]+) = tb_keras\.scripts:(\w+)", (ROOT / "setup.py").read_text())
    )


def wrong_commands(text, makefile):
    """What is wrong with the commands that a text names, one line each."""
    problems, lines_of_script = [], {}
    targets, scripts = make_targets(makefile), console_scripts()
    for words in commands(text):
        while re.match(r"\w+=", words[0]) and len(words) > 1:  # FOO=bar make demo
            words = words[1:]
        name, arguments = Path(words[0]).name, words[1:]
        if name == "make":
            named = [word for word in arguments if not word.startswith("-") and "=" not in word]
            problems += [
                f"make {target}: no such target" for target in named if target not in targets
            ]
        elif name.startswith("tb-") and name not in scripts:
            problems.append(f"{name}: no such script")
        elif name in scripts and not {"--help", "--helpfull"} & set(arguments):
            lines_of_script.setdefault(name, []).append([name, *arguments])
    # A process for each script: all flags of a process share one namespace.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        modules = [scripts[name] for name in lines_of_script]
        found = pool.map(wrong_flags, modules, lines_of_script.values())
        for name, wrong in zip(lines_of_script, found):
            problems += [f"{name}: {problem}" for problem in wrong]
    return problems


def wrong_flags(module, command_lines):
    """What is wrong with the flags of command lines, each a list of words, of one script."""
    done = subprocess.run(
        [sys.executable, "-c", PARSE_FLAGS, module],
        input="\n".join(map(json.dumps, command_lines)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("page", "model"),
    [
        ("README.md", "mine"),
        ("savedmodels/README.md", "openmoji"),
        ("savedmodels/serving.md", "openmoji"),
    ],
)
def test_python_of_the_pages_runs(tmp_path, page, model):
    with served((ROOT / page).read_text(encoding="utf-8"), model, tmp_path) as text:
        assert run_python_blocks(text, tmp_path) == ""


@pytest.mark.parametrize("page", ["README.md", "savedmodels/README.md", "savedmodels/serving.md"])
def test_commands_of_the_pages_exist(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert wrong_commands((ROOT / page).read_text(encoding="utf-8"), makefile) == []


FABRICATED = """# A package

```sh
# the whole of it
make demo PYTHON=python3.12 && make test   # tests, too
.venv/bin/tb-train --dataset=openmoji \\
    --run=runs/openmoji --seeds=0,1
tb-search --model=savedmodels/openmoji --dataset openmoji "a flying insect" | head
```

```console
$ tb-evaluate --run=runs/openmoji --nobaselines
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
MAKEFILE = "VENV := .venv\nexport A ?= b\n.PHONY: demo\nvenv: a\ndemo test: venv\n\tmake x: y\n"


def test_right_python_runs_in_order_in_the_directory(tmp_path):
    assert run_python_blocks(FABRICATED, tmp_path) == ""
    assert (tmp_path / "here").exists()


def test_a_text_without_python_passes(tmp_path):
    assert run_python_blocks("# A package\n\n```sh\nmake demo\n```\n", tmp_path) == ""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("== 42", "== 41", "AssertionError"),
        ("answer = 6 * 7", "answer = 6 *", "SyntaxError"),
        ("answer = 6 * 7", "", "NameError"),
        ("import pathlib", "from tb_keras import no_such_name", "ImportError"),
    ],
)
def test_broken_python_is_found(tmp_path, old, new, message):
    output = run_python_blocks(FABRICATED.replace(old, new), tmp_path)
    assert message in output


def test_a_traceback_says_the_line_of_the_text(tmp_path):
    text = FABRICATED.replace("== 42", "== 41")
    line = 1 + text.splitlines().index("  assert answer == 41")
    assert f"line {line}," in run_python_blocks(text, tmp_path)
    ast.parse(python_program(text))


def test_right_commands_pass():
    assert wrong_commands(FABRICATED, MAKEFILE) == []


def test_wrong_commands_are_found():
    text = (
        FABRICATED.replace("make test", "make tests")
        .replace("--seeds", "--sedes")
        .replace("tb-search", "tb-find")
        .replace("--run=runs/openmoji --nobase", "--nobase")
    )
    problems = wrong_commands(text, MAKEFILE)
    assert len(problems) == 4
    for problem in (
        "make tests: no such target",
        "tb-find: no such script",
        "tb-train: Unknown command line flag 'sedes'",
        "tb-evaluate: flag --run=None: Flag --run must have a value other than None",
    ):
        assert any(problem in line for line in problems), problems
