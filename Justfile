# `just` lists the recipes. Each uses the virtual environment in .venv (see CONTRIBUTING.md).

export PATH := justfile_directory() / ".venv/bin" + ":" + env("PATH")

# List the recipes
default:
    @just --list

# Run the tests, or those that the arguments select
test *arguments:
    pytest -n auto {{arguments}}

# Run the tests that take many seconds each
test-long *arguments:
    pytest -n auto -m long {{arguments}}

# Check style, types and layers
check:
    ruff check .
    ruff format --check .
    mypy
    lint-imports

# Format the code and fix what can be fixed
fix:
    ruff check --fix .
    ruff format .

# Regenerate the files that are written from the program: pages of docs/, and the built-in profiles
reference:
    python -m roadmap_assets_tests.reference

# Build the docs site into site-docs/; warnings are errors
docs:
    mkdocs build

# Serve the docs site and rebuild it on changes
docs-serve:
    mkdocs serve

# Renew the versions in deploy/requirements.txt (needs uv)
pin:
    printf 'dagster-aws\ndagster-docker\ndagster-k8s\ndagster-postgres\n' | uv pip compile setup.cfg --extra postgres --extra s3 - \
        --python-version 3.13 --python-platform x86_64-unknown-linux-gnu --no-emit-index-url --no-annotate --upgrade \
        --custom-compile-command 'just pin' -o deploy/requirements.txt

# Take the benchmarks, or those named
benchmarks *names:
    python -m roadmap_assets_tests.benchmarks {{names}}

# Test against the real hosts (a few requests)
live:
    pytest -m live

# Start Dagster's UI on loopback
dagster:
    mkdir -p .dagster_home && ln -sf ../roadmap_assets/defs/dagster.yaml .dagster_home/dagster.yaml
    DAGSTER_HOME="{{justfile_directory()}}/.dagster_home" dg dev

# Everything that CI runs
ci:
    .ci/run
