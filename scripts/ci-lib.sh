# shellcheck shell=sh
# What ci-diff.sh and ci-audit.sh share; they read it from their own folder. It is not run by itself.
#
# Without `set -e`: it would end with 1, which for both means that there is something to look at.

# `cargo install` puts programs into $HOME/.cargo/bin.
PATH=$PATH${HOME:+:$HOME/.cargo/bin}:/usr/local/bin
program=${POSTHOG_C1Z:-posthog-c1z}
text=
errors=

fail() {
    echo "error: $*" >&2
    exit 2
}

# Finds out how to write the Markdown file $1, and creates $text, for the Markdown, and $errors, for what the program
# prints to standard error.
open_markdown() {
    markdown=$1
    [ ! -d "$markdown" ] || fail "\`$markdown\` is a folder"
    is_stream=
    # GitHub's file for the summary of a step: what the step wrote before must stay.
    [ "$markdown" != "${GITHUB_STEP_SUMMARY-}" ] || is_stream=yes
    # Follows links to what is written in the end, which is then replaced and not its link.
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
        [ "$links" -le 40 ] || fail "links lead round in a circle from \`$1\`"
        case $link in
            /*) markdown=$link ;;
            *) markdown=$folder$link ;;
        esac
    done
    if [ -e "$markdown" ] && [ ! -f "$markdown" ]; then is_stream=yes; fi
    [ -z "$is_stream" ] || folder=${TMPDIR:-/tmp}/

    trap 'rm -f "$text" "$errors"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # Beside its target, so that the last step is a rename; a stream has nothing beside it.
    text=$(mktemp "$folder.ci.XXXXXX") || fail "cannot create a file in \`$folder\`"
    errors=$(mktemp "${TMPDIR:-/tmp}/ci.XXXXXX") || fail "cannot make a temporary file"
}

# Runs the program, and keeps what it prints to standard error in $errors.
run() {
    "$program" "$@" 2>"$errors"
}

# Prints Markdown that says what failed and why. $1 is a sentence without its full stop, $2 the exit code.
failure() {
    echo "**$1** (exit code $2)."
    echo
    # Indented text is code, whatever is in it.
    sed 's/^/    /' "$errors"
}

# Makes $text the Markdown file.
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

# Publishes $text and exits with the exit code $1. If that is trouble, what takes the place of $text is the heading $2 and
# the sentence $3, which says what could not be done.
finish() {
    cat "$errors" >&2
    if [ "$1" -ge 2 ]; then
        {
            echo "## $2"
            echo
            failure "$3" "$1"
        } >"$text" || fail "cannot write \`$markdown\`"
    fi
    publish
    exit "$1"
}
