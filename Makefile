# Two commands are enough for a start: `make run` and `make test`. `make help` lists the rest.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
RUN_PACKAGES := sip-tester
TEST_PACKAGES := sip-tester chromium chromium-headless-shell fonts-noto-cjk postgresql redis-server sox

.DEFAULT_GOAL := help
.PHONY: help run demo test lint bench transcripts venv frontend packages test-packages clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

run: venv packages ## Start a whole call center here: switch, controller, web
	$(BIN)/callcenter run

demo: venv packages ## Start it with a small city that calls all day
	$(BIN)/callcenter demo

test: venv test-packages ## Run every test; whole calls are tried again on a machine that is too busy
	$(BIN)/pytest --numprocesses 4 --dist loadfile --reruns 2 --reruns-delay 3

transcripts: venv ## Record what a real FreeSWITCH says; the lab switch is held to it
	$(BIN)/pytest tests/conformance --record -k freeswitch

lint: venv ## Check style and types; warnings are errors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: venv packages ## Measure: matching, the lab switch, the road from event to page
	@for name in $$($(BIN)/callcenter bench names); do $(BIN)/callcenter bench $$name; done

venv: $(VENV)/.done frontend ## Set up: virtual environment, front-end bundle, translations

$(VENV)/.done: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

frontend: node_modules/.done web/static/vendor/main.js

node_modules/.done: package.json package-lock.json .npmrc
	@command -v npm >/dev/null || { echo "npm is missing; please install Node.js 20" >&2; exit 1; }
	npm ci --no-audit --no-fund --loglevel=error
	touch $@

web/static/vendor/main.js: node_modules/.done $(wildcard web/frontend/*.js)
	npm run --silent build

packages:
	@scripts/debian_packages.sh $(RUN_PACKAGES)

test-packages:
	@scripts/debian_packages.sh $(TEST_PACKAGES)

clean: ## Remove what was set up; data stays
	rm -rf $(VENV) node_modules web/static/vendor
