"""Pictures that cannot be read: an error in one line, or left out and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from absl import flags

from tb_keras.corpus.corpus import Corpus
from tb_keras.scripts.runs.settled_paths import seen_from_here

UNREADABLE = flags.DEFINE_enum(
    "unreadable",
    "error",
    ["error", "skip"],
    "What to do with pictures that cannot be read: stop with an error, or skip them and the texts "
    "that are about no other picture.",
)
_NAMED = 3  # of the pictures that are left out
_SAID: set[str] = set()  # one load of the data tells it, however often it is loaded


def skips(settings: Mapping | None = None) -> bool:
    """Returns whether pictures that cannot be read are left out.

    Args:
        settings: of a run, which count if the flag is not given.
    """
    if settings is not None and not UNREADABLE.present:
        return settings.get("unreadable") == "skip"
    return UNREADABLE.value == "skip"


def readable_paths(paths: Sequence[str], skip: bool = False, where: str = "pictures") -> list[str]:
    """Returns the paths of the pictures that can be read.

    Args:
        paths: paths of pictures.
        skip: whether the others are left out and told; otherwise the first is an error.
        where: what the pictures are, in a line about those that are left out.

    Raises:
        ValueError: if a picture cannot be read and `skip` is false, or none can be read. The
            message has its path and the reason.
    """
    from tb_keras.features import unreadable_pictures

    reasons = unreadable_pictures(paths)
    kept = [path for path in paths if path not in reasons]
    if reasons and (not skip or not kept):
        path, reason = next(iter(reasons.items()))
        more = f" (and {len(reasons) - 1} more of {len(paths)})" if len(reasons) > 1 else ""
        hint = "; --unreadable=skip leaves out such pictures" if kept else ""
        said = reason.removesuffix(".")
        raise ValueError(f"{seen_from_here(path)!r} cannot be read: {said}{more}{hint}")
    if reasons:
        named = [f"{seen_from_here(p)!r} ({reasons[p].removesuffix('.')})" for p in reasons]
        more = ", ..." if len(named) > _NAMED else ""
        line = (
            f"{where}: {len(reasons)} of {len(set(paths))} pictures cannot be read and are left "
            f"out: {', '.join(named[:_NAMED])}{more}"
        )
        if line not in _SAID:
            print(line, flush=True)
        _SAID.add(line)
    return kept


def readable_corpus(corpus: Corpus, skip: bool = False, where: str = "data") -> Corpus:
    """Returns a corpus with the pictures that can be read, and their texts.

    Args:
        corpus: a corpus; without pictures it is returned as it is.
        skip: as in `readable_paths`.
        where: as in `readable_paths`.

    Raises:
        ValueError: as `readable_paths` does.
    """
    from tb_keras.features import without_pictures

    grounding = corpus.grounding
    paths = corpus.image_paths if grounding is None else grounding.picture_paths
    kept = set(readable_paths(paths or [], skip, where))
    if paths is None or len(kept) == len(set(paths)):
        return corpus
    readable = without_pictures(corpus, set(paths) - kept)
    line = f"{where}: {corpus.num_texts - readable.num_texts} texts have no other picture"
    if line not in _SAID:
        print(line, flush=True)
    _SAID.add(line)
    return readable
