"""Tests of the command lines that localize phrases, on drawn pictures in RefCOCO's layout."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

pytest.importorskip("keras_hub")
pytest.importorskip("sklearn")
pytest.importorskip("cv2")

from PIL import Image

from tb_keras.encoders import propose_regions
from tb_keras.serving import ExportedLocalizer
from tests.scripts.drawn_pictures import (
    HEIGHT,
    REFCOCO_PICTURES,
    SHAPES,
    WIDTH,
    write_refcoco,
)
from tests.scripts.running import check, printed_boxes, run_forked

pytestmark = pytest.mark.slow  # `test_small_runs.py` has the short way

SPLITS = ["train"] * 8 + ["val"] * 3 + ["testA", "testA", "testB"]
TRAIN = ["--task=localization", "--dataset=refcoco", "--data=refcoco", "--run=runs/shapes"]
TRAIN += ["--network=embedding,similarity", "--region_size=32", "--proposals_per_picture=30"]
TRAIN += ["--hidden_dim=16", "--embedding_dim=8", "--joint_dims=8,4", "--epochs=2"]
TRAIN += ["--pictures_per_batch=4", "--regions_per_picture=16"]
MODELS = {"embedding": "savedmodels/shapes", "similarity": "savedmodels/shapes-similarity"}
MODEL = f"--model={MODELS['embedding']}"
MIXED = "embedding + similarity"
FIGURES = {"recall@1", "recall@5", "recall@10", "upper_bound", "mean_iou", "pointing_game"}
FIGURES |= {"recall@1_error", "phrases", "without_region", "without_box"}
PHRASES = ["a red disc", "the blue <in> square"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Fourteen pictures with three objects each, two phrases about each object."""
    folder = tmp_path_factory.mktemp("localization")
    write_refcoco(folder, SPLITS)
    Image.new("RGB", (64, 64), "red").save(folder / "plain.png")
    Image.new("RGB", (200, 1), "red").save(folder / "thin.png")
    whole = (folder / REFCOCO_PICTURES / "0.png").read_bytes()
    (folder / "damaged.png").write_bytes(whole[:60])
    (folder / "picture.png").write_bytes((folder / REFCOCO_PICTURES / "12.png").read_bytes())
    return folder


# What is typed after the pipeline → exit code, and what one line on standard error must hold.
TYPED = {
    "a training that is finished": (["train", *TRAIN], (0, "similarity network, seed 0: val_r")),
    "an empty phrase": (
        ["localize", MODEL, "picture.png", "a disc", " "],
        (1, "a phrase must not be empty"),
    ),
    "a missing picture": (
        ["localize", MODEL, "none.png", "a disc"],
        (1, "tb-localize: there is no picture 'none.png'"),
    ),
    "a damaged picture": (
        ["localize", MODEL, "damaged.png", "a disc"],
        (1, "tb-localize: 'damaged.png' cannot be read: Invalid PNG data"),
    ),
    "a picture without a region": (
        ["localize", MODEL, "thin.png", "a disc"],
        (1, "nothing was proposed in 'thin.png'"),
    ),
    "a picture of one colour": (["localize", MODEL, "plain.png", "a disc"], (0, "[0, 0, 64, 64]")),
    "a search by a model that localizes": (
        ["search", MODEL, "--images=images", "a disc"],
        (1, "must hold a model .*embed_regions"),
    ),
    "edge boxes without a model": (
        ["train", *TRAIN, "--run=runs/b", "--proposals=edge_boxes"],
        (1, "`edge_model` must be given with method='edge_boxes'"),
    ),
    "edge boxes by a missing model": (
        ["train", *TRAIN, "--run=runs/b", "--proposals=edge_boxes", "--edge_model=none.yml"],
        (1, "tb-train: .*none.yml"),
    ),
    "edge boxes by a file that is no model": (
        ["train", *TRAIN, "--run=runs/b", "--proposals=edge_boxes", "--edge_model=picture.png"],
        (1, "`edge_model` must be a file that .* reads. Received: '/.*picture.png'"),
    ),
    "unknown proposals": (
        ["train", *TRAIN, "--run=runs/b", "--proposals=sliding"],
        (1, "--proposals=sliding.*selective_search.edge_boxes.*--help"),
    ),
    "regions too small": (
        ["train", *TRAIN, "--run=runs/b", "--region_size=8"],
        (1, "--region_size=8.*--help"),
    ),
    "an unknown network": (
        ["train", *TRAIN, "--run=runs/b", "--network=fusion"],
        (1, "--network must be of embedding, similarity.*fusion"),
    ),
    "overlaps in the wrong order": (
        ["train", *TRAIN, "--run=runs/b", "--positive_iou=0.2"],
        (1, "`negative_iou` in .*positive_iou=0.2, negative_iou=0.3"),
    ),
    "other regions": (
        ["train", *TRAIN, "--region_size=64"],
        (1, r"with other settings \(regions.size was 32, is 64\)"),
    ),
    "nothing to localize with": (
        ["export", "--run=runs/shapes", "--noencoders"],
        (1, "--noencoders leaves nothing to localize with"),
    ),
    "regions in another runtime": (
        ["export", "--run=runs/shapes", "--format=onnx"],
        (1, "--format=onnx is for retrieval"),
    ),
    "an export that finds pictures by regions": (
        ["export", "--run=runs/shapes", "--corpus=images"],
        (1, "'runs/shapes' was trained .*to localize phrases: its pictures cannot be searched"),
    ),
    "no data": (
        ["train", "--task=localization", "--dataset=refcoco", "--run=runs/b"],
        (1, "'refcoco' needs a `directory`"),
    ),
}


