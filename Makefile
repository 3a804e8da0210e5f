# One virtual environment, .venv, made by whichever target needs it first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_DIR ?= runs/quickstart

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-all lint types bench protos fields clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/made:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 10) <= v < (3, 14) else "efficientdet needs Python 3.10 to 3.13, and %s is %d.%d: call make with PYTHON=python3.12, for instance." % (sys.executable, v[0], v[1]))'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24"
	@touch $@

$(VENV)/run: $(VENV)/made setup.py
	@echo "Installing efficientdet and its dependencies into $(VENV) (a few minutes, about 3.5 GB) ..."
	$(BIN)/python -m pip install --quiet --editable ".[lite]"
	@touch $@

$(VENV)/dev: $(VENV)/made setup.py
	@echo "Installing efficientdet, its dependencies and the development tools into $(VENV) (a few minutes, about 3.5 GB) ..."
	$(BIN)/python -m pip install --quiet --editable ".[all]"
	@touch $@

quickstart: $(VENV)/run  ## Draw a small data set, train Lite0 on it, evaluate, export, draw detections (5 minutes on 2 cores)
	$(BIN)/python scripts/quickstart.py --output_dir=$(RUN_DIR)

test: $(VENV)/dev  ## The quick tests, with branch coverage
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --cov --cov-report=term:skip-covered --cov-fail-under=85

test-all: $(VENV)/dev  ## Every test, the slow ones included
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 -m ""

lint: $(VENV)/dev  ## ruff: style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev  ## mypy
	$(BIN)/mypy

bench: $(VENV)/dev  ## Steps, start, inference, input, evaluation and memory, measured on this machine (20 minutes)
	$(BIN)/python scripts/bench.py --json runs/bench.json

protos: $(VENV)/dev  ## Generate the messages again after an edit of efficientdet/protos/*.proto
	$(BIN)/python -m grpc_tools.protoc --proto_path=. --python_out=. --pyi_out=. efficientdet/protos/*.proto

fields: $(VENV)/dev  ## Write the table of all config fields, pipelines/FIELDS.md
	$(BIN)/python -m efficientdet.cli.main config fields > pipelines/FIELDS.md

clean:  ## Remove the virtual environment, caches and quickstart runs
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage runs build *.egg-info
