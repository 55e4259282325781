"""A public name without a docstring is a warning, and so fails the strict build."""

import logging
import pathlib

import griffe

LOG = logging.getLogger("mkdocs.hooks.public_docstrings")
# Methods that Keras defines and documents.
OF_KERAS = set(
    "build call compute_output_shape from_config get_config on_epoch_end on_train_begin "
    "train_step update_step".split()
)


def undocumented(package):
    """Returns the dotted names that the rooms of a package make public without a docstring."""
    found = []
    for room in package.modules.values():
        for name in room.exports or ():
            member = room.members[str(name)]
            member = member.final_target if member.is_alias else member
            found += [] if member.has_docstring else [f"{room.path}.{name}"]
            if member.is_class:
                found += [
                    f"{room.path}.{name}.{method.name}"
                    for method in member.functions.values()
                    if not (method.has_docstring or method.name.startswith("_"))
                    and method.name not in OF_KERAS
                ]
    return found


def on_pre_build(config):
    """Warns of each."""
    root = pathlib.Path(config.config_file_path).parent
    for name in undocumented(griffe.load("tb_keras", search_paths=[str(root)])):
        LOG.warning("%s is public and has no docstring", name)
