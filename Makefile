# Tasks of adrwatch. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BASELINE := .venv-baseline
VIGIPY := .venv-vigipy
AUDIT := .venv-audit
REPORT := docs/models/report
# So many processes run the tests, each with servers of its own: most of a test is waiting.
JOBS ?= 3
# What pytest says where nothing was selected.
NONE := 5

.DEFAULT_GOAL := help
.PHONY: help demo test test-training check format docs docs-serve train bench bench-signals bench-windows bench-screen bench-ingest bench-scale bench-deletions bench-dashboard bench-traces soak faults pictures models-report audit sbom fuzz clean

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "adrwatch needs Python 3.11 or later; give one with: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@touch $@

$(VENV)/.run: $(VENV)/.made pyproject.toml
	@echo "installing adrwatch into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable . && touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "installing the test tools into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]' && touch $@

demo: $(VENV)/.run ## start everything, replay the sample posts, show the alerts (ONCE=1: end by itself)
	@$(BIN)/adrwatch demo $(if $(ONCE),--once)

check: $(VENV)/.dev ## lint, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: check ## the checks, then all tests against a real Kafka, Redis and Triton (ARGS="-k words" selects, JOBS=0: one by one)
	@$(BIN)/pytest --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder -m "not alone" $(ARGS); first=$$?; \
	  [ $$first = 0 ] || [ $$first = $(NONE) ] || exit $$first; \
	  $(BIN)/pytest -m alone $(ARGS); last=$$?; \
	  [ $$last = 0 ] || { [ $$last = $(NONE) ] && [ $$first = 0 ]; }

$(BASELINE)/.dev: $(BASELINE)/.made
	@echo "installing the test tools into $(BASELINE) ..."
	@$(BASELINE)/bin/pip install --quiet --disable-pip-version-check --editable '.[train,dev]' && touch $@

test-training: $(BASELINE)/.dev ## train small models from beginning to end on posts that we wrote (installs PyTorch)
	$(BASELINE)/bin/pytest tests/training_runs $(ARGS)

format: $(VENV)/.dev ## format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev ## build the site of the docs into .adrwatch-site; a link that leads nowhere fails it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

docs-serve: $(VENV)/.dev ## show the docs at http://127.0.0.1:8000, as they change
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

$(VENV)/.train: $(VENV)/.run
	@echo "installing PyTorch and what else training needs into $(VENV) (several GB) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[train]' && touch $@

train: $(VENV)/.train ## install PyTorch and what else `adrwatch train` needs (several GB)

# An environment of its own: where PyTorch is installed, spaCy loads it, and every worker would need twice the memory.
$(BASELINE)/.made: $(VENV)/.made pyproject.toml
	@echo "installing PyTorch for the baseline into $(BASELINE) (several GB) ..."
	@$(PYTHON) -m venv $(BASELINE)
	@$(BASELINE)/bin/pip install --quiet --disable-pip-version-check --editable '.[train]' && touch $@

bench: $(VENV)/.run $(BASELINE)/.made ## measure posts/s, latency and memory beside a plain PyTorch pipeline, and by parts (STREAM=FILE, ARGS="--rounds 1 --parts loop,fixed")
	@$(BIN)/python -m tests.benchmarks.run $(STREAM) --baseline-python $(BASELINE)/bin/python $(ARGS)

$(VIGIPY)/.made: $(VENV)/.made
	@$(PYTHON) -m venv $(VIGIPY)
	@$(VIGIPY)/bin/pip install --quiet --disable-pip-version-check 'vigipy>=3.5,<4' && touch $@

bench-signals: $(VENV)/.run $(VIGIPY)/.made ## measure the statistics of a million pairs on one core beside the package vigipy
	@$(BIN)/python -m tests.benchmarks.signals --vigipy-python $(VIGIPY)/bin/python $(ARGS)

bench-windows: $(VENV)/.run ## measure how fast mentions come into the windows in Redis, and what they need there
	@$(BIN)/python -m tests.benchmarks.windows $(ARGS)

bench-screen: $(VENV)/.run ## measure posts/s through the screen on one core beside plain code (STREAM=FILE, ARGS="--limit 20000")
	@$(BIN)/python -m tests.benchmarks.screen $(STREAM) $(ARGS)

