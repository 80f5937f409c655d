# `make help` lists the targets. GNU make 3.81 and a POSIX shell are enough.

PYTHON ?= python3
export PYTHON
# With it, each process that a test starts compiles every module again: four seconds of CPU each.
unexport PYTHONDONTWRITEBYTECODE
COVERAGE_FLOOR := 90
BIN := .venv/bin
READY := .venv/.ready
GENERATOR := .cache/clients
CHECKS := $(addprefix check-,format lint types layers dependencies migrations openapi locks \
	dockerfile compose kubernetes workflow docs)
CLIENT_CHECKS := $(addprefix check-,openapi-typescript orval swagger-typescript-api \
	datamodel-code-generator openapi-generator spectral redocly)

# What is given on make's command line (PORT=, DATABASE_URL=, FILE=, m=) is already in the
# environment of the recipes; they read it there, so that no character of it needs quoting.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: $(shell awk -F: '/^[a-z-]+:.*## / {print $$1}' $(firstword $(MAKEFILE_LIST))) $(CHECKS) $(CLIENT_CHECKS)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  Variables: PORT=9000, DATABASE_URL=postgresql://..., PYTHON=/path/to/python3, and'
	@echo '  ARGS="..." with further arguments for run, test, import, lock and others.'

run: $(READY) ## Start PostgreSQL, migrate, seed and serve on PORT (8000), with reload; Ctrl-C stops it all
	@exec $(BIN)/app run --reload $(ARGS)

