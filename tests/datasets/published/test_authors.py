import json
import os

import h5py
import numpy as np
import pytest
import scipy.io

from tb_keras.datasets.formats import matlab_matrices, matrix_cache
from tb_keras.datasets.published.authors import load_authors

IMAGES = {"train": 4, "val": 3, "test": 2}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))


def features(split, kind, rows, dim):
    return np.random.default_rng([len(split), len(kind)]).random((rows, dim))


def write_hdf5(path, variable, matrix, **options):
    """As MATLAB writes version 7.3: 512 bytes of its own first, and h5py sees the transpose."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("#refs#/a", data=0)
        file.create_dataset(variable, data=matrix.T, **options)
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512))


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "release"
    folder.mkdir()
    for split, count in IMAGES.items():
        images = features(split, "images", count, 6)
        scipy.io.savemat(folder / f"image_feature_{split}.mat", {"image_features": images})
        texts = features(split, "texts", 5 * count, 4).astype("float32")
        write_hdf5(folder / f"text_feature_{split}.mat", "text_features", texts)
    return folder


@pytest.mark.parametrize(
    ("split", "name"), [("train", "train"), ("validation", "val"), ("test", "test")]
)
def test_the_release(release, split, name):
    corpus = load_authors(release, split)
    count = IMAGES[name]
    assert corpus.image_features.dtype == corpus.text_features.dtype == np.float32
    images = features(name, "images", count, 6).astype("float32")
    np.testing.assert_array_equal(corpus.image_features, images)
    texts = features(name, "texts", 5 * count, 4).astype("float32")
    np.testing.assert_array_equal(corpus.text_features, texts)
    for text in range(5 * count):
        assert corpus.matches.images_of(text).tolist() == [text // 5]
    assert corpus.image_attributes == {"split": [split] * count}


def test_the_splits_together(release):
    whole = load_authors(release, "all")
    parts = [load_authors(release, split) for split in ("train", "validation", "test")]
    for name in ("image_features", "text_features"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(getattr(whole, name), joined)
    assert whole.matches.images_of(44).tolist() == [8]
    assert whole.image_attributes["split"] == ["train"] * 4 + ["validation"] * 3 + ["test"] * 2


def test_the_second_load_only_opens_the_cache(release, monkeypatch):
    first = load_authors(release)
    assert isinstance(first.text_features, np.memmap)
    monkeypatch.setattr(matrix_cache, "_write", None)
    second = load_authors(release)
    assert second.text_features.filename == first.text_features.filename
    monkeypatch.undo()
    text_file = release / "text_feature_test.mat"
    write_hdf5(text_file, "text_features", np.zeros((10, 4)))
    os.utime(text_file, (0, 0))
    assert not load_authors(release).text_features.any()


@pytest.mark.parametrize("block_values", [1, 7, 40, 2**24])
@pytest.mark.parametrize(
    "options",
    [{}, {"chunks": (3, 2)}, {"chunks": (2, 5), "compression": "gzip"}, {"chunks": (1, 10)}],
)
@pytest.mark.parametrize("in_columns", [False, True])
def test_block_by_block(release, monkeypatch, block_values, options, in_columns):
    for module in (matrix_cache, matlab_matrices):
        monkeypatch.setattr(module, "BLOCK_VALUES", block_values)
    texts = features("test", "texts", 10, 5)
    stored = texts.T if in_columns else texts
    if in_columns and options:
        options = {**options, "chunks": options["chunks"][::-1]}
    write_hdf5(release / "text_feature_test.mat", "text_features", stored, **options)
    corpus = load_authors(release)
    np.testing.assert_array_equal(corpus.text_features, texts.astype("float32"))
    np.testing.assert_array_equal(
        corpus.image_features, features("test", "images", 2, 6).astype("float32")
    )


def test_blocks_read_each_chunk_once(release, monkeypatch):
    monkeypatch.setattr(matlab_matrices, "BLOCK_VALUES", 30)
    path = release / "text_feature_test.mat"
    write_hdf5(path, "text_features", features("test", "texts", 20, 9), chunks=(4, 3))
    blocks = list(matlab_matrices.matlab_matrix(path, "text_features").blocks())
    assert all(row % 3 == 0 and column % 4 == 0 for row, column, _ in blocks)
    assert sum(block.size for _, _, block in blocks) == 180
    assert max(block.size for _, _, block in blocks) <= 30


def test_version_5_texts_and_version_7_3_images(release):
    """A user who stored them the other way round."""
    write_hdf5(release / "image_feature_test.mat", "image_features", np.ones((2, 6)))
    texts = features("test", "texts", 10, 4)
    for stored in (texts, texts.T):
        scipy.io.savemat(
            release / "text_feature_test.mat", {"text_features": stored}, do_compression=True
        )
        corpus = load_authors(release)
        np.testing.assert_array_equal(corpus.text_features, texts.astype("float32"))
    assert corpus.image_features.shape == (2, 6)


def test_other_names_and_numbers(release):
    (release / "image_feature_test.mat").rename(release / "flickr_resnet_test.mat")
    with pytest.raises(FileNotFoundError, match=r"which `image_file` names.*flickr_resnet_test"):
        load_authors(release)
    corpus = load_authors(release, image_file="flickr_resnet_{split}.mat")
    assert corpus.num_images == 2
    with pytest.raises(
        ValueError, match=r"text_feature_test.mat must have 6 texts, 3 .*: 10 texts"
    ):
        load_authors(release, image_file="flickr_resnet_{split}.mat", texts_per_image=3)
    with pytest.raises(FileNotFoundError, match=r"image_feature_test\.mat.*`image_file`"):
        load_authors(release, "all")
    with pytest.raises(ValueError, match=r"`split` must be one of train,.*'dev'"):
        load_authors(release, "dev")
    with pytest.raises(ValueError, match=r"`texts_per_image` must be a positive int.*0"):
        load_authors(release, texts_per_image=0)


@pytest.mark.parametrize("kind", ["image", "text"])
@pytest.mark.parametrize("version", ["5", "5 compressed", "7.3"])
def test_damaged_release(release, kind, version):
    path = release / f"{kind}_feature_test.mat"
    variable = f"{kind}_features"
    values = features("test", kind, 10 if kind == "text" else 2, 50)

    def write(variables):
        if version == "7.3":
            with h5py.File(path, "w", userblock_size=512) as file:
                for name, value in variables.items():
                    file.create_dataset(name, data=value.T)
        else:
            scipy.io.savemat(path, variables, do_compression="compressed" in version)

    write({variable: values})
    whole = path.read_bytes()
    assert load_authors(release).num_images == 2
    for size in [0, 3, 100, 127, 130, 200, 520, 700, len(whole) // 2, len(whole) - 9]:
        path.write_bytes(whole[: min(size, len(whole) - 9)])
        with pytest.raises(ValueError, match=rf"{kind}_feature_test\.mat"):
            load_authors(release)
    for variables, message in [
        ({"others": values, "more": values}, f"no variable '{variable}', there is .*'others'"),
        ({variable: np.ones((2, 2, 2))}, rf"'{variable}' must be a matrix.*\(2, 2, 2\)"),
        ({variable: values * 1j}, f"'{variable}' must hold real numbers"),
        ({variable: values * np.nan}, "must be finite"),
    ]:
        write(variables)
        os.utime(path, (len(variables), len(message)))
        with pytest.raises(ValueError, match=message):
            load_authors(release)


def test_different_widths(release):
    write_hdf5(release / "text_feature_val.mat", "text_features", np.ones((15, 7)))
    with pytest.raises(ValueError, match=r"_val\.mat must have 4 columns, as .*_train\.mat.*: 7"):
        load_authors(release, "all")


TOKEN = [
    f"{image}.jpg#{number}\tcaption {image}{number}" for image in range(9) for number in (0, 1)
]


@pytest.fixture(params=["flickr30k", "coco"])
def port(tmp_path, request):
    """The port's layout, with the lists in another order than the captions."""
    folder = tmp_path / request.param
    folder.mkdir()
    is_coco = request.param == "coco"
    start = 0
    for split, count in IMAGES.items():
        names = [f"{image}{'.jpg' * is_coco}" for image in range(start, start + count)][::-1]
        (folder / f"{split}.txt").write_text("\r\n".join(names) + "\r\n", newline="")
        np.save(folder / f"{split}_features.npy", features(split, "images", count, 3).astype("f4"))
        start += count
    if not is_coco:
        (folder / "results_20130124.token").write_text("\n".join(TOKEN) + "\n")
        return folder
    (folder / "annotations").mkdir()
    for part, images in (("train", range(5)), ("val", range(5, 9))):
        notes = [
            {"id": 10 * i + n, "image_id": i, "caption": f"caption {i}{n}"}
            for n in (0, 1)
            for i in images
        ]
        content = {
            "images": [{"id": i, "file_name": f"{i}.jpg"} for i in images],
            "annotations": notes,
        }
        (folder / "annotations" / f"captions_{part}2014.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("split", ["train", "validation", "test", "all"])
def test_the_port(port, split):
    corpus = load_authors(port, split)
    images = {"train": [3, 2, 1, 0], "validation": [6, 5, 4], "test": [8, 7]}
    images["all"] = [*images["train"], *images["validation"], *images["test"]]
    assert corpus.image_attributes["file"] == [f"{image}.jpg" for image in images[split]]
    names = IMAGES if split == "all" else [{"validation": "val"}.get(split, split)]
    expected = np.concatenate([features(n, "images", IMAGES[n], 3).astype("f4") for n in names])
    assert isinstance(corpus.image_features, np.memmap)
    np.testing.assert_array_equal(corpus.image_features, expected)
    for row, image in enumerate(images[split]):
        captions = [corpus.texts[text] for text in corpus.matches.texts_of(row)]
        assert captions == [f"caption {image}0", f"caption {image}1"]


def test_float64_features_of_the_port_become_float32(port):
    np.save(port / "test_features.npy", np.ones((2, 3)))
    assert load_authors(port).image_features.dtype == np.float32


def test_damaged_port(port):
    is_coco = (port / "annotations").is_dir()
    np.save(port / "test_features.npy", np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"test_features\.npy must have 2 rows.*test\.txt.*: 3"):
        load_authors(port)
    np.save(port / "test_features.npy", np.ones(3))
    with pytest.raises(ValueError, match=r"test_features\.npy must have rank 2"):
        load_authors(port)
    (port / "test_features.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(ValueError, match=r"test_features\.npy: not a \.npy file"):
        load_authors(port)
    name = "8.jpg" if is_coco else "8"
    for content, message in [
        (f"{name}\n{name}\n", "test.txt, line 2: .*twice"),
        (f"{name}\nnobody\n", "test.txt, line 2: .*'nobody"),
        ("", "names no picture"),
    ]:
        (port / "test.txt").write_text(content)
        with pytest.raises(ValueError, match=message):
            load_authors(port)
    (port / "test.txt").write_text(f"{name}\n")
    for file in [port / "results_20130124.token", *port.glob("annotations/*.json")]:
        file.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError, match=r"annotations"):
        load_authors(port)
