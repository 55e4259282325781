"""Saved networks of each kind load in a process that imports the package and nothing else.

Those in `golden/` were saved once: from here on, a file of before must load and answer as it did.
"""

import json
import pathlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import tb_keras
from tests.networks.golden.make_golden import FOLDER, answers, features, networks, scramble

KINDS = {
    "cca": ("EmbeddingNetwork", "LinearStart"),
    "embedding": ("EmbeddingNetwork", "NoneType"),
    "kernel_start": ("EmbeddingNetwork", "KernelStart"),
    "linear_start": ("EmbeddingNetwork", "LinearStart"),
    "similarity": ("SimilarityNetwork", "NoneType"),
    "similarity_kernel_start": ("SimilarityNetwork", "KernelStart"),
    "similarity_text_encoder": ("SimilarityNetwork", "NoneType"),
    "text_encoder": ("EmbeddingNetwork", "NoneType"),
}
FRESH_PROCESS = """
    import json, sys
    import numpy as np
    import tb_keras  # nothing else of the package, and no custom_objects
    import keras

    target, kept, *files = sys.argv[1:]
    features, found, told = dict(np.load(kept)), {}, {}
    for file in files:
        network = keras.saving.load_model(file)
        texts = features["texts" if network.text_encoder is None else "words"]
        answers = {
            "images": network.embed_images(features["images"]),
            "texts": network.embed_texts(texts),
            "scores": network.score(features["images"], texts),
        }
        for part in ("image_branch", "fusion"):  # as saved by themselves
            if file.startswith(target):
                model = keras.saving.load_model(file.replace(".keras", f".{part}.keras"))
                given = {"image": answers["images"], "text": answers["texts"]}
                given = features["images"] if part == "image_branch" else given
                answers[part] = model.predict_on_batch(given)
        answers |= {f"weight{i}": w.numpy() for i, w in enumerate(network.weights)}
        found |= {f"{file}/{name}": values for name, values in answers.items()}
        encoder = network.text_encoder
        told[file] = [
            type(network).__name__,
            type(network.image_start).__name__,
            encoder is None or network.text_branch.get_layer(encoder.name) is encoder,
            network.get_config(),
        ]
    np.savez(target + "/found.npz", **found)
    json.dump(told, open(target + "/told.json", "w"))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Networks of now, the folder where they are saved, and what a fresh process found of all."""
    folder, rng = tmp_path_factory.mktemp("saved"), np.random.default_rng(1)
    made = networks(rng)
    for name, network in made.items():
        scramble(network, rng)
        network.save(folder / f"{name}.keras")
        network.image_branch.save(folder / f"{name}.image_branch.keras")
        network.fusion.save(folder / f"{name}.fusion.keras")
    files = [str(place / f"{name}.keras") for place in (folder, FOLDER) for name in KINDS]
    np.savez(folder / "features.npz", **features(np.random.default_rng(0)))
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(FRESH_PROCESS),
            folder,
            folder / "features.npz",
            *files,
        ],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=pathlib.Path(tb_keras.__file__).parents[1],
    )
    assert process.returncode == 0, process.stderr[-3000:]
    told = json.loads((folder / "told.json").read_text())
    return made, folder, told, np.load(folder / "found.npz")


def test_there_is_a_golden_file_of_each_kind(loaded):
    assert {file.stem for file in FOLDER.glob("*.keras")} == set(KINDS) == set(loaded[0])
    assert all(file.stat().st_size < 60_000 for file in FOLDER.iterdir() if file.is_file())


@pytest.mark.parametrize("name", KINDS)
def test_a_golden_network_answers_as_it_did(loaded, name):
    _, _, told, found = loaded
    file, kept = FOLDER / f"{name}.keras", np.load(FOLDER / "answers.npz")
    assert tuple(told[str(file)][:2]) == KINDS[name]
    assert told[str(file)][2]
    for part in ("images", "texts", "scores"):
        expected = kept[f"{name}/{part}"]
        assert np.ptp(expected) > 0.01, part  # else there is nothing to compare
        np.testing.assert_allclose(found[f"{file}/{part}"], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_a_network_of_now_is_the_same_there(loaded, name):
    made, folder, told, found = loaded
    network, file = made[name], folder / f"{name}.keras"
    *kind, shares_the_encoder, config = told[str(file)]
    assert tuple(kind) == KINDS[name]
    assert shares_the_encoder
    assert config == json.loads(json.dumps(network.get_config()))
    for index, weight in enumerate(network.weights):
        np.testing.assert_array_equal(found[f"{file}/weight{index}"], weight.numpy())
    asked = features(np.random.default_rng(0))
    expected = answers(network, **asked)
    expected["image_branch"], expected["fusion"] = expected["images"], expected["scores"]
    for part, wanted in expected.items():
        np.testing.assert_allclose(found[f"{file}/{part}"], wanted, rtol=1e-5, atol=1e-6)
