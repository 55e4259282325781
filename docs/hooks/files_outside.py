"""Pages and files that stand outside `docs/` and are linked from there become part of the site.

In the repository `docs/results.md` links `../benchmarks/RESULTS.md` and the README, the site's
first page, links `docs/results.md`. In the site they stand at `benchmarks/RESULTS.md` and
`results.md`.
"""

import pathlib
import re

from mkdocs.structure.files import File

OUTSIDE = (
    *("*.md", "benchmarks/**/*.md", "benchmarks/**/*.svg"),
    *("savedmodels/*.*", "notebooks/*.ipynb"),
)


def on_files(files, config):
    """Adds what stands outside."""
    root = pathlib.Path(config.config_file_path).parent
    for pattern in OUTSIDE:
        for path in sorted(root.glob(pattern)):
            name = path.relative_to(root).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, **_):
    """Mends the links between what stands in `docs/` and what does not."""
    if "/" not in page.file.src_uri:
        markdown = re.sub(r"\]\(\.\./(?=\w)", "](", markdown)
    return re.sub(r"\]\((\.\./)?docs/", r"](\1", markdown)
