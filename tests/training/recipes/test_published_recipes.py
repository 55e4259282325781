"""Tests of the settings of published results and of what is claimed for them."""

import dataclasses
import inspect
import json

import pytest

from tb_keras import datasets
from tb_keras.evaluation.metrics_table import COLUMNS
from tb_keras.scripts.tables.published_row import published_row
from tb_keras.training.recipes.named_recipes import RECIPES
from tb_keras.training.recipes.published_recipes import PUBLISHED_RECIPES
from tb_keras.training.recipes.recipe import TASKS

NAMED = """flickr8k_vgg_hglmm flickr30k_vgg_hglmm coco_vgg_hglmm flickr30k_resnet_attend
coco_resnet_attend flickr30k_entities_embedding flickr30k_entities_similarity
referit_similarity""".split()


def test_the_recipes_are_those_named():
    assert sorted(PUBLISHED_RECIPES) == sorted(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_a_recipe_says_what_can_be_run(name):
    published = PUBLISHED_RECIPES[name]
    assert published.task in TASKS
    assert published.crops in (1, 10)
    assert name.startswith(published.dataset)
    reader = getattr(datasets, f"load_{published.dataset}")
    assert set(published.dataset_options) <= set(inspect.signature(reader).parameters)
    assert json.loads(json.dumps(published.data_settings())) == published.data_settings()


@pytest.mark.parametrize("name", NAMED)
def test_the_networks_are_the_papers(name):
    published = PUBLISHED_RECIPES[name]
    paper = RECIPES[published.task, published.recipe.network]["paper"]
    changed = {
        field.name
        for field in dataclasses.fields(paper)
        if getattr(paper, field.name) != getattr(published.recipe, field.name)
    }
    assert changed == ({"text_neighborhood_weight"} if "attend" in name else set())


@pytest.mark.parametrize("name", NAMED)
def test_a_figure_has_a_column_a_source_and_a_note(name):
    published = PUBLISHED_RECIPES[name]
    assert published.published
    assert set(published.published) - {"mean_recall"} <= set(COLUMNS[published.task])
    assert all(0 < figure < 100 for figure in published.published.values())
    assert "20" in published.source
    assert published.note.endswith(".")
    assert published_row({"published": name}) == {"published": published.published}


def test_the_figures_of_the_port_agree_with_their_mean():
    for name in ("flickr30k_resnet_attend", "coco_resnet_attend"):
        figures = dict(PUBLISHED_RECIPES[name].published)
        mean = figures.pop("mean_recall")
        assert len(figures) == 6
        assert abs(sum(figures.values()) / 6 - mean) < 0.06


def test_other_runs_have_no_published_row():
    assert published_row({"published": None}) == {}
