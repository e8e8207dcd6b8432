#!/bin/sh
# Audits a snapshot for a CI job: writes Markdown for a pull-request comment or a step summary, and ends with the exit
# code of `posthog-c1z audit`.
#
# To install it, in the folder that this file is in:
#
#     install -d /usr/local/lib/posthog-c1z && install -m 0755 ci-audit.sh ci-lib.sh /usr/local/lib/posthog-c1z/
#
#     scripts/ci-audit.sh FILE MARKDOWN_OUT [options of audit]
#
#     0       no findings that --fail-on names (without it: no high ones)
#     1       findings
#     2 …     trouble: FILE is missing or damaged, the rules file is wrong, or a rule that --fail-on names could not be
#             judged
#
# MARKDOWN_OUT is replaced in one step and says which of these it was, so that a stale or half-written one is never
# posted. If only a rule that --fail-on names could not be judged, it is the report, and the error after it. Links are
# followed; what is not a regular file, such as /dev/stdout or a pipe, is written to and never replaced, and
# $GITHUB_STEP_SUMMARY is appended to.
# POSTHOG_C1Z names the program if it is neither on PATH nor in $HOME/.cargo/bin or /usr/local/bin.
#
# Without `set -e`: it would end with 1, which here means "findings".

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
    echo "usage: $0 FILE MARKDOWN_OUT [options of posthog-c1z audit]" >&2
    exit 2
}
[ $# -ge 2 ] || usage
file=$1
if [ -z "$file" ] || [ -z "$2" ]; then usage; fi
open_markdown "$2"
shift 2

# The longest comment is 65,536 bytes, and an error may have to follow the report.
length=--max-bytes=63488
for option; do
    case $option in --max-bytes | --max-bytes=*) length= ;; esac
done

run audit -o markdown ${length:+"$length"} "$@" -- "$file" >"$text"
status=$?

# The report is printed whole before a rule that could not be judged fails the audit.
if [ "$status" -eq 2 ] && [ -s "$text" ]; then
    cat "$errors" >&2
    {
        echo
        failure 'The audit failed after this report' "$status"
    } >>"$text" || fail "cannot write \`$markdown\`"
    publish
    exit "$status"
fi
finish "$status" 'Access audit' 'The snapshot could not be audited'
