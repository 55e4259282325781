"""A random pair of encoders from training to an export that other processes ask.

The first is a fresh process of Python without Keras, the second a program in C.
"""

import functools

import numpy as np
import pytest

from tb_keras.scripts.runs.run import Run
from tests.cases import slow_but
from tests.encoders.presets.random_presets import (
    FAMILIES,
    encoded,
    own_tokens,
    wide_and_high,
    write_preset,
)
from tests.scripts.drawn_table import write_table
from tests.scripts.running import run_forked
from tests.serving.exporting.asking import ask
from tests.serving.exporting.c_client.c_program import asked, compiled

pytestmark = pytest.mark.xdist_group("exports")

TEXTS = [
    "a red ring",
    "",
    "The CAFÉ, 2023!",
    "word " * 400,
    "🐕 犬",
    "x\x00<|endoftext|> y",
    "a  b",
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A family → the requests, what must be answered, and the version that was written."""
    pytest.importorskip("keras_hub")

    @functools.cache
    def export_of(family):
        folder = tmp_path_factory.mktemp(family)
        backbone, preprocessor = write_preset(family, folder / "preset")
        write_table(folder)
        train = ["train", "--data=pairs.csv", "--run=runs/mine", "--encoders=keras_hub/preset"]
        small = ["--epochs=1", "--hidden_dim=16", "--embedding_dim=4"]
        for command in run_forked(folder, [[*train, *small], ["export", "--run=runs/mine"]]):
            assert (command.code, command.err) == (0, "")
        settings = (run := Run(folder / "runs" / "mine")).settings
        name = f"keras_hub/{folder / 'preset'}"
        assert settings["image_encoder"] == settings["text_encoder"] == name
        recipe = settings["recipes"]["embedding"]
        assert (recipe["start"], recipe["interpolate"]) == ("shared", True)
        network, pictures = run.network("embedding", 0), wide_and_high()
        requests = {
            "embed_image": {"image_bytes": np.array(encoded(pictures), object)},
            "embed_text": {"text": np.array([text.encode() for text in TEXTS], object)},
        }
        images = [preprocessor.image_converter(pixels.astype("float32")) for pixels in pictures]
        tokens = own_tokens(preprocessor, TEXTS)
        expected = {
            "embed_image": network.embed_images(backbone.get_vision_embeddings(np.stack(images))),
            "embed_text": network.embed_texts(backbone.get_text_embeddings(tokens)),
        }
        return requests, expected, folder / "savedmodels" / "mine" / "1"

    return export_of


@pytest.mark.parametrize("family", slow_but("clip", cases=FAMILIES))
def test_from_training_to_another_process(exported, family):
    requests, expected, version = exported(family)
    answers = ask(version, requests)
    for label, found in answers.items():
        np.testing.assert_allclose(found, expected[label.split("/")[0]], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_from_training_to_the_c_program(exported, family, tmp_path):
    requests, expected, version = exported(family)
    answers = asked(compiled(tmp_path), version, list(requests.items()), tmp_path / "asked")
    for name, answer in zip(requests, answers):
        assert (answer.code, answer.message) == (0, "")
        np.testing.assert_allclose(answer.outputs["embedding"], expected[name], atol=1e-5)
