"""Tests of the export with an encoder of pictures alone, or of texts alone, against both alone."""

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.networks import EmbeddingNetwork, LinearStart
from tb_keras.serving import ExportedModel, ExportedNetwork, export
from tb_keras.serving.exported.saved_model import open_saved_model
from tests.serving.exporting.asking import described
from tests.serving.small_models import TEXT_DIM, network
from tests.serving.small_models import text_encoder as bytes_encoder

STRINGS = [b"a picture", b"another", b""]
INPUT = {"image": "image_bytes", "text": "text"}


@pytest.mark.slow
@pytest.mark.parametrize(("view", "kind"), [("image", "embedding"), ("text", "similarity")])
def test_one_encoder(tmp_path, view, kind):
    dims = {"image": 5, "text": 5, view: TEXT_DIM}
    made = network(dims["image"], dims["text"], kind)
    encoder = bytes_encoder()  # what a picture's bytes mean is of no account here
    version = export(made, tmp_path, **{f"{view}_encoder": encoder})
    found = described(version)
    pair = {f"{v}_features": ([-1, dims[v]], "float32") for v in ("image", "text")}
    of_features = {"embed_image_features", "embed_text_features", "score_embeddings"}
    assert set(found) == of_features | {f"embed_{view}", "similarity", "serving_default"}
    assert found["similarity"][0] == found["serving_default"][0] == pair
    assert found[f"embed_{view}"][0] == {INPUT[view]: ([-1], "string")}
    embed = made.embed_images if view == "image" else made.embed_texts
    features = encoder(tf.constant(STRINGS)).numpy()
    model = open_saved_model(version)
    answer = model.signatures[f"embed_{view}"](**{INPUT[view]: tf.constant(STRINGS)})
    np.testing.assert_allclose(answer["embedding"].numpy(), embed(features), atol=1e-5)
    assert not ExportedNetwork(version).takes_raw
    with pytest.raises(ValueError, match="must hold a model exported with its encoders"):
        ExportedModel(version)


@pytest.mark.slow
def test_a_network_of_linear_starts_alone_says_that_it_is_one(tmp_path):
    encoder, rng = bytes_encoder(), np.random.default_rng(0)
    starts = {
        f"{view}_start": LinearStart(
            np.zeros(TEXT_DIM), np.ones(TEXT_DIM), rng.normal(size=(TEXT_DIM, 4))
        )
        for view in ("image", "text")
    }
    made = EmbeddingNetwork(TEXT_DIM, TEXT_DIM, hidden_dim=0, **starts)
    version = export(made, tmp_path, encoder, encoder)
    exported = ExportedNetwork(version)
    assert exported.network == "cca"
    assert exported.takes_raw
    features = encoder(tf.constant(STRINGS)).numpy()
    found = exported.score_matrix(features, features)
    np.testing.assert_allclose(found, made.score_matrix(features, features), atol=1e-5)
