# `make demo` and `make test` set everything up by themselves: Python 3.11 or newer and make are all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.installed
STAMP := $(VENV)/.installed-dev
SEED ?= 1
WORKERS ?= 2
# Containers often set it. Modules would then be compiled anew by every process: seconds before the first answer.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-support_tickets demo-field_reports test tutorial docs docs-serve browser postgres postgres-server fuzz chaos chaos-short check format lint types imports bench phoenix mlflow ray ray-long real-server studio clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 13

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "evokd needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# --no-compile: Python compiles a module when it is first used, which most of them never are
$(CORE): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) --no-compile --editable .
	@touch $@

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) --no-compile --editable '.[dev]'
	@touch $(CORE) $@

setup: $(STAMP)  ## make .venv with everything in it

# What a run on one domain leaves free of the cores is for the other; its lines wait in a file.
DEMO_LINES := $(VENV)/demo-field_reports.txt

demo: $(CORE)  ## evolution cycles on two shipped domains at once, with the embedded teacher and student
	@echo "two runs at once: here are the lines of support_tickets, below them those of field_reports"
	@$(MAKE) --no-print-directory --jobs 2 demo-support_tickets demo-field_reports
	@echo && echo "$(BIN)/evokd run field_reports --cycles 3 --seed $(SEED)" && cat $(DEMO_LINES)

demo-support_tickets: $(CORE)
	$(BIN)/evokd run support_tickets --cycles 3 --seed $(SEED)

demo-field_reports: $(CORE)
	@$(BIN)/evokd run field_reports --cycles 3 --seed $(SEED) > $(DEMO_LINES) 2>&1 || { cat $(DEMO_LINES); exit 1; }

test: $(STAMP)  ## run the tests, WORKERS (2) files at a time
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope

tutorial: $(STAMP)  ## the tutorial of the docs with the rehearsal teacher, word for word, and the time of each command (minutes)
	$(BIN)/python -m tests.docs.tutorial

docs: $(STAMP)  ## the documentation as a site in site/; a broken link ends it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "open site/index.html, or show it with the search: make docs-serve"

docs-serve: $(STAMP)  ## the documentation on http://127.0.0.1:8000, renewed while you write
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --strict

BROWSER := tests/browser/node_modules/.installed

$(BROWSER): $(STAMP) tests/browser/package-lock.json
	@want=""; \
	command -v chromium >/dev/null || want="$$want chromium"; \
	command -v chromedriver >/dev/null || want="$$want chromium-driver"; \
	command -v npm >/dev/null || want="$$want npm"; \
	[ -z "$$want" ] || { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy $$want; } \
	|| { echo "the tests in a browser need commands that come with these packages:$$want"; exit 1; }
	$(PIP_INSTALL) --editable '.[dev,browser]'
	npm ci --prefix tests/browser --ignore-scripts --no-audit --no-fund
	@touch $@

browser: $(BROWSER)  ## tests of the pages in a browser (Chromium), with checks for accessibility
	$(BIN)/python -m pytest tests/browser

postgres-server:  # makes sure that there is one for the tests
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends postgresql; } \
	|| { echo "these tests need a Postgres server: install the package postgresql"; exit 1; }

postgres: $(STAMP) postgres-server  ## runs in a Postgres database, on a server of the tests' own
	$(BIN)/python -m pytest -n 0 tests/tracing/postgres tests/graph/test_postgres.py
	$(BIN)/python -m tests.chaos --only postgres --seed $(SEED)

fuzz: $(STAMP)  ## 10,000 mutated replies, 2,500 domains, data files and options, 500 prompts (minutes)
	FUZZ=1 $(BIN)/python -m pytest tests/agents/test_mutated_replies.py tests/agents/test_fence.py tests/graph/test_mutated_domains.py tests/prompts/test_malicious_prompts.py

check: lint types imports chaos-short test  ## everything that CI checks, but the pages in a browser (make browser)

format: $(STAMP)  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(STAMP)  ## ruff: format and rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)  ## mypy, strict; it reads the package `evokd` through a link to this folder
	@mkdir -p .mypy_path && ln -sfn .. .mypy_path/evokd
	$(BIN)/mypy

imports: $(STAMP)  ## the direction of imports between rooms
	$(BIN)/lint-imports

chaos: $(STAMP)  ## kill runs, break their teacher, fill their disk: a table of what is promised (minutes)
	$(BIN)/python -m tests.chaos --seed $(SEED) $(if $(OUT),--out $(OUT))

chaos-short: $(STAMP)  ## the short form of it that CI runs
	$(BIN)/python -m tests.chaos --short

bench: $(STAMP)  ## experiments on two shipped domains; simulated; docs/benchmarks.md has the commands of all figures (long)
	$(BIN)/evokd bench support_tickets --seeds 5 --validation 100 --cycles 5 --out bench/support_tickets
	$(BIN)/evokd bench field_reports --seeds 5 --validation 84 --cycles 5 --out bench/field_reports

# On top of .venv, so that what a tool brings along does not change what the tests run with.
.venv-%/.installed: $(STAMP)
	$(BIN)/python -m venv .venv-$*
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' > $$(.venv-$*/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/base.pth
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$*]'
	@touch $@

.venv-phoenix/.installed: constraints.txt
	$(PYTHON) -m venv .venv-phoenix
	.venv-phoenix/bin/python -m pip install --quiet --disable-pip-version-check "$$(grep '^arize-phoenix==' constraints.txt)"
	@touch $@

phoenix: $(STAMP) .venv-phoenix/.installed  ## export runs to a real Arize Phoenix, in an environment of its own (850 MB)
	EVOKD_PHOENIX=.venv-phoenix/bin/phoenix $(BIN)/python -m pytest -n 0 tests/exporters/test_phoenix.py

mlflow: .venv-mlflow/.installed  ## export a run to a local store of MLflow
	.venv-mlflow/bin/python -m pytest -n 0 tests/exporters/test_mlflow.py

ray: .venv-ray/.installed  ## a Ray cluster of three nodes here, with nodes killed: experiments and answers (minutes)
	EVOKD_RAY=1 .venv-ray/bin/python -m pytest -n 0 --force-enable-socket -W default tests/ray_cluster

ray-long: .venv-ray/.installed  ## the same with 12 runs and a million rows, and its times (half an hour)
	.venv-ray/bin/python -m tests.ray_cluster

REAL_SERVER := .venv-real-server
# Built for the instructions that all machines of the last ten years have: a build for the machine at hand may die on it.
LLAMA_FLAGS := -DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON

$(REAL_SERVER)/.installed: tests/real_server/requirements.txt
	$(PYTHON) -m venv $(REAL_SERVER)
	CMAKE_ARGS="$(LLAMA_FLAGS)" nice $(REAL_SERVER)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@touch $@

real-server: $(STAMP) $(REAL_SERVER)/.installed  ## calls and runs on a real small model behind llama.cpp's server (the first time it is compiled: 10 min)
	EVOKD_REAL_SERVER=$(REAL_SERVER)/bin/python $(BIN)/python -m pytest -n 0 tests/real_server --durations=15

studio: .venv-studio/.installed  ## a run through LangGraph's development server
	EVOKD_LANGGRAPH=.venv-studio/bin/langgraph $(BIN)/python -m pytest -n 0 tests/graph/test_studio.py

clean:  ## remove the environment and caches, keep the runs
	rm -rf $(VENV) .venv-mlflow .venv-phoenix .venv-ray .venv-real-server .venv-studio build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .mypy_path