bench-traces: $(VENV)/.run ## measure what traces of one post in a hundred cost the pipeline, beside none
	@$(BIN)/python -m tests.benchmarks.traces $(ARGS)

bench-ingest: $(VENV)/.run ## measure how many posts a second a live source publishes into Kafka beside a bare producer loop
	@$(BIN)/python -m tests.benchmarks.ingest $(ARGS)

bench-scale: $(VENV)/.run ## measure how many times as fast several workers are as one, with models that cost nothing (ARGS="--rounds 1")
	@$(BIN)/python -m tests.benchmarks.scaling $(ARGS)

bench-deletions: $(VENV)/.run ## measure after how many seconds each store has forgotten a post that its network takes back
	@$(BIN)/python -m tests.benchmarks.deletions $(ARGS)

bench-dashboard: $(VENV)/.run ## measure how long 20 users wait for pages of the dashboard, and for an alert that is new
	@$(BIN)/python -m tests.benchmarks.dashboard $(ARGS)

soak: $(VENV)/.dev ## run the product at a steady load and judge what grows (MINUTES=20, ARGS="--rate 50"); the report is in .adrwatch/soak
	@$(BIN)/python -m tests.soak.run --minutes $(or $(MINUTES),120) $(ARGS)

faults: $(VENV)/.dev ## break the whole product under load at random, and count what became of every post (SEED=7 MINUTES=90 or FAULTS=100 KINDS=network)
	@$(BIN)/python -m tests.faults.suite $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(FAULTS),--faults $(FAULTS)) $(if $(KINDS),--kinds $(KINDS)) $(ARGS)

pictures: $(VENV)/.dev ## take pictures of every page into .adrwatch/pictures, and those of the docs
	@$(BIN)/python -m tests.browser.pictures .adrwatch/pictures

# Normalisers are trained here, for what they learn from may not be shipped; the studies are made of the results in docs/models.
models-report: $(BASELINE)/.dev ## rebuild all tables of docs/models from the served models (DATA=FOLDER with the corpora; 3 minutes)
	@test -d "$(DATA)/ner" || { echo "give the folder of the corpora: make models-report DATA=FOLDER (docs/evaluation.md)" >&2; exit 2; }
	$(BASELINE)/bin/adrwatch evaluate all --data $(DATA) --out $(REPORT)
	@for part in rows phrases; do \
	  $(BASELINE)/bin/adrwatch train normalise --data $(DATA)/normalisation/smm4h2017/train.tsv --hold-out $$part --out .adrwatch/normaliser-$$part && \
	  $(BASELINE)/bin/adrwatch evaluate normalise --data $(DATA)/normalisation/smm4h2017/train.tsv --model .adrwatch/normaliser-$$part \
	    --save $(REPORT)/normalise-$$part > /dev/null || exit 1; done
	@for study in ablation recognisers balance asaibc asaibc-multilingual russian; do $(BASELINE)/bin/adrwatch train table docs/models/$$study > $(REPORT)/$$study.md || exit 1; done

$(AUDIT)/.made: $(VENV)/.made
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/pip install --quiet --disable-pip-version-check 'pip-audit>=2.10,<3' && touch $@

audit: $(VENV)/.run $(AUDIT)/.made ## ask the registry which known weaknesses the installed packages have (needs a registry that tells)
	@$(BIN)/python -m deploy.audit $(AUDIT)/bin/pip-audit

sbom: $(VENV)/.dev ## list what adrwatch is made of, as CycloneDX, in dist/adrwatch.cdx.json
	@$(BIN)/python -m deploy.sbom dist/adrwatch.cdx.json

fuzz: $(VENV)/.dev ## look for inputs that break a parser (MINUTES=10)
	@$(BIN)/python -m tests.fuzz.longer $(or $(MINUTES),10)

clean: ## remove the environment and everything that `adrwatch up` left in this folder
	rm -rf $(VENV) $(BASELINE) $(VIGIPY) $(AUDIT) .adrwatch .adrwatch-site .mypy_cache .ruff_cache .pytest_cache
