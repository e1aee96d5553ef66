# `make demo` and `make test` each set up all they need in .venv; python3 (3.11 or newer), make and git are enough.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
CHECKOV := .tools/checkov/.ready
# Go checks the sums of what it fetches against its public log. Dependabot doesn't see these versions: raise them by hand.
GO_TOOLS := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 github.com/anchore/syft/cmd/syft@v1.52.0 \
	github.com/anchore/grype/cmd/grype@v0.110.0 github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3
TOOL_NAMES := $(foreach tool,$(GO_TOOLS),$(lastword $(subst /, ,$(firstword $(subst @, ,$(tool))))))
COMMA := ,
export PATH := $(CURDIR)/.tools:$(PATH)
NEW_ENOUGH := $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Perennial needs Python 3.11 or newer; name one with make PYTHON=..." >&2; exit 2; }
REGISTRY := -m releasing.images --prefix "$(IMAGES)" $(if $(ONLY),--only $(ONLY)) $(if $(AGAIN),--again) \
	$(if $(SIGNER),--signer "$(SIGNER)") $(if $(ISSUER),--issuer "$(ISSUER)")

.PHONY: demo test test-crash test-containers test-cluster bench bench-serving lint format lock images secrets clean
.PHONY: python tools room missing-images sbom scan push digests sign bump propose verify apply schedule
.PHONY: release tag notes packages sign-packages publish

demo: $(READY)  ## show the whole loop on the bundled site; ARGS="--no-serve --json", ARGS="--seed 3", ...
	@$(BIN)/perennial demo $(ARGS)

test: $(READY)  ## the suite; ARGS="-k leases" for a part of it
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not crash and not containers and not cluster" $(ARGS)

test-crash: $(READY)  ## kill -9 at seeded moments, then compare with an undisturbed run
	@$(BIN)/python -m pytest -m crash --timeout 3600 $(ARGS)

test-containers: $(READY)  ## a step, a prediction, a page in containers on read-only roots without a network; IMAGES=ghcr.io/acme/ pulls what wasn't built here
	@$(if $(IMAGES),$(BIN)/python $(REGISTRY) pull)
	@IMAGES="$(IMAGES)" $(BIN)/python -m pytest -m containers -v $(ARGS)

test-cluster: $(READY)  ## on the cluster that KUBECONFIG names, which must reach the images of `make images`
	@$(BIN)/python -m pytest -m cluster -p no:randomly -v $(ARGS)

bench: $(READY)  ## speed, as ratios measured in one run
	@$(BIN)/python -m tests.benchmarks $(ARGS)

bench-serving: $(READY)  ## the endpoint beside other servers; ARGS="--only hand-written,loop", ARGS=--resume, ARGS="soak --minutes 10"
	@$(BIN)/python -m tests.benchmarks.serving $(ARGS)

