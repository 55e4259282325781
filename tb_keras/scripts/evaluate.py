"""Measures the networks of a run on the held-out split, beside baselines on the same features.

    tb-evaluate --run=runs/openmoji --model=savedmodels/openmoji
    tb-evaluate --run=runs/scenes --model=savedmodels/scenes,savedmodels/scenes-similarity
    tb-evaluate --run=runs/photos --baselines=chance,regularized_cca
    tb-evaluate --run=runs/photos --rerank=runs/photos-similarity
    tb-evaluate --run=runs/photos --compare=runs/another

Prints a table and writes RUN/metrics.json. There, "embedding", "similarity" and "cca" hold the
figures of the exported model that --model names, or else of the best seed's network; "seeds" holds
the figures of every seed, and "baselines" those of the baselines. For retrieval, the first
network's figures stand at the top level as well: recalls are hit rates in percent, and rsum is
their sum. "embedding, then similarity" are the embedding network's first candidates ranked again by
the similarity network, and "embedding + similarity" by both scores; "reranked" says their weight,
which is chosen on the validation split. MSCOCO's test split is also measured in five folds, and
each of several languages alone. For localization, recall@k is the share of phrases with a region of
IoU >= 0.5 among the first k, and upper_bound is the share with such a region among all proposals.
± is the standard error of rsum or R@1 over the pictures asked for, by a bootstrap. "ranked" holds
mAP@R and nDCG@10, "compared" the difference from another run, paired over the pictures, and
"classified" the share of pictures whose class is told by its name.
"""

from __future__ import annotations

import json

from absl import flags

from tb_keras.encoders.presets.pair import share_a_space
from tb_keras.evaluation.classification import TEMPLATES
from tb_keras.scripts.own_data.readable_pictures import UNREADABLE
from tb_keras.scripts.pages.localization_page import write_localization_page
from tb_keras.scripts.pages.retrieval_page import write_retrieval_page
from tb_keras.scripts.process.idle_flags import refuse
from tb_keras.scripts.run_main import run_main
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_data import load_encoded, trains_blocks, warn_of_other_data
from tb_keras.scripts.runs.second_stage import fitted_second_stage, second_stage_run
from tb_keras.scripts.tables import localization_tables, retrieval_tables
from tb_keras.scripts.tables.classification_table import classification_table
from tb_keras.scripts.tables.comparison import compared_run, comparison_table
from tb_keras.storage.atomic_file import written_beside
from tb_keras.training.recipes.published_recipes import PUBLISHED_RECIPES

_RUN = flags.DEFINE_string("run", None, "Directory of the run that tb-train made.", required=True)
_MODEL = flags.DEFINE_list("model", [], "Directories of exported models to measure, too.")
_SPLIT = flags.DEFINE_string("split", "test", "Split to measure on.")
_BASELINES = flags.DEFINE_list(
    "baselines",
    None,
    f"Baselines to fit and measure, for retrieval of {', '.join(retrieval_tables.BASELINES)}, for "
    f"localization of {', '.join(localization_tables.BASELINES)}. By default all; none if empty. "
    "zero_shot, the cosine of the features themselves, is for encoders that share a space.",
)
_RERANK = flags.DEFINE_string(
    "rerank",
    None,
    "Directory of the run whose similarity network ranks the first candidates of the embedding "
    "network again; by default --run itself if it has both. No second stage if empty.",
)
_CANDIDATES = flags.DEFINE_integer(
    "candidates",
    100,
    "Retrieval: how many candidates of each query are ranked again.",
    lower_bound=1,
)
_COMPARE = flags.DEFINE_string(
    "compare",
    None,
    "Directory of another run on the same data, from which the difference is measured.",
)
_CLASSIFY = flags.DEFINE_string(
    "classify",
    None,
    "Retrieval: folder with a subfolder of pictures for each class, which are told by the names "
    "of the subfolders.",
)
_TEMPLATES = flags.DEFINE_multi_string(
    "template",
    list(TEMPLATES),
    "With --classify: sentence with {} for the name of a class; given several times, their mean.",
)
_HTML = flags.DEFINE_string(
    "html",
    None,
    "File to write a page to: for localization pictures with the predicted and true boxes, for "
    "retrieval the worst queries, what comes first too often, and the curves of the training.",
)

