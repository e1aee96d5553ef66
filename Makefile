# `make demo` and `make test` each set up all they need in .venv; python3 (3.11 or newer), make and git are enough.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test test-crash test-cluster bench bench-serving lint format lock images clean

demo: $(READY)  ## show the whole loop on the bundled site; ARGS="--no-serve --json", ARGS="--seed 3", ...
	@$(BIN)/perennial demo $(ARGS)

test: $(READY)  ## the suite; ARGS="-k leases" for a part of it
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not crash and not cluster" $(ARGS)

test-crash: $(READY)  ## kill -9 at seeded moments, then compare with an undisturbed run
	@$(BIN)/python -m pytest -m crash --timeout 3600 $(ARGS)

test-cluster: $(READY)  ## on the cluster that KUBECONFIG names, which must reach the images of `make images`
	@$(BIN)/python -m pytest -m cluster -p no:randomly -v $(ARGS)

bench: $(READY)  ## speed, as ratios measured in one run
	@$(BIN)/python -m tests.benchmarks $(ARGS)

bench-serving: $(READY)  ## the endpoint beside other servers; ARGS="--only hand-written,loop", ARGS=--resume, ARGS="soak --minutes 10"
	@$(BIN)/python -m tests.benchmarks.serving $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_docs.py

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

images:  ## build the container images; BASE=image, IMAGES=ghcr.io/acme/, ONLY=step,train, PUSH=1, ARGS="--network host" for docker build
	@$(PYTHON) -m components.images build --prefix "$(IMAGES)" $(if $(BASE),--base $(BASE)) $(if $(ONLY),--only $(ONLY)) $(if $(PUSH),--push) -- $(ARGS)

lock: $(READY)  ## resolve again, newest versions that pyproject.toml allows
	$(BIN)/python locks/resolve.py

clean:
	rm -rf .venv .bench .perennial .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist

# Standard output is kept free, so that `make demo ARGS=--json` prints JSON and nothing else.
$(READY): pyproject.toml locks/dev.txt locks/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Perennial needs Python 3.11 or newer; name one with make PYTHON=..." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) lacks venv; install it (Debian, Ubuntu: apt install python3-venv) and run make again." >&2; exit 2; }
	@echo "Setting up .venv (about 3.5 GB to download the first time)" >&2
	@$(PYTHON) -m venv .venv >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r locks/uv.txt >&2
	@$(BIN)/uv pip install -p $(BIN)/python --compile-bytecode --require-hashes -r locks/dev.txt >&2
	@$(BIN)/uv pip install -q -p $(BIN)/python --no-deps --no-build-isolation -e . >&2
	@touch $(READY)
