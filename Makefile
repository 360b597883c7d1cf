# The two commands that do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test install install-dev postgresql clean

demo: install
	$(BIN)/python examples/quickstart.py

test: install-dev postgresql
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

install: .venv/installed
install-dev: .venv/installed-dev

# Tests of the store start a PostgreSQL server of their own: Debian's, installed where it is missing and may be.
postgresql:
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends postgresql >/dev/null; } || \
	  echo "PostgreSQL is not installed (Debian: apt-get install postgresql): tests that need it are skipped."

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
