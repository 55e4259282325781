"""Writes `docs/twenty`: ten OpenMoji pictures and a table with two texts for each.

The table is the example of one's own data in the README and the documentation. To write it anew:

    python docs/make_twenty_rows.py
"""

import csv
from pathlib import Path

from tb_keras.datasets.openmoji.pictures import drawings, drawn

FOLDER = Path(__file__).parent / "twenty"
SIZE = 96
ROWS = {
    "dog_face": ("🐶", "a drawing of a dog", "the face of a friendly puppy"),
    "cat_face": ("🐱", "a drawing of a cat", "the face of a kitten with whiskers"),
    "horse_face": ("🐴", "a drawing of a horse", "the head of a brown pony with a mane"),
    "rabbit_face": ("🐰", "a drawing of a rabbit", "the face of a bunny with long ears"),
    "bus": ("🚌", "a drawing of a bus", "a vehicle that carries many people along a road"),
    "train": ("🚆", "a drawing of a train", "a locomotive on rails, seen from the front"),
    "airplane": ("✈️", "a drawing of an airplane", "a jet that flies through the sky"),
    "apple": ("🍎", "a drawing of a red apple", "a piece of ripe fruit"),
    "pizza": ("🍕", "a drawing of a slice of pizza", "a hot meal with cheese and tomatoes"),
    "soccer_ball": ("⚽", "a drawing of a soccer ball", "a black and white ball to play football"),
}
README = """\
# Ten pictures, twenty rows

`pictures.csv` is a small table of pictures and texts to try the scripts on.
`docs/make_twenty_rows.py` writes it.

The pictures are drawn from [OpenMoji](https://openmoji.org), the open-source emoji and icon
project, and are licensed under
[CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/).
"""


def main() -> None:
    """Draws the pictures and writes the table and its README."""
    (FOLDER / "pictures").mkdir(parents=True, exist_ok=True)
    for name, (emoji, *_) in ROWS.items():
        (FOLDER / "pictures" / f"{name}.png").write_bytes(drawn(drawings()[emoji], SIZE))
    with open(FOLDER / "pictures.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image_path", "text"))
        for name, (_, *texts) in ROWS.items():
            writer.writerows((f"pictures/{name}.png", text) for text in texts)
    (FOLDER / "README.md").write_text(README, encoding="utf-8")


if __name__ == "__main__":
    main()
