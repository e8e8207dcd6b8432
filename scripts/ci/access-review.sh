#!/bin/sh
# One day of an access review in CI: crawls the organization, verifies the snapshot, compares it with the baseline, audits
# it, and decides whether it becomes the baseline. github-actions.yml and gitlab-ci.yml beside this file run it.
#
#     scripts/ci/access-review.sh BASELINE FOLDER [options of `posthog-c1z sync`]
#
#     0       passed, or accepted: BASELINE is now today's snapshot
#     1       a change or a finding that fails
#     2 …     trouble, under the exit code of the step that failed; 5 if there is no BASELINE to compare with
#
# The highest exit code of all steps counts. BASELINE is replaced exactly when the exit code is 0, so that what failed is
# reported again every day until somebody fixes or accepts it. A BASELINE that is missing fails too: if it was lost, the
# changes since then would pass unseen.
#
# What is in FOLDER afterwards:
#
#     summary.md             the result, and the two reports below
#     changes.md             what changed since BASELINE
#     findings.md            what the audit found
#     accept-changes.txt     the lines for accepted.txt, if changes failed
#     accept-findings.toml   the entries for rules.toml, if findings failed
#     latest.c1z             today's snapshot
#
# Two files in the current folder are used if they exist: accepted.txt (for `diff --accept`), rules.toml (for
# `audit --rules`). The environment may set:
#
#     DIFF_FAIL_ON         the kinds of changes that fail (for `diff --fail-on`)
#     AUDIT_FAIL_ON        the findings that fail (for `audit --fail-on`); new ones are those that BASELINE does not have
#     ACCEPT_AS_BASELINE   `true` if somebody has looked at today's changes and findings and accepts all of them
#     POSTHOG_C1Z          the program, if it is neither on PATH nor in $HOME/.cargo/bin or /usr/local/bin
#
# Without `set -e`: it would end with 1, which here means a change or a finding.
set -u
# Snapshots and reports hold names and e-mail addresses.
umask 077

fail() {
    echo "error: $*" >&2
    exit 2
}

