#!/bin/sh
# What must pass before anything lands: the README's own test command, the format, the linter, and the limits of time and
# memory on hostile files, at three times the figures that are promised so that a busy machine does not fail them.
set -eu
cd "$(dirname "$0")/.."
cargo test
cargo fmt --check
cargo clippy --all-targets -- -D warnings
scripts/limits.sh 3
