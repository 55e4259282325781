"""Tests of the benchmarks: each runs small, keeps what it measured, and shows it as a table."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.choices.ablation import ablation_table, measured_in_turn
from benchmarks.pages import measured_on
from tests.benchmarks.table_cells import unpadded
from tests.forks import environment
from tests.scripts.drawn_pictures import drawn
from tests.scripts.running import run_forked

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = {
    "localization": ["--scenes=2"],
    "recipe": ["--pictures=24"],
    "text_encoders": ["--pictures=24"],
    "multi30k": ["--data=DATA", "--images_per_batch=4"],
}
COLUMNS = {"localization": 4, "recipe": 4, "text_encoders": 6, "multi30k": 6}
TABLES = {"recipe": 2}
SETTINGS = {"localization": 7, "recipe": 30, "text_encoders": 7, "multi30k": 4}


def test_the_table():
    measured = {
        "on, seed 0": {"recall@1": 50.0, "seconds": 1.0, "recall@5": 9.0},
        "on, seed 1": {"recall@1": 53.0, "seconds": 2.0, "recall@5": 9.0},
        "on, seed 2": {"recall@1": 56.04, "seconds": 3.0, "recall@5": 9.0},
        "off, seed 0": {"recall@1": 10.0, "seconds": 0.26, "recall@5": 9.0},
        "off, seed 1": {"recall@1": 10.0, "seconds": 0.26, "recall@5": 9.0},
        "off, seed 2": {"recall@1": 10.0, "seconds": 0.26, "recall@5": 9.0},
        "no longer asked for, seed 0": {},
    }
    settings = {"on": {"a": 1}, "off": {}}
    table = unpadded(ablation_table(measured, settings, 3, ("recall@1", "seconds")))
    assert re.sub("-+", "---", table) == (
        "| | recall@1 | seconds |\n"
        "|---|---|---|\n"
        "| on | 53.0 ± 3.0 | 2.0 ± 1.0 |\n"
        "| off | 10.0 ± 0.0 | 0.3 ± 0.0 |\n"
    )
    alone = unpadded(ablation_table(measured, settings, 1, {"recall@1": "R@1"}))
    assert "| on | 50.0 |" in alone
    assert alone.startswith("| | R@1 |")


def test_settings_are_measured_in_turn_and_kept_as_they_come(tmp_path, capsys):
    file, settings, calls = tmp_path / "kept" / "x.json", {"on": {"a": 1}, "off": {"a": 0}}, []

    def measure(changes, seed):
        calls.append((changes["a"], seed))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return {"figure": changes["a"] + seed / 3}

    with pytest.raises(KeyboardInterrupt):
        measured_in_turn(file, settings, 2, measure)
    assert json.loads(file.read_text()) == {
        "on, seed 0": {"figure": 1.0},
        "off, seed 0": {"figure": 0.0},
    }
    measured = measured_in_turn(file, settings, 2, measure)
    assert calls == [(1, 0), (0, 0), (1, 1), (1, 1), (0, 1)]
    assert measured == json.loads(file.read_text())
    assert measured["on, seed 1"] == {"figure": 1.333}
    assert list(measured) == ["on, seed 0", "off, seed 0", "on, seed 1", "off, seed 1"]
    capsys.readouterr()
    assert measured_in_turn(file, settings, 1, measure) == measured
    assert len(calls) == 5
    assert capsys.readouterr().out == ""


def test_the_machine_is_told():
    assert measured_on().endswith("; the seconds are those of a shared machine.")


@pytest.fixture(scope="module")
def multi30k(tmp_path_factory):
    """Twelve pictures in Multi30K's layout, each described five times in two languages."""
    directory = tmp_path_factory.mktemp("multi30k")
    for folder in ("image_splits", "raw"):
        (directory / "task2" / folder).mkdir(parents=True)
    for lists, stem, numbers in (("train", "train", range(8)), ("test_2016", "test_2016", (8, 9))):
        names = "".join(f"{number}.jpg\n" for number in numbers)
        (directory / "task2" / "image_splits" / f"{lists}_images.txt").write_text(names)
        for language, thing in (("en", "dog"), ("de", "Hund")):
            for place in range(1, 6):
                lines = "".join(f"{thing} {number} {place}\n" for number in numbers)
                file = directory / "task2" / "raw" / f"{stem}.{place}.{language}"
                file.write_text(lines)
    return directory


