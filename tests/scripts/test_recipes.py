"""Tests of the published recipes, from raw files in the published layout to figures beside them."""

import json

import pytest

pytest.importorskip("keras_hub")
pytest.importorskip("sklearn")
pytest.importorskip("cv2")

from tb_keras.training.recipes.published_recipes import PUBLISHED_RECIPES
from tests.scripts.published_layouts import WRITERS
from tests.scripts.running import run_forked

# The recipes' own image encoders download weights and take their time: the one that arrives with
# pip stands in, and networks are small.
ENCODER = "--image_encoder=efficientnet_lite0"
SMALL = ["--hidden_dim=16", "--embedding_dim=8", "--epochs=2"]
LOCALIZATION = [ENCODER, "--region_size=32", "--proposals_per_picture=20", "--joint_dims=8,4"]
PICTURES = {"flickr30k": "flickr30k-images", "coco": "val2014"}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    for dataset, write in WRITERS.items():
        write(folder / dataset / "data")
    commands = {}
    for dataset, pictures in PICTURES.items():
        directory = f"{dataset}/data"
        commands[f"extract {dataset}"] = [
            *["extract", f"--images={directory}/{pictures}", f"--output={dataset}/features"],
            *[ENCODER, "--crops=10"],
        ]
    for name, published in PUBLISHED_RECIPES.items():
        features = [f"--image_features={published.dataset}/features"]
        commands[f"train {name}"] = [
            *[
                "train",
                f"--recipe={name}",
                f"--data={published.dataset}/data",
                f"--run=runs/{name}",
            ],
            *(features if published.task == "retrieval" else LOCALIZATION),
            *SMALL,
        ]
        commands[f"evaluate {name}"] = ["evaluate", f"--run=runs/{name}", "--nobaselines"]
    ended = dict(zip(commands, run_forked(folder, list(commands.values()))))
    for name, command in ended.items():
        assert command.code == 0, (name, command.err)
    return folder, ended


@pytest.mark.parametrize("name", PUBLISHED_RECIPES)
def test_from_raw_files_to_figures_beside_the_published(ended, name):
    folder, commands = ended
    published = PUBLISHED_RECIPES[name]
    settings = json.loads((folder / "runs" / name / "settings.json").read_text())
    assert settings["published"] == name
    assert settings["dataset"] == published.dataset
    assert settings["text_encoder"] == published.text_encoder
    network = published.recipe.network
    assert list(settings["recipes"]) == [network]
    recipe = settings["recipes"][network]
    assert recipe["learning_rate"] == 1e-4
    assert recipe["text_neighborhood_weight"] == published.recipe.text_neighborhood_weight

    metrics = json.loads((folder / "runs" / name / "metrics.json").read_text())
    assert metrics["published"] == dict(published.published)
    assert set(published.published) <= set(metrics[network])
    assert published.source in commands[f"train {name}"].out
    out = commands[f"evaluate {name}"].out
    assert published.source in out
    (row,) = [line for line in out.splitlines() if line.startswith("| published")]
    for figure in published.published.values():
        assert f" {figure:.1f} " in row or figure in (74.8, 82.2)


def test_coco_is_measured_in_folds(ended):
    folder, commands = ended
    out = commands["evaluate coco_vgg_hglmm"].out
    assert "Mean of 5 folds of 1 images" in out
    whole, folds = out.split("Mean of 5 folds")
    assert "| published" not in whole
    assert "| published" in folds
    metrics = json.loads((folder / "runs" / "coco_vgg_hglmm" / "metrics.json").read_text())
    # A fold has one picture and its five captions: there is nothing to confuse them with.
    assert metrics["folds"]["embedding"]["rsum"] == 600
    assert metrics["embedding"]["rsum"] < 600


@pytest.mark.parametrize("name", ["flickr30k_vgg_hglmm", "flickr30k_resnet_attend"])
def test_the_encoders_are_the_runs(ended, name):
    folder, _ = ended
    settings = json.loads((folder / "runs" / name / "settings.json").read_text())
    # Of the extracted features, so that an export takes pictures.
    assert (settings["image_encoder"], settings["crops"]) == ("efficientnet_lite0", 10)
    assert (folder / "runs" / name / "text_encoder.keras").is_file()
