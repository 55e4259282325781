"""Tests of the accuracy beside the peers: corpora, methods, tuning, what is kept, the tables."""

import dataclasses
import json
import math

import numpy as np
import pytest

from benchmarks.peers.accuracy.best_epoch import BestEpoch
from benchmarks.peers.accuracy.corpora import (
    near_equal_groups,
    prepare_corpora,
    read_fluent_emoji,
    split_of_pictures,
)
from benchmarks.peers.accuracy.jobs import Job, run_jobs
from benchmarks.peers.accuracy.methods import DEFAULT, FROM_RANDOM, METHODS, PEERS
from benchmarks.peers.accuracy.table import behind, better_than, mean_and_deviation
from benchmarks.peers.accuracy.training import trained
from benchmarks.peers.accuracy.tuning import chosen_settings
from benchmarks.peers.parts import accuracy
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.training.recipes.named_recipes import RECIPES
from tb_keras.training.recipes.recipe import Recipe
from tests.benchmarks.table_cells import unpadded

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def latent(tmp_path_factory):
    directory = tmp_path_factory.mktemp("corpora")
    prepare_corpora(["latent"], directory)
    return directory / "latent"


def test_groups_are_never_divided_and_shares_are_kept():
    groups = np.random.default_rng(1).integers(0, 400, 1000)
    splits = split_of_pictures(groups)
    for group in np.unique(groups):
        assert len(set(splits[groups == group])) == 1
    shares = [np.mean(splits == split) for split in SPLITS]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.01)
    assert np.array_equal(splits, split_of_pictures(groups))
    assert not np.array_equal(splits, split_of_pictures(groups, seed=1))


def test_near_equal_pictures_and_those_of_one_text_are_a_group():
    angles = np.radians([0, 10, 20, 90, 180])
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1) * [[1], [5], [1], [2], [1]]
    apart = Matches.of(np.arange(5))
    # 0 and 20 degrees are joined by what lies between them.
    groups = near_equal_groups(features, math.cos(math.radians(11)), apart)
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups)) == 3
    sharing = Matches([(0, 0), (4, 0), (1, 1)], 5, 2)
    groups = near_equal_groups(features, math.cos(math.radians(1)), sharing)
    assert groups[0] == groups[4]
    assert len(set(groups)) == 4


def test_fluent_emoji_is_read_with_equal_texts_as_one_and_split(tmp_path):
    rng = np.random.default_rng(0)
    images, texts = rng.standard_normal((40, 8)), rng.standard_normal((80, 5))
    texts[7] = texts[60]  # pictures 3 and 30
    file = tmp_path / "fluent.npz"
    image_of = np.repeat(np.arange(40), 2)
    np.savez(file, lite0=images.astype("f2"), minilm=texts.astype("f2"), text_to_image=image_of)
    corpus = read_fluent_emoji(file)
    assert (corpus.num_images, corpus.num_texts) == (40, 79)
    assert corpus.image_features.dtype == corpus.text_features.dtype == np.float32
    shared = np.flatnonzero(corpus.matches.images_per_text() == 2)
    assert sorted(corpus.matches.images_of(shared[0])) == [3, 30]
    np.testing.assert_array_equal(corpus.text_features[shared[0]], texts[7].astype("f2"))
    sizes = prepare_corpora(["fluent_emoji"], tmp_path / "corpora", file)["fluent_emoji"]
    assert sum(images for images, _ in sizes.values()) == 40
    assert sum(texts for _, texts in sizes.values()) == 79  # no text is in two splits
    assert prepare_corpora(["fluent_emoji"], tmp_path / "none") == {}


def test_a_directory_of_splits_is_a_corpus_and_others_are_refused(latent, tmp_path):
    sizes = prepare_corpora([str(latent)], tmp_path)
    assert set(sizes[str(latent)]) == set(SPLITS)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match=r"`names` must be of .*latent.*'imagenet'"):
        prepare_corpora(["imagenet"], tmp_path)


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].tuned])
def test_trials_draw_settings_that_are_valid(name):
    first = METHODS[name].settings(0, epochs=3)
    default = RECIPES["retrieval", "embedding"][METHODS[name].recipe]
    for setting in ("learning_rate", "hidden_dim", "embedding_dim", "dropout", "noise"):
        assert first["recipe"][setting] == getattr(default, setting)
    drawn = [METHODS[name].settings(trial, epochs=3) for trial in range(1, 30)]
    assert drawn == json.loads(json.dumps(drawn))
    assert len({json.dumps(settings) for settings in drawn}) == 29
    assert drawn[4] == METHODS[name].settings(5, epochs=3)
    for settings in drawn:
        recipe = Recipe(**settings["recipe"])
        assert recipe.epochs in (2, 3)
        assert recipe.loss == first["recipe"]["loss"]
        assert 0.0 <= recipe.noise <= 1.0
        assert settings["trained_by"] == first["trained_by"]
    # Shared settings are drawn alike for all methods.
    other = METHODS["this package: tuned"].settings(5, epochs=3)["recipe"]
    for setting in ("learning_rate", "hidden_dim", "embedding_dim", "dropout", "noise"):
        assert drawn[4]["recipe"][setting] == other[setting]


