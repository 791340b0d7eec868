#!/usr/bin/env bash
# Everything that has to pass: style, types, tests, and the code blocks of the README and the guides.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff check .
ruff format --check .
mypy
# Whatever a process of some test still prints when it ends, the result of pytest stands last.
pytest -q --color=no --codeblocks README.md docs tests -n 2 --dist worksteal --cov --cov-report=term --cov-fail-under=90 "$@" 2>&1 |
  awk '/^[0-9]+ (passed|failed).* in [0-9.]+s/ { result = $0; next } { print; fflush() } END { print result }'
