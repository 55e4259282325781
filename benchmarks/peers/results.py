"""RESULTS.md and RESULTS.json, from the figures of all parts that are there."""

from __future__ import annotations

import importlib
import json
import traceback
from collections.abc import Mapping
from pathlib import Path

from tb_keras.storage.atomic_file import written_beside


def write_results(
    modules: Mapping[str, str], directory: Path, output: Path, failed: Mapping[str, str]
) -> list[str]:
    """Writes the page and the raw figures, each whole or not at all.

    Args:
        modules: by name of each part, in the page's order.
        directory: where the figures of the parts are kept, in `PART.json`.
        output: directory to write `RESULTS.md` and `RESULTS.json` to. Of a part that has no figures
            and did not fail, those that `RESULTS.json` has already are kept: on a clean clone one
            part can be measured anew.
        failed: by name of parts, how they ended.

    Returns:
        The names of the parts that the page does not show.
    """
    kept = {name: directory / f"{name}.json" for name in modules}
    raw = output / "RESULTS.json"
    shown_before = json.loads(raw.read_text()) if raw.exists() else {}
    records = {}
    for name in modules:
        if kept[name].exists():
            records[name] = json.loads(kept[name].read_text())
        elif name in shown_before and name not in failed:
            records[name] = shown_before[name]
    missing = {name: failed.get(name, "not measured") for name in modules if name not in records}
    sections, losing = {}, {}
    for name, record in records.items():
        try:
            part = importlib.import_module(modules[name])
            section, lost = part.section(record["figures"]), part.losing(record["figures"])
        except Exception:  # the figures of the other parts are worth showing
            traceback.print_exc()
            missing[name] = "measured, but its figures could not be shown"
        else:
            sections[name], losing[name] = section, lost
    shown = {name: records[name] for name in sections}
    page = _page(shown, sections, losing, missing)
    for path, text in (
        (raw, json.dumps(records, indent=1) + "\n"),
        (output / "RESULTS.md", page),
    ):
        with written_beside(path) as beside:
            beside.write_text(text)
    return list(missing)


def _page(
    records: Mapping[str, dict],
    sections: Mapping[str, str],
    losing: Mapping[str, list[str]],
    missing: Mapping[str, str],
) -> str:
    paragraphs = [
        "# Beside the peers",
        "Written by `make benchmark`, which makes a virtual environment with the peers in it and "
        "measures what is not measured yet. With that environment's Python, each part runs alone "
        "by the command below its figures. What is compared is measured in turn, in one run. The "
        "raw figures are in `RESULTS.json`.",
        _same("Machine", {name: record["machine"] for name, record in records.items()}),
        _same("Versions", {name: _listed(record) for name, record in records.items()}),
        _same("Measured on", {name: record["date"] for name, record in records.items()}),
    ]
    if missing:
        told = "; ".join(f"{name} ({how})" for name, how in missing.items())
        paragraphs.append(f"**Missing here:** {told}.")
    paragraphs += ["## Where the package loses", *_lost(sections, losing)]
    for name, section in sections.items():
        paragraphs += [section.strip(), _command(name, records[name])]
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def _same(title: str, values: Mapping[str, str]) -> str:
    """One line where all parts have the same value, else a line for each value."""
    parts: dict[str, list[str]] = {}
    for name, value in values.items():
        parts.setdefault(value, []).append(name)
    if len(parts) < 2:
        return "".join(f"{title}: {value}." for value in parts)
    return "\n".join(f"- {title} ({', '.join(names)}): {value}." for value, names in parts.items())


def _listed(record: dict) -> str:
    return ", ".join(f"{package} {version}" for package, version in record["versions"].items())


def _lost(sections: Mapping[str, str], losing: Mapping[str, list[str]]) -> list[str]:
    titles = {name: section.lstrip("# ").splitlines()[0] for name, section in sections.items()}
    paragraphs = [f"*{titles[name]}.* {' '.join(lost)}" for name, lost in losing.items() if lost]
    return paragraphs or ["Nowhere in what is shown here."]


def _command(name: str, record: dict) -> str:
    command = f"python -m benchmarks.peers --parts={name}"
    if record["repetitions"] != 5:
        command += f" --repetitions={record['repetitions']}"
    if record["small"]:
        command += " --small"
    return f"`{command}` ({record['seconds'] / 60:.1f} minutes)"
