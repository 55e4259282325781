"""Each command of the way once, for both tasks, on few pictures and with small encoders.

The pages' commands, which `tests/docs` runs, have the pretrained ones.
"""

import json
import re
import shutil

import pytest

from tests.scripts.drawn_pictures import HEIGHT, REFCOCO_PICTURES, WIDTH, write_refcoco
from tests.scripts.drawn_table import COLORS, write_table
from tests.scripts.running import (
    SMALL_IMAGE_ENCODERS,
    answers,
    check,
    printed_boxes,
    run_forked,
)

pytestmark = pytest.mark.xdist_group("forking")

SMALL = ["--text_encoder=tfidf", "--epochs=1", "--hidden_dim=16", "--embedding_dim=4"]
MODEL, INDEX = "--model=savedmodels/mine", "--index=kept"
WAY = {
    "train": ["train", "--data=pairs.csv", "--run=runs/mine", *SMALL],
    "export": ["export", "--run=runs/mine"],
    "export onnx": ["export", "--run=runs/mine", "--format=onnx", "--noencoders"],
    "evaluate": [
        *("evaluate", "--run=runs/mine", MODEL, "--baselines=chance"),
        *("--classify=classes", "--template=a {}", "--template={} <in> red"),
    ],
    "search": [
        *("search", MODEL, "--data=pairs.csv", "--split=test", "--k=3"),
        *("a red ring", "pictures/blue_ring.png"),
    ],
    "build": ["index", "build", MODEL, "--images=pairs.csv", "--attributes=split", INDEX],
    "add": ["index", "add", "--images=pictures", INDEX],
    "search kept": ["search", INDEX, "--filter=split = 'train'", "--k=3", "a red ring"],
    "search alike": [
        *("search", INDEX, "--find=images", "--distinct", "--least_score=0.5", "--k=30"),
        *("--minus=a red disc", "pictures/blue_ring.png", "--html=found.html"),
    ],
    "delete": ["index", "delete", "--filter=split = 'test'", INDEX],
    "delete one": ["index", "delete", "pictures/red_disc.png", INDEX],
    "info": ["index", "info", INDEX],
    "check": ["index", "check", INDEX],
    "repair": ["index", "repair", INDEX],
}
PHRASES = ["a red disc", "the blue <in> square"]
TO_LOCALIZE = {
    "train": [
        *("train", "--task=localization", "--dataset=refcoco", "--data=refcoco", "--run=runs/mine"),
        *("--region_size=32", "--proposals_per_picture=9", "--pictures_per_batch=2", *SMALL),
    ],
    "export": ["export", "--run=runs/mine"],
    "evaluate": ["evaluate", "--run=runs/mine", MODEL, "--baselines=random"],
    "localize": ["localize", MODEL, "--proposals_per_picture=9", "--k=2", "picture.png", *PHRASES],
}


def ended(folder, way):
    """How each command ended: well, without a word on standard error."""
    done = run_forked(folder, list(way.values()), SMALL_IMAGE_ENCODERS)
    for name, command in zip(way, done, strict=True):
        assert (command.code, command.err) == (0, ""), name
    return {name: command.out for name, command in zip(way, done)}


def check_model(folder, out):
    """Its version was written, and has the figures of the trained network."""
    assert "Wrote savedmodels/mine/1\n" in out["export"]
    assert (folder / "savedmodels" / "mine" / "1" / "README.md").read_text().startswith("# mine\n")
    metrics = json.loads((folder / "runs" / "mine" / "metrics.json").read_text())
    (trained,) = metrics["seeds"]
    assert (trained.pop("network"), trained.pop("seed")) == ("embedding", 0)
    assert metrics["embedding"] == pytest.approx(trained, abs=1e-3)
    return metrics


def test_a_search_in_two_stages(tmp_path):
    """With all answers as candidates their order is that of the mixed scores."""
    write_table(tmp_path)
    search = ["search", "--run=runs/mine", "--split=test", "--k=8", "--rerank=runs/mine"]
    queries = ["a red ring", "pictures/blue_ring.png"]
    train, found, one = run_forked(
        tmp_path,
        [
            [*WAY["train"], "--network=embedding,similarity"],
            [*search, *queries],
            [*search, "--candidates=1", "--k=1", *queries],
        ],
        SMALL_IMAGE_ENCODERS,
    )
    assert (train.code, found.code, one.code) == (0, 0, 0), found.err
    weight, shown = re.split(r"weight of the similarity network: (.*)\n", found.out)[1:]
    assert 0 <= float(weight) <= 1
    ranked = answers(re.sub(r".*\x1b\[.*\n", "", shown))
    assert {query: len(ranked[query]) for query in queries} == dict(zip(queries, (4, 8)))
    assert set(ranked["a red ring"]) == {f"pictures/{color}_ring.png" for color in COLORS}
    wrong = [
        (["--find=images", "pictures/blue_ring.png"], "--rerank is for texts that find pictures"),
        (["--minus=a disc", "a ring"], "--rerank does not go with --minus"),
    ]
    done = run_forked(tmp_path, [[*search, *more] for more, _ in wrong], SMALL_IMAGE_ENCODERS)
    for ended_so, (_, message) in zip(done, wrong):
        check(ended_so, 1, message)


