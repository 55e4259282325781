"""The documentation builds strictly, from what is there, and shows every public name."""

import os
import re
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT

griffe = pytest.importorskip("griffe")
pytest.importorskip("mkdocs")

pytestmark = pytest.mark.xdist_group("site")


def build(config, site):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "-d", str(site)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def package():
    return griffe.load("tb_keras", search_paths=[str(ROOT)])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    built = build(ROOT / "mkdocs.yml", site)
    assert built.returncode == 0, built.stderr
    return site


def public_names(package):
    return {
        (room.name, str(name)) for room in package.modules.values() for name in room.exports or ()
    }


def test_every_public_name_is_shown(site, package):
    rooms = {path.stem for path in (ROOT / "docs" / "api").glob("*.md")} - {"index"}
    assert rooms == {room for room, _ in public_names(package)} | {"cca"}
    missing = [
        f"{room}.{name}"
        for room, name in sorted(public_names(package))
        if name not in rooms  # a module with a page of its own
        and f'id="tb_keras.{room}.{name}"' not in (site / "api" / f"{room}.html").read_text()
    ]
    assert missing == []


def test_nothing_is_fetched_from_elsewhere(site):
    fetched = re.compile(r'<(?:script|img|iframe)[^>]* src="https?:|<link[^>]* href="https?:')
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    assert [page.name for page in pages if fetched.search(page.read_text())] == []


@pytest.mark.parametrize(
    ("page", "code"), [("[here](here.md)", 0), ("[no](no.md)", 1), ("[no](here.md#no)", 1)]
)
def test_a_broken_link_fails(tmp_path, page, code):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.md").write_text("# Index\n\n" + page)
    (tmp_path / "pages" / "here.md").write_text("# Here\n")
    (tmp_path / "mkdocs.yml").write_text(
        f"INHERIT: {ROOT / 'mkdocs.yml'}\nsite_name: small\ndocs_dir: pages\ntheme: mkdocs\n"
        "plugins: []\nhooks: []\nnav: [index.md, here.md]\n"
    )
    assert build(tmp_path / "mkdocs.yml", tmp_path / "site").returncode == code


def test_a_public_name_without_a_docstring_is_found(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "hooks"))
    from public_docstrings import undocumented

    (tmp_path / "small" / "room").mkdir(parents=True)
    (tmp_path / "small" / "__init__.py").write_text("")
    (tmp_path / "small" / "room" / "__init__.py").write_text(
        "from small.room.files import A, f, g, x, y\n\n__all__ = ['A', 'f', 'g', 'x', 'y']\n"
    )
    (tmp_path / "small" / "room" / "files.py").write_text(
        "def f():\n    'Says it.'\n\ndef g(): ...\n\nx = 1\n'Says it.'\ny = 1\n\n"
        "class A:\n    'Says it.'\n    def told(self):\n        'Says it.'\n    def m(self): ...\n"
        "    def call(self): ...\n    def _private(self): ...\n"
    )
    found = undocumented(griffe.load("small", search_paths=[str(tmp_path)]))
    assert found == ["small.room.A.m", "small.room.g", "small.room.y"]