def test_the_package_s_rows_are_its_recipes():
    recipes = RECIPES["retrieval", "embedding"]
    for name, recipe in ((DEFAULT, "small"), ("this package: released settings", "paper")):
        settings = METHODS[name].settings()["recipe"]
        assert Recipe(**settings) == recipes[recipe]


def test_the_best_trial_on_validation_is_chosen():
    methods = {name: METHODS[name] for name in (DEFAULT, "InfoNCE, tuned", "ridge regression")}
    seen = []

    def run(jobs):
        seen.extend(jobs)
        return [{"rsum": -abs(job.number - (2 if job.corpus == "a" else 1))} for job in jobs]

    chosen = chosen_settings(methods, {"a": 7, "b": 8}, 4, 30.0, run)
    assert {job.held_out for job in seen} == {"validation"}
    assert {job.method for job in seen} == {"InfoNCE, tuned"}
    assert len(seen) == 8
    assert chosen["a", "InfoNCE, tuned"].trial == 2
    assert chosen["b", "InfoNCE, tuned"] == (
        1,
        METHODS["InfoNCE, tuned"].settings(1, 8),
        [-1, 0, -1, -2],
    )
    assert chosen["b", DEFAULT] == (None, METHODS[DEFAULT].settings(0, 8), [])
    assert len(chosen) == 6


def job(number, method="ridge regression", seconds=30.0):
    settings = METHODS[method].settings(0, 1)
    return Job("latent", method, "validation", number, settings, number, seconds)


def test_jobs_are_named_kept_and_give_the_same_in_a_process_of_one_thread(latent, tmp_path, capsys):
    file, directories = tmp_path / "kept.jsonl", {"latent": latent}
    first = run_jobs([job(0)], file, directories, 0)
    assert capsys.readouterr().out.startswith("1/1 latent, ridge regression, trial 0 (")
    both = run_jobs([job(0), job(1)], file, directories, 1)
    assert capsys.readouterr().out.startswith("2/2 latent, ridge regression, trial 1 (")
    assert both[0] == first[0]
    assert len(file.read_text().splitlines()) == 2
    assert run_jobs([job(1), job(0)], file, directories, 0) == both[::-1]
    assert capsys.readouterr().out == ""
    alone = run_jobs([job(1)], tmp_path / "alone.jsonl", directories, 0)
    assert {**alone[0], "seconds": 0} == {**both[1], "seconds": 0}
    validation = Corpus.load(latent / "validation")
    assert first[0]["i2t_recall@1"] * validation.num_images % 100 == pytest.approx(0, abs=0.1)
    # A job with other settings is another, even of the same name.
    other = dataclasses.replace(job(0), settings={**job(0).settings, "trained_by": "cca"})
    assert job(0).key() != other.key()


def test_a_training_ends_with_its_seconds_or_its_epochs(latent):
    train, validation = (Corpus.load(latent / split) for split in ("train", "validation"))
    settings = METHODS["InfoNCE, tuned"].settings(1, epochs=3)
    settings["recipe"].update(hidden_dim=8, embedding_dim=4, images_per_batch=20, epochs=3)
    whole = trained(train, validation, settings, 0, 30.0)
    assert (whole.steps, whole.planned_steps) == (27, 27)  # 168 texts, 20 a batch: 9 steps
    assert whole.embed_images(validation.image_features).shape == (12, 4)
    ended = trained(train, validation, settings, 0, 0.0)
    assert ended.steps == 1
    assert ended.planned_steps == 27


def test_the_weights_of_the_best_epoch_are_kept():
    validation = Corpus(np.arange(4), image_features=np.eye(4), text_features=np.eye(4))
    weights = [0]
    embeddings = {0: np.eye(4)[::-1], 1: np.eye(4), 2: np.full((4, 4), np.nan), 3: np.ones((4, 4))}

    def embed_texts(features):
        return embeddings[weights[0]].astype("float32")

    best = BestEpoch(validation, lambda features: features, embed_texts, lambda: list(weights))
    assert best.best is None
    for weights[0] in (0, 1, 2, 3):
        best.look()
    assert best.best == [1]
    assert best.rsum == 600


