"""The second stage of a search: a similarity network ranks the first answers again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tb_keras.scripts.runs.run_data import load_encoded
from tb_keras.scripts.runs.run_model import RunModel
from tb_keras.scripts.runs.second_stage import fitted_second_stage, second_stage_run
from tb_keras.scripts.searching.model_source import ModelSource


class SecondRanking:
    """Ranks the answers to a query again by both networks' scores.

    The weight of the second network is chosen on the validation split.

    Args:
        source: the run of the first network.
        directory: of the run with the similarity network, which may be the same.
        candidates: how many answers are ranked again.

    Attributes:
        candidates: the same.

    Raises:
        FileNotFoundError: if there is no such run.
        ValueError: if `source` is no run, or the two do not go together.
    """

    def __init__(self, source: ModelSource, directory: str, candidates: int):
        run = source.run
        if run is None:
            raise ValueError(f"--rerank needs a run, which has a validation split: {source}")
        other = second_stage_run(run, directory)
        assert other is not None
        stage = fitted_second_stage(run, other, load_encoded(run, "validation"), candidates)
        self._reranker = stage.reranker
        self._model = RunModel(other, "similarity")
        self.candidates = candidates

    def ranked(
        self, query: str, is_picture: bool, scores: np.ndarray, answers: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the mixed scores of the answers, best first, and their order, int `(n,)`.

        Args:
            query: a text that found pictures, or the path of a picture that found texts.
            is_picture: which of both.
            scores: the first network's, best first.
            answers: paths of pictures, or texts.
        """
        embed = [self._model.embed_texts, self._model.embed_images]
        if is_picture:
            embed.reverse()
        mixed, order = self._reranker.rerank(
            scores[None],
            np.arange(len(answers))[None],
            embed[0]([query], verbose=False),
            embed[1](answers, verbose=False),
            queries="images" if is_picture else "texts",
        )
        return mixed[0], order[0]
