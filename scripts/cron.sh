#!/bin/sh
# One crawl of a PostHog organization for cron: silent when all is well, so that cron sends no mail; one message and the
# program's own exit code when not.
#
#     cron.sh [-k KEY_FILE] [-l LOG_FILE] [option of `posthog-c1z sync`]...
#
# To install it, in the folder that this file is in:
#
#     install -d /usr/local/lib/posthog-c1z && install -m 0755 cron.sh /usr/local/lib/posthog-c1z/
#
# A crontab that takes a snapshot every night, keeps a month of them, and logs each run:
#
#     MAILTO=you@example.com
#     BATON_BASE_URL=https://eu.posthog.com/api/organizations/<id>
#     17 2 * * * cd /home/you/snapshots && /usr/local/lib/posthog-c1z/cron.sh -k /home/you/.posthog-key -l cron.log -f posthog-{date}-{time}.c1z --latest latest.c1z --keep-last 30
#
# KEY_FILE holds the key alone; only its owner may be able to read it: `chmod 600`. Without -k the program looks for the
# key where it always does.
#
# The log of each run, successful or not, is added to LOG_FILE: what came of it (`-v`, unless another level is asked for)
# and the exit code. That is a few lines a night; logrotate may move the file away at any time.
#
# The environment may set:
#
#     POSTHOG_C1Z                 the program, if it is neither on PATH nor in $HOME/.cargo/bin or /usr/local/bin
#     POSTHOG_C1Z_MAX_DURATION    how long a run may take, unless --max-duration is given; 2h if it is not set
set -u

fail() {
    code=$1
    shift
    echo "posthog-c1z on $(uname -n): sync failed with exit code $code" >&2
    for line; do
        [ -z "$line" ] || printf '%s\n' "$line" >&2
    done
    exit "$code"
}

key_file=
log_file=
while :; do
    case ${1-} in
        -k)
            [ $# -ge 2 ] || fail 2 'error: -k needs the name of a file'
            key_file=$2
            ;;
        -l)
            [ $# -ge 2 ] || fail 2 'error: -l needs the name of a file'
            log_file=$2
            ;;
        *) break ;;
    esac
    shift 2
done

# cron has a short PATH. `cargo install` puts programs into $HOME/.cargo/bin.
PATH=${PATH:-/usr/bin:/bin}${HOME:+:$HOME/.cargo/bin}:/usr/local/bin
program=${POSTHOG_C1Z:-posthog-c1z}
command -v "$program" >/dev/null 2>&1 ||
    fail 127 "error: \`$program\` was not found; PATH is \`$PATH\`" \
        "hint: install it with \`cargo install --path .\`, or set POSTHOG_C1Z to where it is"

if [ -n "$key_file" ]; then
    if ! [ -f "$key_file" ] || ! [ -r "$key_file" ]; then
        fail 3 "error: the key file \`$key_file\` cannot be read"
    fi
    # Anyone who can read it can read the organization.
    [ -z "$(find -L "$key_file" -prune -perm -004)" ] ||
        fail 3 "error: everybody on this machine can read the key file \`$key_file\`" \
            "hint: chmod 600 $key_file"
    set -- --api-token-file "$key_file" "$@"
fi

is_bounded=
is_leveled=
for option; do
    case $option in
        --max-duration | --max-duration=*) is_bounded=yes ;;
        -q | --quiet | -v* | --verbose | --log-level | --log-level=*) is_leveled=yes ;;
    esac
done
[ -n "$is_bounded" ] || set -- --max-duration "${POSTHOG_C1Z_MAX_DURATION:-2h}" "$@"

quiet=
said=
trap 'rm -f "$said"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
said=$(mktemp) || fail 2 "error: no temporary file can be created in \`${TMPDIR:-/tmp}\`" \
    'hint: name another folder in TMPDIR'

if [ -n "$log_file" ]; then
    # Before an hour of work whose log would be lost.
    (umask 077 && : >>"$log_file") 2>"$said" ||
        fail 2 "error: the log file \`$log_file\` cannot be written: $(cat "$said")"
    if [ -z "$is_leveled" ] && [ -z "${BATON_LOG_LEVEL-}" ]; then
        set -- -v "$@"
        # Lines for the log alone: no mail has them.
        quiet='/^[0-9TZ:.-]* *INFO /d; /"level":"INFO"/d'
    fi
fi

# In the background, so that a signal to this script reaches the program and not only its shell.
"$program" sync "$@" 2>"$said" </dev/null &
child=$!
trap 'kill -TERM "$child" 2>/dev/null' HUP INT TERM
wait "$child"
code=$?
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
done

if [ -n "$log_file" ]; then
    # A log that cannot be written does not make a good snapshot a bad one.
    {
        cat "$said" && echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) posthog-c1z sync: exit code $code"
    } >>"$log_file" || echo "posthog-c1z on $(uname -n): the log file \`$log_file\` could not be written" >&2
fi
[ "$code" -eq 0 ] || fail "$code" "$(sed "$quiet" "$said")"
