"""A page, in one file, of pictures with the predicted and the true boxes of phrases."""

from __future__ import annotations

import base64
import html
import io
import os

import numpy as np

from tb_keras.corpus import boxes
from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import draw_boxes
from tb_keras.scripts.runs.run import Run
from tb_keras.storage.atomic_file import written_beside

_PICTURES, _PHRASES = 16, 4  # shown, and of each picture
_COLORS = {"true": "#118833", "embedding": "#1144dd", "similarity": "#dd5500"}
_WIDTHS = {"true": 9, "embedding": 6, "similarity": 3}  # so that equal boxes can be told apart
_SIZE = 400  # pixels
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Phrase localization</title>
<style>
body {{ font: 16px/1.4 sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }}
section {{ display: flex; flex-wrap: wrap; gap: 1rem; margin: 2rem 0 }}
figure {{ margin: 0; width: 17rem }}
img {{ display: block; width: 100% }}
small {{ display: block }}
</style>
<h1>Phrase localization</h1>
<p>{legend}. IoU with the true box behind each network's name; 0.5 and more counts as found.</p>
{sections}
</html>
"""


def write_localization_page(path: str | os.PathLike, run: Run, corpus: Corpus) -> None:
    """Writes the page, with the first pictures of a split and the best seeds' predictions.

    Args:
        path: file of the page.
        run: with at least one network trained.
        corpus: of proposals and phrases, with features.
    """
    found = {
        network: best_regions(run.network(network, run.best_seed(network)), corpus)
        for network in run.networks()
    }
    grounding = corpus.grounding
    sections = []
    for picture in np.unique(grounding.phrase_pictures)[:_PICTURES]:
        phrases = np.flatnonzero(grounding.phrase_pictures == picture)[:_PHRASES]
        figures = [_figure(corpus, phrase, found) for phrase in phrases]
        sections.append(f"<section>{''.join(figures)}</section>")
    names = {"true": "true box", **{network: f"{network} network" for network in found}}
    legend = ", ".join(f'<b style="color:{_COLORS[k]}">{name}</b>' for k, name in names.items())
    with written_beside(path) as beside:
        page = _PAGE.format(legend=legend, sections="\n".join(sections))
        beside.write_text(page, encoding="utf-8")


def best_regions(network, corpus: Corpus) -> np.ndarray:
    """Returns for each phrase the region of its picture with the highest score.

    Args:
        network: with `score_pairs`.
        corpus: of proposals and phrases, with features.

    Returns:
        int64 `(m,)`, -1 where the picture has no region.
    """
    regions, phrases = corpus.grounding.same_picture_pairs()
    scores = network.score_pairs(corpus.image_features, corpus.text_features, regions, phrases)
    best = np.full(corpus.num_texts, -1, np.int64)
    rising = np.lexsort((scores, phrases))
    best[phrases[rising]] = regions[rising]  # of equal rows the last is kept: the highest score
    return best


def _figure(corpus: Corpus, phrase: int, found: dict[str, np.ndarray]) -> str:
    grounding = corpus.grounding
    true = grounding.phrase_boxes[phrase]
    drawn = {"true": true} if grounding.has_box[phrase] else {}
    notes = []
    for network, best in found.items():
        if best[phrase] < 0:
            notes.append(f"{network}: no region")
            continue
        drawn[network] = grounding.region_boxes[best[phrase]]
        overlap = float(boxes.elementwise_iou(drawn[network], true))
        notes.append(f"{network} {overlap:.2f}" if overlap == overlap else network)
    image = draw_boxes(
        grounding.picture_paths[grounding.phrase_pictures[phrase]],
        list(drawn.values()),
        colors=[_COLORS[name] for name in drawn],
        widths=[_WIDTHS[name] for name in drawn],
        size=_SIZE,
    )
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=90, subsampling=0)  # sharp lines
    return (
        f'<figure><img src="data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode()}">'
        f"<figcaption>{html.escape(corpus.texts[phrase])}<small>{', '.join(notes)}</small>"
        "</figcaption></figure>"
    )
