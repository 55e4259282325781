"""The pages of the documentation, their fenced blocks and the commands in these."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SHELLS = ("sh", "bash", "shell", "console")
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / "savedmodels").glob("*.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    ]
}


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        language: such as "python"; empty if none is given.
        first_line: the number of its first line in the page.
        lines: its lines.
        not_run: the reason of a comment `<!-- not run: REASON -->` above it, else None.
    """

    language: str
    first_line: int
    lines: list[str]
    not_run: str | None


def fenced_blocks(text):
    blocks, fence, indent, above = [], None, 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        opening = re.match(r"( {0,3})(`{3,}|~{3,})\s*([\w+-]*)", line)
        if fence is None and opening:
            indent, fence = len(opening[1]), opening[2]
            reason = re.fullmatch(r"\s*<!-- not run: (.+) -->", above)
            blocks.append(Block(opening[3].lower(), number + 1, [], reason and reason[1]))
        elif fence is not None and re.fullmatch(rf" {{0,3}}{re.escape(fence)}+\s*", line):
            fence = None
        elif fence is not None:
            blocks[-1].lines.append(re.sub(rf"^ {{0,{indent}}}", "", line))
        above = line
    return blocks


def python_program(text):
    """The Python blocks that are run as one program, each line where a traceback says it is."""
    program = [""] * (len(text.splitlines()) + 1)
    for block in fenced_blocks(text):
        if block.language in ("python", "py") and not block.not_run:
            start = block.first_line - 1
            program[start : start + len(block.lines)] = block.lines
    return "\n".join(program).strip() and "\n".join(program).rstrip() + "\n"


def commands(block):
    """The commands of a shell block, each as its words; of a console session, what is typed."""
    if block.language not in SHELLS:
        return []
    found = []
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
                while re.match(r"\w+=", words[0]) and len(words) > 1:  # FOO=bar make demo
                    words = words[1:]
                found.append(words)
                words = []
    return found


def shown_output(blocks, number):
    """The text block behind a block: what its last command prints; None where there is none."""
    behind = blocks[number + 1 : number + 2]
    return "\n".join(behind[0].lines) if behind and behind[0].language == "text" else None


def make_targets(makefile):
    names = re.findall(r"^([^\s#:=.][^:=\n]*):(?!=)", makefile, flags=re.MULTILINE)
    return {name for names_of_rule in names for name in names_of_rule.split()}


def console_scripts():
    """Name → module of each console script of setup.py."""
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    return dict(re.findall(r"(tb-[\w-]+) = tb_keras\.scripts\.entry_points:(\w+)", setup))


def unknown_names(text, makefile):
    """The targets of make and the console scripts that a text names and that do not exist."""
    problems = []
    targets, scripts = make_targets(makefile), console_scripts()
    for block in fenced_blocks(text):
        for name, *arguments in commands(block):
            name = Path(name).name
            if name == "make":
                named = [word for word in arguments if not word.startswith("-") and "=" not in word]
                problems += [f"make {t}: no such target" for t in named if t not in targets]
            elif name.startswith("tb-") and name not in scripts:
                problems.append(f"{name}: no such script")
    return problems


def script_lines(text):
    """The command lines of known console scripts that a text names, as (script, words)."""
    scripts = console_scripts()
    lines = [words for block in fenced_blocks(text) for words in commands(block)]
    lines = [[Path(words[0]).name, *words[1:]] for words in lines]
    return [
        (scripts[words[0]], words)
        for words in lines
        if words[0] in scripts and not {"--help", "--helpfull"} & set(words)
    ]
