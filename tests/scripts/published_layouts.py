"""Tiny data sets of drawn pictures, written as the published ones are."""

import itertools
import json

from PIL import Image

from tests.scripts.drawn_pictures import HEIGHT, WIDTH, drawn

SPLITS = ["train"] * 14 + ["val"] * 5 + ["test"] * 5


def _pictures(folder, name="{}.jpg"):
    """Draws the pictures; for each its split, number, file name and objects."""
    folder.mkdir(parents=True)
    for number, split in enumerate(SPLITS):
        pixels, objects = drawn(number)
        Image.fromarray(pixels).save(folder / name.format(number), quality=95)
        yield split, number, name.format(number), objects


def _captions(objects):
    """Five sentences about a picture, as its people would write them."""
    names = [f"{color} {shape}" for color, shape, _ in objects]
    return [
        f"A {names[0]} and a {names[1]}.",
        f"There is a {names[2]}, too.",
        f"Three shapes: {', '.join(names)} .",
        f"The {names[1]} beside the {names[0]}!",
        f"a {names[2]} on grey noise",
    ]


def write_flickr30k(directory):
    """Karpathy's json and the token file with the lists of Flickr30K Entities."""
    ids, images, lines = itertools.count(), [], []
    for split, number, file, objects in _pictures(directory / "flickr30k-images"):
        sentences = [{"raw": raw, "sentid": next(ids)} for raw in _captions(objects)]
        images.append({"filename": file, "imgid": number, "split": split, "sentences": sentences})
        lines += [f"{file}#{k}\t{sentence['raw']}\n" for k, sentence in enumerate(sentences)]
    (directory / "dataset_flickr30k.json").write_text(json.dumps({"images": images}))
    (directory / "results_20130124.token").write_text("".join(lines))
    for split in ("train", "val", "test"):
        numbers = [str(number) for number, own in enumerate(SPLITS) if own == split]
        (directory / f"{split}.txt").write_text("\n".join(numbers) + "\n")


def write_flickr8k(directory):
    """The token file and its lists."""
    lists, lines = {"train": [], "val": [], "test": []}, []
    for split, _, file, objects in _pictures(directory / "Flicker8k_Dataset"):
        lists[split].append(f"{file}\n")
        lines += [f"{file}#{k}\t{caption}\n" for k, caption in enumerate(_captions(objects))]
    (directory / "Flickr8k.token.txt").write_text("".join(lines))
    for split, names in lists.items():
        name = "dev" if split == "val" else split
        (directory / f"Flickr_8k.{name}Images.txt").write_text("".join(names))


def write_multi30k(directory):
    """Both tasks, with every other picture in `photos`, under its name in Flickr8k."""
    words = {"de": "Dreieck und Kreis", "fr": "un triangle", "cs": "trojúhelník"}
    for task in ("task1", "task2"):
        for folder in ("image_splits", "raw"):
            (directory / task / folder).mkdir(parents=True)
    files: dict[tuple[str, str], list[str]] = {}
    for split, number, file, objects in _pictures(directory / "photos", "{}_ab.jpg"):
        if number % 2:
            (directory / "photos" / file).unlink()
        first, second = (
            (f"{split}_2016_flickr", f"{split}_2016") if split == "test" else 2 * [split]
        )
        lists = ("task1", first), ("task2", f"{second}_images")
        captions = _captions(objects)
        for task, name in lists:
            files.setdefault((f"{task}/image_splits", f"{name}.txt"), []).append(f"{number}.jpg")
        for language in ("en", "de", "fr", "cs"):
            text = captions[0] if language == "en" else f"{words[language]} {captions[0]}"
            files.setdefault(("task1/raw", f"{first}.{language}"), []).append(text)
        for language in ("en", "de"):
            for k, caption in enumerate(captions, start=1):
                files.setdefault(("task2/raw", f"{second}.{k}.{language}"), []).append(caption)
    for (folder, name), lines in files.items():
        (directory / folder / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")


def write_coco(directory):
    """Karpathy's json of MSCOCO, with its restval."""
    ids, images = itertools.count(), []
    drawing = _pictures(directory / "val2014", "COCO_val2014_{:012d}.jpg")
    for split, number, file, objects in drawing:
        sentences = [{"raw": raw, "sentid": next(ids)} for raw in _captions(objects)]
        where = {"filename": file, "filepath": "val2014", "cocoid": number, "imgid": number}
        split = "restval" if number % 2 and split == "train" else split
        images.append({**where, "split": split, "sentences": sentences})
    (directory / "dataset_coco.json").write_text(json.dumps({"images": images}))


def write_flickr30k_entities(directory):
    """Sentences with their phrases marked, and annotations of boxes."""
    for name in ("Sentences", "Annotations"):
        (directory / name).mkdir(parents=True)
    for _, number, _, objects in _pictures(directory / "flickr30k-images"):
        lines, boxes = [], []
        for entity, (color, shape, (left, top, width, height)) in enumerate(objects, start=1):
            lines.append(f"There is [/EN#{entity}/other a {color} {shape}] .\n")
            sides = {"xmin": left + 1, "ymin": top + 1, "xmax": left + width, "ymax": top + height}
            sides = "".join(f"<{side}>{value}</{side}>" for side, value in sides.items())
            boxes.append(f"<object><name>{entity}</name><bndbox>{sides}</bndbox></object>")
        (directory / "Sentences" / f"{number}.txt").write_text("".join(lines))
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
        xml = f"<annotation><filename>{number}.jpg</filename>{size}{''.join(boxes)}</annotation>"
        (directory / "Annotations" / f"{number}.xml").write_text(xml)
    for split in ("train", "val", "test"):
        numbers = [str(number) for number, own in enumerate(SPLITS) if own == split]
        (directory / f"{split}.txt").write_text("\n".join(numbers) + "\n")


def write_referit(directory):
    """The json files of Hu et al., with the pictures where those have them."""
    directory.mkdir(parents=True)
    queries = {"train": {}, "val": {}, "test": {}}
    regions, boxes, sizes = {}, {}, {}
    drawing = _pictures(directory / ".." / "referit-dataset" / "images")
    for split, number, file, objects in drawing:
        sizes[file], regions[file] = [WIDTH, HEIGHT], []
        for place, (color, shape, (left, top, width, height)) in enumerate(objects, start=1):
            region = f"{number}_{place}.png"
            regions[file].append(region)
            boxes[region] = [left, top, left + width - 1, top + height - 1]
            queries[split][region] = [f"{color} {shape}", f"the {shape} that is {color}"]
    files = {f"query_{split}": content for split, content in queries.items()}
    files |= {"imcrop": regions, "bbox": boxes, "imsize": sizes}
    for name, content in files.items():
        (directory / f"referit_{name}.json").write_text(json.dumps(content))


WRITERS = {
    "flickr8k": write_flickr8k,
    "flickr30k": write_flickr30k,
    "coco": write_coco,
    "flickr30k_entities": write_flickr30k_entities,
    "referit": write_referit,
}
