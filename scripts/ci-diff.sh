#!/bin/sh
# Compares two snapshots for a CI job: writes Markdown for a pull-request comment or a step summary, and ends with the
# exit code of `posthog-c1z diff`.
#
# To install it, in the folder that this file is in:
#
#     install -d /usr/local/lib/posthog-c1z && install -m 0755 ci-diff.sh /usr/local/lib/posthog-c1z/
#
#     scripts/ci-diff.sh OLD NEW MARKDOWN_OUT [options of diff]
#
#     0       no differences (or none that --fail-on names), or no OLD yet: the first run
#     1       differences
#     2 …     trouble: NEW is missing, a file is damaged, or the two cannot be compared
#
# MARKDOWN_OUT is replaced in one step and says which of these it was, so that a stale or half-written one is never
# posted. Links are followed; what is not a regular file, such as /dev/stdout or a pipe, is written to and never replaced.
# POSTHOG_C1Z names the program if it is neither on PATH nor in $HOME/.cargo/bin or /usr/local/bin.
#
# Without `set -e`: it would end with 1, which here means "differences".

usage() {
    echo "usage: $0 OLD NEW MARKDOWN_OUT [options of posthog-c1z diff]" >&2
    exit 2
}
[ $# -ge 3 ] || usage
old=$1 new=$2 markdown=$3 asked=$3
shift 3
if [ -z "$new" ] || [ -z "$markdown" ]; then usage; fi
# `cargo install` puts programs into $HOME/.cargo/bin.
PATH=$PATH${HOME:+:$HOME/.cargo/bin}:/usr/local/bin
program=${POSTHOG_C1Z:-posthog-c1z}

fail() {
    echo "error: $*" >&2
    exit 2
}

[ ! -d "$markdown" ] || fail "\`$markdown\` is a folder"

# Follows links to what is written in the end, which is then replaced and not its link.
is_stream=
links=0
while :; do
    case $markdown in
        */*) folder=${markdown%/*}/ ;;
        *) folder=./ ;;
    esac
    # A link of the kernel's to an open file: the opener may hold it at another place.
    case $(cd "$folder" 2>/dev/null && pwd -P) in
        /proc/*/fd | /dev/fd) is_stream=yes ;;
    esac
    if [ -n "$is_stream" ] || ! [ -L "$markdown" ]; then break; fi
    link=$(readlink "$markdown") || fail "cannot read the link \`$markdown\`"
    links=$((links + 1))
    [ "$links" -le 40 ] || fail "links lead round in a circle from \`$asked\`"
    case $link in
        /*) markdown=$link ;;
        *) markdown=$folder$link ;;
    esac
done
if [ -e "$markdown" ] && [ ! -f "$markdown" ]; then is_stream=yes; fi
[ -z "$is_stream" ] || folder=${TMPDIR:-/tmp}/

text=
errors=
trap 'rm -f "$text" "$errors"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
# Beside its target, so that the last step is a rename; a stream has nothing beside it.
text=$(mktemp "$folder.ci-diff.XXXXXX") || fail "cannot create a file in \`$folder\`"
errors=$(mktemp "${TMPDIR:-/tmp}/ci-diff.XXXXXX") || fail "cannot make a temporary file"

publish() {
    if [ -n "$is_stream" ]; then
        cat "$text" >>"$markdown" || fail "cannot write \`$markdown\`"
        return
    fi
    # A temporary file is private; the one it becomes is for the next step of the job.
    if ! chmod "$(printf '%o' $((0666 & ~0$(umask))))" "$text" || ! mv -f "$text" "$markdown"; then
        fail "cannot write \`$markdown\`"
    fi
}

if [ -z "$old" ] || [ ! -e "$old" ]; then
    # Nothing to compare with; but what the next run will compare with must be sound.
    "$program" stats -- "$new" 2>"$errors" >/dev/null
    status=$?
    [ "$status" -ne 1 ] || status=2
    if [ "$status" -eq 0 ]; then
        echo "note: there is no \`$old\` to compare with yet" >&2
        {
            echo '## Access changes'
            echo
            echo 'This is the first run: there is no older snapshot to compare with yet.'
        } >"$text" || fail "cannot write \`$markdown\`"
    fi
else
    "$program" diff -o markdown "$@" -- "$old" "$new" 2>"$errors" >"$text"
    status=$?
fi
cat "$errors" >&2

if [ "$status" -ge 2 ]; then
    {
        echo '## Access changes'
        echo
        echo "**The snapshots could not be compared** (exit code $status)."
        echo
        # Indented text is code, whatever is in it.
        sed 's/^/    /' "$errors"
    } >"$text" || fail "cannot write \`$markdown\`"
fi
publish
exit "$status"
