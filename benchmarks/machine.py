"""What the figures were measured on and with."""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    "numpy",
    "tensorflow",
    "keras",
    "torch",
    "pytorch-metric-learning",
    "sentence-transformers",
    "onnxruntime",
    "openvino",
)


def machine(proc: Path = Path("/proc")) -> str:
    """Returns the processor, its cores, the memory and the operating system.

    Args:
        proc: where Linux tells of the machine; what is not told there is left out.
    """
    cpu, memory = (_text(proc / name) for name in ("cpuinfo", "meminfo"))
    name = re.search(r"model name\s*: (.*)", cpu)
    flags = re.search(r"flags\s*: (.*)", cpu)
    total = re.search(r"MemTotal:\s*(\d+) kB", memory)
    told = [
        name[1] if name else platform.processor() or platform.machine(),
        flags and ("with" if "avx512_bf16" in flags[1].split() else "without") + " AVX512-BF16",
        f"{os.cpu_count()} cores",
        total and f"{int(total[1]) / 2**20:.0f} GiB of memory",
        _system(),
    ]
    return ", ".join(filter(None, told))


def versions() -> dict[str, str]:
    """Returns the versions of Python and of each package measured that is installed."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _system() -> str:
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']} ({platform.system()})"
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""
