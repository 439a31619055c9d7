# Revealed. `make help` lists the targets; README.md tells what they are for.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
DEPLOY_VENV := .venv-deploy
BIN := $(VENV)/bin
PYTHON ?= python3
UV := $(BIN)/uv
LOCK := $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
SOURCES := include dags tests benchmarks
# In the order of tests/conftest.py, which starts the long files first.
TWO_WORKERS := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk 'BEGIN {FS = ":.*## "} {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}'

# ---- environment: one stamp file a lock, so that a second call has nothing to do

$(VENV)/bin/uv: requirements-bootstrap.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 12) else "Revealed needs Python 3.11 or 3.12; set PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@touch $@

$(VENV)/.runtime: $(VENV)/bin/uv requirements.lock pyproject.toml
	@echo "· installing the runtime (hashed lock)" >&2
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@echo "· installing the test tools (hashed lock)" >&2
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: setup
setup: $(VENV)/.runtime ## create the environment from the hashed lock

# The runtime in the same versions, and the CUDA libraries: 900 MB, which nobody without a card should fetch.
$(VENV)/.gpu: $(VENV)/.runtime requirements-gpu.lock
	@echo "· installing the CUDA libraries (hashed lock)" >&2
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements-gpu.lock
	@touch $@

.PHONY: setup-gpu
setup-gpu: $(VENV)/.gpu ## what training on an NVIDIA card needs, from wheels
	@$(BIN)/revealed doctor | grep device

# Of its own: the workers' and accounts' providers would change what the embedded platform finds installed.
$(DEPLOY_VENV)/.deploy: $(VENV)/bin/uv requirements-deploy.lock pyproject.toml
	@echo "· installing what the services of docker-compose.yml run on (hashed lock)" >&2
	@$(UV) venv --quiet --allow-existing --python $(BIN)/python $(DEPLOY_VENV)
	@$(UV) pip install --quiet --python $(DEPLOY_VENV)/bin/python --require-hashes -r requirements-deploy.lock
	@$(UV) pip install --quiet --python $(DEPLOY_VENV)/bin/python --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: setup-deploy
setup-deploy: $(DEPLOY_VENV)/.deploy ## what the services of docker-compose.yml run on, for their test without Docker

.PHONY: env
env: ## write .env with a generated secret for each service (never over an old one)
	@PYTHONPATH=include $(PYTHON) -m revealed.deployment.env_file

.PHONY: lock
lock: $(VENV)/bin/uv ## resolve the hashed requirement files again
	echo uv | $(LOCK) - -o requirements-bootstrap.lock
	$(LOCK) pyproject.toml --extra build -o requirements.lock
	$(LOCK) pyproject.toml --extra build --extra dev -c requirements.lock -o requirements-dev.lock
	$(LOCK) pyproject.toml --extra gpu -c requirements.lock -o requirements-gpu.lock
	$(LOCK) pyproject.toml --extra build --extra deploy -c requirements.lock -o requirements-deploy.lock

# ---- use

.PHONY: demo
demo: $(VENV)/.runtime ## the whole loop in Airflow on an invented world, then stop
	@$(BIN)/revealed demo

.PHONY: up
up: $(VENV)/.runtime ## start Airflow, MLflow and the gateway and stay up (Ctrl-C stops)
	@$(BIN)/revealed up

.PHONY: down
down: $(VENV)/.runtime ## stop what `make up` started
	@$(BIN)/revealed down

# ---- checks

.PHONY: test
test: $(VENV)/.dev ## the tests (under 10 minutes on 2 cores)
	$(BIN)/python -m pytest -m "not slow" $(TWO_WORKERS)

.PHONY: test-all
test-all: $(VENV)/.dev ## the tests and the longer truth
	$(BIN)/python -m pytest $(TWO_WORKERS)

.PHONY: lint
lint: $(VENV)/.dev ## ruff, sqlfluff, yamllint, compose schema, codespell
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar dbt_project/models
	$(BIN)/yamllint --strict dbt_project docker-compose.yml .pre-commit-config.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/codespell

.PHONY: types
types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

.PHONY: fmt
fmt: $(VENV)/.dev ## format the code
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

.PHONY: docs
docs: $(VENV)/.runtime ## write the generated documents again (contracts, data dictionary)
	@$(BIN)/python -m revealed.documents

.PHONY: answers
answers: $(VENV)/.runtime ## write the answers in docs/queries.md again, from the demo's warehouse
	@$(BIN)/python -m revealed.documents answers

.PHONY: check
check: lint types test ## everything that CI runs

.PHONY: bench
bench: $(VENV)/.runtime ## print the performance figures
	$(BIN)/revealed bench landing

.PHONY: clean
clean: ## remove the environment and the demo's state
	rm -rf $(VENV) $(DEPLOY_VENV) .revealed
