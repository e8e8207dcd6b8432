#!/bin/sh
# What must pass before anything lands: the README's own test command, the format, the linter (the benchmarks of bench/
# included), the fuzz targets, and the limits of time and memory on hostile files, at three times the figures that are
# promised so that a busy machine does not fail them.
set -eu
cd "$(dirname "$0")/.."
cargo test
cargo fmt --all --check
cargo clippy --workspace --all-targets -- -D warnings
# The fuzz targets compile. Nothing is linked, so any path does for libFuzzer, and no C++ compiler is needed.
CUSTOM_LIBFUZZER_PATH=/none/libnone.a cargo check --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir target
scripts/limits.sh 3
