# The commands that do everything on a fresh machine: `make demo`, `make app` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8080

.PHONY: demo app test install install-dev postgresql chromium clean

demo: install
	$(BIN)/python examples/quickstart.py
	@test ! -t 1 || $(MAKE) --no-print-directory app

# The page on a synthetic city; it prints its address, and Ctrl-C (130) ends it.
app: .venv/installed-app
	@test -f demo/checkins.csv || $(BIN)/genrec data synth --out demo --users 60 --pois 300 --days 90 --seed 7
	@$(BIN)/genrec app demo/checkins.csv --store demo/store.db --port $(PORT) || test $$? -eq 130

test: install-dev postgresql chromium
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

# Tests of the page look at it with a browser: Debian's, installed where it is missing and may be.
chromium:
	@command -v chromium >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends chromium >/dev/null; } || \
	  echo "chromium is not installed (Debian: apt-get install chromium): tests that need it are skipped."

.venv/bin/python:
	$(PYTHON) -m venv .venv

# requirements.txt pins every package, those that others pull in too.
.venv/installed: .venv/bin/python pyproject.toml requirements.txt
	$(BIN)/pip install --quiet --constraint requirements.txt --editable '.[embedded]'
	touch $@

.venv/installed-app: .venv/installed
	$(BIN)/pip install --quiet --constraint requirements.txt --editable '.[app]'
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --constraint requirements.txt --editable '.[dev]'
	# Linked to CUDA, and of no use here: with them, a machine without a GPU cannot import Gemma 3's model class.
	$(BIN)/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

clean:
	rm -rf .venv demo whole-flow