test: $(READY) ## Run the tests in parallel; ARGS="tests/api -k batch" picks some
	@exec $(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal $(ARGS)

coverage: $(READY) ## Run the tests, and fail below the minimum branch coverage; slower
	@exec $(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal \
		--cov --cov-report=term --cov-fail-under=$(COVERAGE_FLOOR) $(ARGS)

check: $(CHECKS) ## Run every check that is not a test; `make -k check` goes on after a failure

# feature: reference
check-removal: $(READY) ## The checks and the tests of a copy without all optional features
	@exec .ci/removal

check-templates: $(READY) ## The checks and the tests of generated resources and projects; slow
	@.ci/templates
	@exec $(BIN)/python -m benchmarks.projects
# end feature: reference

fix: $(READY) ## Format the code, and apply the fixes of ruff
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

hooks: $(READY) ## Run the quick checks before each commit
	@exec $(BIN)/prek install

migrate: $(READY) ## Migrate the database to the newest revision
	@exec $(BIN)/app db upgrade

revision: $(READY) ## Write a migration from the models: make revision m="add posts"
	@test -n "$$m" || { echo 'Say what changes: make revision m="add posts"' >&2; exit 1; }
	@exec $(BIN)/app db revision "$$m"

reset: $(READY) ## Delete the development database
	@exec $(BIN)/app db reset

import: $(READY) ## Send a catalogue through the running service: make import FILE=diamonds.csv.gz
	@test -n "$$FILE" || { echo 'Say which file: make import FILE=diamonds.csv.gz' >&2; exit 1; }
	@exec $(BIN)/python -m examples.catalogue_import "$$FILE" $(ARGS)

# feature: benchmarks
bench: $(READY) ## CPU time per request, compared with other frameworks; ARGS="--runs 1 --only get"
	@exec $(BIN)/python -m benchmarks.comparison $(ARGS)

bench-smoke: $(READY) ## Compare a read, a list and a create with bare FastAPI; 90 s
	@exec $(BIN)/python -m benchmarks.smoke

bench-growth: $(READY) ## Cost of requests and of the export with 10,000 to 10,000,000 items
	@exec $(BIN)/python -m benchmarks.growth $(ARGS)

bench-profile: $(READY) ## Profile the CPU time of the service; ARGS="--only list create"
	@exec $(BIN)/python -m benchmarks.hotspots $(ARGS)

bench-plans: $(READY) ## Show how PostgreSQL plans each list over a million items
	@exec $(BIN)/python -m benchmarks.plans $(ARGS)

newcomer: $(READY) ## First steps in an empty home directory: seconds for each
	@exec $(BIN)/python -m benchmarks.newcomer

drill-login: $(READY) ## 200 sign-ins at once: memory, liveness, known against unknown users
	@exec $(BIN)/python -m benchmarks.login_flood $(ARGS)

drill-jobs: $(READY) ## A thousand tasks while workers are killed: none lost, none with two effects
	@exec $(BIN)/python -m benchmarks.lost_workers $(ARGS)

drill-overload: $(READY) ## Ten times the capacity: goodput, latency, rejections
	@exec $(BIN)/python -m benchmarks.overload $(ARGS)

drill-exhaustion: $(READY) ## Attacks of one client: effects on others; ARGS="--checkout DIR"
	@exec $(BIN)/python -m benchmarks.exhaustion $(ARGS)

drill-database: $(READY) ## Kill, fail over, pool, restore; ARGS="migrations absence" for other parts
	@exec $(BIN)/python -m benchmarks.database $(ARGS)

drill-upgrade: $(READY) ## Migrate under load while the previous release serves; ARGS="--previous REV"
	@exec $(BIN)/python -m benchmarks.upgrade $(ARGS)
# end feature: benchmarks

drill-requests: $(READY) ## 50,000 hostile requests to all operations: none may get a 500
	@HOSTILE_REQUESTS=$${HOSTILE_REQUESTS:-50000} $(BIN)/pytest -q -n 0 tests/http/test_hostile_requests.py $(ARGS)

# feature: benchmarks, rooms
drill-rooms: $(READY) ## WebSockets: leaks, logout, kill -9 and shutdown, compared with the promises
	@exec $(BIN)/python -m benchmarks.rooms $(ARGS)
# end feature: benchmarks, rooms

# feature: benchmarks, events
drill-events: $(READY) ## Lost notifications, shutdown, 1,000 reconnecting clients: gaps, leaks
	@exec $(BIN)/python -m benchmarks.events $(ARGS)
# end feature: benchmarks, events

# feature: benchmarks
drill-deploy: $(READY) ## nginx before two instances: slow clients, restarts; ARGS="20 30"
	@exec $(BIN)/python -m benchmarks.front_proxy $(ARGS)

drill-image: $(READY) ## Build the image with buildah, run it as its user, call its healthcheck
	@exec $(BIN)/python -m benchmarks.image $(ARGS)
# end feature: benchmarks

# feature: dashboard
pictures: $(READY) ## Take pictures of the dashboard, in docs/images
	@KEEP_PICTURES=1 $(BIN)/pytest -q -n 0 tests/browser/test_dashboard.py
# end feature: dashboard

# feature: benchmarks, graphql
drill-graphql: $(READY) ## GraphQL attacks: each rejected, and how fast
	@exec $(BIN)/python -m benchmarks.graphql $(ARGS)
# end feature: benchmarks, graphql

docs: $(READY) ## Build the site of the guide, .data/site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo .data/site/index.html

clients: $(GENERATOR)/typescript/.ready ## Generate typed clients, Python and TypeScript, into FOLDER (.data/clients)
	@exec .ci/clients generate "$${FOLDER:-.data/clients}"

check-clients: $(CLIENT_CHECKS) ## Run other generators and linters on the OpenAPI document; minutes

# feature: benchmarks
fuzz: $(READY) $(GENERATOR)/.ready ## schemathesis as user and administrator for MINUTES (60); ARGS="--phases=coverage"
	@exec $(BIN)/python -m benchmarks.fuzz $${MINUTES:-60} $(ARGS)
# end feature: benchmarks

$(GENERATOR)/.ready: tests/clients/requirements.txt
	@.ci/uv venv --quiet --clear $(GENERATOR)
	@.ci/uv pip sync --quiet --require-hashes --python $(GENERATOR)/bin/python $<
	@touch $@

# With the npm of the wheel, whatever Node.js is installed.
$(GENERATOR)/%/.ready: tests/clients/%/package.json tests/clients/%/package-lock.json $(GENERATOR)/.ready
	@mkdir -p $(@D) && cp $(@D:$(GENERATOR)/%=tests/clients/%)/*.json $(@D)
	@cd $(@D) && PATH="$(CURDIR)/$(GENERATOR)/bin:$$PATH" npm ci --loglevel=error --ignore-scripts \
		--no-audit --no-fund --prefer-offline >/dev/null
	@touch $@

openapi: $(READY) ## Regenerate docs/openapi.json and docs/asyncapi.yaml
	@exec $(BIN)/app openapi

lock: ## Recompute the lock files from pyproject.toml; ARGS=--upgrade takes newer releases
	@$(PYTHON) .ci/locks.py $(ARGS)

# Each check is one line when it passes, and the tool's own words when it does not.

define passes
@printf '  %-12s ' $(subst check-,,$@)
@if said=$$($(1) 2>&1); then echo ok; else printf 'failed\n%s\n' "$$said"; exit 1; fi
endef

check-format: $(READY)
	$(call passes,$(BIN)/ruff format --check --output-format concise .)

check-lint: $(READY)
	$(call passes,$(BIN)/ruff check .)

check-types: $(READY)
	$(call passes,$(BIN)/mypy)

check-layers: $(READY)
	$(call passes,$(BIN)/lint-imports --no-logo)

check-dependencies: $(READY)
	$(call passes,$(BIN)/deptry --no-ansi app alembic)

check-migrations: $(READY)
	$(call passes,$(BIN)/app db check)

check-openapi: $(READY)
	$(call passes,$(BIN)/app openapi --check)

check-locks: $(READY)
	$(call passes,$(BIN)/python .ci/locks.py --check)

check-dockerfile: $(READY)
	$(call passes,$(BIN)/hadolint --no-color Dockerfile)

check-compose: $(READY)
	$(call passes,$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml)

# The schemas know Kubernetes itself, and neither kustomize nor the Prometheus operator.
check-kubernetes: $(READY)
	$(call passes,$(BIN)/kubernetes-validate --strict --quiet $$(ls deploy/kubernetes/base/*.yaml | \
		grep -v -e kustomization -e monitor))

# Strict: a link that leads nowhere fails. The variable silences an advertisement.
check-docs: $(READY)
	$(call passes,NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet)

check-workflow: $(READY)
	$(call passes,{ $(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml && \
		$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms \
			.github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml && \
		$(BIN)/zizmor --offline --no-progress .github; })

# Each in its own process, and with the packages of tests/clients/.
$(CLIENT_CHECKS): $(GENERATOR)/typescript/.ready $(GENERATOR)/tools/.ready
	$(call passes,.ci/clients $(@:check-%=%))

# The set-up: nothing runs and nothing is fetched while .venv is newer than the lock. The cache is
# used first, because uv otherwise queries the index even when it has every package.

SYNC := pip sync --quiet --require-hashes --python $(BIN)/python requirements-dev.txt

$(READY): requirements-dev.txt pyproject.toml $(BIN)/python
	@test -x $(BIN)/python || .ci/uv venv --quiet --clear .venv
	@echo "Installing requirements-dev.txt into .venv (about a minute the first time) ..."
	@.ci/uv $(SYNC) --offline 2>/dev/null || .ci/uv $(SYNC) || \
		{ echo "The packages could not be installed, for the reason above." >&2; exit 1; }
	@.ci/uv pip install --quiet --offline --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

# Missing when the interpreter that it links to is gone: it then counts as new, and .venv is remade.
$(BIN)/python: ;
