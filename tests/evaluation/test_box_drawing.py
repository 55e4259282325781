"""Tests of the picture with boxes: its size, and where which colour is."""

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from tb_keras.evaluation import draw_boxes

FIRST, SECOND = (0x11, 0x44, 0xDD), (0xDD, 0x55, 0x00)


def write(tmp_path, size, found, color="white", mode="RGB", name="picture.png"):
    Image.new(mode, size, color).save(tmp_path / name)
    labels = [f"{phrase} {score:.2f}" for phrase, _, score in found]
    image = draw_boxes(str(tmp_path / name), [box for _, box, _ in found], labels)
    assert image.mode == "RGB"
    return np.asarray(image)


def is_color(pixels, color):
    return (pixels == color).all(axis=-1)


@pytest.mark.parametrize(
    ("size", "scale"),
    [((800, 500), 1), ((1300, 20), 1), ((400, 300), 2), ((96, 80), 8), ((60, 100), 8)],
)
def test_size(tmp_path, size, scale):
    pixels = write(tmp_path, size, [("a dog", np.array([1, 2, 9, 12]), 0.5)])
    assert pixels.shape == (size[1] * scale, size[0] * scale, 3)


@pytest.mark.parametrize("scale", [1, 2])
def test_each_box_has_its_colour_and_its_place(tmp_path, scale):
    boxes = np.array([[100, 100, 180, 200], [300.4, 150, 360, 280]])
    found = [("first", boxes[0], 0.125), ("second", boxes[1], -3.5)]
    pixels = write(tmp_path, (800 // scale, 600 // scale), [(p, b / scale, s) for p, b, s in found])
    for color, (left, top, right, bottom) in zip((FIRST, SECOND), boxes.astype(int)):
        rows, columns = np.nonzero(is_color(pixels, color))
        assert (rows.max(), columns.min()) == (bottom, left)
        assert rows.min() < top  # the label stands above the box
        in_box = is_color(pixels, color)[top : bottom + 1, left : right + 1]
        inner = in_box[3:-3, 3:-3]
        assert not inner.any()
        in_box[3:-3, 3:-3] = True
        assert in_box.all()  # a frame three pixels wide


def test_label_is_written_in_the_picture_wherever_the_box_is(tmp_path):
    for number, box in enumerate(([0, 0, 800, 600], [790, 590, 800, 600], [0, 0, 5, 5])):
        pixels = write(tmp_path, (800, 600), [(f"a rather long phrase {number}", box, 0.5)])
        rows, columns = np.nonzero(is_color(pixels, FIRST))
        label = pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        # White letters on the label, more of them than a label that is cut off would show.
        filled = is_color(pixels, FIRST).sum(axis=1).max()
        assert filled > 150
        assert label.size
    assert write(tmp_path, (800, 600), [("word " * 100, [0, 0, 9, 9], 0.5)]).shape == (600, 800, 3)


def test_labels_differ_by_phrase_and_score(tmp_path):
    box = [10, 100, 400, 400]
    pictures = [
        write(tmp_path, (800, 600), [found])
        for found in (("a dog", box, 0.5), ("a cat", box, 0.5), ("a dog", box, 0.25))
    ]
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_more_boxes_than_colours(tmp_path):
    found = [("x", [10 + 90 * n, 100, 60 + 90 * n, 300], n / 10) for n in range(8)]
    pixels = write(tmp_path, (800, 600), found)
    colors = [tuple(pixels[200, 10 + 90 * n].tolist()) for n in range(8)]
    assert len(set(colors)) == 6
    assert colors[6:] == colors[:2]


@pytest.mark.parametrize(
    ("mode", "color", "name"),
    [
        ("RGBA", (255, 0, 0, 0), "clear.png"),
        ("L", 255, "grey.png"),
        ("P", 255, "palette.gif"),
        ("RGB", "white", "picture.jpg"),
        ("LA", (0, 0), "grey.png"),
    ],
)
def test_any_kind_of_picture_is_shown_on_white(tmp_path, mode, color, name):
    picture = Image.new(mode, (800, 600), color)
    if mode == "P":
        picture.putpalette([255] * 768)
    picture.save(tmp_path / name)
    image = draw_boxes(tmp_path / name, [[9, 99, 90, 190]])
    assert image.getpixel((500, 500)) == (255, 255, 255)
    assert image.getpixel((9, 150)) == FIRST


def test_colours_and_widths_of_ones_own(tmp_path):
    Image.new("RGB", (50, 50), "white").save(tmp_path / "a.png")
    box = [0, 0, 49, 49]
    image = draw_boxes(
        tmp_path / "a.png", [box] * 3, colors=["#ff0000", "#0000ff80"], widths=[9, 5, 2], size=50
    )
    assert image.size == (50, 50)
    assert [image.getpixel((x, 25)) for x in (1, 7, 20)] == [(255, 0, 0)] * 2 + [(255, 255, 255)]
    assert image.getpixel((3, 25)) == (127, 0, 128)  # the second is translucent


def test_no_box_and_no_label(tmp_path):
    Image.new("RGB", (800, 600), "white").save(tmp_path / "a.png")
    assert np.all(np.asarray(draw_boxes(tmp_path / "a.png", [])) == 255)
    pixels = np.asarray(draw_boxes(tmp_path / "a.png", [[100, 100, 200, 200]]))
    assert np.all(pixels[:100] == 255)


def test_a_picture_is_drawn_as_viewers_show_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.new("RGB", (40, 20), "white")
    stored.paste("black", (0, 0, 10, 20))  # on the left; shown, it is above
    stored.save(tmp_path / "turned.png", exif=exif)
    image = draw_boxes(tmp_path / "turned.png", [], size=40)
    assert image.size == (20, 40)
    assert image.getpixel((10, 2)) == (0, 0, 0)
    assert image.getpixel((10, 38)) == (255, 255, 255)
