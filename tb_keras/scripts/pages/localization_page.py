"""Pictures with the predicted and the true boxes of phrases, as a page in one file."""

from __future__ import annotations

import base64
import html
import mimetypes
import os
from pathlib import Path

import numpy as np

from tb_keras.corpus import boxes
from tb_keras.corpus.corpus import Corpus
from tb_keras.scripts.runs.run import Run
from tb_keras.storage.atomic_file import written_beside

_PICTURES, _PHRASES = 16, 4  # shown, and of each picture
_COLORS = {"true": "#118833", "embedding": "#1144dd", "similarity": "#dd5500"}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Phrase localization</title>
<style>
body {{ font: 16px/1.4 sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }}
section {{ display: flex; flex-wrap: wrap; gap: 1rem; margin: 2rem 0 }}
figure {{ margin: 0; width: 17rem }}
svg {{ display: block; width: 100% }}
rect {{ fill: none; stroke-width: 3 }}
.similarity {{ stroke-dasharray: 8 6 }} /* or a box below it would not be seen */
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
        path: of the page.
        run: with at least one network trained.
        corpus: of proposals and phrases, with features.
    """
    found = {
        network: best_regions(run.network(network, run.best_seed(network)), corpus)
        for network in run.networks()
    }
    grounding = corpus.grounding
    shown = [p for p in range(grounding.num_pictures) if (grounding.phrase_pictures == p).any()]
    sections = [_section(corpus, picture, found) for picture in shown[:_PICTURES]]
    names = {"true": "true box", **{network: f"{network} network" for network in found}}
    legend = ", ".join(f'<b style="color:{_COLORS[k]}">{name}</b>' for k, name in names.items())
    with written_beside(path) as beside:
        page = _PAGE.format(legend=legend, sections="\n".join(sections))
        beside.write_text(page, encoding="utf-8")


def best_regions(network, corpus: Corpus) -> np.ndarray:
    """Returns int64 `(m,)`, for each phrase the region of its picture with the highest score.

    -1 where the picture has no region.

    Args:
        network: with `score_pairs`.
        corpus: of proposals and phrases, with features.
    """
    regions, phrases = corpus.grounding.same_picture_pairs()
    scores = network.score_pairs(corpus.image_features, corpus.text_features, regions, phrases)
    best = np.full(corpus.num_texts, -1, np.int64)
    rising = np.lexsort((scores, phrases))
    best[phrases[rising]] = regions[rising]  # of equal rows the last is kept: the highest score
    return best


def _section(corpus: Corpus, picture: int, found: dict[str, np.ndarray]) -> str:
    grounding = corpus.grounding
    width, height = grounding.picture_sizes[picture]
    path = grounding.picture_paths[picture]
    kind = mimetypes.guess_type(path)[0] or "image/png"
    data = base64.b64encode(Path(path).read_bytes()).decode()
    image = (
        f'<svg width="0" height="0" style="position:absolute;width:0"><image id="picture-{picture}"'
        f' width="{width}" height="{height}" href="data:{kind};base64,{data}"/></svg>'
    )
    figures = []
    for phrase in np.flatnonzero(grounding.phrase_pictures == picture)[:_PHRASES]:
        true = grounding.phrase_boxes[phrase]
        drawn, notes = [], []
        if grounding.has_box[phrase]:
            drawn.append(_rectangle(true, "true"))
        for network, best in found.items():
            if best[phrase] < 0:
                notes.append(f"{network}: no region")
                continue
            box = grounding.region_boxes[best[phrase]]
            drawn.append(_rectangle(box, network))
            overlap = float(boxes.elementwise_iou(box, true))
            notes.append(f"{network} {overlap:.2f}" if overlap == overlap else network)
        figures.append(
            f'<figure><svg viewBox="0 0 {width} {height}"><use href="#picture-{picture}"/>'
            f"{''.join(drawn)}</svg><figcaption>{html.escape(corpus.texts[phrase])}"
            f"<small>{', '.join(notes)}</small></figcaption></figure>"
        )
    return f"<section>{image}{''.join(figures)}</section>"


def _rectangle(box: np.ndarray, kind: str) -> str:
    left, top, width, height = boxes.convert(box, "xyxy", "xywh")
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}" '
        f'stroke="{_COLORS[kind]}"/>'
    )
