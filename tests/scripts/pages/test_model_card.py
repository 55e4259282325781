"""Tests of the card of an exported model, against the run that it is from."""

import json
import re

import pytest

from tb_keras.scripts.pages.model_card import model_card
from tb_keras.scripts.runs.run import Run

DATA = {
    "retrieval": {"dataset": "openmoji", "image_encoder": "efficientnet_lite0_levels"},
    "localization": {
        "dataset": "scenes",
        "image_encoder": "efficientnet_lite0",
        "regions": {"size": 128, "spatial": True, "context": False},
    },
}
MONITORS = {"retrieval": "val_rsum", "localization": "val_recall@1"}


def finished_run(directory, task, networks=("embedding", "similarity"), kept_epoch="best", **data):
    run = Run(directory)
    settings = {"task": task, "data": None, "text_encoder": "minilm", "published": None}
    settings |= {**DATA[task], **data}
    for network in networks:
        run.start(settings, {"network": network, "margin": 0.1, "kept_epoch": kept_epoch})
        for seed, best in ((0, 12.5), (1, 40.25)):
            folder = run.seed_directory(network, seed)
            folder.mkdir(parents=True)
            (folder / "network.keras").write_bytes(b"")
            result = {"monitor": MONITORS[task], "figure": best, "seed": seed, "seconds": 1.0}
            (folder / "result.json").write_text(json.dumps(result))
    return run


@pytest.mark.parametrize("network", ["embedding", "similarity"])
@pytest.mark.parametrize("task", ["retrieval", "localization"])
def test_card(tmp_path, task, network):
    run = finished_run(tmp_path / "runs" / "mine", task)
    card = model_card(run, network, 1, "0123abcd")
    assert card.startswith("# mine\n")
    purpose = {"retrieval": "image-text matching", "localization": "phrase localization"}[task]
    assert f"two-branch {network} network for {purpose}" in card
    assert f"Figures: {MONITORS[task].removeprefix('val_')} 40.2 on the validation" in card
    assert "by which the epoch and the seed (1) were\nchosen" in card
    assert "Network SHA-256: 0123abcd" in card
    assert ("dot product" in card) == (network == "embedding")
    assert ("logit of the probability" in card) == (network == "similarity")
    for package in ("tensorflow", "keras", "tensorflow-text", "keras-hub"):
        assert re.search(rf"\b{package} \d+\.\d+", card)
    (settings,) = re.findall(r"```json\n(.*)\n```", card, re.DOTALL)
    assert json.loads(settings) == run.settings
    assert str(tmp_path) not in card


def test_card_of_a_last_epoch(tmp_path):
    run = finished_run(tmp_path / "runs" / "mine", "retrieval", kept_epoch="last")
    card = model_card(run, "embedding", 1, "0123abcd")
    assert "on the validation split, by which the seed (1) was\nchosen" in card


def test_licences_of_what_went_into_it(tmp_path):
    openmoji = model_card(finished_run(tmp_path / "a", "retrieval"), "embedding", 0, "0")
    scenes = model_card(finished_run(tmp_path / "b", "localization"), "embedding", 0, "0")
    for card in (openmoji, scenes):
        for part in ("CC BY-SA 4.0", "EfficientNet-Lite", "all-MiniLM-L6-v2", "Apache-2.0"):
            assert card.count(f"{part}") >= 1
    assert "not photographs" in scenes
    assert "not photographs" not in openmoji


def test_no_licence_is_claimed_for_what_others_brought(tmp_path):
    others = {"dataset": "table", "image_encoder": "keras.applications/ResNet50"}
    run = finished_run(tmp_path, "retrieval", text_encoder="keras_hub/bert", **others)
    card = model_card(run, "embedding", 0, "0")
    assert "- Data set: `table`, under its own licence." in card
    assert "- Image encoder: `keras.applications/ResNet50`, under its own licence." in card
    assert "- Text encoder: `keras_hub/bert`, under its own licence." in card
    assert "OpenMoji" not in card
    assert "MiniLM" not in card


@pytest.mark.parametrize(
    ("text_encoder", "word_vectors", "said", "not_said"),
    [
        ("tfidf", "minilm", ["tfidf, fitted on the data set"], ["MiniLM", "Word vectors"]),
        ("hglmm", "minilm", ["hglmm, fitted on", "Word vectors: sentence-transformers/"], []),
        ("hglmm", "glove.txt", ["Word vectors: `glove.txt`, under its own"], ["MiniLM"]),
        ("lstm", "random", ["lstm, trained with the network"], ["MiniLM", "Word vectors"]),
    ],
)
def test_fitted_text_encoders(tmp_path, text_encoder, word_vectors, said, not_said):
    settings = {"text_encoder": text_encoder, "word_vectors": word_vectors}
    run = finished_run(tmp_path, "retrieval", **settings)
    card = model_card(run, "embedding", 0, "0")
    for part in said:
        assert part in card
    for part in not_said:
        assert part not in card


@pytest.mark.parametrize(
    ("image_encoder", "text_encoder"), [(None, None), (None, "minilm"), ("resnet152", None)]
)
def test_a_run_on_features_of_another_origin(tmp_path, image_encoder, text_encoder):
    settings = {"image_encoder": image_encoder, "text_encoder": text_encoder}
    run = finished_run(tmp_path, "retrieval", **settings, dataset="arrays")
    card = model_card(run, "similarity", 0, "0")
    for what, encoder in (("Image", image_encoder), ("Text", text_encoder)):
        said = f"- {what} encoder: none; the features are of another origin" in card
        assert said == (encoder is None)


def test_a_network_in_closed_form(tmp_path):
    run = finished_run(tmp_path, "retrieval", networks=("cca",))
    card = model_card(run, "cca", 0, "0")
    assert "linear network (canonical correlation analysis, in closed form) for image" in card
    assert "dot product" in card
    assert "by which its settings" in card


def test_the_published_recipe_is_named(tmp_path):
    run = finished_run(tmp_path, "retrieval", published="flickr30k_vgg_hglmm")
    card = model_card(run, "embedding", 0, "0")
    assert "Settings: the recipe `flickr30k_vgg_hglmm`, after Wang" in card
    assert "HGLMM on 300-d word2vec" in card


def test_what_else_the_model_holds(tmp_path):
    run = finished_run(tmp_path, "retrieval")
    plain = model_card(run, "embedding", 0, "0")
    card = model_card(run, "embedding", 0, "0", "It finds 3 pictures.\nMatrices are small.")
    assert "dot product.\nIt finds 3 pictures.\nMatrices are small.\n\nFigures" in card
    assert card.replace("It finds 3 pictures.\nMatrices are small.\n", "") == plain


def test_the_card_names_no_folder(tmp_path):
    teachers = ["/home/anna/private/large", "/home/anna/private/small"]
    run = finished_run(tmp_path / "mine", "retrieval", teacher=teachers)
    card = model_card(run, "embedding", 1, "0123abcd")
    assert "private" not in card
    assert '"large"' in card
