#!/bin/sh
# Reads every file of testdata/hostile with every command, within limits of time and memory: 10 seconds and 500 MB each,
# times the factor that is given. Each must give an answer or refuse the file, and leave no temporary file. Before that, a
# start and a crawl of the sample organization: 100 ms each, times the factor; and the size of the release build: 20 MB.
#
#   [BUILT_PROGRAM=PATH] scripts/limits.sh [FACTOR]
#
# Makes the release build if it is not up to date, unless it is given another program.
#
# Prints a line for each file and command with exit code, seconds and, where GNU time is installed, peak memory.
set -eu
cd "$(dirname "$0")/.."
factor=${1:-1}
seconds=$((10 * factor))
kib=$((500 * 1000 * 1000 * factor / 1024))
# shellcheck disable=SC3045 # Where `ulimit` has no -v, the check is skipped.
if ! (ulimit -v "$kib") 2>/dev/null || ! command -v timeout >/dev/null; then
    echo "skipped: this system does not limit address space, or has no timeout command" >&2
    exit 0
fi
program=${BUILT_PROGRAM-}
if [ -z "$program" ]; then
    cargo build --release --locked --quiet
    program=${CARGO_TARGET_DIR:-$PWD/target}/release/posthog-c1z
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/tmp"
measure=
if /usr/bin/time --version 2>&1 | grep -q GNU; then
    measure=yes
fi
failed=0

# Runs one command five times; the fastest run counts.
small() {
    best=
    for _ in 1 2 3 4 5; do
        begun=$(date +%s%N)
        "$program" "$@" >/dev/null 2>&1 || failed=1
        took=$((($(date +%s%N) - begun) / 1000000))
        if [ -z "$best" ] || [ "$took" -lt "$best" ]; then best=$took; fi
    done
    verdict=ok
    if [ "$best" -gt "$((100 * factor))" ]; then verdict=FAILED failed=1; fi
    echo "$*: $best ms: $verdict"
}

small --version
small sync --demo --file "$folder/demo.c1z"
if [ -z "${BUILT_PROGRAM-}" ]; then
    size=$(($(wc -c <"$program") / 1000))
    verdict=ok
    if [ "$size" -gt 20000 ]; then verdict=FAILED failed=1; fi
    echo "size of the program: $size kB: $verdict"
fi

# Runs one command on one file: its words, then the file.
check() {
    file=$1
    shift
    words=$*
    code=0
    begun=$(date +%s)
    if [ -n "$measure" ]; then
        set -- /usr/bin/time -q -f %M -o "$folder/peak" "$program" "$@" "$file"
    else
        set -- "$program" "$@" "$file"
    fi
    (
        # shellcheck disable=SC3045
        ulimit -v "$kib"
        TMPDIR=$folder/tmp exec timeout "$seconds" "$@"
    ) >"$folder/out" 2>"$folder/err" || code=$?
    took=$(($(date +%s) - begun))
    peak=
    [ -z "$measure" ] || peak=", $(($(cat "$folder/peak") / 1024)) MiB"
    verdict=ok
    case $code in
    0 | 1 | 5 | 15) ;;
    *) verdict=FAILED ;;
    esac
    if [ -n "$(ls -A "$folder/tmp")" ]; then
        verdict="FAILED (temporary files left)"
        rm -rf "$folder/tmp"
        mkdir "$folder/tmp"
    fi
    [ "$verdict" = ok ] || failed=1
    echo "$(basename "$file"): $words: exit $code, $took s$peak: $verdict"
}

for file in testdata/hostile/*.c1z; do
    for words in verify stats "stats -o json" resource-types resources entitlements grants "grants -o json" \
        "principals -o json" "access nobody@example.com" "export csv" "export csv --table users" \
        "export csv --table roles" "export csv --table grants" "export json" "export ndjson" "diff $file" organization \
        "export sqlite --out $folder/access.db" \
        audit "audit -o json --since $file" "audit -o markdown" "users --no-2fa --idle 90d --without-roles -o csv"; do
        # shellcheck disable=SC2086 # The words of a command.
        check "$file" $words
    done
done
if [ "$failed" -ne 0 ]; then
    echo "some commands went over their limits, failed or left files" >&2
    exit 1
fi
