"""Tests of the run directory: settings that bind, networks of each kind, the best seed."""

import json

import numpy as np
import pytest

from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.scripts.runs.run import Run
from tb_keras.training.recipes.recipe import Recipe

DATA = {"task": "localization", "data": None, "regions": {"size": 96, "spatial": True}}
EMBEDDING = {"network": "embedding", "margin": 0.1, "epochs": 3}
SIMILARITY = {"network": "similarity", "joint_dims": (8, 4), "epochs": 2}
BOTH = {"embedding": EMBEDDING, "similarity": {**SIMILARITY, "joint_dims": [8, 4]}}


def finished(run, network, seed, best):
    directory = run.seed_directory(network, seed)
    directory.mkdir(parents=True)
    if network == "embedding":
        built = EmbeddingNetwork(3, 2, hidden_dim=4, embedding_dim=2)
    else:
        built = SimilarityNetwork(3, 2, hidden_dim=4, embedding_dim=2, joint_dims=(3,))
    built.save(directory / "network.keras")
    record = {"monitor": "val_recall@1", "figure": best, "seed": seed, "seconds": 1.0}
    (directory / "result.json").write_text(json.dumps(record))
    return built


def unfinished(run, network, seed=0):
    """A training that was killed after its first epoch, as far as the settings are concerned."""
    directory = run.seed_directory(network, seed)
    directory.mkdir(parents=True)
    (directory / "network.keras").touch()


def test_settings_are_kept_and_the_same_ones_are_taken_again(tmp_path):
    run = Run(tmp_path / "runs" / "mine")
    run.start(DATA, EMBEDDING)
    settings = {**DATA, "recipes": {"embedding": EMBEDDING}}
    assert Run(tmp_path / "runs" / "mine").settings == settings
    finished(run, "embedding", 0, 50.0)
    run.start(json.loads(json.dumps(DATA)), dict(EMBEDDING))
    assert run.settings == settings
    assert run.seed_directory("embedding", 0) == tmp_path / "runs" / "mine" / "embedding" / "seed-0"
    assert sorted(path.name for path in run.directory.iterdir()) == ["embedding", "settings.json"]


@pytest.mark.parametrize(
    "trained", [[], ["embedding"], ["similarity"], ["embedding", "similarity"]]
)
@pytest.mark.parametrize("order", [1, -1])
def test_both_kinds_of_network_may_be_started_before_either_is_trained(tmp_path, trained, order):
    run = Run(tmp_path)
    for network in trained:
        unfinished(run, network)
    for recipe in [EMBEDDING, SIMILARITY][::order]:
        run.start(DATA, recipe)
    assert run.settings == {**DATA, "recipes": BOTH}


def test_another_kind_of_network_is_added_to_a_run(tmp_path):
    run = Run(tmp_path)
    run.start(DATA, EMBEDDING)
    finished(run, "embedding", 0, 50.0)
    run.start(DATA, SIMILARITY)
    assert run.settings == {**DATA, "recipes": BOTH}
    finished(run, "similarity", 0, 60.0)
    for recipe in (EMBEDDING, SIMILARITY):
        run.start(DATA, recipe)
    assert run.settings == {**DATA, "recipes": BOTH}


def test_another_recipe_is_refused_once_there_is_a_network_of_its_kind(tmp_path):
    run = Run(tmp_path)
    run.start(DATA, EMBEDDING)
    unfinished(run, "embedding")
    run.start(DATA, SIMILARITY)
    with pytest.raises(ValueError, match="was trained with other settings") as error:
        run.start(DATA, {**EMBEDDING, "margin": 0.2, "top_k": 5})
    for part in ("embedding.margin was 0.1, is 0.2", "embedding.top_k was 10, is 5"):
        assert part in str(error.value)
    assert "epochs" not in str(error.value)
    assert "similarity" not in str(error.value)
    assert run.settings == {**DATA, "recipes": BOTH}
    # Of the similarity network there is none yet.
    run.start(DATA, {**SIMILARITY, "epochs": 9})
    assert run.settings["recipes"] == {
        "embedding": EMBEDDING,
        "similarity": {**BOTH["similarity"], "epochs": 9},
    }


def test_a_run_of_another_version_must_be_trained_again(tmp_path):
    run = Run(tmp_path)
    run.start(DATA, EMBEDDING)
    file = tmp_path / "settings.json"
    settings = json.loads(file.read_text())
    for old in ({**settings, "format": 0}, {n: s for n, s in settings.items() if n != "format"}):
        file.write_text(json.dumps(old))
        with pytest.raises(ValueError, match=r"was made by another version .* train it again"):
            _ = run.settings
        with pytest.raises(ValueError, match=r"was made by another version .* train it again"):
            run.start(DATA, EMBEDDING)


