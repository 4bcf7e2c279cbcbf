# make demo    two real clips in, one swapped clip out: workspace/result.mp4      (half an hour on two cores)
# make workbench   the whole job on one page in the browser
# make test    checks and tests                                                  (about 10 minutes)
# make help    the other targets
#
# Everything is installed into .venv and weights/ beside this file; a second run reuses what is there.
# On native Windows: scripts/windows/*.bat do the same without make.

PYTHON  ?= python3
MINUTES ?= 25
WORKSPACE ?= workspace
VENV    := .venv
PY      := $(VENV)/bin/python
TORCH   ?= 2.13.0+cpu
SYSTEM  := Debian/Ubuntu: apt-get install python3-venv libgl1 libglib2.0-0

TORCH_TESTS := $(addprefix tests/test_,$(addsuffix .py,\
	trainer recovery saving critic_training save_memory recipe morph live_options))

export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help demo workbench modes test check test-slow test-torch test-oldest test-lean faults fuzz bench install weights clean-workspace \
	bundle test-bundle container

help:
	@echo "make demo [MINUTES=25]  fetch two clips, extract, sort, train MINUTES minutes, convert, evaluate"
	@echo "make workbench          install, and open the page in the browser: $(WORKSPACE)/"
	@echo "make modes              the demo's face in every mode, color and mask: workspace/all_modes.jpg"
	@echo "make test               lint, types and the whole test suite"
	@echo "make check              lint and types only"
	@echo "make test-slow          the tests that take minutes (50 kills of a training, ...)"
	@echo "make test-torch         training with PyTorch as the engine, and both engines compared"
	@echo "make test-oldest        the test suite with the oldest versions that the requirements allow"
	@echo "make test-lean          train in an environment with PyTorch and little else, without TensorFlow"
	@echo "make faults             break every stage in every way and look whether anything is lost"
	@echo "make fuzz               send damaged and made-up files to every reader"
	@echo "make bundle             build the folders for Windows and Linux that need no Python: $(BUNDLES)/"
	@echo "make test-bundle        run them on a bare Debian and in wine; as root"
	@echo "make bench              throughput and memory of every stage beside a plain baseline"
	@echo "make container          build the image of Containerfile without a registry, and try it (as root)"
	@echo "make install weights    only the environment, only the networks' weights"

demo: install weights
	@echo "== The demo: two clips in, one out. About 5 minutes plus $(MINUTES) minutes of training."
	$(PY) scripts/demo.py --minutes $(MINUTES)

workbench: install weights
	@mkdir -p "$(WORKSPACE)"
	$(PY) main.py workbench --workspace "$(WORKSPACE)"

modes: install weights
	$(PY) -m scripts.all_modes --workspace "$(WORKSPACE)"

test: check weights
	@echo "== Tests: about 9 minutes on two cores."
	$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder -rs

check: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

test-slow: install weights
	$(PY) -m pytest -m slow

test-torch: install weights
	@$(PY) -c "import torch" || { echo "PyTorch is missing: $(PY) -m pip install -r requirements-torch.txt"; exit 1; }
	KERAS_BACKEND=torch OMP_WAIT_POLICY=PASSIVE $(PY) -m pytest $(TORCH_TESTS)
	OMP_WAIT_POLICY=PASSIVE $(PY) -m pytest -m "slow or not slow" tests/test_engines.py

# In an environment of its own, which is removed afterwards: 3 GB and about 10 minutes more than `make test`.
test-oldest: weights
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(PYTHON) -m venv "$$folder"; \
	"$$folder/bin/python" -m pip install --quiet --disable-pip-version-check uv; \
	"$$folder/bin/uv" pip install --quiet --python "$$folder/bin/python" --resolution lowest-direct \
		-r requirements-cpu.txt -r requirements-dev.txt; \
	"$$folder/bin/python" -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# What a machine needs to train on an existing faceset, in an environment of its own: a minute and 1 GB.
LEAN := torch==$(TORCH) keras numpy opencv-python-headless scipy scikit-image pillow tqdm filelock psutil

test-lean: install
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(PYTHON) -m venv "$$folder"; \
	"$$folder/bin/python" -m pip install --quiet --disable-pip-version-check -c requirements-common.txt $(LEAN); \
	LEAN_PYTHON="$$folder/bin/python" $(PY) -m pytest -m "slow or not slow" tests/test_lean.py tests/test_gpu_benchmark.py

# Kills, crash points, full disks, closed pipes and signals in every stage; 20 minutes at most.
faults: install weights
	$(PY) tests/faults

# 10,000 damaged files of each kind, in processes with limits of time and memory; 20 minutes at most.
fuzz: install weights
	$(PY) tests/fuzz

# Not among them: detectors, landmarks and people need the demo's clips (`python -m scripts.fetch_clips`),
# extract_memory takes ten minutes and learning hours; original_step is a part of training_step.
BENCHMARKS := training_step convolutions memory watching sampler extract sort convert interactive flicker

bench: install weights
	@for name in $(BENCHMARKS); do echo "== $$name"; $(PY) -m benchmarks.$$name || exit 1; done

# On Debian or Ubuntu, with Python 3.11: ten minutes, 10 GB. docs/bundle.md tells more.
BUNDLES ?= dist

bundle: $(VENV)/installed-tools weights
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) -m scripts.build_bundle --output "$(BUNDLES)"

# Needs mmdebstrap and zstd, and root for chroot; the systems that it makes stay in $(BUNDLES)/test.
test-bundle: $(VENV)/installed-tools
	BUNDLES="$(BUNDLES)" $(PY) -m pytest -s bundle/tests

$(VENV)/installed-tools: $(VENV)/installed bundle/requirements-tools.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -r bundle/requirements-tools.txt
	@touch $@

# docs/containers.md; CONTAINER takes flags of `python -m bundle.container`, such as --target cuda.
container: install weights
	$(PY) -m bundle.container $(CONTAINER)

install: $(VENV)/installed

$(VENV)/installed: requirements-common.txt requirements-cpu.txt requirements-dev.txt
	@echo "== Installing TensorFlow, OpenCV and the rest into $(VENV): about 4 minutes, 3 GB."
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "cannot make a virtual environment. $(SYSTEM)"; exit 1; }
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-cpu.txt -r requirements-dev.txt
	@$(PY) -c 'import cv2' || { echo "OpenCV lacks a system library. $(SYSTEM)"; exit 1; }
	@touch $@

weights: install
	@$(PY) main.py weights

clean-workspace:
	@echo "The workspace is yours: remove the folder workspace/ by hand."
