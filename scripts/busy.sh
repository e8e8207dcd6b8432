#!/bin/sh
# Crawls an organization of 5,000 members in which people come and go by the clock, and prints a Markdown table of what
# came of it. Takes about half an hour; needs nothing but this checkout.
#
#   scripts/busy.sh [CRAWLS]
#
# Each row is of CRAWLS crawls, 20 by default. The columns: seconds that one page takes; changes a second;
# what changes; where role memberships are read from; snapshots made; those made within twice the time of a crawl at
# rest; exit codes of the others; seconds at rest; seconds of the longest; requests (at rest); rows by which pages
# moved; rows of members received more than once.
set -eu
cd "$(dirname "$0")/.."
crawls=${1:-20}
cargo build --release --quiet --bin posthog-c1z
cargo build --release --quiet -p posthog-c1z-bench --bin busy_crawl

echo "| page | changes | traffic | mode | snapshots | in time | other exit codes | at rest | longest | requests (at rest) | shifted | read twice |"
echo "|---|---|---|---|---|---|---|---|---|---|---|---|"
row() {
    # Short pages keep a processor busy, so fewer crawls run at once.
    at_once=$(($1 / 100))
    [ "$at_once" -le 10 ] || at_once=10
    target/release/busy_crawl --crawls "$crawls" --page-ms "$1" --changes-per-second "$2" \
        --traffic "$3" --memberships "$4" --at-once "$at_once"
}
for mode in endpoint embedded; do
    for page in 100 500 1000 2000; do
        for rate in 0.2 1 2; do
            row "$page" "$rate" turns "$mode"
        done
    done
    for page in 1000 2000; do
        for traffic in joins leaves; do
            row "$page" 1 "$traffic" "$mode"
        done
    done
done
