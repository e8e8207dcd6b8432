#!/bin/sh
# Measures the program on synthetic organizations, and beside it what the machine can do at best.
#
#     scripts/bench.sh [everyday] [small] [medium] [large] [year] [--seed N]      without a size: all of them
#     scripts/bench.sh [SIZE]… --beside 'CMD {file}' [--ours 'stats {file}']
#
# `everyday` measures every command on organizations of 50, 500 and 5,000 people. The second form runs another program and
# this one in turn on the same snapshot, and prints each pair and the ratio of ours to the other's. Words are split at blanks.
#
# Prints Markdown tables. Needs Rust and GNU time. BENCHMARKS.md says what the rows mean. What the program cannot do
# yet (a flag or command that it does not know) is passed over.
set -eu
cd "$(dirname "$0")/.."

seed=1
beside=
ours='stats {file}'
sizes=
while [ $# -gt 0 ]; do
    case $1 in
        everyday | small | medium | large | year) sizes="$sizes $1" ;;
        --seed) shift; seed=$1 ;;
        --beside) shift; beside=$1 ;;
        --ours) shift; ours=$1 ;;
        *) echo "usage: $0 [everyday] [small] [medium] [large] [year] [--seed N] [--beside CMD [--ours CMD]]" >&2; exit 2 ;;
    esac
    shift
done
sizes=${sizes:-everyday small medium large year}

gnu_time=${GNU_TIME:-/usr/bin/time}
"$gnu_time" -f '%e %U %S %M' true 2>/dev/null || { echo "GNU time is not at $gnu_time; set GNU_TIME" >&2; exit 2; }

cargo build --release --quiet --package posthog-c1z --package posthog-c1z-bench --bins
target=${CARGO_TARGET_DIR:-target}/release
program=$target/posthog-c1z

