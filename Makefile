# The two commands a newcomer needs: `make run` and `make test`. Everything else is listed by `make help`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Files of tests at the same time: more than cores, since many wait. Each worker has an engine, and where it needs one a
# broker, of its own: 1.5 GiB.
WORKERS ?= 3
# Many small matrices: one BLAS thread per process is faster than a spinning pool of them.
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: report-example help run test check lint format kafka bench bench-accuracy bench-business-first bench-calibration pictures screenshots dashboards lock clean

help: ## List what make can do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

$(VENV)/run: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Toll needs Python 3.11 or newer; set PYTHON=python3.x"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Toll into $(VENV) (about a minute, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/dev: $(VENV)/run requirements-dev.lock
	@echo "Installing the tools for tests and checks ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

run: $(VENV)/run ## Start Toll with a simulated shop on http://127.0.0.1:8080
	@$(BIN)/toll demo

test: $(VENV)/dev ## Run the tests
	@$(BIN)/python -m pytest -n $(WORKERS) --no-loadscope-reorder

lint: $(VENV)/dev ## Check style, types and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/mypy tests
	@$(BIN)/lint-imports

check: test lint ## Everything CI runs

format: $(VENV)/dev ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

kafka: ## Start a real Kafka 4 broker on 127.0.0.1:9092 (Java 17 and Maven)
	@deploy/kafka/start.sh

bench: $(VENV)/dev ## Measure throughput against other stream processors, latency, and a tick
	@$(BIN)/python -m tests.bench

bench-accuracy: $(VENV)/dev ## Measure the estimator on real series (DATA=folder of the benchmark)
	@$(BIN)/python -m tests.bench.accuracy $(DATA)

bench-business-first: $(VENV)/dev ## How often the business alone opens an incident, on real series (DATA=folder)
	@$(BIN)/python -m tests.bench.business_first $(DATA)

bench-calibration: $(VENV)/dev ## How often the simulator's truth lies in the 90 % range
	@$(BIN)/toll demo --calibrate 200

screenshots: $(VENV)/dev ## Take the pictures of pages and commands anew (Chromium)
	@$(BIN)/python -m tests.screenshots

dashboards: $(VENV)/dev ## Write Grafana's dashboards anew
	@$(BIN)/python -m tests.dashboards --write

pictures: $(VENV)/dev ## Draw the pictures of docs/accuracy.md anew
	@$(BIN)/python -m tests.pictures

report-example: $(VENV)/dev ## Write the weekly report of docs/report anew
	@$(BIN)/python -m tests.report_example

lock: ## Resolve the dependencies anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra fast pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra fast --group dev pyproject.toml -o requirements-dev.lock

clean: ## Remove what was built or stored here
	rm -rf $(VENV) build dist data .mypy_cache .ruff_cache .pytest_cache .hypothesis
