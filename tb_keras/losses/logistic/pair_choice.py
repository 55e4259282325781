"""The choice of the pairs of a batch that a loss over pairs looks at, in static shapes."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

_LOWEST, _HIGHEST = (float(limit) for limit in np.finfo("float32").max * np.array([-1, 1], "f4"))


def choose_highest(priorities, mask, k: int):
    """Chooses for each anchor the candidates of highest priority that the mask allows.

    Args:
        priorities: float `(a, c)`, of each candidate for each anchor. The first of equal priorities
            wins, and NaN counts as the lowest.
        mask: bool `(a, c)`, which candidates may be chosen. The priorities of others have no
            effect.
        k: positive int, how many to choose.

    Returns:
        int32 `(a, min(k, c))`, the columns of the chosen candidates by falling priority; and bool
        of the same shape, false in slots that are left over where the mask allows fewer.

    Examples:
        >>> import numpy as np
        >>> priorities = np.array([[0.5, 0.9, 0.7]])
        >>> columns, valid = choose_highest(priorities, np.array([[True, False, True]]), k=3)
        >>> columns.numpy()[valid]
        array([2, 0], dtype=int32)
    """
    mask = ops.cast(mask, "bool")
    priorities = ops.cast(priorities, "float32")
    priorities = ops.nan_to_num(priorities, nan=_LOWEST, posinf=_HIGHEST, neginf=_LOWEST)
    # Only forbidden candidates are at -inf, so they come last.
    priorities = ops.where(mask, priorities, -np.inf)
    k = min(k, mask.shape[1])
    columns = ops.cast(ops.top_k(priorities, k)[1], "int32")
    available = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
    return columns, ops.arange(k, dtype="int32")[None, :] < available


def choose_random(mask, k: int, seed: keras.random.SeedGenerator):
    """Draws for each anchor candidates that the mask allows, at random and without repeats.

    Args:
        mask: bool `(a, c)`, which candidates may be chosen.
        k: positive int, how many to choose. An anchor with fewer candidates gets all of them.
        seed: the generator to draw from.

    Returns:
        The columns and slots that `choose_highest` returns, in random order.

    Examples:
        >>> import numpy as np
        >>> mask = np.array([[True, False, True], [False, False, False]])
        >>> columns, valid = choose_random(mask, 2, keras.random.SeedGenerator(0))
        >>> sorted(columns.numpy()[0].tolist()), valid.numpy().tolist()
        ([0, 2], [[True, True], [False, False]])
    """
    mask = ops.cast(mask, "bool")
    return choose_highest(keras.random.uniform(mask.shape, dtype="float32", seed=seed), mask, k)


def choose_pairs(
    matches,
    negatives,
    seed: keras.random.SeedGenerator,
    *,
    score: Callable | None,
    candidates: int | None,
    negative_images: int,
    negative_texts: int,
    positives_per_text: int,
):
    """Chooses positives of the texts, and negatives of the texts and of the images.

    - For each text, up to `positives_per_text` of its matches, at random;
    - for each of these positives, `negative_images` negatives of the text, none of them twice;
    - for each image with a match, `negative_texts` negatives.

    Args:
        matches: bool `(n, m)`.
        negatives: bool `(n, m)`.
        seed: the generator to draw from.
        score: takes int32 image rows and text rows, both `(a, k)`, and returns the scores of these
            pairs, float `(a, k)`. The negatives of highest score are chosen. None chooses negatives
            at random.
        candidates: how many of an anchor's negatives, drawn at random, are scored. None scores all
            n·m pairs, once.
        negative_images: int, at least 0.
        negative_texts: int, at least 0.
        positives_per_text: positive int.

    Returns:
        int32 `(s,)` image rows, int32 `(s,)` text rows, and float32 `(s,)` labels: +1 for a match,
        −1 for a negative, 0 in a slot that is left over, whose rows have no meaning. s depends only
        on the sizes and the settings.

    Examples:
        >>> import numpy as np
        >>> matches = np.eye(2, dtype=bool)
        >>> pairs = choose_pairs(
        ...     matches,
        ...     ~matches,
        ...     keras.random.SeedGenerator(0),
        ...     score=None,
        ...     candidates=None,
        ...     negative_images=1,
        ...     negative_texts=1,
        ...     positives_per_text=1,
        ... )
        >>> np.stack(pairs).astype(int)
        array([[ 0,  1,  1,  0,  0,  1],
               [ 0,  1,  0,  1,  1,  0],
               [ 1,  1, -1, -1, -1, -1]])
    """
    matches, negatives = ops.cast(matches, "bool"), ops.cast(negatives, "bool")
    n, m = matches.shape

    def anchors(columns):
        rows = ops.arange(columns.shape[0], dtype="int32")[:, None]
        return ops.broadcast_to(rows, columns.shape)

    def of_images(columns):
        return anchors(columns), columns

    def of_texts(columns):
        return columns, anchors(columns)

    scores = None
    if score and candidates is None:
        every_text = ops.broadcast_to(ops.arange(m, dtype="int32"), (n, m))
        scores = score(*of_images(every_text))

    def choose_negatives(mask, k, pairs_of):
        if not score:
            return choose_random(mask, k, seed)
        if candidates is None:
            priorities = scores if pairs_of is of_images else ops.transpose(scores)
            return choose_highest(priorities, mask, k)
        looked_at, mask = choose_random(mask, candidates, seed)
        chosen, valid = choose_highest(score(*pairs_of(looked_at)), mask, k)
        return ops.take_along_axis(looked_at, chosen, axis=1), valid

    chosen, valid = choose_random(ops.transpose(matches), positives_per_text, seed)
    groups = [(*of_texts(chosen), ops.cast(valid, "float32"))]
    if negative_images:
        wanted = negative_images * ops.sum(ops.cast(valid, "int32"), axis=1, keepdims=True)
        mask = ops.transpose(negatives)
        chosen, valid = choose_negatives(mask, negative_images * positives_per_text, of_texts)
        valid = ops.logical_and(valid, ops.arange(chosen.shape[1], dtype="int32") < wanted)
        groups.append((*of_texts(chosen), -ops.cast(valid, "float32")))
    if negative_texts:
        mask = ops.logical_and(negatives, ops.any(matches, axis=1, keepdims=True))
        chosen, valid = choose_negatives(mask, negative_texts, of_images)
        groups.append((*of_images(chosen), -ops.cast(valid, "float32")))
    return tuple(
        ops.concatenate([ops.reshape(part, [-1]) for part in parts]) for parts in zip(*groups)
    )


def filled_with_valid(valid):
    """Returns for each slot the slot to read instead, so that unused slots repeat valid ones.

    Statistics over all slots of a batch, such as those of batch normalisation, then come from valid
    slots alone. The numbers of copies of any two valid slots differ by at most one, and those with
    one copy more are spread over the whole list.

    Args:
        valid: bool `(s,)`.

    Returns:
        int32 `(s,)`. A valid slot reads itself. If no slot is valid, all read slot 0.

    Examples:
        >>> import numpy as np
        >>> filled_with_valid(np.array([True, False, True, False, True, True])).numpy()
        array([0, 0, 2, 4, 4, 5], dtype=int32)
    """
    valid = ops.cast(valid, "bool")
    size = valid.shape[0]
    valid_first = ops.cast(ops.top_k(ops.cast(valid, "float32"), size)[1], "int32")
    # 64 bits, since with 92 thousand slots the product below passes 2^31.
    used = ops.cast(valid, "int64")
    unused = 1 - used
    number = ops.cumsum(unused) - unused  # counts the unused slots before each
    place = number * ops.sum(used) // ops.maximum(ops.sum(unused), 1)
    # The place of a valid slot is not used, but must be in range.
    place = ops.where(valid, 0, place)
    return ops.where(valid, ops.arange(size, dtype="int32"), ops.take(valid_first, place, axis=0))
