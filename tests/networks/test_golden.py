"""Networks of each kind that were saved once load in a process that imports the package alone.

From here on, a file of before must load and answer as it did.
"""

import json
import pathlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import tb_keras
from tests.cases import slow_but

FOLDER = pathlib.Path(__file__).parent / "golden"
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

    folder, target, *names = sys.argv[1:]
    kept, found, kinds = dict(np.load(folder + "/answers.npz")), {}, {}
    for name in names:
        network = keras.saving.load_model(f"{folder}/{name}.keras")
        texts = kept["texts" if network.text_encoder is None else "words"]
        found[name + "/images"] = network.embed_images(kept["images"])
        found[name + "/texts"] = network.embed_texts(texts)
        found[name + "/scores"] = network.score(kept["images"], texts)
        kinds[name] = [type(network).__name__, type(network.image_start).__name__]
    np.savez(target, **found)
    print(json.dumps(kinds))
"""


@pytest.mark.parametrize("process", slow_but("this", cases=["this", "fresh"]))
def test_networks_saved_before_answer_as_they_did(tmp_path, monkeypatch, capsys, process):
    code, target = textwrap.dedent(FRESH_PROCESS), tmp_path / "found.npz"
    arguments = ["-c", str(FOLDER), str(target), *KINDS]
    if process == "this":
        monkeypatch.setattr(sys, "argv", arguments)
        exec(code, {})
        printed = capsys.readouterr().out
    else:
        arguments.insert(1, code)
        root = pathlib.Path(tb_keras.__file__).parents[1]
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, timeout=300, cwd=root
        )
        assert done.returncode == 0, done.stderr[-3000:]
        printed = done.stdout
    kinds = json.loads(printed.splitlines()[-1])
    assert {name: tuple(kind) for name, kind in kinds.items()} == KINDS
    found, kept = np.load(target), np.load(FOLDER / "answers.npz")
    assert {name for name in kept.files if "/" in name} == set(found.files)
    for name in found.files:
        assert np.ptp(kept[name]) > 0.01, name  # else there is nothing to compare
        np.testing.assert_allclose(found[name], kept[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_there_is_a_small_file_of_each_kind():
    files = {file.stem: file.stat().st_size for file in FOLDER.glob("*.keras")}
    assert set(files) == set(KINDS)
    assert max(files.values()) < 60_000
