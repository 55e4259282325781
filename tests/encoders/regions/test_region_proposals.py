"""Tests of the proposals on drawings whose objects are known."""

import functools
import sys
import types

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")
pytest.importorskip("cv2.ximgproc")
from PIL import Image, ImageDraw  # noqa: E402

from tb_keras.corpus import boxes as box_arithmetic  # noqa: E402
from tb_keras.encoders import propose_regions  # noqa: E402
from tests.cases import slow_but  # noqa: E402

SIZE = (240, 180)
OBJECTS = [
    ((15, 20, 75, 90), (200, 40, 40)),
    ((110, 30, 210, 80), (30, 60, 190)),
    ((60, 110, 120, 165), (20, 140, 60)),
    ((150, 100, 225, 170), (240, 180, 20)),
]
BACKGROUND = (235, 235, 230)


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))


def drawing(scale=1.0, objects=OBJECTS, background=BACKGROUND):
    """A plain picture with filled rectangles, and their float `(n, 4)` xyxy boxes."""
    picture = Image.new("RGB", [round(side * scale) for side in SIZE], background)
    boxes = np.array([box for box, _ in objects]).reshape(-1, 4) * scale
    for box, (_, color) in zip(boxes.round().astype(int), objects, strict=True):
        left, top, right, bottom = box.tolist()
        ImageDraw.Draw(picture).rectangle((left, top, right - 1, bottom - 1), fill=color)
    return picture, boxes


def mosaic():
    """A picture of many colours, with many proposals."""
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    return Image.fromarray(pixels).resize(SIZE, Image.Resampling.NEAREST)


@pytest.fixture
def save(tmp_path):
    """Saves a picture under a name and returns the path."""

    def save(picture, name="picture.png", **options):
        picture.save(tmp_path / name, **options)
        return str(tmp_path / name)

    return save


def assert_covered(found, true_boxes):
    best = box_arithmetic.iou(found, true_boxes).max(axis=0)
    assert (best >= 0.5).all(), best


def propose(*paths, **options):
    return propose_regions(paths, verbose=False, **options)


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_objects_are_found_in_the_pixels_of_the_picture(save, scale):
    picture, true_boxes = drawing(scale)
    pictures, found = propose(save(picture))
    assert pictures.dtype == np.int64
    assert found.dtype == np.float32
    assert found.shape == (len(pictures), 4)
    assert not pictures.any()
    assert_covered(found, true_boxes)
    assert (found[:, :2] >= 0).all()
    assert (found[:, :2] < found[:, 2:]).all()
    assert (found[:, 2:] <= np.array(picture.size) * (1 + 1e-6)).all()
    sides = found[:, 2:] - found[:, :2]
    assert sides.min() >= 0.03 * max(picture.size) - 1e-3


def test_no_two_nearly_coincide(save):
    _, found = propose(save(mosaic()))
    assert len(found) > 50
    overlap = box_arithmetic.iou(found, found)
    assert overlap[~np.eye(len(found), dtype=bool)].max() <= 0.7


def test_large_boxes_tend_to_stand_first(save):
    _, found = propose(save(mosaic()))
    half = len(found) // 2
    areas = box_arithmetic.area(found)
    assert np.median(areas[:half]) > np.median(areas[half:])


@pytest.mark.parametrize("limit", slow_but(3, cases=[1, 3, 10]))
def test_the_limit_takes_the_first(save, limit):
    path = save(mosaic())
    _, all_of_them = propose(path)
    pictures, found = propose(path, limit=limit)
    assert len(found) == len(pictures) == limit
    np.testing.assert_array_equal(found, all_of_them[:limit])


def test_rows_tell_their_picture(save):
    two, none, four = drawing(objects=OBJECTS[:2]), drawing(objects=[]), drawing(2.0)
    paths = [save(picture, f"{row}.png") for row, (picture, _) in enumerate((two, none, four))]
    pictures, found = propose(*paths)
    assert (np.diff(pictures) >= 0).all()
    for row, (path, (_, true_boxes)) in enumerate(zip(paths, (two, none, four), strict=True)):
        assert_covered(found[pictures == row], true_boxes)
        np.testing.assert_array_equal(found[pictures == row], propose(path)[1])


