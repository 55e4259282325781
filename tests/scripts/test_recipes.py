"""Tests of the published recipes: what each of them sets, and two from raw files to figures."""

import json

import pytest

pytest.importorskip("keras_hub")
pytest.importorskip("sklearn")
pytest.importorskip("cv2")

from tb_keras.training.recipes.published_recipes import PUBLISHED_RECIPES
from tests.cases import slow_but
from tests.scripts.published_layouts import WRITERS
from tests.scripts.running import run_forked

pytestmark = pytest.mark.xdist_group("forking")

# The recipes' own image encoders download weights and take their time: the one that arrives with
# pip stands in, and networks are small.
ENCODER = "--image_encoder=efficientnet_lite0"
SMALL = ["--hidden_dim=16", "--embedding_dim=8", "--epochs=2"]
LOCALIZATION = [ENCODER, "--region_size=32", "--proposals_per_picture=20", "--joint_dims=8,4"]
# Both tasks and kinds of network, a text encoder that is fitted and one that is trained.
WHOLE = ("coco_resnet_attend", "flickr30k_entities_similarity")
# Ends a training when its settings are written.
SETTINGS_ALONE = """
from tb_keras.scripts.runs import run_text_encoder

def stop(*arguments):
    raise ValueError("not trained")

run_text_encoder.fitted_word_encoder = stop
"""


def train(name, *flags):
    data = f"--data={PUBLISHED_RECIPES[name].dataset}/data"
    return ["train", f"--recipe={name}", data, f"--run=runs/{name}", *flags]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    for dataset, write in WRITERS.items():
        write(folder / dataset / "data")
    return folder


@pytest.fixture(scope="module")
def ended(folder):
    """How each command of the whole ways ended."""
    coco, entities = WHOLE
    features = "coco/features"
    commands = {
        "extract": [
            *["extract", "--images=coco/data/val2014", f"--output={features}", ENCODER],
            "--crops=10",
        ],
        f"train {coco}": train(coco, f"--image_features={features}", *SMALL),
        f"train {entities}": train(entities, *LOCALIZATION, *SMALL),
        **{
            f"evaluate {name}": ["evaluate", f"--run=runs/{name}", "--baselines="] for name in WHOLE
        },
    }
    ended = dict(zip(commands, run_forked(folder, list(commands.values()))))
    for name, command in ended.items():
        assert command.code == 0, (name, command.err)
    return ended


@pytest.fixture(scope="module")
def started(folder):
    """How the trainings ended that were ended as soon as their settings were written."""
    commands = {name: train(name) for name in PUBLISHED_RECIPES if name not in WHOLE}
    return dict(zip(commands, run_forked(folder, list(commands.values()), SETTINGS_ALONE)))


@pytest.mark.parametrize(
    "name", slow_but(*(n for n in PUBLISHED_RECIPES if n not in WHOLE), cases=PUBLISHED_RECIPES)
)
def test_the_settings_are_the_published_ones(folder, request, name):
    published = PUBLISHED_RECIPES[name]
    if name in WHOLE:
        out = request.getfixturevalue("ended")[f"train {name}"].out
    else:
        started = request.getfixturevalue("started")
        assert (started[name].code, started[name].err) == (1, "tb-train: not trained\n")
        out = started[name].out
    assert published.source in out
    settings = json.loads((folder / "runs" / name / "settings.json").read_text())
    assert settings["published"] == name
    assert settings["dataset"] == published.dataset
    assert settings["text_encoder"] == published.text_encoder
    if name not in WHOLE:  # where another stands in
        assert settings["image_encoder"] == published.image_encoder
        if published.task == "retrieval":
            assert settings["crops"] == published.crops
    network = published.recipe.network
    assert list(settings["recipes"]) == [network]
    recipe = settings["recipes"][network]
    assert recipe["learning_rate"] == 1e-4
    assert recipe["text_neighborhood_weight"] == published.recipe.text_neighborhood_weight


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_from_raw_files_to_figures_beside_the_published(folder, ended, name):
    published = PUBLISHED_RECIPES[name]
    metrics = json.loads((folder / "runs" / name / "metrics.json").read_text())
    assert metrics["published"] == dict(published.published)
    assert set(published.published) <= set(metrics[published.recipe.network])
    out = ended[f"evaluate {name}"].out
    assert published.source in out
    (row,) = [line for line in out.splitlines() if line.startswith("| published")]
    for figure in published.published.values():
        assert f" {figure:.1f} " in row or figure in (74.8, 82.2)


@pytest.mark.slow
def test_coco_is_measured_in_folds(folder, ended):
    out = ended["evaluate coco_resnet_attend"].out
    assert "Mean of 5 folds of 1 images" in out
    whole, folds = out.split("Mean of 5 folds")
    assert "| published" not in whole
    assert "| published" in folds
    metrics = json.loads((folder / "runs" / "coco_resnet_attend" / "metrics.json").read_text())
    # A fold has one picture and its five captions: there is nothing to confuse them with.
    assert metrics["folds"]["embedding"]["rsum"] == 600
    assert metrics["embedding"]["rsum"] < 600


@pytest.mark.slow
def test_the_encoders_are_the_runs(folder, ended):
    settings = json.loads((folder / "runs" / "coco_resnet_attend" / "settings.json").read_text())
    # Of the extracted features, so that an export takes pictures.
    assert (settings["image_encoder"], settings["crops"]) == ("efficientnet_lite0", 10)
    for name in WHOLE:
        assert (folder / "runs" / name / "text_encoder.keras").is_file()