def run(script, directory, data):
    command = [sys.executable, "-m", f"benchmarks.choices.{script}", f"--directory={directory}"]
    command += ["--seeds=1", "--epochs=1", *SMALL[script]]
    command = [word.replace("DATA", str(data)) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_every_benchmark_is_tested():
    scripts = {file.stem for file in (BENCHMARKS / "choices").glob("*.py")}
    assert scripts == {*SMALL, "ablation", "trained_figures"}


@pytest.mark.parametrize("script", SMALL)
def test_a_benchmark_runs_small_and_measures_nothing_twice(script, tmp_path, multi30k):
    for package in ("resvg_py", "keras_hub", "cv2"):
        pytest.importorskip(package)
    out = run(script, tmp_path, multi30k)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{script}.json", f"{script}.md"]
    page, figures = (tmp_path / f"{script}{suffix}" for suffix in (".md", ".json"))
    page, figures = page.read_text(), figures.read_text()
    measured = json.loads(figures)
    assert len(measured) == SETTINGS[script]
    for key, row in measured.items():
        assert key.endswith(", seed 0")
        assert f"{key}: {row}" in out
        recalls = [value for name, value in row.items() if "recall@" in name]
        assert recalls
        assert all(0 <= value <= 100 for value in recalls)
    assert page in out
    assert f"python -m benchmarks.choices.{script}" in page
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert len(lines) == 2 * TABLES.get(script, 1) + SETTINGS[script]
    assert {line.count("|") for line in lines} == {COLUMNS[script] + 2}

    again = run(script, tmp_path, multi30k)
    assert "seed 0:" not in again
    assert (tmp_path / f"{script}.json").read_text() == figures
    assert (tmp_path / f"{script}.md").read_text() == page


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_of_a_small_corpus(tmp_path):
    sizes = ["--images=40", "--texts=120", "--image_dim=6", "--text_dim=5"]
    sizes += ["--images_per_batch=10", "--steps=2"]
    command = [sys.executable, "-m", "benchmarks.memory", f"--directory={tmp_path}", *sizes]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    phases = json.loads((tmp_path / "memory.json").read_text())
    assert any("first batch" in name for name in phases)
    assert "40 images" in (tmp_path / "memory.md").read_text()
    for phase in phases.values():
        assert 0 < phase["anonymous"] <= phase["resident"] < 8


def test_search_of_a_small_corpus(tmp_path):
    sizes = ["--rows=300", "--dim=8", "--queries=1,5", "--turns=2", "--memory_queries=0"]
    command = [sys.executable, "-m", "benchmarks.graph_search", f"--directory={tmp_path}"]
    done = subprocess.run([*command, *sizes], capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    measured = json.loads((tmp_path / "graph_search.json").read_text())
    assert len(measured) == 10
    for count in (1, 5):
        assert measured[f"{count} queries, bare product"]["ratio"] == 1
        assert measured[f"{count} queries, top_k, float32"]["found"] == 100
        assert measured[f"{count} queries, top_k, bfloat16"]["found"] >= 80
    page = (tmp_path / "graph_search.md").read_text()
    assert page in done.stdout
    assert "of 300 embeddings of 8" in page


def test_stores_of_a_small_index(tmp_path):
    pytest.importorskip("faiss")
    command = [sys.executable, "-m", "benchmarks.stores", f"--directory={tmp_path}", "--dim=16"]
    command += [
        "--sizes=300,11000",
        "--added=10",
        "--queries=5",
        "--stores=exact int8,faiss float32",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    measured = json.loads((tmp_path / "stores.json").read_text())
    names = ("300, exact int8", "300, faiss float32", "11,000, exact int8", "11,000, faiss float32")
    assert list(measured) == [f"{name}, seed 0" for name in names]
    for row in measured.values():
        assert row["recall"] >= 90
        assert min(row.values()) >= 0
    page = (tmp_path / "stores.md").read_text()
    assert page in done.stdout
    assert page.count("| 11,000") == 2


def test_batches_from_shards(tmp_path):
    pytest.importorskip("pyarrow")
    command = [sys.executable, "-m", "benchmarks.shards", f"--directory={tmp_path}", "--turns=1"]
    command += ["--images=300", "--dims=8,4", "--images_per_batch=20", "--batches=4"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads((tmp_path / "shards.json").read_text())
    kinds = ["memory maps", "shards (TFRecord)", "Parquet, row groups"]
    assert list(figures)[:3] == kinds  # and ArrayRecord where it is installed
    assert all(row["a batch, ms"] > 0 for row in figures.values())
    assert (tmp_path / "shards.md").read_text() in done.stdout


def test_a_plan_for_many_pictures(tmp_path):
    pytest.importorskip("sqlglot")
    command = [
        sys.executable,
        "-m",
        "benchmarks.plan",
        f"--directory={tmp_path}",
        "--picture_ms=36",
    ]
    command += ["--shard=300", "--queries=5", "--dim=16"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    tiers = json.loads((tmp_path / "plan.json").read_text())["tiers"]
    assert tiers["simulated, 1 shards"]["p50"] <= tiers["simulated, 32 shards"]["p50"]
    page = (tmp_path / "plan.md").read_text()
    assert page in done.stdout
    hours = [line.split("|")[2].strip() for line in page.splitlines() if line.startswith("|")]
    assert hours[2:5] == ["10.0", "100.0", "1000.0"]  # 36 ms of a million pictures are ten hours


def test_latency_of_a_signature_beside_its_encoder(tmp_path):
    sizes = ["--batches=1,3", "--seconds=0.1", "--picture=64", f"--directory={tmp_path}"]
    command = [sys.executable, "-m", "benchmarks.serving.latency", *sizes]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    measured = json.loads((tmp_path / "latency.json").read_text())
    signatures = ("embed_image", "embed_text")
    assert list(measured) == [f"{name}, {batch}" for name in signatures for batch in (1, 3)]
    for row in measured.values():
        low, high = row["range"]
        assert low <= row["export_adds"] <= high
        assert row["encoder"] > 0 < row["with_head"]
    assert (tmp_path / "latency.md").read_text() in done.stdout


@pytest.fixture(scope="module")
def folder_with_run(tmp_path_factory):
    """A folder with a run of two seeds, on a few drawings."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "pictures").mkdir()
    with (folder / "pictures.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image_path", "text"])
        for number in range(12):
            pixels, objects = drawn(number)
            Image.fromarray(pixels).save(folder / "pictures" / f"{number}.jpg")
            for color, shape, _ in objects:
                table.writerow([f"pictures/{number}.jpg", f"a {color} {shape} in picture {number}"])
    train = [
        "--data=pictures.csv",
        "--run=runs/mine",
        "--seeds=0,1",
        "--epochs=1",
        "--start=random",
    ]
    (trained,) = run_forked(folder, [["train", *train]])
    assert trained.code == 0, trained.err
    return folder


def test_a_page_under_questions(folder_with_run):
    pytest.importorskip("fastapi")
    pytest.importorskip("sqlglot")
    command = [sys.executable, "-m", "benchmarks.serving.page", "--run=runs/mine", "--directory=."]
    command += ["--pictures=60", "--queries=6", "--clients=2", "--seconds=2", "--stores=exact"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder_with_run,
        env=environment(folder_with_run),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one, two, changing = json.loads((folder_with_run / "page.json").read_text()).values()
    assert 0 < one["p50"] <= one["p95"] <= one["p99"]
    assert two["per second"] > 0
    assert min(changing["requests"], changing["added"], changing["deleted"]) > 0
    assert (changing["failed"], changing["gone and answered"]) == (0, 0)
    assert (folder_with_run / "page.md").read_text() in done.stdout


def test_a_server_under_load(folder_with_run):
    sizes = ["--batches=1,2", "--seconds=2", "--clients=2", "--directory=."]
    command = [sys.executable, "-m", "benchmarks.serving.load", "--run=runs/mine", *sizes]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder_with_run,
        env=environment(folder_with_run),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = json.loads((folder_with_run / "load.json").read_text()).values()
    for row in (first, second):
        assert (row["wrong"], row["calls"]) == (0, row["first_version"] + row["second_version"])
        assert row["p50"] <= row["p99"]
    assert first["first_version"] > 0
    assert second["first_version"] == 0 < second["second_version"]
    assert (folder_with_run / "load.md").read_text() in done.stdout


def test_replicas_beside_one_device(tmp_path):
    flags = ["--kinds=sigmoid", "--setups=2,2 processes", f"--directory={tmp_path}"]
    command = [sys.executable, "-m", "benchmarks.replicas", *flags]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "replicas.json").read_text())
    assert list(found) == ["2", "2 processes"]
    for setup in found.values():
        assert list(setup) == ["sigmoid"]
        assert 0 < setup["sigmoid"]["gradient"] < 1e-5
    page = (tmp_path / "replicas.md").read_text()
    assert page in done.stdout
    assert "| loss, 2 CPUs " in page
    assert "| embeddings, 2 processes " in page


def test_layouts_are_read_in_fresh_processes(tmp_path):
    # A thousand pictures are in a folder, and folders of classes need two.
    command = [sys.executable, "-m", "benchmarks.layouts", "--rows=5005", f"--directory={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "layouts.json").read_text())
    assert len(figures) == 10
    assert {figure["images"] for figure in figures.values()} == {1001}
    assert sorted({figure["texts"] for figure in figures.values()}) == [2, 5005]
    assert (tmp_path / "layouts.md").read_text().count("\n|") == 12