def figures_of(*rsums, ended=False):
    rows = {"rsum": list(rsums), "seconds": [1.0] * len(rsums), "ended": [ended] * len(rsums)}
    return {**rows, "i2t_recall@1": [1.0] * len(rsums), "t2i_recall@1": [2.0] * len(rsums)}


def test_deviations():
    assert mean_and_deviation([1.0, 3.0]) == (2.0, pytest.approx(math.sqrt(2)))
    assert mean_and_deviation([1.0]) == (1.0, 0.0)
    assert behind([0.0, 2.0], [3.0, 5.0]) == pytest.approx(3 / math.sqrt(2))
    assert behind([0.0, 2.0], [3.0]) == pytest.approx(math.sqrt(2))
    assert behind([2.0], [1.0]) == -math.inf
    assert behind([2.0], [2.0]) == 0.0
    methods = {
        "own": {"figures": figures_of(100.0, 102.0)},
        "near": {"figures": figures_of(101.3, 103.3)},
        "far": {"figures": figures_of(103.0, 105.0)},
        "worse": {"figures": figures_of(9.0, 10.0)},
    }
    assert better_than(methods, "own", ["near", "far", "worse"]) == {"far": "104.0 against 101.0"}


def test_the_page_and_where_the_package_loses():
    ridge, tuned = "ridge regression", "this package: tuned"

    def table(default, other, linear):
        figures = {DEFAULT: default, tuned: other, ridge: linear}
        methods = {
            name: {
                "figures": f,
                "trial": None,
                "settings": {},
                "machines": ["a laptop" if name == ridge else "a server"],
                "beyond_default": (np.mean(f["rsum"]) - 101.0, None if name == ridge else 2.5),
            }
            for name, f in figures.items()
        }
        methods[tuned]["trial"] = 3
        return {"sizes": {"train": [5, 10], "test": [25, 50]}, "epochs": 2, "methods": methods}

    figures = {
        "seeds": 2,
        "trials": 4,
        "seconds": 60.0,
        "corpora": {
            "won": table(figures_of(100.0, 102.0), figures_of(120.0, 122.0), figures_of(99.0)),
            "lost": table(
                figures_of(100.0, 102.0), figures_of(90.0, ended=True), figures_of(110.0)
            ),
        },
        "absent_corpora": ["fluent_emoji"],
        "not_installed": {"CCA (scikit-learn)": ["sklearn"]},
    }
    page = unpadded(accuracy.section(figures))
    assert page.startswith("## Accuracy\n")
    assert "Not measured here: CCA (scikit-learn) (sklearn not installed)." in page
    assert "Not measured here: fluent_emoji" in page
    best = "**1.0 ± 0.0** | **2.0 ± 0.0** | **121.0 ± 1.4** | 1.0 ± 0.0 | +20.0 ± 2.5 | 3 |"
    assert f"| {tuned} | {best}" in page
    assert f"| {DEFAULT} | **1.0 ± 0.0** | **2.0 ± 0.0** | 101.0 ± 1.4 | 1.0 ± 0.0 | | |" in page
    assert f"| {ridge} | **1.0** | **2.0** | **110.0** | 1.0 | +9.0 | |" in page
    assert f"({tuned}): no, 14.1 deviations behind. The best is +20.0 ± 2.5 beyond" in page
    assert f"({ridge}): no, 6.4 deviations behind." in page
    assert f"Ended by the seconds, before their last epoch: {tuned}." in page
    assert page.endswith(f"Trained on another machine (a laptop), seconds too: {ridge}.\n")
    (lost,) = accuracy.losing(figures)
    assert lost.startswith("On lost,")
    assert "ridge regression (110.0 against 101.0)" in lost


def test_peers_are_held_against_the_package_from_the_weights_that_they_start_from():
    triplets, negatives = PEERS

    def losing(own, *rsums):
        names = (DEFAULT, FROM_RANDOM, triplets, negatives)
        rows = {name: {"figures": figures_of(*r)} for name, r in zip(names, (own, *rsums))}
        return accuracy.losing({"corpora": {"made up": {"methods": rows}}})

    best, worst, between = (200.0, 202.0), (100.0, 102.0), (150.0, 152.0)
    assert losing(best, between, worst, worst) == []
    (sentence,) = losing(best, worst, between, worst)
    assert sentence.startswith("On made up, this package from random weights is behind")
    assert f": {triplets} (151.0 against 101.0)." in sentence
    default, random = losing(worst, between, best, worst)
    assert default.startswith("On made up, the package's default is behind")
    assert f": {triplets} (201.0 against 101.0)." in default
    assert f": {triplets} (201.0 against 151.0)." in random


