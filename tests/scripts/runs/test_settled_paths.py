"""Tests of the paths in a run's settings, which mean the same from wherever one stands."""

import json

from tb_keras.scripts.runs.settled_paths import seen_from_here, settle_encoder, settle_paths


def test_paths_are_absolute_and_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "glove.txt").touch()
    (tmp_path / "preset").mkdir()
    (tmp_path / "minilm.keras").touch()
    settings = {
        "task": "localization",
        "dataset": "table",
        "data": "../pairs.csv",
        "image_features": "~/features",
        "image_encoder": "keras_hub/preset",
        "text_encoder": "minilm.keras",
        "word_vectors": "glove.txt",
        "proposals": {"method": "edge_boxes", "edge_model": "model.yml", "limit": 3},
    }
    assert settle_paths(settings) == {
        **settings,
        "data": str(tmp_path.parent / "pairs.csv"),
        "image_features": str(tmp_path / "home" / "features"),
        "image_encoder": f"keras_hub/{tmp_path}/preset",
        "text_encoder": str(tmp_path / "minilm.keras"),
        "word_vectors": str(tmp_path / "glove.txt"),
        "proposals": {**settings["proposals"], "edge_model": str(tmp_path / "model.yml")},
    }
    assert settle_paths(settle_paths(settings)) == settle_paths(settings)
    json.dumps(settle_paths(settings))
    named = {"data": None, "text_encoder": None, "image_encoder": "keras.applications/VGG16"}
    named |= {"word_vectors": "random", "image_features": None, "crops": 1}
    assert settle_paths(named) == named
    for name in ("keras_hub/bert_tiny_en_uncased", "minilm", "vgg19_fc7"):
        assert settle_encoder(name) == name


def test_addresses_stay_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given, settled in (("gs://a/b", "gs://a/b"), ("a/b", str(tmp_path / "a" / "b"))):
        assert settle_paths({"train_shards": given}) == {"train_shards": settled}


def test_a_path_as_a_user_would_type_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert seen_from_here(str(tmp_path / "a" / "b.png")) == "a/b.png"
    for path in (f"{tmp_path}b/c.png", "a/b.png", str(tmp_path)):
        assert seen_from_here(path) == path
