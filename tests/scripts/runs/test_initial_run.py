"""Tests of what a run takes over from the run that it begins with."""

import json
import subprocess
import sys

import pytest

from tests.forks import environment

KEPT = {"region_features": "pooled", "size": 96, "spatial": False, "context": True}
PROGRAM = f"""
import json, sys
from absl import flags
from tb_keras.scripts.data_flags import data_settings
flags.FLAGS(["test", "--data=boxes.csv", *sys.argv[1:]])
print(json.dumps(data_settings({{"task": "localization", "regions": {KEPT}}})["regions"]))
"""


@pytest.mark.parametrize(
    ("given", "changed"),
    [([], {}), (["--region_size=64", "--nocontext"], {"size": 64, "context": False})],
)
def test_the_regions_go_on_but_for_flags_that_are_given(given, changed, tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, *given],
        capture_output=True,
        env=environment(tmp_path),
        check=True,
    )
    assert json.loads(found.stdout) == {**KEPT, **changed}