lint: $(READY) $(CHECKOV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet .github
	@if command -v actionlint >/dev/null; then echo actionlint; actionlint; else echo "actionlint left out: 'make tools ONLY=actionlint' installs it" >&2; fi
	.ci/check-infrastructure
	$(BIN)/python -m pytest -q tests/test_docs.py tests/workflows

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

images:  ## build the container images; BASE=image, IMAGES=ghcr.io/acme/, ONLY=step,train, PUSH=1, ARGS="--network host" for docker build
	@$(PYTHON) -m components.images build --prefix "$(IMAGES)" $(if $(BASE),--base $(BASE)) $(if $(ONLY),--only $(ONLY)) $(if $(PUSH),--push) -- $(ARGS)

secrets:  ## passwords for compose.yaml that aren't there yet, into .secrets
	@$(PYTHON) -m perennial.operations.secret_files

lock: $(READY)  ## resolve again, newest versions that pyproject.toml allows; GROUP=tools for a part of them
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python locks/resolve.py $(if $(GROUP),--group $(GROUP))

tools:  ## what the targets below need beside docker, kubectl and gh, by Go into .tools; ONLY=syft,grype
	@unknown="$(firstword $(filter-out $(TOOL_NAMES),$(subst $(COMMA), ,$(ONLY))))"; test -z "$$unknown" || \
		{ echo "There is no tool '$$unknown'. The tools are $(TOOL_NAMES); say ONLY=syft,grype for a part of them." >&2; exit 2; }
	@command -v go >/dev/null || { echo "There is no go command here. Install Go (https://go.dev/dl), or put it on PATH." >&2; exit 2; }
	@for tool in $(GO_TOOLS); do \
		name=$${tool%@*}; name=$${name##*/}; \
		case ",$(or $(ONLY),$$name)," in *",$$name,"*) echo "$$tool" >&2; CGO_ENABLED=0 GOBIN="$(CURDIR)/.tools" go install "$$tool" || exit;; esac; \
	done

room:  ## remove what a runner of GitHub's brings for others, so that the images and .venv fit; refused on any other machine
	@test "$$RUNNER_ENVIRONMENT" = github-hosted || \
		{ echo "This is no runner of GitHub's, so nothing is removed. Make room by hand: the images take 10 GB, .venv 7." >&2; exit 2; }
	sudo rm -rf /usr/local/lib/android /usr/share/dotnet /usr/share/swift /usr/local/.ghcup /opt/hostedtoolcache/CodeQL

missing-images:  ## build the images that the registry of IMAGES=ghcr.io/acme/ lacks, AGAIN=1 all of them; ONLY and BASE as for images
	@$(PYTHON) $(REGISTRY) $(if $(BASE),--base $(BASE)) missing-images

sbom:  ## list what is in the images, as SPDX in dist/sbom
	@$(PYTHON) $(REGISTRY) sbom

scan:  ## refuse images with high or critical vulnerabilities that have a fix
	@$(PYTHON) $(REGISTRY) scan

push:  ## push what the registry lacks, AGAIN=1 all, and write the digests into dist/images.json
	@$(PYTHON) $(REGISTRY) push

digests:  ## write the registry's digests of this checkout's images into dist/images.json
	@$(PYTHON) $(REGISTRY) digests

sign:  ## sign what dist/images.json names, and attest its contents, by cosign without a key; SIGNER=you@example.com ISSUER=https://...
	@$(PYTHON) $(REGISTRY) sign

bump:  ## name the images of dist/images.json by digest in the manifests
	@$(PYTHON) $(REGISTRY) bump

propose:  ## a pull request of what changed, or the open one anew; BRANCH=images TITLE="Images of this code"
	@BRANCH="$(BRANCH)" TITLE="$(TITLE)" .ci/propose

verify: $(READY)  ## the manifests name images of this checkout, by digest, signed by SIGNER; writes dist/images.json and dist/sbom
	@$(BIN)/python $(REGISTRY) verify

apply:  ## apply OVERLAY=manifests/overlays/production on the cluster that KUBECONFIG names, or the variable KUBECONFIG_CONTENT describes
	@test -n "$(OVERLAY)" || { echo "Say which overlay: make apply OVERLAY=manifests/overlays/production" >&2; exit 2; }
	@command -v kubectl >/dev/null || { echo "There is no kubectl command here. Install it (https://kubernetes.io/docs/tasks/tools), or put it on PATH." >&2; exit 2; }
	@if [ -n "$${KUBECONFIG_CONTENT:-}" ]; then \
		KUBECONFIG=$$(mktemp) && trap 'rm -f "$$KUBECONFIG"' EXIT && export KUBECONFIG && printf '%s' "$$KUBECONFIG_CONTENT" >"$$KUBECONFIG" || exit; \
	fi; kubectl apply -k "$(OVERLAY)"

schedule: $(READY)  ## upload the pipeline's version and bring the recurring runs of TASKS="regions style" in line with their files
	@test -n "$(TASKS)" || { echo 'Say which tasks: make schedule TASKS="regions style"' >&2; exit 2; }
	@for task in $(TASKS); do $(BIN)/perennial schedule "$$task" || exit; done

release:  ## date what is unreleased, set the version and commit; VERSION=1.2.3
	@git diff --quiet HEAD || { echo "There are uncommitted changes, and a release is a commit of its own. Commit or stash them first." >&2; exit 2; }
	@$(PYTHON) -m releasing.changelog prepare "$(VERSION)"
	@git commit --quiet -m "Release $(VERSION)" CHANGELOG.md perennial/__init__.py
	@echo "Committed. Push it; once the pull request that names its images is merged: make tag VERSION=$(VERSION)"

tag: $(READY)  ## tag this commit VERSION=1.2.3, whose manifests name its images by digest, and with SIGNER and IMAGES signed ones
	@test -z "$$(git status --porcelain)" || { echo "There are files that are changed or not in git, and a tag is a commit's. Commit or stash them first." >&2; exit 2; }
	@$(BIN)/python -m releasing.changelog notes "$(VERSION)"
	@$(BIN)/python $(REGISTRY) $(if $(SIGNER),verify,named)
	@git tag -a -m "Perennial $(VERSION)" "v$(VERSION)"
	@echo "Tagged v$(VERSION). Publish it: git push origin v$(VERSION)"

notes:  ## write the changelog of VERSION=1.2.3, which this checkout must be, into dist/notes.md
	@$(PYTHON) -m releasing.changelog notes "$(VERSION)"

packages: $(READY)  ## wheel and source archive, in dist/packages
	@$(BIN)/python -m hatchling build --directory dist/packages

sign-packages:  ## sign what is in dist/packages by cosign without a key
	@command -v cosign >/dev/null || { echo "There is no cosign command here. 'make tools ONLY=cosign' installs it." >&2; exit 2; }
	@for file in dist/packages/*.whl dist/packages/*.tar.gz; do cosign sign-blob --yes --bundle "$$file.sigstore.json" "$$file" || exit; done

publish:  ## the release VERSION=1.2.3 on GitHub, from dist/notes.md, dist/packages, dist/images.json and dist/sbom
	@command -v gh >/dev/null || { echo "There is no gh command here. Install it (https://cli.github.com), or put it on PATH." >&2; exit 2; }
	@gh release create "v$(VERSION)" --verify-tag --title "Perennial $(VERSION)" --notes-file dist/notes.md dist/images.json dist/packages/* dist/sbom/*.spdx.json

# They need no package, so they run without $(READY), which looks at the version too.
images secrets missing-images sbom scan push digests sign bump release notes: python

python:
	@$(NEW_ENOUGH)

clean:
	rm -rf .venv .tools .bench .perennial .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist

# Standard output is kept free, so that `make demo ARGS=--json` prints JSON and nothing else.
$(READY): pyproject.toml locks/dev.txt locks/uv.txt
	@$(NEW_ENOUGH)
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) lacks venv; install it (Debian, Ubuntu: apt install python3-venv) and run make again." >&2; exit 2; }
	@echo "Setting up .venv (about 3.5 GB to download the first time)" >&2
	@$(PYTHON) -m venv .venv >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r locks/uv.txt >&2
	@$(BIN)/uv pip install -p $(BIN)/python --compile-bytecode --require-hashes -r locks/dev.txt >&2
	@$(BIN)/uv pip install -q -p $(BIN)/python --no-deps --no-build-isolation -e . >&2
	@touch $(READY)

# Its packages disagree with those in .venv.
$(CHECKOV): locks/lint/checkov.txt | $(READY)
	@echo "Setting up .tools/checkov (54 MB to download the first time)" >&2
	@$(PYTHON) -m venv --clear --without-pip $(@D) >&2
	@$(BIN)/uv pip install -q -p $(@D)/bin/python --require-hashes -r $< >&2
	@touch $@