if [ $# -lt 2 ] || [ -z "$1" ] || [ -z "$2" ]; then
    echo "usage: $0 BASELINE FOLDER [options of posthog-c1z sync]" >&2
    exit 2
fi
baseline=$1 folder=$2
shift 2
# A name that begins with `-` would be taken for an option.
case $baseline in /*) ;; *) baseline=./$baseline ;; esac
case $folder in /*) ;; *) folder=./$folder ;; esac
is_accepted=${ACCEPT_AS_BASELINE:-false}
case $is_accepted in
    true | false) ;;
    *) fail "ACCEPT_AS_BASELINE is \`$is_accepted\`, and must be \`true\` or \`false\`" ;;
esac
diff_fail_on=${DIFF_FAIL_ON:-owner-added,admin-added,seat-raised,2fa-disabled,2fa-enforcement-off,sso-enforcement-off}
audit_fail_on=${AUDIT_FAIL_ON:-new-high}
self=$(readlink -f "$0" 2>/dev/null) || self=$0
case $self in */*) ;; *) self=./$self ;; esac
scripts=${self%/*}/..
PATH=${PATH:-/usr/bin:/bin}${HOME:+:$HOME/.cargo/bin}:/usr/local/bin
program=${POSTHOG_C1Z:-posthog-c1z}

latest=$folder/latest.c1z
summary=$folder/summary.md
changes=$folder/changes.md
findings=$folder/findings.md
accept_changes=$folder/accept-changes.txt
accept_findings=$folder/accept-findings.toml
mkdir -p "$folder" || fail "cannot create the folder \`$folder\`"
# What an earlier run left must not be taken for today's.
rm -f "$latest" "$summary" "$changes" "$findings" "$accept_changes" "$accept_findings" ||
    fail "cannot remove what an earlier run left in \`$folder\`"
errors=
trap 'rm -f "$errors"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
errors=$(mktemp "${TMPDIR:-/tmp}/ci.XXXXXX") || fail "cannot make a temporary file"

# Counts the exit code $1 of a step.
status=0
count() {
    [ "$1" -le "$status" ] || status=$1
}

# Ends the review with $status. $1 is the result in a word, $2 in Markdown; the reports follow it.
finish() {
    {
        echo "## Access review: $1"
        echo
        printf '%s\n' "$2"
        # What a step that stopped the review printed; indented text is code, whatever is in it.
        if [ -s "$errors" ]; then
            echo
            sed 's/^/    /' "$errors"
        fi
        for report in "$changes" "$findings"; do
            if [ -f "$report" ]; then
                echo
                cat "$report"
            fi
        done
    } >"$summary" || fail "cannot write \`$summary\`"
    echo "access review: $1 with exit code $status; see \`${summary#./}\`"
    exit "$status"
}

# Ends the review because of a step that must succeed: $1 is what could not be done, $2 the exit code.
stop() {
    cat "$errors" >&2
    status=$2
    # Here 1 is not a change and not a finding.
    [ "$status" -ne 1 ] || status=15
    rm -f "$latest"
    finish failed "**$1** (exit code $status). The baseline stays as it is."
}

"$program" sync -f "$latest" "$@" 2>"$errors"
code=$?
[ "$code" -eq 0 ] || stop 'PostHog could not be read' "$code"
# Warnings.
cat "$errors" >&2
"$program" verify -- "$latest" >"$errors" 2>&1
code=$?
[ "$code" -eq 0 ] || stop 'The snapshot of today is not sound' "$code"
: >"$errors"

# What may fail, in the order in which it is looked at.
compared=absent
if [ -e "$baseline" ]; then
    set -- --fail-on "$diff_fail_on"
    [ ! -e accepted.txt ] || set -- "$@" --accept accepted.txt
    sh "$scripts/ci-diff.sh" "$baseline" "$latest" "$changes" "$@"
    compared=$?
    if [ "$compared" -eq 1 ]; then
        "$program" diff --print-accept -- "$baseline" "$latest" >"$accept_changes" 2>/dev/null
        [ $? -le 1 ] || rm -f "$accept_changes"
    fi
fi

set --
case $compared in
    0 | 1) set -- --since "$baseline" ;;
    # Without something to compare with, everything is new.
    *) audit_fail_on=$(printf '%s\n' "$audit_fail_on" | sed 's/new-//g') ;;
esac
[ ! -e rules.toml ] || set -- "$@" --rules rules.toml
sh "$scripts/ci-audit.sh" "$latest" "$findings" --fail-on "$audit_fail_on" "$@"
audited=$?
if [ "$audited" -eq 1 ]; then
    "$program" audit --print-accept --fail-on none "$@" -- "$latest" >"$accept_findings" 2>/dev/null ||
        rm -f "$accept_findings"
fi

case $compared in
    absent) count 5 ;;
    *) count "$compared" ;;
esac
count "$audited"
# Somebody can accept changes and findings, also without a baseline or with one that cannot be compared, but not an audit
# that did not judge everything it had to.
if [ "$is_accepted" = true ] && [ "$audited" -le 1 ]; then
    status=0
fi

if [ "$status" -eq 0 ]; then
    case $baseline in
        */*) mkdir -p "${baseline%/*}" ;;
    esac
    if ! cp "$latest" "$baseline.new" || ! mv -f "$baseline.new" "$baseline"; then
        rm -f "$baseline.new"
        status=2
        finish failed "**The baseline could not be replaced** (exit code 2)."
    fi
    if [ "$is_accepted" = true ]; then
        finish accepted '**Accepted by hand.** The snapshot of today is the baseline from now on.'
    fi
    finish passed '**Passed.** The snapshot of today is the baseline from now on.'
fi

text="**Failed** (exit code $status). The baseline stays as it is, and the next run compares with it again."
if [ "$compared" = absent ]; then
    text="**There is no baseline to compare with** (exit code $status): this is the first run, or the baseline was lost. \
Look at the findings below and at who has access, then run this job by hand and accept the snapshot as the baseline."
elif [ "$status" -eq 1 ]; then
    text="$text

To accept changes and findings, add their lines from \`accept-changes.txt\` to \`accepted.txt\`, their entries from \
\`accept-findings.toml\` to \`rules.toml\`, each with the reason, and run this job again; or run it by hand and accept the \
snapshot as the baseline."
fi
finish failed "$text"
