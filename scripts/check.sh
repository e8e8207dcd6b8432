#!/bin/sh
# What must pass before anything lands: the tests, the format, the linter (the benchmarks of bench/ included), the docs,
# the fuzz targets, the limits of time and memory on hostile files, at three times the figures that are promised so
# that a busy machine does not fail them, the page of `report` in a browser, and the .deb in a throw-away root.
#
# Needs Rust and a C compiler. Checks with other tools run if these are installed; the last lines name the checks and
# tests that did not run here.
set -eu
cd "$(dirname "$0")/.."
missing=
# Tests that cannot run here write a line into it.
SKIPPED_TESTS=$(mktemp)
export SKIPPED_TESTS
trap 'rm -f "$SKIPPED_TESTS"' EXIT

# Runs a command if its tool, the first argument, is installed.
if_installed() {
    tool=$1
    shift
    if command -v "$tool" >/dev/null; then
        "$@"
    else
        missing="$missing $tool"
    fi
}

# The quick ones first.
cargo fmt --all --check
if_installed typos typos
if_installed shellcheck shellcheck .ci/run scripts/*.sh scripts/ci/*.sh fuzz/*.sh packaging/homebrew/*.sh packaging/deb/*
if_installed hadolint hadolint packaging/Dockerfile
if_installed zizmor zizmor --offline --quiet .github scripts/ci/github-actions.yml
if_installed actionlint actionlint .github/workflows/*.yml scripts/ci/github-actions.yml
# Not the advisories, which appear without a change here; .github/workflows/advisories.yml looks at them.
if_installed cargo-deny cargo deny check bans licenses sources
cargo clippy --workspace --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
# The fuzz targets compile. Nothing is linked, so any path does for libFuzzer, and no C++ compiler is needed.
CUSTOM_LIBFUZZER_PATH=/none/libnone.a cargo check --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-target}"
cargo test
scripts/limits.sh 3
scripts/browser.sh
scripts/package-test.sh

for tool in $missing; do
    echo "skipped: $tool is not installed"
done
sort "$SKIPPED_TESTS"
