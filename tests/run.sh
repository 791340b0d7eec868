#!/usr/bin/env bash
# Everything that has to pass: style, types, tests, and the code blocks of the README.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff check .
ruff format --check .
mypy
pytest -q --codeblocks README.md docs tests
