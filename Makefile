.DEFAULT_GOAL := help
.PHONY: help run test check soak bench ui lock clean
BIN := .venv/bin

help: ## say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

run: ## set up, then start everything with the demo; open http://localhost:8420
	@scripts/setup --ui
	@$(BIN)/sightline up --demo

test: ## set up, then every test
	@scripts/setup --ui --browser --kafka
	@$(BIN)/pytest -m "not soak" $(ARGS)
	@cd query-api/ui && npm test --silent

check: ## format, lint, types, architecture
	@scripts/setup --ui
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	cd query-api/ui && npm run --silent check

soak: ## the long tests: random kills, large traces, days in minutes
	@scripts/setup --ui --browser --kafka
	@$(BIN)/pytest -m soak $(ARGS)

bench: ## measure; writes bench/results/
	@scripts/setup --kafka
	@$(BIN)/python -m bench $(ARGS)

ui: ## build the web app into the package
	@scripts/setup --ui

lock: ## renew the lock file from pyproject.toml
	@scripts/lock

clean: ## remove everything that make made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist \
	  query-api/ui/node_modules query-api/src/sightline_query_api/static
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
