"""Makes both pictures of the README from what `make demo` and `make demo-localize` left.

Needs Chromium, which takes the picture of the page that `tb-search` wrote.

    make pictures
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops, ImageOps

import tb_keras

PICTURES = Path(__file__).parent / "pictures"
QUERIES = "a flying insect", "something to eat", "means of transport on rails"
SCENE = 0  # of the test split
PHRASES = "the monkey face", "a door", "a sun behind small cloud"
COLORS = 64  # of the palette, which keeps the files small


def script(name: str, *arguments: str) -> None:
    """Runs a script of the package."""
    subprocess.run([sys.executable, "-m", f"tb_keras.scripts.{name}", *arguments], check=True)


def search_page(model: str, folder: Path) -> Path:
    """Returns a picture of a page of search results."""
    page, picture = folder / "search.html", folder / "search.png"
    script("search", f"--model={model}", "--dataset=openmoji", f"--html={page}", *QUERIES)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("make pictures needs Chromium")
    options = "--headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1000,900"
    command = [chromium, *options.split(), f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return picture


def boxes(model: str, folder: Path) -> Path:
    """Returns a picture of a scene with the boxes of some of its phrases."""
    picture = folder / "boxes.png"
    scenes = tb_keras.datasets.load("scenes", split="test").grounding.picture_paths
    script("localize", f"--model={model}", f"--output={picture}", scenes[SCENE], *PHRASES)
    return picture


def main(
    search_model: str = "savedmodels/openmoji", scenes_model: str = "savedmodels/scenes-similarity"
) -> None:
    """Writes both pictures, cut to what they show and with few colours."""
    with tempfile.TemporaryDirectory() as folder:
        for picture in (search_page(search_model, Path(folder)), boxes(scenes_model, Path(folder))):
            image = Image.open(picture).convert("RGB")
            ground = Image.new("RGB", image.size, "white")
            image = image.crop(ImageChops.difference(image, ground).getbbox())
            image = ImageOps.expand(image, border=10, fill="white")
            image.quantize(COLORS, dither=Image.Dither.NONE).save(
                PICTURES / picture.name, optimize=True
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
