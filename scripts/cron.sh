#!/bin/sh
# One crawl of a PostHog organization for cron: silent when all is well, so that cron sends no mail; one message and the
# program's own exit code when not.
#
#     cron.sh [-k KEY_FILE] [option of `posthog-c1z sync`]...
#
# A crontab that takes a snapshot every night and keeps a month of them:
#
#     MAILTO=you@example.com
#     BATON_BASE_URL=https://eu.posthog.com/api/organizations/<id>
#     17 2 * * * cd /home/you/snapshots && /usr/local/lib/posthog-c1z/cron.sh -k /home/you/.posthog-key -f posthog-{date}-{time}.c1z --latest latest.c1z --keep-last 30
#
# KEY_FILE holds the key alone and is nobody else's to read: `chmod 600`. Without -k the program looks for the key where
# it always does. In the environment may stand:
#
#     POSTHOG_C1Z                 the program, if it is not on PATH or in /usr/local/bin
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
if [ "${1-}" = -k ]; then
    [ $# -ge 2 ] || fail 2 'error: -k needs the name of a file'
    key_file=$2
    shift 2
fi

# cron has a short PATH.
PATH=${PATH:-/usr/bin:/bin}:/usr/local/bin
program=${POSTHOG_C1Z:-posthog-c1z}
command -v "$program" >/dev/null 2>&1 ||
    fail 127 "error: \`$program\` is not on PATH" 'hint: set POSTHOG_C1Z to where it is'

if [ -n "$key_file" ]; then
    [ -f "$key_file" ] && [ -r "$key_file" ] ||
        fail 3 "error: the key file \`$key_file\` cannot be read"
    # Whoever reads it can read the organization.
    [ -z "$(find -L "$key_file" -prune -perm -004)" ] ||
        fail 3 "error: everybody on this machine can read the key file \`$key_file\`" \
            "hint: chmod 600 $key_file"
    set -- --api-token-file "$key_file" "$@"
fi

is_bounded=
for option; do
    case $option in
        --max-duration | --max-duration=*) is_bounded=yes ;;
    esac
done
[ -n "$is_bounded" ] || set -- --max-duration "${POSTHOG_C1Z_MAX_DURATION:-2h}" "$@"

said=
trap 'rm -f "$said"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
said=$(mktemp) || fail 2 "error: no temporary file can be created in \`${TMPDIR:-/tmp}\`" \
    'hint: name another folder in TMPDIR'

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

[ "$code" -eq 0 ] || fail "$code" "$(cat "$said")"
