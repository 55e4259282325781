"""Pages and files that stand outside `docs/` and are linked from there become part of the site.

In the repository `docs/results.md` links `../benchmarks/RESULTS.md`; in the site that page stands
at `benchmarks/RESULTS.md`.
"""

import pathlib
import re

from mkdocs.structure.files import File

OUTSIDE = ("benchmarks/**/*.md", "savedmodels/*.*", "notebooks/*.ipynb", "*.md")
LINK_UP = re.compile(r"\]\(\.\./(?=[\w.])")


def on_files(files, config):
    root = pathlib.Path(config.config_file_path).parent
    for pattern in OUTSIDE:
        for path in sorted(root.glob(pattern)):
            name = path.relative_to(root).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, **_):
    return LINK_UP.sub("](", markdown) if "/" not in page.file.src_uri else markdown