flags.declare_key_flag(UNREADABLE)  # so that --help shows it


def main(arguments: list[str]) -> None:
    """Runs the script."""
    if arguments:
        raise ValueError(f"tb-evaluate takes flags only. Received: {' '.join(arguments)}")
    if not _CLASSIFY.value:
        refuse((_TEMPLATES,), "--classify")
    run = Run(_RUN.value)
    settings = run.settings
    run.networks()  # an error where nothing is trained, before anything is encoded
    if settings["task"] == "localization":
        evaluate, known = localization_tables.evaluate_localization, localization_tables.BASELINES
    else:
        evaluate, known = retrieval_tables.evaluate_retrieval, retrieval_tables.BASELINES
    baselines = known if _BASELINES.value is None else list(filter(None, _BASELINES.value))
    if not set(baselines) <= set(known):
        raise ValueError(
            f"--baselines must be of {', '.join(known)}. "
            f"Received: --baselines={','.join(_BASELINES.value)}"
        )
    if not share_a_space(settings["image_encoder"], settings["text_encoder"]):
        if "zero_shot" in baselines and _BASELINES.value is not None:
            raise ValueError(
                "--baselines=zero_shot needs encoders that share a space (tb-train --encoders). "
                f"Received: {settings['image_encoder']} and {settings['text_encoder']}"
            )
        baselines = [name for name in baselines if name != "zero_shot"]
    if _CLASSIFY.value and settings["task"] != "retrieval":
        raise ValueError("--classify is for retrieval. Received: a run that localizes phrases")
    other = compared_run(run, _COMPARE.value) if _COMPARE.value else None
    second = None if _RERANK.value == "" else second_stage_run(run, _RERANK.value)
    warn_of_other_data(run)
    corpus = load_encoded(run, _SPLIT.value)
    of_baselines = stage = None
    untrained = bool(baselines) and trains_blocks(run)
    if second or (baselines and not untrained):
        validation = load_encoded(run, "validation")
    if untrained:
        of_baselines = (
            load_encoded(run, "train", untrained=True),
            load_encoded(run, "validation", untrained=True),
            load_encoded(run, _SPLIT.value, untrained=True),
        )
    elif baselines:
        of_baselines = load_encoded(run, "train"), validation, corpus
    if second:
        stage = fitted_second_stage(run, second, validation, _CANDIDATES.value)
    metrics, tables = evaluate(
        run, corpus, _SPLIT.value, baselines, of_baselines, _MODEL.value, stage
    )
    if _CLASSIFY.value:
        classified = classification_table(run, _MODEL.value, _CLASSIFY.value, _TEMPLATES.value)
        metrics["classified"], tables = classified.rows, [*tables, classified]
    if other:
        compared = comparison_table(run, other, corpus, _SPLIT.value)
        metrics["compared"], tables = compared.rows, [*tables, compared]
    print("", "\n\n".join(map(str, tables)), sep="\n")
    if settings["published"]:
        recipe = PUBLISHED_RECIPES[settings["published"]]
        print(f"\npublished: {recipe.source}. {recipe.note}")
    file = run.directory / "metrics.json"
    with written_beside(file) as beside:
        beside.write_text(json.dumps({**metrics, "split": _SPLIT.value}, indent=2) + "\n")
    print(f"\nWrote {file}")
    if _HTML.value:
        if settings["task"] == "localization":
            write_localization_page(_HTML.value, run, corpus)
        else:
            write_retrieval_page(_HTML.value, run, corpus, _SPLIT.value)
        print(f"Wrote {_HTML.value}")


if __name__ == "__main__":
    run_main("tb-evaluate", main)
