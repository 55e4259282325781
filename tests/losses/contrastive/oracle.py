"""The contrastive losses by loops over pairs in float64 NumPy, straight from their formulas.

It shares no code with `tb_keras`.
"""

import math

import numpy as np

from tests.losses import finite_differences


def _log_of_one_plus_exp(values) -> float:
    """log(1 + Σ exp(v)) by the largest exponent, in Python floats."""
    values = [0.0, *values]
    largest = max(values)
    return largest + math.log(math.fsum(math.exp(value - largest) for value in values))


def info_nce(images, texts, matches, negatives, temperature=0.05, **_) -> float:
    images, texts = np.asarray(images, np.float64), np.asarray(texts, np.float64)
    n, m = len(images), len(texts)
    directions = []
    for of_image in (True, False):
        losses = []
        for i in range(n):
            for j in range(m):
                if not matches[i, j]:
                    continue
                if of_image:
                    others = [images[i] @ texts[k] for k in range(m) if negatives[i, k]]
                else:
                    others = [images[k] @ texts[j] for k in range(n) if negatives[k, j]]
                own = images[i] @ texts[j]
                # −log softmax, with the numerator divided out.
                losses.append(_log_of_one_plus_exp((s - own) / temperature for s in others))
        directions.append(sum(losses) / len(losses) if losses else 0.0)
    return sum(directions) / 2


def pairwise_sigmoid(images, texts, matches, negatives, temperature=0.1, bias=-10.0) -> float:
    images, texts = np.asarray(images, np.float64), np.asarray(texts, np.float64)
    total, counted = 0.0, 0
    for i in range(len(images)):
        labelled = False
        for j in range(len(texts)):
            logit = images[i] @ texts[j] / temperature + bias
            if matches[i, j]:
                total += _log_of_one_plus_exp([-logit])
            elif negatives[i, j]:
                total += _log_of_one_plus_exp([logit])
            labelled |= bool(matches[i, j] or negatives[i, j])
        counted += labelled
    return total / counted if counted else 0.0


def gradient(loss, images, texts, *masks, **settings):
    """Central finite differences of `loss`, with respect to embeddings and then each setting."""
    gradients = finite_differences.gradients(
        lambda *both: loss(*both, *masks, **settings), images, texts
    )
    step = finite_differences.STEP
    for name, value in settings.items():
        above, below = (
            loss(images, texts, *masks, **{**settings, name: value + s}) for s in (step, -step)
        )
        gradients.append((above - below) / (2 * step))
    return gradients