def test_a_picture_of_one_color_may_have_none(save):
    pictures, found = propose(save(drawing(objects=[])[0]))
    assert found.shape == (len(pictures), 4)
    assert len(found) <= 1  # the whole picture at the most


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (2, 2), (900, 4)])
def test_tiny_and_narrow_pictures(save, size):
    pictures, found = propose(save(Image.new("RGB", size, BACKGROUND)))
    assert found.shape == (len(pictures), 4)
    assert (found[:, 2:] <= np.array(size)).all()


def test_a_picture_without_proposals_among_others(save):
    """Nothing in a strip is as high as the least side asks."""
    strip, (picture, true_boxes) = Image.new("RGB", (900, 4), BACKGROUND), drawing()
    pictures, found = propose(save(strip, "0.png"), save(picture, "1.png"))
    assert set(pictures) == {1}
    assert_covered(found, true_boxes)
    pictures, found = propose(save(strip, "0.png"))
    assert (pictures.shape, found.shape) == ((0,), (0, 4))


def test_transparency_is_laid_over_white(save):
    picture, true_boxes = drawing(background=(255, 255, 255))
    # Hidden colours must not show: noise where the picture is transparent.
    pixels = np.array(picture.convert("RGBA"))
    clear = (pixels[:, :, :3] == 255).all(axis=2)
    noise = np.random.default_rng(0).integers(0, 256, (*clear.shape, 3), np.uint8)
    pixels[clear, :3], pixels[clear, 3] = noise[clear], 0
    _, found = propose(save(Image.fromarray(pixels), "transparent.png"))
    assert_covered(found, true_boxes)
    np.testing.assert_array_equal(found, propose(save(picture, "white.png"))[1])


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_pictures(save, mode):
    picture, true_boxes = drawing()
    _, found = propose(save(picture.convert(mode)))
    assert_covered(found, true_boxes)
    _, expected = propose(save(picture.convert("L").convert("RGB"), "rgb.png"))
    np.testing.assert_array_equal(found, expected)


def test_jpeg_and_bmp(save):
    picture, true_boxes = drawing()
    for name in ("picture.jpg", "picture.bmp"):
        assert_covered(propose(save(picture, name))[1], true_boxes)


def test_boxes_are_those_of_the_picture_as_it_is_shown(save):
    picture, _ = drawing()
    exif = Image.Exif()
    exif[274] = 6  # to be shown turned by a quarter
    turned = picture.transpose(Image.Transpose.ROTATE_270)
    _, found = propose(save(picture, "stored.png", exif=exif))
    np.testing.assert_array_equal(found, propose(save(turned, "turned.png"))[1])
    assert found[:, 2].max() <= turned.width
    assert found[:, 3].max() > turned.width  # it is higher than wide


@pytest.fixture
def no_opencv(monkeypatch):
    """A switch: from then on, a search is an error."""

    def search():
        raise AssertionError("OpenCV must not be called")

    segmentation = cv2.ximgproc.segmentation
    return functools.partial(
        monkeypatch.setattr, segmentation, "createSelectiveSearchSegmentation", search
    )


def test_the_second_call_does_not_search(save, no_opencv, tmp_path):
    paths = [save(drawing(scale)[0], f"{scale}.png") for scale in (0.5, 1.0)]
    first = propose(*paths)
    no_opencv()
    for found, expected in zip(propose(*paths), first, strict=True):
        np.testing.assert_array_equal(found, expected)
    save(drawing(objects=OBJECTS[:1])[0], "1.0.png")
    with pytest.raises(AssertionError, match="OpenCV must not be called"):
        propose(*paths)  # another content


def test_another_limit_searches_anew(save, no_opencv):
    path = save(drawing()[0])
    propose(path, limit=5)
    no_opencv()
    with pytest.raises(AssertionError, match="OpenCV must not be called"):
        propose(path, limit=6)


def test_the_same_proposals_from_an_empty_cache(save, monkeypatch, tmp_path):
    """OpenCV alone gives another order each time."""
    paths = [save(mosaic().crop((0, 0, side, side)), f"{side}.png") for side in (60, 100, 140)]
    first = propose(*paths, limit=10)
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "another"))
    second = propose(*paths, limit=10)
    for found, expected in zip(second, first, strict=True):
        np.testing.assert_array_equal(found, expected)


