"""`import tb_keras` is enough to load whatever Keras model the package saves."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import tb_keras

REGISTERED = """
import json, keras, tb_keras
print(json.dumps(sorted(name for name in keras.saving.get_custom_objects())))
"""


def test_importing_the_package_registers_every_class():
    """Each decorated class or function of the package, in a process that imports nothing else."""
    done = subprocess.run(
        [sys.executable, "-c", REGISTERED], capture_output=True, text=True, check=True
    )
    registered = set(json.loads(done.stdout.splitlines()[-1]))
    decorated = set()
    for file in Path(tb_keras.__file__).parent.rglob("*.py"):
        lines = file.read_text(encoding="utf-8").splitlines()
        for line, following in itertools.pairwise(lines):
            if line.startswith("@keras.saving.register_keras_serializable"):
                name = following.split("(")[0].split(":")[0].split()[1]
                decorated.add(f"tb_keras>{name}")
    assert len(decorated) > 10
    assert decorated <= registered
