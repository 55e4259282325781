"""A newcomer's first ten minutes: twenty rows of a table to an answer."""

import csv
import re

import pytest
from PIL import Image

from tests.scripts.drawn_pictures import drawn
from tests.scripts.running import run_forked

pytest.importorskip("keras_hub")

COMMANDS = [
    ["train", "--data=pictures.csv", "--run=runs/mine"],
    ["search", "--run=runs/mine", "a pet", "--html=found.html"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "pictures").mkdir()
    with (folder / "pictures.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image_path", "text"])
        for number in range(10):
            pixels, objects = drawn(number)
            Image.fromarray(pixels).save(folder / "pictures" / f"{number}.jpg")
            for color, shape, _ in objects[:2]:
                table.writerow([f"pictures/{number}.jpg", f"a {color} {shape} in picture {number}"])
    return folder


def test_two_commands_from_raw_files_to_an_answer(folder):
    trained, found = run_forked(folder, COMMANDS)
    assert (trained.code, trained.err) == (0, "")
    assert "training pictures are few" in trained.out
    assert "Next: tb-search --run=runs/mine" in trained.out
    assert (found.code, found.err) == (0, "")
    answers = re.findall(r"^  (\d)\. +-?\d\.\d{3}  (pictures/\d\.jpg)$", found.out, re.MULTILINE)
    assert [rank for rank, _ in answers] == list("12345")
    assert len({picture for _, picture in answers}) == 5
    assert (folder / "found.html").is_file()


def test_a_similarity_network_is_not_said_to_search(folder):
    options = ["--data=pictures.csv", "--run=runs/similarity", "--network=similarity"]
    (trained,) = run_forked(folder, [["train", *options]])
    assert (trained.code, trained.err) == (0, "")
    assert "tb-search" not in trained.out
    assert "Next: tb-evaluate --run=runs/similarity" in trained.out
