#!/bin/sh
# Compares two snapshots for a CI job: writes Markdown for a pull-request comment or a step summary, and ends with the
# exit code of `posthog-c1z diff`.
#
# To install it, in the folder that this file is in:
#
#     install -d /usr/local/lib/posthog-c1z && install -m 0755 ci-diff.sh ci-lib.sh /usr/local/lib/posthog-c1z/
#
#     scripts/ci-diff.sh OLD NEW MARKDOWN_OUT [options of diff]
#
#     0       no differences (or none that --fail-on names), or no OLD yet: the first run
#     1       differences
#     2 …     trouble: NEW is missing, a file is damaged, or the two cannot be compared
#
# MARKDOWN_OUT is replaced in one step and says which of these it was, so that a stale or half-written one is never
# posted. Links are followed; what is not a regular file, such as /dev/stdout or a pipe, is written to and never replaced,
# and $GITHUB_STEP_SUMMARY is appended to.
# POSTHOG_C1Z names the program if it is neither on PATH nor in $HOME/.cargo/bin or /usr/local/bin.
#
# Without `set -e`: it would end with 1, which here means "differences".

self=$(readlink -f "$0" 2>/dev/null) || self=$0
case $self in */*) ;; *) self=./$self ;; esac
# A shell may end with 1 if there is nothing to read.
if ! [ -r "${self%/*}/ci-lib.sh" ]; then
    echo "error: \`ci-lib.sh\` is not beside \`$0\`" >&2
    exit 2
fi
# shellcheck source=scripts/ci-lib.sh
. "${self%/*}/ci-lib.sh"

usage() {
    echo "usage: $0 OLD NEW MARKDOWN_OUT [options of posthog-c1z diff]" >&2
    exit 2
}
[ $# -ge 3 ] || usage
old=$1 new=$2
if [ -z "$new" ] || [ -z "$3" ]; then usage; fi
title='Access changes'
open_markdown "$3"
shift 3

if [ -z "$old" ] || [ ! -e "$old" ]; then
    # Nothing to compare with; but what the next run will compare with must be sound.
    run stats -- "$new" >/dev/null
    status=$?
    [ "$status" -ne 1 ] || status=2
    if [ "$status" -eq 0 ]; then
        echo "note: there is no \`$old\` to compare with yet" >&2
        {
            echo "## $title"
            echo
            echo 'This is the first run: there is no older snapshot to compare with yet.'
        } >"$text" || fail "cannot write \`$markdown\`"
    fi
else
    run diff -o markdown "$@" -- "$old" "$new" >"$text"
    status=$?
fi
finish "$status" "$title" 'The snapshots could not be compared'
