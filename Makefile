# Revealed. `make help` lists the targets.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.PHONY: lock
lock: ## resolve the hashed requirement files again
	echo uv | $(LOCK) - -o requirements-bootstrap.lock
	$(LOCK) pyproject.toml --extra build -o requirements.lock
	$(LOCK) pyproject.toml --extra build --extra dev -c requirements.lock -o requirements-dev.lock