def test_settings_that_a_network_has_no_use_for_do_not_bind(tmp_path):
    run = Run(tmp_path)
    run.start(DATA, Recipe(network="cca").settings())
    unfinished(run, "cca")
    run.start(DATA, Recipe(network="cca", epochs=9).settings())
    with pytest.raises(ValueError, match=r"\(cca.embedding_dim was 512, is 9\)"):
        run.start(DATA, Recipe(network="cca", embedding_dim=9).settings())


@pytest.mark.parametrize("recipe", [EMBEDDING, SIMILARITY])
def test_other_data_is_refused_for_each_kind_of_network(tmp_path, recipe):
    run = Run(tmp_path)
    run.start(DATA, EMBEDDING)
    unfinished(run, "embedding")
    changed = {
        **DATA,
        "data": "x.csv",
        "regions": {"size": 64, "spatial": True},
        "text_encoder": "minilm",
    }
    with pytest.raises(ValueError, match="was trained with other settings") as error:
        run.start(changed, recipe)
    found = str(error.value)
    assert "data was None, is 'x.csv'; regions.size was 96, is 64; text_encoder was None" in found
    for unchanged in ("task", "spatial", "margin", "joint_dims", "epochs"):
        assert unchanged not in found
    assert run.settings == {**DATA, "recipes": {"embedding": EMBEDDING}}


def test_settings_that_trained_nothing_do_not_bind(tmp_path):
    run = Run(tmp_path)
    run.start({**DATA, "data": "x.csv"}, {**EMBEDDING, "margin": -1})
    run.start(DATA, EMBEDDING)
    assert run.settings == {**DATA, "recipes": {"embedding": EMBEDDING}}


def test_results_by_seed_and_the_best_of_them(tmp_path):
    run = Run(tmp_path)
    for seed, best in ((10, 12.0), (2, 30.0), (0, 25.0)):
        network = finished(run, "embedding", seed, best)
    finished(run, "similarity", 10, 99.0)
    run.seed_directory("embedding", 7).mkdir()
    assert [result["seed"] for result in run.results("embedding")] == [0, 2, 10]
    assert [result["figure"] for result in run.results("embedding")] == [25.0, 30.0, 12.0]
    assert (run.best_seed("embedding"), run.best_seed("similarity")) == (2, 10)
    loaded, other = run.network("embedding", 0), run.network("embedding", 2)  # 0 was made last
    assert type(loaded) is EmbeddingNetwork
    assert type(run.network("similarity", 10)) is SimilarityNetwork
    last, same, first = (n.text_branch.get_layer("hidden").kernel for n in (network, loaded, other))
    assert np.array_equal(same, last)
    assert not np.array_equal(first, last)


def test_the_kinds_of_network_that_are_trained_to_the_end(tmp_path):
    run = Run(tmp_path)
    unfinished(run, "embedding")
    finished(run, "similarity", 1, 60.0)
    assert run.networks() == ["similarity"]
    finished(run, "embedding", 1, 50.0)
    assert run.networks() == ["embedding", "similarity"]
    assert run.results("embedding") == [
        {"monitor": "val_recall@1", "figure": 50.0, "seed": 1, "seconds": 1.0}
    ]


def test_the_name_is_the_directorys_own(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    assert Run(".").name == Run(tmp_path / "mine" / "").name == "mine"


def test_no_run_and_no_result(tmp_path):
    run = Run(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"must be a run of tb-train"):
        _ = run.settings
    with pytest.raises(FileNotFoundError, match="has no finished training"):
        run.networks()
    assert run.results("embedding") == []


def test_other_data_under_the_same_settings_is_refused(tmp_path):
    def data(images, pictures):
        split = {"images": images, "texts": 4, "digests": {"pictures": pictures}}
        return {**DATA, "trained_on": {"train": split, "validation": {**split, "images": 1}}}

    run = Run(tmp_path)
    run.start(data(2, "aa"), EMBEDDING)
    run.start(data(3, "bb"), EMBEDDING)  # nothing is trained yet
    unfinished(run, "embedding")
    run.start(data(3, "bb"), EMBEDDING)
    for recipe in (EMBEDDING, SIMILARITY):
        with pytest.raises(ValueError, match="was trained on other data") as error:
            run.start(data(4, "bb"), recipe)
        assert "(train had 3 images and 4 texts, has 4 images and 4 texts):" in str(error.value)
        assert f"--init_from={tmp_path}" in str(error.value)
    with pytest.raises(ValueError, match="train has other pictures; validation has other pictures"):
        run.start(data(3, "cc"), EMBEDDING)
    assert run.settings["trained_on"] == data(3, "bb")["trained_on"]


def test_a_setting_that_is_newer_than_the_run_has_its_first_value(tmp_path):
    run = Run(tmp_path)
    newer = Recipe(**EMBEDDING).settings()
    run.start(DATA, {name: value for name, value in newer.items() if name != "teacher_weight"})
    unfinished(run, "embedding")
    run.start({**DATA, "teacher": None}, newer)
    with pytest.raises(ValueError, match=r"\(embedding.teacher_weight was 1.0, is 2.0\)"):
        run.start(DATA, {**newer, "teacher_weight": 2.0})
