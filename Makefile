# `make` lists the targets. Everything they need they install: .venv, and Tesseract where apt may.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
# A folder of labelled photographs: to measure on, and (another one) to train on.
ifeq (,$(filter fine-tune,$(MAKECMDGOALS)))
DATA ?= $(if $(filter train-%,$(MAKECMDGOALS)),../shared/data,../shared/data/dev)
endif
SOURCE ?=
SEED ?= 1
ROWS ?= 10000000
IMAGES ?= 3000
DATABASE ?=
ARGS ?=
# Labelled folders to import, and where to; what is fine-tuned learns from BASE as well.
LABELS ?=
OUT ?=
BASE ?=
MINUTES ?= 60
# Said before anything is installed.
require = $(if $(strip $($(1))),,$(error $(1) is missing: $(2)))
ifneq (,$(filter import-labels,$(MAKECMDGOALS)))
$(call require,LABELS,name the folders of labels that are imported: LABELS="folder ...")
$(call require,OUT,name a new folder that is written: OUT=folder)
endif
ifneq (,$(filter fine-tune,$(MAKECMDGOALS)))
$(call require,DATA,name the folder that `make import-labels` wrote: DATA=folder)
endif
# Processes that run the tests, each with servers of its own. Tests mostly wait: twice the cores.
# A file stays in one process, for its fixtures' sake; the long files come first.
TEST_PROCESSES ?= $(shell expr 2 \* $$(nproc 2>/dev/null || echo 2))
# Debian's packages of typefaces that plates are drawn with for training.
FONTS := fonts-opendin fonts-routed-gothic fonts-national-park fonts-liberation fonts-texgyre \
  fonts-urw-base35 fonts-roboto-unhinted fonts-play fonts-inter fonts-lato fonts-open-sans fonts-b612 \
  fonts-cantarell fonts-droid-fallback fonts-wqy-microhei

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- Run it ---------------------------------------------------------------------------------------

.PHONY: demo
demo: install ## The main job on real servers: SOURCE=folder-or-s3://bucket/prefix, or samples drawn with SEED=1
	@$(BIN)/python -m demo --seed "$(SEED)" $${SOURCE:+"$$SOURCE"}

.PHONY: up
up: install ## Start the embedded Postgres and Valkey (they stay up until `make down`)
	@$(BIN)/hkplates up

.PHONY: web
web: install-web ## The page on this machine: http://127.0.0.1:8000 (ARGS="--port 8080")
	@$(BIN)/hkplates web $(ARGS)

.PHONY: down
down: install ## Stop the embedded Postgres and Valkey
	@$(BIN)/hkplates down

.PHONY: sql
sql: install ## psql on the results: QUERY="select ..." for one answer, nothing for a prompt
	@$(BIN)/hkplates sql $${QUERY:+"$$QUERY"}

# --- Prove it -------------------------------------------------------------------------------------

.PHONY: test
test: install-dev ## Unit, integration and acceptance tests: ARGS="-k name -n 0"
	@$(BIN)/pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: faults
faults: install-dev ## Break everything while 3,000 images are read; nothing may be lost: SEED=1 IMAGES=3000 (long)
	@PYTHONPATH=tests $(BIN)/python -m faults --seed "$(SEED)" --images "$(IMAGES)"

.PHONY: check
check: install-dev ## ruff, mypy --strict, import-linter, alembic check
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python scripts/alembic_check.py

.PHONY: format
format: install-dev ## Let ruff put the code in its form
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: accuracy
accuracy: install ## Read a labelled folder and print the figures: DATA=../shared/data/dev
	@$(BIN)/python -m benchmarks.accuracy "$(DATA)" $(ARGS)

.PHONY: accuracy-sizes
accuracy-sizes: install ## Read the same plates at every size: DATA=../shared/data/dev (minutes)
	@$(BIN)/python -m benchmarks.plate_sizes "$(DATA)" $(ARGS)

.PHONY: ablations
ablations: install ## The same figures with one part left out at a time: DATA=../shared/data/dev (minutes)
	@$(BIN)/python -m benchmarks.ablations "$(DATA)" $(ARGS)

