# The menu. Everything sets up what it needs by itself.
VENV := .venv
BIN := $(VENV)/bin

# What Python has compiled once it finds again, whatever the environment says: half of the time of a short run.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: local test unit lint crash bench docs lock sbom fuzz schemathesis conformance clean help

help:  ## show this menu
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

$(VENV)/.ready: requirements-dev.lock pyproject.toml scripts/setup
	@scripts/setup $(VENV)
	@touch $@

local: $(VENV)/.ready  ## a private mail world on this machine, with a tour
	@$(BIN)/mailwright local $(ARGS)

test: $(VENV)/.ready  ## every test; real peers are installed where that is possible
	@scripts/peers
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

unit: $(VENV)/.ready  ## the unit tests alone: seconds; without property tests and foreign data
	@$(BIN)/python -m pytest -p no:schemathesis -p no:anyio -p no:logging -p no:xdist -p no:cacheprovider \
		-m "not peers and not slow and not whole and not corpora and not hypothesis" \
		tests/contract tests/core tests/mail tests/mailauth tests/wire $(ARGS)

lint: $(VENV)/.ready  ## ruff, mypy strict, import-linter
	@$(BIN)/ruff check src tests crash bench scripts fuzz
	@$(BIN)/ruff format --check src tests crash bench scripts fuzz
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

crash: $(VENV)/.ready  ## kill and starve a server for ROUNDS=… rounds from SEED=… on, and count what it owes
	@PYTHONPATH=.:tests $(BIN)/python -m crash $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: $(VENV)/.ready  ## measure beside peers: ONLY=inbound REPEATS=5; ARGS=--profile, or --write for docs/bench.md
	@scripts/peers
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(REPEATS),--repeats $(REPEATS)) $(ARGS)

docs: $(VENV)/.ready  ## write the generated pages under docs/ again
	@$(BIN)/python scripts/docs.py

lock: $(VENV)/.ready  ## pin the newest releases of what we depend on
	@scripts/lock $(VENV)

sbom: $(VENV)/.ready  ## what a server is made of, from the lock file: CycloneDX, as sbom.json
	@$(BIN)/python scripts/sbom.py > sbom.json && echo sbom.json

fuzz: $(VENV)/.ready  ## feed parsers made-up octets: TARGET=dkim SECONDS=60, or TARGET=all
	@$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	@$(BIN)/python fuzz/run.py $(or $(TARGET),all) $(or $(SECONDS),20)

schemathesis: $(VENV)/.ready  ## ask the API whatever its description allows, and what it does not, for SECONDS=300
	@$(BIN)/python scripts/schemathesis_run.py --seconds $(or $(SECONDS),300) $(ARGS)

conformance: $(VENV)/.ready  ## the public MCP conformance suite against a private world; fetches it and its Node
	@$(BIN)/python scripts/conformance.py

clean:  ## remove what was installed and built
	@rm -rf $(VENV) build dist sbom.json
