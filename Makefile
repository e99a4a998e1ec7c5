# The age pipeline: what can be done with this checkout, one target each.

## VENV=DIR      where the environment goes (.venv)
VENV ?= .venv
## STACK=NAME    current or compatible (the newest that this machine can load)
STACK ?=
## VARIANT=NAME  cpu, or gpu: the same with the CUDA packages that TensorFlow needs (cpu)
VARIANT ?= cpu
## DATA=DIR      labels.csv and its images (a demo set, drawn for the run)
DATA ?=
## CONFIG=FILE   the run's configuration (configs/demo.yaml, or configs/faces.yaml with DATA)
CONFIG ?=
## WORKDIR=DIR   where the run's artifacts, models and reports go (what the configuration says)
WORKDIR ?=
## SET='a.b=c …' values that override the configuration's
SET ?=
## TREE=DIR      where a Debian tree or Kubeflow's programs go (/var/tmp/age-current, -first-run, -image, -kubeflow or -promtool, by target)
TREE ?=
## ARGS='…'      further arguments, for the command that the target runs
ARGS ?=

# $(call quote,NAME): the value of a parameter as one word for the shell, whatever is in it.
quote = '$(subst ','\'',$(value $(1)))'
tree = $(if $(value TREE),$(call quote,TREE),/var/tmp/age-$(1))
BIN = $(call quote,VENV)/bin

ifeq ($(value CONFIG),)
CONFIG := $(if $(value DATA),configs/faces.yaml,configs/demo.yaml)
endif
RUN_OPTIONS = --config $(call quote,CONFIG) \
	$(if $(value DATA),--data $(call quote,DATA)) \
	$(if $(value WORKDIR),--workdir $(call quote,WORKDIR)) \
	$(foreach override,$(value SET),--set '$(subst ','\'',$(override))')

MAKEFLAGS += --no-print-directory
.PHONY: help setup run test lint format schema test-current test-first-run test-containers test-backend test-flink test-alerts flink-up flink-down bench soak lock image-tree clean

help: ## List the targets and their parameters
	@echo 'Targets:'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 20
	@echo 'Parameters (default):'
	@sed -n 's/^## /  /p' Makefile

setup: ## Make the environment alone; at once when it is up to date
	@sh locks/install.sh $(call quote,VENV) $(call quote,STACK) $(call quote,VARIANT)

run: setup ## Run the pipeline: the demo, or your faces with DATA=
	@$(BIN)/age-pipeline run $(RUN_OPTIONS) $(value ARGS)

test: setup ## Run the tests
	@$(BIN)/python -m pytest $(value ARGS)

lint: setup ## Check the code: rules, format, floors, types
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check . && PATH=$(BIN):$$PATH $(BIN)/lint-imports --no-logo && $(BIN)/mypy

format: setup ## Mend in the code what a machine can mend
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

schema: setup ## Write the JSON Schema of a run's verdict anew
	@$(BIN)/python -m schemas

test-current: ## Run the tests on the current stack in a Debian 13 tree TREE= (needs root and debootstrap), and exchange models
	@python3 -m proofs.current_stack $(call tree,current) $(call quote,VENV) $(value ARGS)

test-first-run: ## Run `make run` in bare Debian 12 and 13 trees below TREE= (needs root and debootstrap); ARGS=trixie for one
	@python3 -m proofs.first_run $(call tree,first-run) $(value ARGS)

test-containers: setup ## Run the containers of the pipeline compiled for Kubeflow, one by one, on this machine
	@$(BIN)/python -m pytest -m containers tests/kubeflow/test_containers.py $(value ARGS)

test-backend: setup ## Run the compiled pipeline on Kubeflow's own programs, built in TREE= (needs root, Go and MariaDB)
	@$(BIN)/python -m proofs.kubeflow_backend $(call tree,kubeflow) $(value ARGS)

test-flink: setup ## Run the data steps on a Flink cluster of this machine (needs Java 17 or 21, and Maven)
	@$(BIN)/python -m pytest -m flink tests/flink $(value ARGS)

test-alerts: setup ## Have Prometheus' own tool, built in TREE= (needs Go), check and try the server's alerts
	@$(BIN)/python -m proofs.promtool $(call tree,promtool) $(value ARGS)

flink-up: setup ## Start Flink, Beam's job server and a pool of workers on this machine (needs Java 17 or 21, and Maven)
	@$(BIN)/python deploy/flink/standalone.py up $(value ARGS)

flink-down: setup ## Stop what flink-up started
	@$(BIN)/python deploy/flink/standalone.py down $(value ARGS)

bench: setup ## Measure ingestion and training side by side
	@$(BIN)/python -m benchmarks $(value ARGS)

soak: setup ## Ask a server for ten minutes, well and badly, while its versions change; ARGS='--minutes 2' for less
	@$(BIN)/python -m benchmarks.soak $(value ARGS)

lock: ## Resolve the lock files again; ARGS=--upgrade for newer versions
	@sh locks/lock.sh $(call quote,VENV) $(value ARGS)

image-tree: ## Run the Dockerfile's commands in a fresh Debian 13 tree TREE= (needs root and debootstrap)
	@python3 -m proofs.image $(call tree,image) --variant $(call quote,VARIANT) --python $(BIN)/python $(value ARGS)

clean: ## Remove the environment and what building and testing left; runs stay
	@if [ -e $(call quote,VENV)/.age-pipeline ]; then rm -rf $(call quote,VENV); fi
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
	@find age benchmarks components pipeline proofs schemas tests -name __pycache__ -prune -exec rm -rf {} +