.PHONY: bench-export
bench-export: install-dev ## Export a million sightings in each format: rate and peak memory (minutes)
	@$(BIN)/python -m benchmarks.export $(ARGS)

.PHONY: bench-search
bench-search: install-dev ## Search among generated plates: times, what is found, plans: ROWS=10000000 (half an hour)
	@$(BIN)/python -m benchmarks.search --rows "$(ROWS)" $(ARGS)

.PHONY: bench-queue
bench-queue: install-dev ## Submit 200,000 references: the memory of Redis and the producer (minutes)
	@$(BIN)/python -m benchmarks.queue_memory $(ARGS)

.PHONY: bench-web
bench-web: install-dev ## How long each page takes to its first byte: DATABASE=postgresql://... (a minute)
	@$(BIN)/python -m benchmarks.web --database "$(DATABASE)" $(ARGS)

# --- Make the models ------------------------------------------------------------------------------

.PHONY: train-detector
train-detector: install-train ## Train the detector: DATA=../shared/data (hours; resumes where it stopped)
	@$(BIN)/python -m models.detector.train --data "$(DATA)" $(ARGS)

.PHONY: train-refiner
train-refiner: install-train ## Train the refiner of the detector's finds: DATA=../shared/data (an hour; resumes)
	@$(BIN)/python -m models.refiner.train --data "$(DATA)" $(ARGS)

.PHONY: train-reader
train-reader: install-train ## Train the neural reader: DATA=../shared/data (hours; resumes where it stopped)
	@$(BIN)/python -m models.reader.train --data "$(DATA)" $(ARGS)

.PHONY: train-reader-fine
train-reader-fine: install-train ## After train-reader, with photographs: the reader, and folds to calibrate on (hours)
	@$(BIN)/python -m models.reader.train --data "$(DATA)" --folder .train/reader-fine \
	  --config models/reader/finetune.yaml --start .train/reader
	@$(BIN)/python -m models.reader.crossvalidate --data "$(DATA)" $(ARGS)

.PHONY: train-tesseract
train-tesseract: install-train ## Train Tesseract's network: DATA=../shared/data (hours; resumes where it stopped)
	@scripts/tesseract.sh
	@$(BIN)/python -m models.tesseract.train --data "$(DATA)" $(ARGS)

.PHONY: import-labels
import-labels: install ## Turn labels of any tool into training data: LABELS="folder ..." OUT=folder
	@$(BIN)/python -m models.labels import $(LABELS) --out "$(OUT)" $(ARGS)

.PHONY: fine-tune
fine-tune: install-train ## Fine-tune all networks on imported labels: DATA=folder BASE=../shared/data MINUTES=60
	@$(BIN)/python -m models.fine_tuning "$(DATA)" $(if $(BASE),--base "$(BASE)") --minutes "$(MINUTES)" $(ARGS)

.PHONY: synthesis-preview
synthesis-preview: install ## Draw a contact sheet of what training sees: SEED=1, .train/synthesis.png
	@$(BIN)/python -m models.synthesis.preview --seed "$(SEED)" $(ARGS)

.PHONY: lock
lock: install-dev ## Write constraints.txt anew from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --all-extras --universal --quiet \
	  --no-annotate --no-emit-index-url --no-header --upgrade --output-file constraints.txt

# --- Install --------------------------------------------------------------------------------------

.PHONY: install
install:
	@scripts/environment.sh local
	@scripts/tesseract.sh || true # the second reader; said in one line where it cannot be had

.PHONY: install-web
install-web:
	@scripts/environment.sh local,web

.PHONY: install-dev
install-dev:
	@scripts/environment.sh local,tensorflow,dev
	@scripts/tesseract.sh || true
	@scripts/chromium.sh || true # for the tests of the page

.PHONY: install-train
install-train:
	@scripts/environment.sh local,tensorflow
	@scripts/apt-install.sh $(FONTS) || echo "Training draws plates with the typefaces that are here." >&2
