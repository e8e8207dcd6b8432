#!/bin/sh
# What must pass before anything lands: the README's own test command, the format, and the linter.
set -eu
cd "$(dirname "$0")/.."
cargo test
cargo fmt --check
cargo clippy --all-targets -- -D warnings
