"""A few damaged files for every reader; `python -m tests.fuzzing` tries many more."""

import pytest

from tests.fuzzing.damage import damaged
from tests.fuzzing.inputs import Inputs
from tests.fuzzing.readers import READERS

EACH = 8


def test_damaged_files_are_read_or_refused(tmp_path, monkeypatch):
    for package in ("PIL", "h5py", "scipy", "pyarrow"):
        pytest.importorskip(package)
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    inputs = Inputs(tmp_path)
    failures = [failure for seed in range(EACH * len(READERS)) if (failure := inputs.run(seed))]
    assert failures == []
    outcomes = {outcome for _, outcome in inputs.counts}
    assert outcomes == {"read", "refused"}
    assert {name for name, _ in inputs.counts} == set(READERS)


def test_a_seed_names_its_damage():
    import numpy as np

    content = b'{"image": "a.png", "text": "a dog"}'
    made = {
        damaged(content, name, np.random.default_rng(seed))
        for name in ("a.json", "a.txt")
        for seed in (1, 2, 3, 3)
    }
    assert len(made) == 6
    assert content not in made


def test_long_errors_and_others_are_failures(tmp_path, monkeypatch):
    def raising(error):
        def write(folder):
            (folder / "a.txt").write_text("1")
            asked = iter([None])

            def read(folder):
                if next(asked, error) is not None:
                    raise error

            return read

        return write

    monkeypatch.delenv("TB_KERAS_CACHE", raising=False)
    errors = {"long": ValueError("x" * 500), "other": KeyError("x"), "short": OSError("x" * 499)}
    for name, error in errors.items():
        monkeypatch.setitem(READERS, name, raising(error))
    found = {name: Inputs(tmp_path, name).run(3) for name in errors}
    assert found["short"] is None
    assert found["long"].error.startswith("ValueError of 500 characters: xxx")
    assert found["other"][:2] == (3, "other")
    assert "KeyError" in found["other"].error