class SobelEdges:
    """Stands in for OpenCV's structured edge detector, which needs a trained model."""

    def detectEdges(self, pixels):
        assert pixels.dtype == np.float32
        assert pixels.ndim == 3
        assert 0 <= pixels.min() <= pixels.max() <= 1
        grey = cv2.GaussianBlur(pixels.mean(axis=2), (5, 5), 1)
        edges = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
        return edges / max(edges.max(), 1e-6)

    def computeOrientation(self, edges):
        smooth = cv2.GaussianBlur(edges, (9, 9), 2)
        xx, xy, yy = (cv2.Sobel(smooth, cv2.CV_32F, *order) for order in ((2, 0), (1, 1), (0, 2)))
        return np.mod(np.arctan(yy * np.sign(-xy) / (xx + 1e-5)), np.pi).astype(np.float32)

    def edgesNms(self, edges, orientations):
        around = np.pad(edges, 1)
        across = np.maximum(around[1:-1, :-2], around[1:-1, 2:])
        along = np.maximum(around[:-2, 1:-1], around[2:, 1:-1])
        ridge = np.where(np.abs(np.cos(orientations)) > np.sqrt(0.5), across, along)
        return np.where(edges >= ridge, edges, 0).astype(np.float32)


@pytest.fixture
def edge_model(tmp_path, monkeypatch):
    """A file that the stand-in is asked to be built from."""
    file = tmp_path / "model.yml.gz"
    file.write_bytes(b"a model")
    monkeypatch.setattr(SobelEdges, "models", [], raising=False)

    def create(path):
        SobelEdges.models.append(path)
        return SobelEdges()

    monkeypatch.setattr(cv2.ximgproc, "createStructuredEdgeDetection", create)
    return file


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_edge_boxes(save, edge_model, scale):
    picture, true_boxes = drawing(scale)
    pictures, found = propose(save(picture), method="edge_boxes", edge_model=edge_model)
    assert SobelEdges.models == [str(edge_model)]
    assert not pictures.any()
    assert found.dtype == np.float32
    assert 0 < len(found) <= 200
    assert_covered(found, true_boxes)
    overlap = box_arithmetic.iou(found, found)
    assert overlap[~np.eye(len(found), dtype=bool)].max(initial=0) <= 0.7


def test_edge_boxes_of_a_picture_without_edges(save, edge_model):
    plain = save(drawing(objects=[])[0])
    pictures, found = propose(plain, method="edge_boxes", edge_model=edge_model)
    assert (pictures.shape, found.shape) == ((0,), (0, 4))


def test_another_edge_model_searches_anew(save, edge_model):
    path = save(drawing()[0])
    for content, searches in ((b"a model", 1), (b"a model", 1), (b"another", 2)):
        edge_model.write_bytes(content)
        propose(path, method="edge_boxes", edge_model=edge_model)
        assert len(SobelEdges.models) == searches


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "edges"}, r"`method` must be .*Received: 'edges'"),
        ({"limit": 0}, r"`limit` must be a positive int. Received: limit=0"),
        ({"limit": -5}, r"`limit` must be a positive int. Received: limit=-5"),
        ({"method": "edge_boxes"}, r"`edge_model` must be given.*edge_model=None"),
        ({"edge_model": "model.yml"}, r"`edge_model` must be given.*edge_model='model.yml'"),
    ],
)
def test_wrong_arguments(save, options, message):
    with pytest.raises(ValueError, match=message):
        propose(save(drawing()[0]), **options)


def test_missing_files_are_named(save, tmp_path):
    path = save(drawing()[0])
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        propose(path, str(tmp_path / "nowhere.png"))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.yml"):
        propose(path, method="edge_boxes", edge_model=tmp_path / "nowhere.yml")


@pytest.mark.parametrize("module", [None, types.ModuleType("cv2")])
def test_opencv_is_missing_or_without_its_contrib_modules(save, monkeypatch, module):
    path = save(drawing()[0])
    monkeypatch.setitem(sys.modules, "cv2", module)
    monkeypatch.delitem(sys.modules, "cv2.ximgproc", raising=False)
    with pytest.raises(ModuleNotFoundError, match="pip install opencv-contrib-python-headless"):
        propose(path)


def test_progress_is_shown_only_when_there_is_something_to_do(save, capsys):
    path = save(drawing()[0])
    for expected in (True, False):
        propose_regions([path])
        assert ("1/1" in capsys.readouterr().out) == expected