def test_the_part_runs_small_and_goes_on(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TB_KERAS_CORPORA", raising=False)
    file = tmp_path / "accuracy.json"
    figures = accuracy.measure(file, 1, **accuracy.SMALL)
    figures = json.loads(json.dumps(figures))
    table = figures["corpora"]["latent"]
    assert set(table["methods"]) | set(figures["not_installed"]) == set(accuracy.SMALL["methods"])
    assert DEFAULT in table["methods"]
    assert table["methods"][DEFAULT]["beyond_default"] == [0.0, 0.0]
    for row in table["methods"].values():
        difference, error = row["beyond_default"]
        own, default = (r["figures"]["rsum"][0] for r in (row, table["methods"][DEFAULT]))
        assert difference == pytest.approx(own - default)
        assert error < 150
        assert all(len(values) == 1 for values in row["figures"].values())
        assert 0 <= row["figures"]["rsum"][0] <= 600
    assert [path.name for path in tmp_path.iterdir()] == ["accuracy.jsonl"]
    page = unpadded(accuracy.section(figures))
    assert all(f"| {name} |" in page for name in table["methods"])
    assert isinstance(accuracy.losing(figures), list)
    capsys.readouterr()
    assert json.loads(json.dumps(accuracy.measure(file, 1, **accuracy.SMALL))) == figures
    assert "R@1" not in capsys.readouterr().out


def test_torch_methods_see_the_package_s_batches_and_rates(latent):
    pytest.importorskip("torch")
    from benchmarks.peers.pytorch.methods import labels_of, torch_trained
    from tb_keras.training.recipes.from_recipe import from_recipe

    train, validation = (Corpus.load(latent / split) for split in ("train", "validation"))
    recipe = Recipe(hidden_dim=8, embedding_dim=4, images_per_batch=20, epochs=2, dropout=0.0)
    seen = []

    def loss(images, texts, image_labels, text_labels):
        seen.append((image_labels.tolist(), text_labels.tolist()))
        return (images[:, 0].mean() - texts[:, 0].mean()).square()

    embed_images, _, _, steps, planned = torch_trained(
        train, validation, recipe, loss, None, 3, 30.0
    )
    assert steps == planned == len(seen) == 18
    assert embed_images(train.image_features).shape == (train.num_images, 4)
    image_labels, text_labels = labels_of(train)
    assert np.array_equal(text_labels, image_labels[np.repeat(np.arange(train.num_images), 2)])
    assert len(set(image_labels)) == train.num_images
    image_of = {tuple(row): label for row, label in zip(train.image_features, image_labels)}
    text_of = {tuple(row): label for row, label in zip(train.text_features, text_labels)}
    batches = from_recipe(train, recipe, 3).batches(0).as_numpy_iterator()
    for (images, texts), batch in zip(seen, batches):
        assert images == [image_of[tuple(row)] for row in batch["image"]]
        assert texts == [text_of[tuple(row)] for row in batch["text"]]


def test_the_losses_of_the_peers():
    torch = pytest.importorskip("torch")
    pytest.importorskip("pytorch_metric_learning")
    pytest.importorskip("sentence_transformers")
    from benchmarks.peers.pytorch.methods import multiple_negatives_loss, triplet_loss

    images = torch.eye(3)
    texts = torch.eye(3)[[0, 1, 1]]  # the last text lies at the wrong picture
    labels = torch.arange(3)
    softmax = torch.log_softmax(20 * images @ texts.T, dim=1).diag()
    own = multiple_negatives_loss()(images, texts, labels, labels)
    assert float(own) == pytest.approx(-float(softmax.mean()), rel=1e-5)
    back = torch.log_softmax(20 * texts @ images.T, dim=1).diag()
    both = multiple_negatives_loss(directions="both")(images, texts, labels, labels)
    assert float(both) == pytest.approx(-float((softmax + back).mean()) / 2, rel=1e-5)
    other = labels.clone()  # equal labels in one tensor would be taken for one set with itself
    for miner in ("multi_similarity", "semihard", "hard", "batch_hard"):
        right = triplet_loss(0.1, miner)(images, images.clone(), labels, other)
        assert float(right) == pytest.approx(0.0, abs=1e-6)
        wrong = float(triplet_loss(0.1, miner)(images, texts, labels, other))
        assert (wrong > 0) == (miner != "semihard")  # where no triplet is wrong by less than 0.1