# Nothing of the caller's own settings shall take part.
for name in $(env | sed -n 's/^\(BATON_[A-Z_]*\|POSTHOG_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done

work=$(mktemp -d "${TMPDIR:-/tmp}/posthog-c1z-bench.XXXXXX")
servers=
stop_servers() {
    for server in $servers; do kill "$server" 2>/dev/null || true; done
    servers=
}
leave() {
    stop_servers
    rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A server runs until its standard input ends: also when this script is killed without a chance to say so.
mkfifo "$work/alive"
exec 9<>"$work/alive"

# serve FILE OPTION…: starts a server; its address stands in FILE.
serve() {
    address_file=$1
    shift
    "$target/synthetic_posthog" --seed "$seed" --port-file "$address_file" "$@" <"$work/alive" 9>&- >/dev/null &
    servers="$servers $!"
    tries=0
    until [ -s "$address_file" ]; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { echo "the server did not come up" >&2; exit 1; }
        sleep 0.1
    done
}

# value NAME TEXT: the number after NAME= in TEXT.
value() {
    printf '%s\n' "$2" | tr ' ' '\n' | sed -n "s/^$1=//p" | head -n 1
}

# calculate EXPRESSION: with two digits.
calculate() {
    awk "BEGIN { printf \"%.2f\", $1 }" 2>/dev/null || printf '?'
}

# measure COMMAND…: sets wall, cpu, peak (MB) and status; what the command prints is thrown away.
measure() {
    status=0
    "$gnu_time" -q -f '%e %U %S %M' -o "$work/time" "$@" >/dev/null 2>"$work/stderr" || status=$?
    read -r wall user system kib <"$work/time"
    cpu=$(calculate "$user + $system")
    peak=$(calculate "$kib * 1.024 / 1000")
}

# ratio FIGURE FLOOR: empty where there is no floor, or where it is too small to divide by.
ratio() {
    awk "BEGIN { if (${2:-0} >= 0.02) printf \"%.1f\", ${1:-0} / ${2:-1} }"
}

# row WHAT REQUESTS RECEIVED FILE FLOOR FLOOR_CPU ROWS: one line of the table, of what was measured last.
row() {
    rate=
    [ -z "$7" ] || rate=$(awk "BEGIN { if ($wall > 0) printf \"%d\", $7 / $wall }")
    echo "| $size | $1 | $2 | $3 | $wall | $cpu | $peak | $4 | $rate | $5 / $6 | $(ratio "$wall" "$5") / $(ratio "$cpu" "$6") |"
}

# floor WHAT LINE FILE RECEIVED: one line of the table, of what a floor said of itself.
floor() {
    grown=$(value grown_kib "$2")
    kib=${grown:-$(value peak_kib "$2")}
    echo "| $size | *$1* | $(value requests "$2") | $4 | $(value wall "$2") | $(value cpu "$2") | $(calculate "$kib * 1.024 / 1000") | $3 | | | |"
}

# total NAME LINE…: the sum of what several floors said.
total() {
    name_wanted=$1
    shift
    sum=0
    for line in "$@"; do sum="$sum + $(value "$name_wanted" "$line")"; done
    calculate "$sum"
}

megabytes() {
    calculate "$(wc -c <"$1") / 1000000"
}

must() {
    [ "$status" -eq 0 ] || { echo "$1 ended with $status:" >&2; cat "$work/stderr" >&2; exit 1; }
}

sync_help=$("$program" sync --help 2>&1 || true)
sync_has() {
    case $sync_help in *"$1"*) return 0 ;; esac
    return 1
}
budget=
for flag in --requests-per-minute --requests-per-hour; do
    if sync_has "$flag"; then budget="$budget $flag 1000000000"; fi
done

heads() {
    echo "| size | what | requests | MB received | wall s | CPU s | peak RSS MB | file MB | rows/s | floor: wall / CPU s | × floor: wall / CPU |"
    echo "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
}

# quick FILE COMMAND…: the median of seven runs in milliseconds, and the peak of one more, into a line of FILE.
quick() {
    quick_file=$1
    shift
    for _ in 1 2 3 4 5 6 7; do
        begun=$(date +%s%N)
        measure "$@"
        ended=$(date +%s%N)
        # 1 says that differences or findings were found.
        [ "$status" -le 1 ] || must "$*"
        echo $(((ended - begun) / 100000))
    done | sort -n | sed -n 4p | awk '{ printf($1 < 100 ? "%.1f" : "%.0f"), $1 / 10 }' >"$work/median"
    measure "$@"
    echo "$(cat "$work/median") ms, ${peak%.*} MB" >>"$quick_file"
}

# Every command on three sizes of an ordinary organization, one column for each.
everyday() {
    columns=
    for one in '50 10 200' '500 50 3000' '5000 300 40000'; do
        # shellcheck disable=SC2086 # three numbers
        set -- $one
        shape="--people $1 --roles $2 --grants $3"
        column=$work/column.$1
        columns="$columns $column"
        # shellcheck disable=SC2086 # the options are words
        {
            serve "$work/everyday.$1" $shape
            serve "$work/everyday.$1.new" $shape --changed
            "$target/nights" "$work/nights" --nights 30 --quiet 3 --seed "$seed" $shape
        }
        # shellcheck disable=SC2086 # the options are words
        quick "$column" "$program" sync --base-url "$(cat "$work/everyday.$1")" --api-token phx_benchmark -f "$work/old.c1z" \
            $budget
        # shellcheck disable=SC2086 # the options are words
        measure "$program" sync --base-url "$(cat "$work/everyday.$1.new")" --api-token phx_benchmark -f "$work/new.c1z" $budget
        must sync
        stop_servers
        for command in stats users 'grants -o json' 'audit --fail-on none' verify 'export csv' 'diff --force'; do
            other=
            [ "$command" != 'diff --force' ] || other=$work/new.c1z
            # shellcheck disable=SC2086 # the command is words
            quick "$column" "$program" $command "$work/old.c1z" $other
        done
        quick "$column" "$program" report -q --out "$work/access.html" "$work/old.c1z"
        quick "$column" "$program" report -q --out "$work/access.xlsx" "$work/old.c1z"
        quick "$column" "$program" history "$work/nights"
        rm -rf "$work/nights" "$work/access.html" "$work/access.xlsx" "$work/old.c1z" "$work/new.c1z"
    done
    # shellcheck disable=SC2016 # code in Markdown
    {
        printf '`%s`\n' 'sync' stats users 'grants -o json' audit verify 'export csv' diff
        printf '%s\n' '`report`, a page' '`report`, a workbook' '`history` of 30 nights'
    } >"$work/commands"
    echo '| | 50 people, 10 roles, 200 grants | 500 people, 50 roles, 3,000 grants | 5,000 people, 300 roles, 40,000 grants |'
    echo '|---|--:|--:|--:|'
    # shellcheck disable=SC2086 # the files are words
    paste -d '|' "$work/commands" $columns | sed 's/^/| /; s/|/ | /2g; s/$/ |/; s/ *| */ | /g; s/^ //; s/ $//'
    echo
}

# Nightly snapshots of 2,000 people and 20,000 grants, of which every third is like the one before.
year() {
    size='2,000 people'
    nights=$1
    "$target/nights" "$work/nights" --nights "$nights" --quiet 3 --seed "$seed" --people 2000 --roles 200 --grants 20000
    # The floor is what the program itself needs to look at each file alone.
    # shellcheck disable=SC2016 # for the other shell
    measure sh -c 'for file in "$1"/*; do "$0" stats "$file" || exit; done' "$program" "$work/nights"
    must stats
    sum=$wall
    sum_cpu=$cpu
    row "stats, $nights files one after the other" '' '' '' '' '' ''
    someone=$("$program" users -o csv "$work/nights/posthog-2026-01-01.c1z" | sed -n 2p | cut -d, -f2 | tr -d '"')
    for options in '' "--person $someone" '--as-of 2026-01-15'; do
        # shellcheck disable=SC2086 # the options are words
        measure "$program" history "$work/nights" $options
        must history
        row "history${options:+ ${options%% *}}, $nights files" '' '' '' "$sum" "$sum_cpu" ''
    done
    rm -rf "$work/nights"
}

# on FILE COMMAND: COMMAND with FILE in the place of {file}, measured.
on() {
    line=$(printf '%s' "$2" | sed "s|{file}|$1|g")
    # shellcheck disable=SC2086 # the command is words
    measure $line
    must "$line"
}

# pairs FILE: both programs in turn.
pairs() {
    echo "| $size | pair | ours: wall / CPU s, peak MB | other: wall / CPU s, peak MB | ours / other: wall, CPU |"
    echo "|---|--:|--:|--:|--:|"
    # Once without counting, so that both find the file in memory.
    on "$1" "$program $ours"
    on "$1" "$beside"
    for pair in 1 2 3 4 5 6 7; do
        on "$1" "$program $ours"
        own_wall=$wall own_cpu=$cpu own_peak=$peak
        on "$1" "$beside"
        echo "| $size | $pair | $own_wall / $own_cpu, $own_peak | $wall / $cpu, $peak | $(ratio "$own_wall" "$wall"), $(ratio "$own_cpu" "$cpu") |"
    done
}

has_heads=
for name in $sizes; do
    case $name in everyday | year) [ -z "$beside" ] || continue ;; esac
    if [ "$name" = everyday ]; then
        everyday
        continue
    fi
    if [ -z "$beside" ] && [ -z "$has_heads" ]; then
        heads
        has_heads=yes
    fi
    if [ "$name" = year ]; then
        year 30
        year 365
        continue
    fi
    case $name in
        small) people=1000 roles=100 grants=10000 size='10 k' ;;
        medium) people=10000 roles=1000 grants=100000 size='100 k' ;;
        large) people=100000 roles=1000 grants=1000000 size='1 M' ;;
    esac
    shape="--people $people --roles $roles --grants $grants"
    if [ -n "$beside" ]; then
        # shellcheck disable=SC2086 # the options are words
        "$target/write_alone" "$work/beside.c1z" --seed "$seed" $shape >/dev/null
        pairs "$work/beside.c1z"
        continue
    fi
    rows=$((people + 2 * roles + grants))
    old=$work/old.c1z
    new=$work/new.c1z
    database=$work/database

    # shellcheck disable=SC2086 # the options are words
    {
        serve "$work/$name.old" $shape
        serve "$work/$name.new" $shape --changed
    }
    url=$(cat "$work/$name.old")

    # From a server across a network, where workers wait side by side. The largest size would only wait longer.
    if [ "$name" != large ]; then
        # shellcheck disable=SC2086
        serve "$work/$name.far" $shape --delay-ms 20
        for count in 1 4; do
            # shellcheck disable=SC2086
            measure "$program" sync --base-url "$(cat "$work/$name.far")" --api-token phx_benchmark -f "$new" $budget \
                --memberships endpoint --workers "$count"
            must sync
            row "sync, endpoint, workers $count, 20 ms before each answer" '' '' "$(megabytes "$new")" '' '' "$rows"
            rm -f "$new"
        done
    fi

    # sync, in every mode there is; then the very same requests by a client that only scans the bytes.
    modes=default
    if sync_has --memberships; then modes='endpoint embedded'; fi
    workers='default'
    if sync_has --workers; then workers='1 4'; fi
    for mode in $modes; do
        for count in $workers; do
            options=$budget
            [ "$mode" = default ] || options="$options --memberships $mode"
            [ "$count" = default ] || options="$options --workers $count"
            connections=$count
            [ "$count" != default ] || connections=1
            rm -f "$old"
            # shellcheck disable=SC2086
            measure "$program" sync --base-url "$url" --api-token phx_benchmark -f "$old" $options
            must sync
            served=$("$target/floors" served "$url" "$work/paths")
            bare=$("$target/floors" replay "$url" "$work/paths" "$connections")
            "$target/floors" served "$url" "$work/paths.again" >/dev/null
            received=$(calculate "$(value bytes "$served") / 1000000")
            what=sync
            [ "$mode" = default ] || what="$what, $mode"
            [ "$count" = default ] || what="$what, workers $count"
            row "$what" "$(value requests "$served")" "$received" "$(megabytes "$old")" "$(value wall "$bare")" "$(value cpu "$bare")" "$rows"
            # The last one is also compared with all that it consists of.
            whole_what=$what whole_wall=$wall whole_cpu=$cpu whole_peak=$peak whole_bare=$bare
            # The crawl without the writing.
            if [ "$mode" != default ]; then
                alone=$("$target/crawl_alone" "$url" "$mode" "$connections")
                "$target/floors" served "$url" "$work/paths.again" >/dev/null
                wall=$(value wall "$alone")
                cpu=$(value cpu "$alone")
                peak=$(calculate "$(value peak_kib "$alone") * 1.024 / 1000")
                row "crawl alone, $mode, workers $connections" '' '' '' "$(value wall "$bare")" "$(value cpu "$bare")" "$rows"
            fi
            floor "bare read of the same URLs, $connections connection(s): $(value mb_per_s "$bare") MB/s" "$bare" '' "$received"
        done
    done
    # As every night but the first: what stands there already is held against the new snapshot.
    # shellcheck disable=SC2086
    measure "$program" sync --base-url "$url" --api-token phx_benchmark -f "$old" $options
    must sync
    row 'sync as before, over the snapshot of the night before' '' '' "$(megabytes "$old")" '' '' "$rows"
    # shellcheck disable=SC2086
    measure "$program" sync --base-url "$(cat "$work/$name.new")" --api-token phx_benchmark -f "$new" $options
    must sync
    stop_servers

    # Floors of writing and reading.
    decoded=$("$target/floors" decode "$old" "$database")
    scanned=$("$target/floors" scan "$database")
    inserted=$("$target/floors" sqlite "$database" "$work/inserted")
    single=$("$target/floors" zstd "$database" "$work/compressed" 0)
    several=$("$target/floors" zstd "$database" "$work/compressed" "$(getconf _NPROCESSORS_ONLN)")
    compressed=$(megabytes "$work/compressed")
    rm -f "$work/inserted" "$work/compressed" "$database"
    write_floor=$(total wall "$inserted" "$several")
    write_floor_cpu=$(total cpu "$inserted" "$several")
    read_floor=$(total wall "$decoded" "$scanned")
    read_floor_cpu=$(total cpu "$decoded" "$scanned")

    # shellcheck disable=SC2086
    alone=$("$target/write_alone" "$work/alone.c1z" --seed "$seed" $shape)
    wall=$(value wall "$alone")
    cpu=$(value cpu "$alone")
    peak=$(calculate "$(value grown_kib "$alone") * 1.024 / 1000")
    row "writing alone (RSS: above the $(calculate "$(value before_kib "$alone") * 1.024 / 1000") MB of the inventory)" \
        '' '' "$(megabytes "$work/alone.c1z")" "$write_floor" "$write_floor_cpu" "$rows"
    rm -f "$work/alone.c1z"
    wall=$whole_wall cpu=$whole_cpu peak=$whole_peak
    row "$whole_what, as above, beside bare read, SQLite and zstd" '' '' "$(megabytes "$old")" \
        "$(total wall "$whole_bare" "$inserted" "$several")" "$(total cpu "$whole_bare" "$inserted" "$several")" "$rows"
    floor "bare SQLite: rows $(value rows_s "$inserted") s, indexes $(value indexes_s "$inserted") s (RSS: above the rows)" \
        "$inserted" "$(calculate "$(value bytes "$inserted") / 1000000")" ''
    floor 'bare zstd -3, one thread' "$single" "$compressed" ''
    floor 'bare zstd -3, all cores' "$several" "$compressed" ''

    measure "$program" stats "$old"
    must stats
    row stats '' '' '' "$read_floor" "$read_floor_cpu" ''
    measure "$program" audit --fail-on none -o json "$old"
    must audit
    row audit '' '' '' "$read_floor" "$read_floor_cpu" ''
    measure "$program" grants -o json "$old"
    must grants
    row 'grants -o json' '' '' '' "$read_floor" "$read_floor_cpu" "$grants"
    measure "$program" verify "$old"
    must verify
    row verify '' '' '' "$read_floor" "$read_floor_cpu" "$rows"
    measure "$program" export csv "$old"
    must export
    row 'export csv' '' '' '' "$read_floor" "$read_floor_cpu" "$rows"
    measure "$program" export sqlite --out "$work/access.db" "$old"
    must export
    row 'export sqlite' '' '' "$(megabytes "$work/access.db")" "$read_floor" "$read_floor_cpu" "$rows"
    rm -f "$work/access.db"
    measure "$program" report -q --out "$work/access.html" "$old"
    must report
    row 'report, a page' '' '' "$(megabytes "$work/access.html")" "$read_floor" "$read_floor_cpu" ''
    measure "$program" report -q --out "$work/access.xlsx" "$old"
    must report
    row 'report, a workbook' '' '' "$(megabytes "$work/access.xlsx")" "$read_floor" "$read_floor_cpu" "$rows"
    rm -f "$work/access.html" "$work/access.xlsx"
    if "$program" diff --help >/dev/null 2>&1; then
        # Both servers are this machine, on two ports.
        measure "$program" diff --force "$old" "$new"
        # 1 says that they differ.
        [ "$status" -eq 1 ] || must diff
        row 'diff, 1 % changed' '' '' '' "$(calculate "2 * $read_floor")" "$(calculate "2 * $read_floor_cpu")" "$((2 * rows))"
    fi
    floor 'bare decompression' "$decoded" "$(calculate "$(value bytes "$decoded") / 1000000")" ''
    floor 'bare scan of all rows' "$scanned" '' ''
    rm -f "$old" "$new"
done
