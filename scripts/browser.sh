#!/bin/sh
# Looks at the page of `posthog-c1z report` with a real browser: that no name becomes markup and nothing is loaded, sorting,
# filtering and addresses, a page without scripts, on a phone, in the dark and on paper, and the page of a large
# organization.
#
# Needs Chromium (or Chrome), chromedriver and pdftotext. Where one is not installed, the check is skipped and says so; with
# CI set, it fails instead.
set -eu
cd "$(dirname "$0")/.."

# Whether one of these programs is installed.
is_installed() {
    for name in "$@"; do
        ! command -v "$name" >/dev/null || return 0
    done
    return 1
}

missing=
is_installed chromium chromium-browser google-chrome || missing="$missing chromium"
is_installed chromedriver || missing="$missing chromedriver"
is_installed pdftotext || missing="$missing pdftotext"
if [ -n "$missing" ]; then
    line="skipped: scripts/browser.sh: not installed:$missing"
    if [ -n "${CI:-}" ]; then
        echo "$line" >&2
        exit 1
    fi
    # scripts/check.sh repeats it at the end.
    echo "$line" >>"${SKIPPED_TESTS:-/dev/stderr}"
    exit 0
fi
# Each test has a browser of its own, and two of them keep two cores busy.
cargo test --quiet --test it -- --ignored browser:: --test-threads=2 "$@"