@pytest.fixture(scope="module")
def ended(folder):
    """Each command of the way once, in order, and then all of `TYPED`."""
    models = ",".join(MODELS.values())
    found = [*PHRASES, "--k=4"]
    commands = {
        "train": ["train", *TRAIN],
        "export embedding": ["export", "--run=runs/shapes"],
        "export similarity": ["export", "--run=runs/shapes", "--network=similarity"],
        "evaluate": [
            *("evaluate", "--run=runs/shapes", f"--model={models}", "--html=pages/boxes.html"),
            "--compare=runs/shapes",
        ],
        **{
            f"localize {network}": [
                *("localize", f"--model={model}", "--proposals_per_picture=30"),
                *("picture.png", *found, f"--output=found/{network}.png"),
            ]
            for network, model in MODELS.items()
        },
    }
    pipeline = len(commands)
    commands |= {name: command for name, (command, _) in TYPED.items()}
    ended = dict(zip(commands, run_forked(folder, list(commands.values())), strict=True))
    for name, command in list(ended.items())[:pipeline]:
        assert command.code == 0, (name, command.err)
        assert command.err == ""
    return ended


def test_train(ended, folder):
    run = folder / "runs" / "shapes"
    settings = json.loads((run / "settings.json").read_text())
    assert (settings["task"], settings["dataset"]) == ("localization", "refcoco")
    assert settings["regions"] == {
        "region_features": "crops",
        "size": 32,
        "spatial": True,
        "context": False,
    }
    assert settings["proposals"] == {
        "method": "selective_search",
        "limit": 30,
        "edge_model": None,
        "positive_iou": 0.6,
        "negative_iou": 0.3,
    }
    out = ended["train"].out
    for split, pictures in (("train", 8), ("validation", 3)):
        assert f"{split}: {pictures} pictures, proposals ..." in out
        counts = rf"{split}: \d+ regions, {6 * pictures} phrases, of which 0 have no box and \d+ no"
        assert re.search(counts + r" proposal with IoU >= 0.6; \d+ pictures have no usable", out)
    for network in ("embedding", "similarity"):
        assert (run / network / "seed-0" / "network.keras").is_file()
        assert re.search(rf"{network} network, seed 0: val_recall@1 \d+\.\d, \d+\.\d s\n", out)


def test_export(ended, folder):
    for network, model in MODELS.items():
        assert f"Wrote {model}/1\n" in ended[f"export {network}"].out
        card = (folder / model / "1" / "README.md").read_text()
        for part in (f"{network} network for phrase localization", "`localize`", "recall@1 "):
            assert part in card
        assert str(folder) not in card


