#!/bin/sh
# Lets one system call after the other fail while `sync` and `export` replace a file, and checks after each fault that the
# file is whole: as it was, or the new one. Needs Linux and strace, so it is not part of `cargo test`.
#
#     scripts/fault-sweep.sh [PROGRAM]
#
# Prints one line for each call and error: how many faults were injected and which exit codes came of them. Ends with 1 if
# a file was not whole, something was left behind, or a fault was reported as a bug, damage or a guard's refusal.
#
#     FAULTS      most faults for each call and error, spread over all calls of a run; 12 if it is not set
set -eu

program=${1:-${POSTHOG_C1Z:-target/debug/posthog-c1z}}
case $program in
    /*) ;;
    *) program=$PWD/$program ;;
esac
faults=${FAULTS:-12}
command -v strace >/dev/null || {
    echo "error: strace is not installed" >&2
    exit 2
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
failed=$work/failed
cd "$work"
mkdir older tmp
TMPDIR=$work/tmp
export TMPDIR

"$program" --demo -f older/sync.c1z 2>/dev/null
"$program" export json older/sync.c1z --out older/export.json

complain() {
    echo "FAILED: $*" >&2
    : >"$failed"
}

# Whether the file that a run was to replace is whole.
is_whole() {
    if cmp -s "older/$1" "run/$1"; then return; fi
    case $1 in
        *.c1z) "$program" verify "run/$1" >/dev/null 2>&1 ;;
        *) cmp -s "older/$1" "run/$1" ;;
    esac
}

# sweep FILE CALL ERROR COMMAND…
sweep() {
    file=$1 call=$2 error=$3
    shift 3
    rm -rf run
    cp -R older run
    strace -f -qq -o calls -e "trace=$call" "$program" "$@" >/dev/null 2>&1 || true
    count=$(grep -c "${call%%,*}" calls || true)
    [ "$count" -gt 0 ] || return 0
    step=$(((count + faults - 1) / faults))
    codes=
    at=1
    while [ "$at" -le "$count" ]; do
        rm -rf run
        cp -R older run
        code=0
        strace -f -qq -o /dev/null -e "trace=$call" -e "inject=$call:error=$error:when=$at" \
            "$program" "$@" >/dev/null 2>said || code=$?
        what="$1: $call no. $at with $error (exit code $code: $(head -n 1 said))"
        is_whole "$file" || complain "$what: \`$file\` is not whole"
        left=$(find run tmp -name '.*' ! -name . ! -name .. | head -n 1)
        # What may not be removed stays, by no fault of the program's.
        [ -z "$left" ] || [ "$call" = unlink ] || complain "$what: \`$left\` is left"
        # A program that cannot be loaded ends with 127.
        case $code in
            0 | 2 | 3 | 14 | 127) ;;
            *) complain "$what" ;;
        esac
        codes="$codes $code"
        at=$((at + step))
    done
    # shellcheck disable=SC2086 # One code a word.
    printf '%-8s %-10s %-8s %3d calls, exit codes:%s\n' "$1" "${call%%,*}" "$error" "$count" \
        "$(printf '%s\n' $codes | sort -n | uniq -c | awk '{ printf " %s (%s times)", $2, $1 }')"
}

for fault in write:ENOSPC write:EIO pwrite64:ENOSPC fsync:EIO rename,renameat,renameat2:EBUSY rename,renameat,renameat2:EPERM openat:EACCES openat:EMFILE \
    fchmod:EPERM ftruncate:EIO unlink:EPERM flock:ENOLCK; do
    call=${fault%%:*} error=${fault#*:}
    sweep sync.c1z "$call" "$error" sync --demo -f run/sync.c1z --mode 0640
    sweep export.json "$call" "$error" export json run/sync.c1z --out run/export.json --mode 0640
done
[ ! -e "$failed" ]
