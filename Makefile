# The two commands that do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test install install-dev clean

demo: install
	$(BIN)/python examples/quickstart.py

test: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

install: .venv/installed
install-dev: .venv/installed-dev

.venv/bin/python:
	$(PYTHON) -m venv .venv

# requirements.txt pins every package, those that others pull in too.
.venv/installed: .venv/bin/python pyproject.toml requirements.txt
	$(BIN)/pip install --quiet --constraint requirements.txt --editable '.[embedded]'
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --constraint requirements.txt --editable '.[dev]'
	# Linked to CUDA, and of no use here: with them, a machine without a GPU cannot import Gemma 3's model class.
	$(BIN)/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

clean:
	rm -rf .venv demo whole-flow
