"""Tests of the command lines, from a table of pictures to answers: what a user types and sees."""

import base64
import json
import re
import shutil
import signal
import subprocess
import time
from html.parser import HTMLParser

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.features import encode_texts
from tests.forks import environment
from tests.scripts.drawn_table import COLORS, write_damaged_table, write_table
from tests.scripts.running import (
    INTERRUPTED,
    answers,
    check,
    command_line,
    run_forked,
    run_script,
    without_start_up,
)

pytest.importorskip("keras_hub")
pytest.importorskip("sklearn")

pytestmark = pytest.mark.slow  # `test_small_runs.py` has the short way

TRAIN = ["--data=pairs.csv", "--run=runs/mine", "--seeds=0,1", "--epochs=4"]
TRAIN += ["--hidden_dim=32", "--embedding_dim=16", "--images_per_batch=6"]
SIMILARITY = [*TRAIN, "--network=similarity", "--seeds=1", "--joint_dims=16,8"]
MODEL = "--model=savedmodels/mine"
BOTH = f"{MODEL},savedmodels/mine-similarity"
SMALL = ["export", "--run=runs/mine", "--noencoders", "--directory=small"]
FLOAT16 = [*SMALL, "--weights=float16"]
NETWORKS = ("embedding", "similarity")
TWO_STAGES = ("embedding, then similarity", "embedding + similarity")
FIGURES = {
    *(f"{d}_recall@{k}" for d in ("i2t", "t2i") for k in (1, 5, 10)),
    *(f"{d}_{name}" for d in ("i2t", "t2i") for name in ("median_rank", "mean_rank", "queries")),
    *("i2t_mrr", "t2i_mrr", "rsum_error"),
    "rsum",
    "mean_recall",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scripts")
    write_table(folder)
    (folder / "empty").mkdir()
    return folder


@pytest.fixture(scope="module")
def pipeline(folder):
    """Each command of the way once, in order."""
    ended = {"train": run_script(folder, "train", *TRAIN)}
    forked = {
        "train similarity": ["train", *SIMILARITY],
        "export": ["export", "--run=runs/mine"],
        "export similarity": ["export", "--run=runs/mine", "--network=similarity"],
        "evaluate": ["evaluate", "--run=runs/mine", BOTH, "--compare=runs/mine"],
    }
    ended.update(zip(forked, run_forked(folder, list(forked.values()))))
    search = [
        "--model=savedmodels/mine",
        "--data=pairs.csv",
        "--split=test",
        "--k=3",
        "--html=pages/found.html",
    ]
    ended["search"] = run_script(folder, "search", *search, "a red ring", "pictures/blue_ring.png")
    for command in ended.values():
        assert command.code == 0, command.err
    return ended


def test_train(pipeline, folder):
    run = folder / "runs" / "mine"
    settings = json.loads((run / "settings.json").read_text())
    assert settings["task"] == "retrieval"
    assert settings["dataset"] == "table"
    assert settings["data"] == str(folder / "pairs.csv")
    assert list(settings["recipes"]) == ["embedding", "similarity"]
    for network, seeds in (("embedding", ["seed-0", "seed-1"]), ("similarity", ["seed-1"])):
        assert settings["recipes"][network]["network"] == network
        assert settings["recipes"][network]["hidden_dim"] == 32
        trained = sorted((run / network).iterdir())
        assert [directory.name for directory in trained] == seeds
        for directory in trained:
            assert (directory / "network.keras").is_file()
            assert len((directory / "history.csv").read_text().splitlines()) == 5
    assert settings["recipes"]["similarity"]["joint_dims"] == [16, 8]
    out, err = pipeline["train"].out, pipeline["train"].err
    assert "train: 12 images, 24 texts" in out
    assert "validation: 4 images, 8 texts" in out
    assert re.search(r"embedding network, seed 1: val_rsum \d+\.\d, \d+\.\d s\n", out)
    assert "12/12" in out  # a progress bar
    assert err == ""


def test_a_network_is_added_to_a_run(pipeline):
    out, err = pipeline["train similarity"].out, pipeline["train similarity"].err
    assert "similarity network, seed 1: 4 epochs" in out
    assert re.search(r"similarity network, seed 1: val_rsum \d+\.\d, \d+\.\d s\n", out)
    assert "embedding network" not in out
    assert "item" not in out  # the features were kept
    assert err == ""


def test_export(pipeline, folder):
    assert [path.name for path in (folder / "savedmodels" / "mine").iterdir()] == ["1"]
    assert "Wrote savedmodels/mine/1\n" in pipeline["export"].out
    assert pipeline["export"].err == ""
    card = (folder / "savedmodels" / "mine" / "1" / "README.md").read_text()
    assert card.startswith("# mine\n")
    for part in ("`embed_image`", "Apache-2.0", "SHA-256", '"data": "pairs.csv"', "tensorflow 2."):
        assert part in card
    assert str(folder) not in card


def test_export_of_the_similarity_network(pipeline, folder):
    version = folder / "savedmodels" / "mine-similarity" / "1"
    assert "Wrote savedmodels/mine-similarity/1\n" in pipeline["export similarity"].out
    assert pipeline["export similarity"].err == ""
    assert "Exporting seed 1" in pipeline["export similarity"].out
    assert "similarity network for image-text matching" in (version / "README.md").read_text()


def test_evaluate(pipeline, folder):
    metrics = json.loads((folder / "runs" / "mine" / "metrics.json").read_text())
    parts = {"split", "baselines", "seeds", "reranked", "ranked", "compared"}
    assert set(metrics) == {*FIGURES, *NETWORKS, *TWO_STAGES, *parts}
    for network in (*NETWORKS, *TWO_STAGES):
        assert set(metrics[network]) == FIGURES
    assert metrics["embedding"] == {name: metrics[name] for name in FIGURES}
    assert metrics["split"] == "test"
    baselines = ["chance", "ridge", "regularized_cca", "kernel_cca"]
    assert list(metrics["baselines"]) == baselines
    for figures in metrics["baselines"].values():
        assert set(figures) == FIGURES
    trained = [(figures["network"], figures["seed"]) for figures in metrics["seeds"]]
    assert trained == [("embedding", 0), ("embedding", 1), ("similarity", 1)]
    for figures in metrics["seeds"]:
        assert set(figures) == {*FIGURES, "network", "seed"}
    assert metrics["i2t_queries"] == 4
    assert metrics["t2i_queries"] == 8
    # The exported models are the best seeds' networks.
    results = [folder / "runs" / "mine" / "embedding" / f"seed-{s}" / "result.json" for s in (0, 1)]
    best = int(np.argmax([json.loads(result.read_text())["figure"] for result in results]))
    for network, row in (("embedding", best), ("similarity", 2)):
        assert {name: metrics["seeds"][row][name] for name in FIGURES} == {
            name: pytest.approx(metrics[network][name], rel=1e-4) for name in FIGURES
        }
    # Four pictures and eight texts are all candidates, which the similarity network orders alone.
    alone = {name: metrics["seeds"][2][name] for name in FIGURES}
    assert metrics["embedding, then similarity"] == pytest.approx(alone)
    reranked = metrics["reranked"]
    assert set(reranked) == {"run", "weight", "scales", "candidates"}
    assert (reranked["run"], reranked["candidates"]) == ("runs/mine", 100)
    ranked, compared = metrics["ranked"], metrics["compared"]
    assert list(ranked) == list(NETWORKS)
    assert ranked["embedding"]["t2i_recall@1"] == metrics["seeds"][best]["t2i_recall@1"]
    assert list(compared) == [f"{kind} - {kind} of runs/mine" for kind in NETWORKS]
    for difference in compared.values():
        assert difference == dict.fromkeys(("difference", "error", "low", "high"), 0.0)
    out = pipeline["evaluate"].out
    assert "Difference of rsum, paired over the pictures of split test" in out
    assert f"weight of the similarity network: {reranked['weight']:g}\n" in out
    mixed = rf"embedding \+ similarity, weight {reranked['weight']:g}"
    rows = ["embedding, then similarity", mixed]
    rows += ["chance", "ridge", "regularized_cca", "kernel_cca"]
    rows += ["embedding, seed 0", "embedding, seed 1"]
    rows += ["similarity, seed 1", "exported savedmodels/mine/1"]
    for name in (*rows, "exported savedmodels/mine-similarity/1"):
        assert re.search(rf"\| {name} +\| +\d", out)
    assert "Wrote runs/mine/metrics.json" in out
    assert pipeline["evaluate"].err == ""


def test_search(pipeline):
    found = answers(re.sub(r".*\x1b\[.*\n", "", pipeline["search"].out))
    assert list(found) == ["a red ring", "pictures/blue_ring.png"]
    rings = {f"pictures/{color}_ring.png" for color in COLORS}
    assert len(set(found["a red ring"])) == 3
    assert set(found["a red ring"]) < rings
    texts = {text for c in COLORS for text in (f"a {c} ring", f"ring <in> {c}")}
    assert set(found["pictures/blue_ring.png"]) < texts
    assert pipeline["search"].err == ""


def test_search_page(pipeline, folder):
    class Page(HTMLParser):
        pictures, text = [], ""

        def handle_starttag(self, tag, attrs):
            assert tag != "in"  # the texts have "<in>"
            if tag == "img":
                self.pictures.append(dict(attrs)["src"].removeprefix("data:image/png;base64,"))

        def handle_data(self, data):
            self.text += data

    page = Page()
    page.feed((folder / "pages" / "found.html").read_text(encoding="utf-8"))
    rings = {(folder / "pictures" / f"{color}_ring.png").read_bytes() for color in COLORS}
    assert len(page.pictures) == 4  # three answers and the query
    assert {base64.b64decode(picture) for picture in page.pictures} <= rings
    assert "a red ring" in page.text
    assert "Wrote pages/found.html" in pipeline["search"].out


# What is typed after the pipeline → exit code, and what one line on standard error must hold.
# Exit code 0 goes with what standard output must hold.
TYPED = {
    "the same network again": (
        ["export", "--run=runs/mine"],
        (0, "savedmodels/mine/1 holds this network already"),
    ),
    "a model of features": (SMALL, (0, "Wrote small/1\n")),
    "the same again": (SMALL, (0, "small/1 holds this network already")),
    "a model in half": (FLOAT16, (0, "Wrote small/2\n")),
    "a model that finds all of its run": ([*SMALL, "--corpus=run"], (0, "Wrote small/3\n")),
    "the same pictures and texts in a table": (
        [*SMALL, "--corpus=pairs.csv"],
        (0, "small/3 holds this network already"),
    ),
    "a model that finds a folder": (
        [*FLOAT16, "--corpus=pictures"],
        (0, "Wrote small/4\n"),
    ),
    "nothing to search": (
        [*SMALL, "--corpus=none"],
        (1, "--corpus must be a folder of pictures, a table .*--corpus=none"),
    ),
    "no picture to search": ([*SMALL, "--corpus=empty"], (1, "there is no picture .*empty")),
    "a damaged picture to search": (
        [*SMALL, "--corpus=damaged"],
        (1, "tb-export: 'damaged/x.png' cannot be read: "),
    ),
    "a search by a network without embeddings": (
        [*SMALL, "--network=similarity", "--corpus=run"],
        (1, "--corpus needs a network that embeds"),
    ),
    "an unknown kind of weights": (
        [*SMALL, "--weights=int4"],
        (1, "--weights=int4.*float32.bfloat16.float16.int8.*--help"),
    ),
    "a stable version": (
        ["promote", "--model=savedmodels/mine"],
        (0, "stable is version 1 now"),
    ),
    "a stable version of no model": (
        ["promote", "--model=savedmodels/other"],
        (1, r"must be one that .*models.config.*\['mine', 'mine-similarity'\].*'other'"),
    ),
    "a stable version where no server reads": (
        ["promote", "--model=small"],
        (1, r"tb-promote: .*must hold models.config, which tb-export writes. Received: '\.'"),
    ),
    "a training that is finished": (
        ["train", *TRAIN],
        (0, "embedding network, seed 1: val_rsum"),
    ),
    "a folder of pictures and a very long query": (
        ["search", MODEL, "--images=pictures", "--k=30", "a green disc " * 100],
        (0, "20. "),
    ),
    "what is kept": (["cache", "info"], (0, "efficientnet_lite0_levels    image ")),
    "to prune nothing": (["cache", "prune", "--older_than=9"], (0, "There is nothing to delete")),
    "to prune, and nobody to ask": (
        ["cache", "prune", "--all"],
        (1, "--yes deletes this; nobody can be asked here"),
    ),
    "a missing split": (
        ["evaluate", "--run=runs/mine", "--split=trial"],
        (1, "tb-evaluate: `split` must be one of 'all', 'test', 'train', 'validation'.*'trial'"),
    ),
    "other settings": (
        ["train", *TRAIN, "--margin=0.7", "--epochs=9"],
        (1, "'runs/mine' was trained with other settings .*epochs was 4, is 9.*margin"),
    ),
    "another network on other data": (
        ["train", "--data=other.csv", *SIMILARITY[1:]],
        (1, "other settings .*data was '/.*/pairs.csv', is '/.*/other.csv'"),
    ),
    "another network with other settings": (
        ["train", *SIMILARITY, "--joint_dims=16"],
        (1, r"settings \(similarity.joint_dims was \[16, 8\], is \[16\]\)"),
    ),
    "sizes that are none": (
        ["train", *SIMILARITY, "--joint_dims=16,wide"],
        (1, "--joint_dims must be positive ints, separated by commas.*16,wide"),
    ),
    "a damaged picture in the folder": (
        ["search", MODEL, "--images=damaged", "a dog"],
        (1, "tb-search: 'damaged/x.png' cannot be read: "),
    ),
    "a network to export that is not there": (
        ["export", "--run=runs/mine", "--network=graph"],
        (1, "--network must be one that 'runs/mine' has: embedding, similarity.*graph"),
    ),
    "for other runtimes": (
        ["export", "--run=runs/mine", "--format=onnx,litert", "--weights=int8"],
        (0, "Wrote savedmodels/mine/litert-int8/1\n"),
    ),
    "for other runtimes again": (
        ["export", "--run=runs/mine", "--format=litert", "--weights=int8"],
        (0, "savedmodels/mine/litert-int8/1 holds this network already\n"),
    ),
    "an unknown format": (
        ["export", "--run=runs/mine", "--format=onnx,torch"],
        (1, "--format must be of savedmodel, onnx, litert, openvino. Received: --format=torch"),
    ),
    "weights of another format": (
        ["export", "--run=runs/mine", "--weights=int8"],
        (1, "--weights must be one of float32, .* with --format=savedmodel.*--weights=int8"),
    ),
    "a format without search": (
        ["export", "--run=runs/mine", "--format=onnx", "--corpus=run"],
        (1, "--corpus is for --format=savedmodel. Received: --format=onnx"),
    ),
    "a page of the worst queries": (
        ["evaluate", "--run=runs/mine", "--html=pages/worst.html", "--baselines="],
        (0, "Wrote pages/worst.html"),
    ),
    "a search by a similarity network": (
        ["search", "--model=savedmodels/mine-similarity", "--data=pairs.csv", "a dog"],
        (1, "needs an embedding network; 'savedmodels/mine-similarity/1' has another"),
    ),
    "a model that does not localize": (
        ["localize", MODEL, "pictures/red_disc.png", "a disc"],
        (1, "must hold a model that localizes .*'savedmodels/mine/1'"),
    ),
    "no query": (["search", MODEL, "--data=pairs.csv"], (1, "name what to search for")),
    "a search by two": (
        ["search", MODEL, "--run=runs/mine", "a dog"],
        (1, "name either --run"),
    ),
    "a search in all of one's own pictures": (
        ["search", MODEL, "--data=pairs.csv", "--k=30", "a green disc"],
        (0, " 20. "),
    ),
    "a search by a run, in all its pictures": (
        ["search", "--run=runs/mine", "--k=30", "a green disc"],
        (0, "20. "),
    ),
    "no such picture": (
        ["search", MODEL, "--data=pairs.csv", "none.png"],
        (1, "there is no picture 'none.png'"),
    ),
    "a query that is another file": (
        ["search", MODEL, "--data=pairs.csv", "pairs.csv"],
        (1, "'pairs.csv' is no picture of a known kind"),
    ),
    "a picture as a query without texts": (
        ["search", MODEL, "--images=pictures", "--k=1", "pictures/red_disc.png"],
        (0, "  1.  1.000  pictures/red_disc.png"),
    ),
    "texts where there are none": (
        ["search", MODEL, "--images=pictures", "--find=texts", "a dog"],
        (1, "there are no texts to search"),
    ),
    "nothing but what is likely right": (
        ["search", *TRAIN[1:2], "--images=pictures", "--least_precision=0.5", "a red ring"],
        (0, "lowest score: "),
    ),
    "a precision without a run": (
        ["search", MODEL, "--images=pictures", "--least_precision=0.9", "a dog"],
        (1, "--least_precision needs a run"),
    ),
    "a filter without an index": (
        ["search", MODEL, "--images=pictures", "--filter=year > 9", "a dog"],
        (1, "--filter needs an --index"),
    ),
    "an empty folder": (
        ["search", MODEL, "--images=empty", "a dog"],
        (1, "there is no picture .*empty"),
    ),
    "no folder": (["search", MODEL, "--images=none", "a dog"], (1, "must be in a folder.*none")),
    "cca is added to a run": (
        ["train", *TRAIN[:2], "--network=cca", "--embedding_dim=4"],
        (0, "cca network, seed 0: val_rsum"),
    ),
    "cca is exported": (["export", "--run=runs/mine", "--network=cca"], (0, "mine-cca/1")),
    "cca is measured": (
        [
            "evaluate",
            "--run=runs/mine",
            "--model=savedmodels/mine-cca",
            "--baselines=regularized_cca",
        ],
        (0, "| exported savedmodels/mine-cca/1 "),
    ),
    "two candidates of each query": (
        [
            *("evaluate", "--run=runs/mine", "--rerank=runs/mine"),
            *("--candidates=2", "--baselines="),
        ],
        (0, "24/24"),  # pairs of 4 pictures and 8 texts with two candidates each
    ),
    "a second stage of no run": (
        ["evaluate", "--run=runs/mine", "--rerank=runs/none"],
        (1, "tb-evaluate: 'runs/none' must be a run of tb-train"),
    ),
    "compared with no run": (
        ["evaluate", "--run=runs/mine", "--compare=runs/none"],
        (1, "tb-evaluate: 'runs/none' must be a run of tb-train"),
    ),
    "a baseline that is none": (
        ["evaluate", "--run=runs/mine", "--baselines=chance,best"],
        (1, "must be of chance, zero_shot, ridge, .*kernel_cca.*--baselines=chance,best"),
    ),
    "cca is searched with": (
        ["search", "--model=savedmodels/mine-cca", "--data=pairs.csv", "a red ring"],
        (0, "1. "),
    ),
}


@pytest.fixture(scope="module")
def typed(pipeline, folder):
    write_damaged_table(folder)
    shutil.copy(folder / "pairs.csv", folder / "other.csv")
    ended = run_forked(folder, [command for command, _ in TYPED.values()])
    return dict(zip(TYPED, ended, strict=True))


@pytest.mark.parametrize("name", TYPED)
def test_typed(typed, name):
    check(typed[name], *TYPED[name][1])


def test_nothing_is_done_twice(typed, folder):
    versions = [path.name for path in (folder / "savedmodels" / "mine").iterdir()]
    assert [name for name in versions if name.isdecimal()] == ["1"]
    assert not (folder / "pages" / "boxes.html").exists()
    assert "epoch - loss" not in typed["a training that is finished"].out
    assert "item" not in typed["a training that is finished"].out  # the features were kept


def test_versions_of_one_network(typed, folder):
    """Small ones, with other options; of the run's own pictures and texts each, once."""
    assert sorted(path.name for path in (folder / "small").iterdir()) == ["1", "2", "3", "4"]
    cards = [(folder / "small" / f"{v}" / "README.md").read_text() for v in range(1, 5)]
    parts = ("It has no encoders", "stored as float16", "finds 20 pictures and 40 texts")
    for part, versions in zip((*parts, "finds 20 pictures and 0 texts"), ("1234", "24", "3", "4")):
        assert "".join(str(v) for v, card in enumerate(cards, 1) if part in card) == versions
    files = [(folder / "small" / f"{v}" / "variables").glob("*.data*") for v in (1, 2)]
    whole, half = (sum(file.stat().st_size for file in some) for some in files)
    assert half < 0.6 * whole
    assert not (folder / "models.config").exists()  # for savedmodels/ alone


def test_an_export_finds_what_a_search_by_its_run_does(typed, folder, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(folder / "cache"))
    features = encode_texts(["a green disc"], "minilm", verbose=False)
    out = typed["a search by a run, in all its pictures"].out
    expected = re.findall(r"^ +\d+\. +(-?\d\.\d{3})  (.+)$", out, re.MULTILINE)
    query = {"text_features": tf.constant(features), "k": tf.constant([100])}
    for version in (3, 4):  # the latter in half, and without texts
        signatures = tf.saved_model.load(str(folder / "small" / f"{version}")).signatures
        found = signatures["search"](**query)
        scores = dict(zip(found["id"].numpy()[0].tolist(), found["score"].numpy()[0].tolist()))
        assert len(scores) == len(expected) == 20
        for score, path in expected:
            name = path.removeprefix("pictures/").encode()
            assert scores[name] == pytest.approx(float(score), abs=0.02 if version == 4 else 0.001)
        assert ("search_texts" in signatures) == (version == 3)


def test_the_configuration_of_a_server(typed, folder):
    text_format = pytest.importorskip("google.protobuf.text_format")
    proto = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    content = (folder / "savedmodels" / "models.config").read_text()
    config = text_format.Parse(content, proto.ModelServerConfig()).model_config_list.config
    assert [model.name for model in config] == ["mine", "mine-similarity", "mine-cca"]
    for model in config:
        assert model.version_labels == {"stable": 1, "canary": 1}


def test_interrupted(pipeline, folder):
    """Ctrl-C in the middle of a training."""
    command = command_line("train", *TRAIN, "--run=runs/long", "--epochs=100000")
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    network = folder / "runs" / "long" / "embedding" / "seed-0" / "network.keras"
    while process.poll() is None and not network.exists():
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert without_start_up(err.decode()) == INTERRUPTED
