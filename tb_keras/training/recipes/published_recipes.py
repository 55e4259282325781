"""The settings of published results, each with the published figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tb_keras.training.recipes.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class PublishedRecipe:
    """The data, features and training of a published result, as far as they are known.

    Args:
        task: "retrieval" or "localization".
        dataset: a name that `tb_keras.datasets.load` takes.
        image_encoder: a name that `tb_keras.encoders.image_encoder` takes.
        text_encoder: a name that `tb_keras.encoders.text_encoder` or `fit_text_encoder` takes.
        recipe: settings of the network, the loss and the training.
        published: the figures, by the names of `tb_keras.evaluation`, in percent.
        source: the publication.
        note: what is uncertain, or differs here from the publication.
        crops: 1 or 10, over how many crops of each picture its features are averaged.
        dataset_options: options of the data set's reader.
    """

    task: str
    dataset: str
    image_encoder: str
    text_encoder: str
    recipe: Recipe
    published: Mapping[str, float]
    source: str
    note: str
    crops: int = 1
    dataset_options: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def data_settings(self) -> dict:
        """Returns the defaults of `tb-train`'s data flags with this recipe."""
        names = "task dataset image_encoder crops text_encoder"
        settings = {name: getattr(self, name) for name in names.split()}
        return {**settings, "dataset_options": dict(self.dataset_options)}


def _recalls(i2t: tuple[float | None, ...], t2i: tuple[float | None, ...]) -> dict[str, float]:
    """Returns the R@1, R@5 and R@10 of both directions that are known, those that are not None."""
    figures = {}
    for direction, recalls in (("i2t", i2t), ("t2i", t2i)):
        for k, recall in zip((1, 5, 10), recalls):
            if recall is not None:
                figures[f"{direction}_recall@{k}"] = recall
    return figures


_CVPR = "Wang, Li and Lazebnik, CVPR 2016 (arXiv 1511.06078)"
_TPAMI = "Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019 (arXiv 1704.03470)"
_PORT = (
    "the notes of the PyTorch port, github.com/BryanPlummer/two_branch_networks, after Burns, Tan, "
    "Saenko, Sclaroff and Plummer, ICCV 2019"
)
_VGG_HGLMM: dict[str, Any] = {
    "task": "retrieval",
    "image_encoder": "vgg19_fc7",
    "crops": 10,
    "text_encoder": "hglmm",
    "recipe": Recipe(),
}
_VGG_HGLMM_NOTE = (
    "Settings as in the authors' released code, which computes the decay of the learning rate but "
    "hands Adam its first value; here it is applied. HGLMM on 300-d word2vec (--word_vectors)"
)
_RESNET_ATTEND: dict[str, Any] = {
    "task": "retrieval",
    "image_encoder": "resnet152",
    "crops": 10,
    "text_encoder": "attended_words",
    "recipe": Recipe(text_neighborhood_weight=0.1),
    "source": _PORT,
    "note": "Word vectors there are MT GrOVLE, 300-d (--word_vectors). The port also doubles the "
    "learning rate of the text branch, decays weights by 0.001 and holds word vectors to their "
    "first values; its training ends when validation does not improve for 10 epochs. That its "
    "features are means over ten crops is uncertain.",
}
_SIMILARITY = Recipe(network="similarity", hidden_dim=1024, embedding_dim=1024)

PUBLISHED_RECIPES = {
    "flickr8k_vgg_hglmm": PublishedRecipe(
        **_VGG_HGLMM,
        dataset="flickr8k",
        published=_recalls((31.0, 59.3, 73.7), (21.3, 50.0, 64.8)),
        source="Klein, Lev, Sadeh and Wolf, CVPR 2015 (arXiv 1411.7399)",
        note="There the texts are Fisher vectors of two mixtures side by side, GMM and HGLMM, on "
        "300-d word2vec (--word_vectors), and the method is regularised canonical correlation "
        "analysis, which tb-evaluate prints as well. The embedding network's authors have no "
        "figures on Flickr8k; its settings are those of flickr30k_vgg_hglmm.",
    ),
    "flickr30k_vgg_hglmm": PublishedRecipe(
        **_VGG_HGLMM,
        dataset="flickr30k",
        published=_recalls((40.3, None, None), (29.7, None, None)),
        source=_CVPR,
        note=f"{_VGG_HGLMM_NOTE}. Which of the data set's splits was used is uncertain.",
    ),
    "coco_vgg_hglmm": PublishedRecipe(
        **_VGG_HGLMM,
        dataset="coco",
        published=_recalls((54.9, None, None), (43.3, None, None)),
        source=f"{_TPAMI}, on 1,000 test images",
        note=f"{_VGG_HGLMM_NOTE}. CVPR 2016 has a text-to-image R@5 of 75.2. Whether the 1,000 "
        "images are the first of the split or the mean over five folds is uncertain.",
    ),
    "flickr30k_resnet_attend": PublishedRecipe(
        **_RESNET_ATTEND,
        dataset="flickr30k",
        dataset_options={"splits": "entities"},
        published={**_recalls((61.7, 86.5, 93.2), (45.6, 76.2, 85.3)), "mean_recall": 74.8},
    ),
    "coco_resnet_attend": PublishedRecipe(
        **_RESNET_ATTEND,
        dataset="coco",
        published={**_recalls((68.7, 93.5, 97.4), (54.5, 85.6, 93.3)), "mean_recall": 82.2},
    ),
    "flickr30k_entities_embedding": PublishedRecipe(
        task="localization",
        dataset="flickr30k_entities",
        image_encoder="keras.applications/VGG19",
        text_encoder="hglmm",
        recipe=Recipe(),
        published={"recall@1": 51.03},
        source=_TPAMI,
        note="There regions are edge boxes (--proposals=edge_boxes) with features of Fast R-CNN "
        "(VGG), which has no weights for Keras; here they are crops through VGG-19, so that a "
        "lower figure is to be expected.",
    ),
    "flickr30k_entities_similarity": PublishedRecipe(
        task="localization",
        dataset="flickr30k_entities",
        image_encoder="keras.applications/VGG19",
        text_encoder="hglmm",
        recipe=_SIMILARITY,
        published={"recall@1": 51.05},
        source=_TPAMI,
        note="As flickr30k_entities_embedding. Sizes as in the released successor's code.",
    ),
    "referit_similarity": PublishedRecipe(
        task="localization",
        dataset="referit",
        image_encoder="keras.applications/VGG19",
        text_encoder="hglmm",
        recipe=_SIMILARITY,
        published={"recall@1": 34.54},
        source=_TPAMI,
        note="As flickr30k_entities_similarity.",
    ),
}
"""The recipes of published results, by name."""
