"""Tests of how scripts end: what an interruption becomes, and what an error."""

import signal
import subprocess

import pytest

from tests.forks import environment, run_forked
from tests.scripts.running import INTERRUPTED, command_line, without_start_up

pytestmark = pytest.mark.xdist_group("forking")

CODES = {"SIGINT": 130, "SIGTERM": 143}

# Each way ends a program of its own.
WAYS = """
import gc, os, signal, sys, threading, time, warnings
import keras, numpy as np, tensorflow as tf
from tb_keras.scripts.run_main import run_main

def interrupted(number=signal.SIGINT):
    os.kill(os.getpid(), number)
    time.sleep(30)

def terminated():
    interrupted(signal.SIGTERM)

def suppressed():
    try:
        interrupted()
    except BaseException:
        time.sleep(30)

class Collected:
    def __del__(self):  # what is raised here is lost
        interrupted()

def collected():
    Collected()

def within_a_collection():
    gc.callbacks.append(lambda phase, info: interrupted())
    gc.collect()

def while_it_prints():
    class Slow:
        def __str__(self):
            interrupted()
    print("printed before", Slow())

def trained():
    def rows():
        while True:
            time.sleep(0.001)
            yield np.zeros(3, "float32"), np.zeros(1, "float32")
    signature = tf.TensorSpec(3), tf.TensorSpec(1)
    data = tf.data.Dataset.from_generator(rows, output_signature=signature).batch(2).prefetch(2)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    threading.Timer(0.7, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    model.fit(data, shuffle=False, verbose=0)

def ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run_main("tb-try", lambda arguments: os.kill(os.getpid(), signal.SIGINT))

def at_home():
    from absl import flags
    names = ("run", "index", "input", "minus", "store_url")
    given = [(flags.DEFINE_list if name == "input" else flags.DEFINE_string)(name, None, "")
             for name in names]
    os.environ["HOME"] = "/home/somebody"
    sys.argv += ["--run=~/mine", "--index", "~", "--input=~/a,b~,~/c", "--minus=~ 3 dogs ~/"]
    sys.argv += ["--store_url=s3://bucket/~/shop"]
    run_main("tb-try", lambda arguments: print(*[flag.value for flag in given], file=sys.stderr))

class Broken:
    def __del__(self):
        raise ValueError("broken as it was collected")

def broken():
    Broken()

def warned():
    warnings.warn("a picture is left out")

def wrong_input():
    raise ValueError("`k` must be positive")

def wrong_place():
    tf.io.gfile.makedirs("/proc/nowhere/shards")

def wrong_scheme():
    tf.io.gfile.glob("nowhere://bucket/x*")

def wrong_pickle():
    from tb_keras.encoders.image.torch_checkpoint import read_torch_checkpoint
    import pickle, zipfile
    with zipfile.ZipFile("module.pt", "w") as archive:
        archive.writestr("module/data.pkl", pickle.dumps(threading.Event, protocol=2))
    read_torch_checkpoint("module.pt")

def defect():
    raise RuntimeError("a defect")

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
sys.argv = ["tb-try"]
"""
INTERRUPTED_WAYS = "interrupted suppressed collected within_a_collection while_it_prints trained"
OTHER_WAYS = (
    "terminated ignored broken warned wrong_input wrong_place wrong_scheme wrong_pickle defect "
    "at_home"
)


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """The way → the exit code, and what was said."""
    folder = tmp_path_factory.mktemp("ways")
    ways = [*INTERRUPTED_WAYS.split(), *OTHER_WAYS.split()]
    for way in ways:
        end = (
            f"{way}()"
            if way in ("ignored", "at_home")
            else f'run_main("tb-try", lambda arguments: {way}())'
        )
        (folder / f"{way}.py").write_text(f"{WAYS}\n{end}\n")
    done = run_forked(folder, [(folder, "program", f"{way}.py") for way in ways])
    return {way: (task.code, without_start_up(task.err)) for way, task in zip(ways, done)}


@pytest.mark.parametrize("way", INTERRUPTED_WAYS.split())
def test_an_interruption_ends_it_wherever_it_comes(ended, way):
    assert ended[way] == (130, INTERRUPTED)


def test_a_termination_ends_it(ended):
    assert ended["terminated"] == (143, INTERRUPTED)


def test_a_signal_that_is_ignored_stays_ignored(ended):
    assert ended["ignored"] == (0, "")


def test_what_is_lost_in_the_garbage_collector_is_told(ended):
    code, said = ended["broken"]
    assert code == 0
    assert said.endswith("ValueError: broken as it was collected\n")


def test_a_warning_is_told_in_a_line(ended):
    assert ended["warned"] == (0, "tb-try: a picture is left out\n")


def test_the_home_folder_is_the_same_in_all_flags(ended):
    """A shell leaves it as it is behind an equals sign."""
    home = "/home/somebody"
    said = f"{home}/mine {home} ['{home}/a', 'b~', '{home}/c'] ~ 3 dogs ~/ s3://bucket/~/shop\n"
    assert ended["at_home"] == (0, said)


def test_wrong_input_is_told_in_a_line(ended):
    assert ended["wrong_input"] == (1, "tb-try: `k` must be positive\n")


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("wrong_place", "/proc/nowhere"),
        ("wrong_scheme", "File system scheme 'nowhere' not implemented"),
        (
            "wrong_pickle",
            "state dict of plain tensors has no use for it. Received: path='module.pt'",
        ),
    ],
)
def test_other_libraries_words_for_wrong_input_are_told_in_a_line(ended, way, expected):
    code, said = ended[way]
    assert (code, said.count("\n"), expected in said) == (1, 1, True), said


def test_a_defect_shows_where_it_is(ended):
    code, said = ended["defect"]
    assert code == 2  # the exception comes through; Python itself would make it 1
    assert "Traceback" in said
    assert said.endswith("RuntimeError: a defect\n")


# Goes before a console script, which is then interrupted as it imports a module.
INTERRUPTING = """
import os, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Interrupting())
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        pytest.param("tensorflow", "SIGINT", marks=pytest.mark.slow),
        ("tensorflow.python.framework.ops", "SIGINT"),
        pytest.param("tb_keras.networks", "SIGTERM", marks=pytest.mark.slow),
    ],
)
def test_an_interruption_while_tensorflow_is_imported(tmp_path, module, name):
    command = command_line("promote", "--model=m")
    number = int(signal.Signals[name])
    command[2] = INTERRUPTING.format(module=module, number=number) + command[2]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True
    )
    assert (done.returncode, without_start_up(done.stderr)) == (CODES[name], INTERRUPTED)
