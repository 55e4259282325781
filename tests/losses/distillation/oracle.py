"""The distillation loss by loops in float64, straight from its formula.

It shares no code with `tb_keras`.
"""

import math

import numpy as np

from tests.losses import finite_differences


def _distribution(scores, temperature):
    highest = max(scores)
    exponentials = [math.exp((score - highest) / temperature) for score in scores]
    return [value / math.fsum(exponentials) for value in exponentials]


def distillation(images, texts, teacher_scores, matches, negatives, temperature=0.05) -> float:
    scores = np.asarray(images, np.float64) @ np.asarray(texts, np.float64).T
    teacher_scores, counted = np.asarray(teacher_scores, np.float64), matches | negatives
    means = []
    for student, teacher, there in (
        (scores, teacher_scores, counted),
        (scores.T, teacher_scores.T, counted.T),
    ):
        each = []
        for anchor in range(len(student)):
            kept = np.flatnonzero(there[anchor])
            if not len(kept):
                continue
            p = _distribution([teacher[anchor, k] for k in kept], temperature)
            q = _distribution([student[anchor, k] for k in kept], temperature)
            each.append(math.fsum(a * math.log(a / b) for a, b in zip(p, q) if a > 0))
        means.append(sum(each) / len(each) if each else 0.0)
    return sum(means) / 2


def gradient(images, texts, *others, **settings):
    """Central finite differences with respect to the embeddings."""
    return finite_differences.gradients(
        lambda *both: distillation(*both, *others, **settings), images, texts
    )
