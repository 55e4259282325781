"""Tests of command lines that need no trained network: help, and what cannot be done."""

import re

import pytest

from tests.scripts.drawn_table import write_damaged_table, write_table
from tests.scripts.running import check, run_forked

pytest.importorskip("keras_hub")

pytestmark = pytest.mark.xdist_group("forking")

MODEL = "--model=savedmodels/mine"

# What is typed → exit code, and what one line on standard error must hold, or standard output.
TYPED = {
    "no model to promote": (["promote"], (1, "--model must have a value.*--help")),
    "two models to promote": (["promote", MODEL, "mine"], (1, "takes flags only. Received: mine")),
    "to prune, but not what": (
        ["cache", "prune"],
        (1, "prune needs either --all, or --older"),
    ),
    "no word about the cache": (["cache"], (1, "say tb-cache info or tb-cache prune")),
    "help of cache": (["cache", "--help"], (0, "--older_than: ")),
    "help of train": (["train", "--help"], (0, "--data: ")),
    "help of evaluate": (["evaluate", "--help"], (0, "--baselines: ")),
    "help of export": (["export", "--help"], (0, "--directory: ")),
    "help of promote": (["promote", "--help"], (0, "--model: ")),
    "help of search": (["search", "--help"], (0, "--dataset: ")),
    "help of localize": (["localize", "--help"], (0, "--edge_model: ")),
    "an unknown flag": (["train", "--sedes=1"], (1, "tb-train: Unknown .*'sedes'.*--help")),
    "no run": (["train", "--data=pairs.csv"], (1, "tb-train: .*--run must have a value.*--help")),
    "a flag of another type": (["train", "--run=r", "--epochs=few"], (1, "--epochs=few.*--help")),
    "no data set": (["train", "--run=runs/other"], (1, "--dataset=openmoji.*--data=")),
    "a table without a file": (
        ["train", "--run=runs/other", "--dataset=table"],
        (1, "--dataset=openmoji.*--data="),
    ),
    "an unknown data set": (
        ["train", "--run=runs/other", "--dataset=imagenet"],
        (1, "one of openmoji, .*table.*imagenet"),
    ),
    "a missing table": (["train", "--run=runs/other", "--data=none.csv"], (1, "none.csv")),
    "seeds that are none": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--seeds=0,x"],
        (1, "--seeds must be non-negative ints.*0,x"),
    ),
    "an unknown network": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--network=embedding,graph"],
        (1, "--network must be of embedding, similarity, cca.*--network=embedding,graph"),
    ),
    "no network": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--network="],
        (1, "--network must be of embedding, similarity"),
    ),
    "an unknown task": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--task=captions"],
        (1, "--task=captions.*retrieval.localization"),
    ),
    "a table has no boxes": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--task=localization"],
        (1, "pairs.csv: `boxes` needs .*'x_min'"),
    ),
    "crops of regions": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--task=localization", "--crops=10"],
        (1, "--crops is for --task=retrieval. Received: --task=localization"),
    ),
    "proposals of whole pictures": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--proposals_per_picture=9"],
        (1, "--proposals_per_picture is for --task=localization. Received: --task=retrieval"),
    ),
    "cca with words that are trained": (
        [
            *["train", "--data=pairs.csv", "--run=runs/other", "--network=embedding,cca"],
            "--text_encoder=attended_words",
        ],
        (1, "--network=cca is fitted in closed form.*an encoder that is trained"),
    ),
    "a mistyped text encoder": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--text_encoder=mini"],
        (1, "--text_encoder must be one of minilm.*tfidf.*Received: mini"),
    ),
    "a pair of encoders and one more": (
        [
            *["train", "--data=pairs.csv", "--run=runs/other", "--encoders=keras_hub/clip"],
            "--text_encoder=minilm",
        ],
        (1, "--text_encoder must be left out with --encoders.*Received: --text_encoder=minilm"),
    ),
    "a pair that is none": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--encoders=minilm"],
        (1, "--encoders must be keras_hub/PRESET. Received: --encoders=minilm"),
    ),
    "a setting out of range": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--epochs=0"],
        (1, "`epochs` must be a positive int. Received: epochs=0"),
    ),
    "a dataset option that is none": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--dataset_options=language"],
        (1, "--dataset_options must be NAME=VALUE.*Received: language"),
    ),
    "an unknown dataset option": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--dataset_options=colour=red"],
        (1, "The options of the data set 'table' are .*'colour'"),
    ),
    "an unknown recipe": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--recipe=best"],
        (1, "--recipe=best.*flickr30k_vgg_hglmm"),
    ),
    "a recipe without its data": (
        ["train", "--recipe=flickr30k_vgg_hglmm", "--run=runs/other"],
        (1, "'flickr30k' needs a `directory`"),
    ),
    "features that are not there": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--image_features=none"],
        (1, "`directory` must hold features.npy.*'/.*/none'"),
    ),
    "word vectors that are not there": (
        [
            *["train", "--data=pairs.csv", "--run=runs/other", "--text_encoder=mean_words"],
            "--word_vectors=none.txt",
        ],
        (1, "--word_vectors: there is no file 'none.txt'"),
    ),
    "an unknown encoder": (
        ["train", "--data=pairs.csv", "--run=runs/other", "--image_encoder=eye"],
        (1, "`name` must be .*efficientnet_lite0.*'eye'"),
    ),
    "a damaged picture in the table": (
        ["train", "--data=damaged.csv", "--run=runs/other"],
        (1, "tb-train: 'damaged/x.png' cannot be read: "),
    ),
    "no such run": (["export", "--run=runs/none"], (1, "'runs/none' must be a run of tb-train")),
    "no such run to evaluate": (["evaluate", "--run=runs/none"], (1, "must be a run of tb-train")),
    "no such model": (
        ["search", "--model=none", "--data=pairs.csv", "a dog"],
        (1, "must hold an exported model .*'none'"),
    ),
    "a search by nothing": (["search", "a dog"], (1, "name either --run, --model or --index")),
    "a data set beside an index": (
        ["search", "--index=kept", "--data=pairs.csv", "a dog"],
        (1, "--data goes with --run or --model"),
    ),
    "a folder beside an index": (
        ["search", "--index=kept", "--images=photos", "a dog"],
        (1, "--images goes with --run or --model"),
    ),
    "a split beside a folder": (
        ["search", MODEL, "--images=photos", "--split=test", "a dog"],
        (1, "--split goes with a data set, not with --images"),
    ),
    "candidates for nothing": (
        ["search", "--index=kept", "--candidates=9", "a dog"],
        (1, "--candidates goes with --rerank"),
    ),
    "a template for no classes": (
        ["evaluate", "--run=runs/none", "--template=a {}"],
        (1, "--template goes with --classify"),
    ),
    "shards and the pictures' flags": (
        ["extract", "--shards=s", "--data=pairs.csv", "--size=64"],
        (1, "--size goes with --images"),
    ),
    "too few answers": (["search", MODEL, "--k=0", "a dog"], (1, "--k=0.*--help")),
    "columns of nothing": (
        ["train", "--data=pairs.csv", "--columns=picture=image", "--run=runs/other"],
        (1, "--columns must be WHAT=COLUMN, separated by commas, where WHAT is one of"),
    ),
    "columns of drawings": (
        ["train", "--dataset=openmoji", "--columns=image=a", "--run=runs/other"],
        (1, "--columns is for a table. Received: --dataset=openmoji"),
    ),
    "no run to begin with": (
        ["train", "--data=pairs.csv", "--init_from=runs/none", "--run=runs/other"],
        (1, "'runs/none' must be a run of tb-train"),
    ),
    "a port that nobody reaches": (["serve", "--index=none", "--port=0"], (1, "--port=0.*--help")),
    "no phrase to localize": (
        ["localize", MODEL, "pictures/red_disc.png"],
        (1, "name a picture and at least one phrase"),
    ),
    "no picture to localize in": (
        ["localize", MODEL],
        (1, "name a picture and at least one phrase"),
    ),
    "too few boxes": (
        ["localize", MODEL, "--k=0", "pictures/red_disc.png", "a disc"],
        (1, "--k=0.*--help"),
    ),
    "no such model to localize with": (
        ["localize", "--model=none", "pictures/red_disc.png", "a disc"],
        (1, "must hold an exported model .*'none'"),
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("command_lines")
    write_table(folder)
    write_damaged_table(folder)
    return folder


@pytest.fixture(scope="module")
def typed(folder):
    ended = run_forked(folder, [command for command, _ in TYPED.values()])
    return dict(zip(TYPED, ended, strict=True))


@pytest.mark.parametrize("name", TYPED)
def test_typed(typed, name):
    check(typed[name], *TYPED[name][1])


def test_errors_leave_no_network(typed, folder):
    assert not list((folder / "runs" / "other").glob("*/seed-*/*"))


@pytest.mark.parametrize(
    "script", ["cache", "train", "evaluate", "export", "promote", "search", "localize"]
)
def test_help_is_worth_reading(typed, script):
    out = typed[f"help of {script}"].out
    assert f"    tb-{script} " in out  # an example
    flags = re.findall(r"^  --(?:\[no\])?(\w+):(.*)", out, re.MULTILINE)
    assert len(flags) >= (1 if script == "promote" else 2)
    if script == "train":
        names = {"task", "dataset", "data", "image_encoder", "proposals", "run", "seeds"}
        assert names | {"network", "margin", "joint_dims"} <= {name for name, _ in flags}
        assert re.search(r"--margin: [^-]*\b0\.05\s+\(paper\)", out)
