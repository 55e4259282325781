"""Small drawn pictures of three shapes, whose boxes are known, and RefCOCO's layout of them."""

import itertools
import json

import numpy as np

WIDTH, HEIGHT = 96, 80
REFCOCO_PICTURES = "images/mscoco/images/train2014"
COLORS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (30, 60, 220)}
SHAPES = {
    "square": lambda x, y: (abs(x) < 13) & (abs(y) < 13),
    "disc": lambda x, y: x**2 + y**2 < 169,
    "stripe": lambda x, y: (abs(x) < 13) & (abs(y) < 6),
}
CENTRES = [(20, 20), (70, 22), (46, 58)]


def drawn(number):
    """A picture of three shapes on noise: pixels, and a (colour, shape, box xywh) for each."""
    random = np.random.default_rng(number)
    pixels = random.integers(190, 215, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    objects = []
    for (column, row), color, shape in zip(
        CENTRES, random.permutation(list(COLORS)), random.permutation(list(SHAPES))
    ):
        inside = SHAPES[shape](x - column - random.integers(-4, 5), y - row)
        pixels[inside] = COLORS[color]
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        box = [columns[0], rows[0], len(columns), len(rows)]
        objects.append((color, shape, [int(side) for side in box]))
    return pixels, objects


def write_refcoco(folder, splits):
    """Writes a picture for each of the splits, with two phrases about each of its objects."""
    from PIL import Image

    (folder / REFCOCO_PICTURES).mkdir(parents=True)
    (folder / "refcoco").mkdir()
    images, annotations, references = [], [], []
    ids = itertools.count()
    for number, split in enumerate(splits):
        pixels, objects = drawn(number)
        Image.fromarray(pixels).save(folder / REFCOCO_PICTURES / f"{number}.png")
        size = {"width": WIDTH, "height": HEIGHT}
        images.append({"id": number, "file_name": f"{number}.png", **size})
        for color, shape, box in objects:
            of_picture = {"image_id": number, "category_id": list(SHAPES).index(shape)}
            annotations.append({"id": next(ids), "bbox": box, **of_picture})
            texts = [f"a {color} {shape}", f"the {color} <in> {shape}"]
            sentences = [{"sent": text, "sent_id": next(ids)} for text in texts]
            annotation = {"ann_id": annotations[-1]["id"], "image_id": number}
            references.append(
                {"ref_id": next(ids), "split": split, "sentences": sentences, **annotation}
            )
    categories = [{"id": row, "name": shape} for row, shape in enumerate(SHAPES)]
    instances = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "refcoco" / "instances.json").write_text(json.dumps(instances))
    (folder / "refcoco" / "refs(unc).json").write_text(json.dumps(references))