def test_retrieval(tmp_path):
    write_table(tmp_path)
    for shape in ("red_disc", "red_ring"):  # the class is a name of two words
        (tmp_path / "classes" / shape).mkdir(parents=True)
        shutil.copy(tmp_path / "pictures" / f"{shape}.png", tmp_path / "classes" / shape / "1.png")
    out = ended(tmp_path, WAY)
    assert "train: 12 images, 24 texts" in out["train"]
    assert re.search(r"embedding network, seed 0: val_rsum \d+\.\d, \d+\.\d s\n", out["train"])
    assert "Wrote savedmodels/mine/onnx/1\n" in out["export onnx"]
    (refused,) = run_forked(tmp_path, [["export", "--run=runs/mine", "--format=onnx"]])
    check(refused, 1, "needs a text encoder with tokens, .*text encoder tfidf$")
    metrics = check_model(tmp_path, out)
    assert (metrics["i2t_queries"], metrics["t2i_queries"]) == (4, 8)
    assert "Classes of 2 pictures by their 2 names" in out["evaluate"]
    (trained, exported) = metrics["classified"].values()
    assert trained == pytest.approx(exported)
    assert (trained["images"], trained["accuracy@5"]) == (2, 100.0)
    found = answers(re.sub(r".*\x1b\[.*\n", "", out["search"]))
    assert list(found) == ["a red ring", "pictures/blue_ring.png"]
    assert set(found["a red ring"]) < {f"pictures/{color}_ring.png" for color in COLORS}
    texts = {text for c in COLORS for text in (f"a {c} ring", f"ring <in> {c}")}
    assert set(found["pictures/blue_ring.png"]) < texts
    assert all(len(set(of_query)) == 3 for of_query in found.values())
    assert out["build"].endswith("Wrote kept: 20 pictures, 40 texts\n")
    assert out["add"].endswith("Pictures: 0 new, 0 changed, 20 as before\n")
    kept = answers(out["search kept"])
    rows = [line.split(",") for line in (tmp_path / "pairs.csv").read_text().splitlines()]
    train = {row[0] for row in rows if row[-1] == "train"}
    assert len(set(kept["a red ring"]) & train) == 3
    alike = re.findall(r"^ +\d+\. +(-?\d\.\d+)", out["search alike"], re.MULTILINE)
    assert all(float(score) >= 0.5 for score in alike)
    assert "Wrote found.html" in out["search alike"]
    assert out["delete"] == "Deleted 4 pictures, 16 are left\n"
    assert out["delete one"] == "Deleted 1 pictures, 15 are left\n"
    about = "15 pictures, 40 texts\nstore: exact, float32, 4 dims\nmodel: --model=/"
    assert out["info"].startswith(about)
    assert out["info"].endswith("MB\nattribute: split (text)\n")
    assert out["check"] == "15 pictures and 40 texts are as they should be\n" == out["repair"]


def test_localization(tmp_path):
    pytest.importorskip("cv2")
    write_refcoco(tmp_path, ["train"] * 4 + ["val", "val", "testA", "testB"])
    shutil.copy(tmp_path / REFCOCO_PICTURES / "7.png", tmp_path / "picture.png")
    out = ended(tmp_path, TO_LOCALIZE)
    assert re.search(r"embedding network, seed 0: val_recall@1 \d+\.\d, \d+\.\d s\n", out["train"])
    metrics = check_model(tmp_path, out)
    assert metrics["embedding"]["phrases"] == 12
    found = printed_boxes(out["localize"])
    assert list(found) == PHRASES
    for boxes in found.values():
        assert len(boxes) == 2
        for _, (left, top, right, bottom) in boxes:
            assert 0 <= left < right <= WIDTH
            assert 0 <= top < bottom <= HEIGHT