def test_evaluate(ended, folder):
    metrics = json.loads((folder / "runs" / "shapes" / "metrics.json").read_text())
    parts = {"baselines", "by_category", "seeds", "split", "reranked", "compared", MIXED}
    assert set(metrics) == {*MODELS, *parts}
    assert set(metrics["by_category"]) == {*MODELS, MIXED}
    assert set(metrics["reranked"]) == {"run", "weight", "scales"}
    assert list(metrics["baselines"]) == ["random", "largest", "ridge"]
    seeds = {figures.pop("network"): figures for figures in metrics["seeds"]}
    for network in MODELS:
        assert seeds[network].pop("seed") == 0
        assert metrics[network] == pytest.approx(seeds[network], abs=1e-3)
    networks = (metrics["embedding"], metrics["similarity"], metrics[MIXED])
    for figures in (*networks, *metrics["baselines"].values()):
        assert set(figures) == FIGURES
        assert (figures["phrases"], figures["without_box"]) == (18, 0)
        assert figures["upper_bound"] == metrics["baselines"]["random"]["upper_bound"] > 50
        assert 0 <= figures["recall@1"] <= figures["recall@5"] <= figures["recall@10"]
        assert figures["recall@10"] <= figures["upper_bound"]
    for network, categories in metrics["by_category"].items():
        assert set(categories) == set(SHAPES)
        for name in ("recall@1", "mean_iou"):  # of six phrases a category
            mean = np.mean([figures[name] for figures in categories.values()])
            assert mean == pytest.approx(metrics[network][name], abs=1e-3)
    for difference in metrics["compared"].values():
        assert difference == dict.fromkeys(("difference", "error", "low", "high"), 0.0)
    out = ended["evaluate"].out
    assert "refcoco, split test" in out
    rows = ["random", "largest", "ridge", "embedding, seed 0", "similarity, seed 0"]
    rows += [rf"embedding \+ similarity, weight {metrics['reranked']['weight']:g}"]
    for name in (*rows, *(f"exported {model}/1" for model in MODELS.values())):
        (line,) = re.findall(rf"^\| {name} +\|.*$", out, re.MULTILINE)
        assert len(re.findall(r"\d+\.\d", line.split("|", 2)[2])) == 7
    assert "Wrote runs/shapes/metrics.json" in out
    assert "Wrote pages/boxes.html" in out


def test_page(ended, folder):
    class Page(HTMLParser):
        tags, captions = [], []

        def handle_starttag(self, tag, attrs):
            self.tags.append(tag)

        def handle_data(self, data):
            if self.tags[-1:] == ["figcaption"]:
                self.captions.append(data)

    page = Page()
    page.feed((folder / "pages" / "boxes.html").read_text(encoding="utf-8"))
    assert "in" not in page.tags  # the phrases have "<in>"
    assert len(page.captions) == 3 * 4  # four phrases of each picture
    assert sum("<in>" in caption for caption in page.captions) == 3 * 2
    assert page.tags.count("img") == 3 * 4


@pytest.mark.parametrize("network", MODELS)
def test_localize_prints_the_best_boxes(ended, folder, network, monkeypatch):
    out = ended[f"localize {network}"].out
    assert out.endswith(f"Wrote found/{network}.png\n")
    found = printed_boxes(out)
    assert list(found) == PHRASES
    monkeypatch.setenv("TB_KERAS_CACHE", str(folder / "cache"))
    picture = str(folder / "picture.png")
    _, boxes = propose_regions([picture], limit=30, verbose=False)
    scores = ExportedLocalizer(folder / MODELS[network]).localize(picture, boxes, PHRASES)
    for phrase, row in zip(PHRASES, scores):
        assert len(found[phrase]) == 4
        best = sorted(row, reverse=True)[:4]
        assert [score for score, _ in found[phrase]] == pytest.approx(best, abs=6e-4)
        for score, (left, top, right, bottom) in found[phrase]:
            assert 0 <= left < right <= WIDTH
            assert 0 <= top < bottom <= HEIGHT
            same = np.abs(boxes - [left, top, right, bottom]).max(axis=1) <= 0.5
            assert (np.abs(row[same] - score) < 6e-4).any()


@pytest.mark.parametrize("network", MODELS)
def test_localize_draws_the_best_boxes(ended, folder, network):
    with Image.open(folder / "found" / f"{network}.png") as image:
        assert image.format == "PNG"
        assert image.size == (8 * WIDTH, 8 * HEIGHT)  # enlarged, so that the text can be read
        (_, (left, top, *_)), *_ = printed_boxes(ended[f"localize {network}"].out)[PHRASES[-1]]
        assert image.getpixel((8 * left + 1, 8 * top + 1)) == (0xDD, 0x55, 0x00)


@pytest.mark.parametrize("name", TYPED)
def test_typed(ended, name):
    check(ended[name], *TYPED[name][1])


def test_errors_leave_nothing(ended, folder):
    assert not list((folder / "runs").glob("b/*/*"))
    assert [path.name for path in folder.glob("*.localized.png")] == ["plain.png.localized.png"]
