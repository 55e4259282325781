"""Where the model of an index or a search comes from: a run, or an exported model."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import NamedTuple

from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_model import RunModel
from tb_keras.serving import ExportedModel


class ModelSource(NamedTuple):
    """A run or an exported model. Its string, which an index keeps, is the flag that names it.

    Attributes:
        flag: `"--run"` or `"--model"`.
        path: its directory.

    Examples:
        >>> str(ModelSource("--run", "runs/mine")), ModelSource.of("--model=shop").path
        ('--run=runs/mine', 'shop')
    """

    flag: str
    path: str

    @classmethod
    def of(cls, text: str) -> ModelSource:
        """Returns the source that a string names."""
        flag, _, path = text.partition("=")
        return cls(flag, path)

    @classmethod
    def named(cls, run: str | None, model: str | None) -> ModelSource:
        """Returns the source that one of both flags names."""
        return cls("--run", run) if run else cls("--model", str(model))

    def __str__(self) -> str:
        return f"{self.flag}={self.path}"

    @property
    def run(self) -> Run | None:
        """The run; None of an exported model."""
        return Run(self.path) if self.flag == "--run" else None

    def model(self, script: str) -> RunModel | ExportedModel:
        """Loads the model.

        Args:
            script: that needs it, for the error message.

        Raises:
            FileNotFoundError: if it is not there.
            ValueError: if it is a similarity network, or its run has no encoders.
        """
        model = RunModel(self.run) if self.run else ExportedModel(self.path)
        if model.network == "similarity":
            raise ValueError(
                f"{script} needs an embedding network; {str(model.path)!r} has another"
            )
        return model


def quiet_model(source: ModelSource, script: str) -> SimpleNamespace:
    """Returns a model that embeds without a progress bar of its own.

    The arguments are those of `ModelSource.model`.

    Returns:
        An object with `fingerprint`, `embed_images` and `embed_texts`.
    """
    model = source.model(script)
    return SimpleNamespace(
        fingerprint=model.fingerprint,
        embed_images=functools.partial(model.embed_images, verbose=False),
        embed_texts=functools.partial(model.embed_texts, verbose=False),
    )
