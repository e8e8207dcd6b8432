#!/bin/sh
# Runs one night of an archive of snapshots: checks in advance, crawls, verifies, compares with the previous snapshot, audits,
# uploads, and writes metrics. For cron and the like: a successful run prints nothing, so cron sends no mail. A failed run
# prints one message and exits with the highest exit code of all steps.
#
#     nightly.sh [-k KEY_FILE] [-l LOG_FILE] FOLDER [option of `posthog-c1z sync`]...
#
# To install it, in the folder that this file is in:
#
#     install -d /usr/local/lib/posthog-c1z && install -m 0755 nightly.sh upload.sh /usr/local/lib/posthog-c1z/
#
# A crontab that takes a snapshot every night, logs each run, reports new owners and administrators, and uploads:
#
#     MAILTO=you@example.com
#     BATON_BASE_URL=https://eu.posthog.com/api/organizations/<id>
#     DIFF_FAIL_ON=owner-added,admin-added,seat-raised
#     UPLOAD_TO=s3://my-bucket/posthog.c1z
#     17 2 * * * /usr/local/lib/posthog-c1z/nightly.sh -k /home/you/.posthog-key -l /home/you/nightly.log /home/you/snapshots
#
# KEY_FILE holds the key alone; only its owner may be able to read it: `chmod 600`. Without -k the program looks for the
# key where it always does.
#
# LOG_FILE gets what each step of each run printed, and its exit code. That is about a hundred lines a night; logrotate
# may move the file away at any time.
#
# What is in FOLDER:
#
#     posthog-DATE-TIME.c1z      the archive; the newest 30, unless an option such as --keep-daily says otherwise
#     latest.c1z                 the newest one
#     previous.c1z               the one before it, which `diff` and `audit` compare with
#     accepted.txt, rules.toml   for `diff --accept` and `audit --rules`, if you put them there
#
# If the check or the crawl fails, the remaining steps are skipped, and FOLDER and the store keep what they have. If `verify`
# rejects the snapshot, it stays in FOLDER, and the remaining steps are skipped too. `diff`, `audit` and the upload only need
# `verify`: whatever one of them finds, the others are run. Without a previous.c1z, as on the first night, nothing is compared.
#
# The environment may set:
#
#     DIFF_FAIL_ON                the changes that fail (for `diff --fail-on`); none
#     AUDIT_FAIL_ON               the findings that fail (for `audit --fail-on`); none
#     UPLOAD_TO                   the target of upload.sh; without it, nothing is uploaded
#     METRICS_FILE                a file for node_exporter, such as …/posthog.prom (for `sync --metrics-file`); the exit codes
#                                 of all steps are then in …/posthog-nightly.prom, whatever happened
#     POSTHOG_C1Z                 the program, if it is neither on PATH nor in $HOME/.cargo/bin or /usr/local/bin
#     POSTHOG_C1Z_MAX_DURATION    how long the crawl may take, unless --max-duration is given; 2h
#
# Without `set -e`: it would end with 1, which here means a change or a finding.
set -u
# Snapshots, the log and reports hold names and e-mail addresses.
umask 077

status=0
message=
steps=
results=
log_file=
# cron has a short PATH. `cargo install` puts programs into $HOME/.cargo/bin.
PATH=${PATH:-/usr/bin:/bin}${HOME:+:$HOME/.cargo/bin}:/usr/local/bin
program=${POSTHOG_C1Z:-posthog-c1z}
self=$(readlink -f "$0" 2>/dev/null) || self=$0
case $self in */*) ;; *) self=./$self ;; esac

# Writes the exit codes of this run for Prometheus, in one step. What cannot be written never changes the exit code.
write_metrics() {
    [ -n "${METRICS_FILE-}" ] || return 0
    name=${METRICS_FILE##*/}
    name=${name%.prom}
    label=name=\"$(printf '%s' "$name" | sed 's/[\\"]/\\&/g')\"
    prom=${METRICS_FILE%.prom}-nightly.prom
    {
        echo '# HELP posthog_c1z_nightly_timestamp_seconds When the last nightly run ended.'
        echo '# TYPE posthog_c1z_nightly_timestamp_seconds gauge'
        echo "posthog_c1z_nightly_timestamp_seconds{$label} $(date +%s)"
        echo '# HELP posthog_c1z_nightly_exit_code Exit code of the last nightly run.'
        echo '# TYPE posthog_c1z_nightly_exit_code gauge'
        echo "posthog_c1z_nightly_exit_code{$label} $status"
        echo '# HELP posthog_c1z_nightly_step_exit_code Exit code of each step of the last nightly run that was run.'
        echo '# TYPE posthog_c1z_nightly_step_exit_code gauge'
        for step in $steps; do
            echo "posthog_c1z_nightly_step_exit_code{$label,step=\"${step%=*}\"} ${step#*=}"
        done
    } >"$prom.$$" && chmod 644 "$prom.$$" && mv -f "$prom.$$" "$prom"
}

# Ends the run: metrics, and the message if there is one.
finish() {
    trap '' HUP INT TERM
    problem=$(write_metrics 2>&1) || message="$message
warning: the metrics could not be written: $problem"
    if [ -n "$message" ]; then
        echo "posthog-c1z on $(uname -n): the nightly run ended with exit code $status$message" >&2
    fi
    [ -z "$results" ] || rm -rf "$results"
    exit "$status"
}

# Ends the run before its first step. $1 is the exit code; the other arguments are lines.
fail() {
    status=$1
    shift
    for line; do
        message="$message
$line"
    done
    finish
}

key_file=
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
case ${1-} in
    '' | -*) fail 2 "usage: $0 [-k KEY_FILE] [-l LOG_FILE] FOLDER [option of \`posthog-c1z sync\`]..." ;;
esac
folder=$1
shift

command -v "$program" >/dev/null 2>&1 ||
    fail 3 "error: \`$program\` was not found; PATH is \`$PATH\`" \
        "hint: install posthog-c1z, or set POSTHOG_C1Z to where it is"

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
is_pruned=
for option; do
    case $option in
        --max-duration | --max-duration=*) is_bounded=yes ;;
        -q | --quiet | -v* | --verbose | --log-level | --log-level=*) is_leveled=yes ;;
        --keep-last | --keep-last=* | --keep-*ly | --keep-*ly=*) is_pruned=yes ;;
    esac
done
[ -n "$is_bounded" ] || set -- --max-duration "${POSTHOG_C1Z_MAX_DURATION:-2h}" "$@"
[ -n "$is_pruned" ] || set -- --keep-last 30 "$@"
[ -z "${METRICS_FILE-}" ] || set -- --metrics-file "$METRICS_FILE" "$@"

# Ends the run because of a signal: $1 is the exit code. A step that is running is ended first.
stop() {
    signal=$1
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null
    else
        status=$signal
        finish
    fi
}
child=
signal=
trap 'stop 129' HUP
trap 'stop 130' INT
trap 'stop 143' TERM
results=$(mktemp -d) || fail 2 "error: no temporary folder can be created in \`${TMPDIR:-/tmp}\`" \
    'hint: name another folder in TMPDIR'
answer=$results/answer said=$results/said

quiet=
if [ -n "$log_file" ]; then
    # Before an hour of work whose log would be lost.
    (: >>"$log_file") 2>"$said" || fail 2 "error: the log file \`$log_file\` cannot be written: $(cat "$said")"
    if [ -z "$is_leveled" ] && [ -z "${BATON_LOG_LEVEL-}" ]; then
        set -- -v "$@"
        # Lines for the log alone.
        quiet='/^[0-9TZ:.-]* *INFO /d; /"level":"INFO"/d'
    fi
fi

# Runs a step: $1 is its name, the rest its command. Counts its exit code, which is in $code afterwards.
step() {
    name=$1
    shift
    # In the background, so that a signal to this script reaches the step and not only its shell.
    "$@" >"$answer" 2>"$said" </dev/null &
    child=$!
    # A shell may say by which signal a step ended, which the exit code says too.
    wait "$child" 2>/dev/null
    code=$?
    while kill -0 "$child" 2>/dev/null; do
        wait "$child" 2>/dev/null
        code=$?
    done
    child=
    # A snapshot that is not sound is trouble, not something to look at.
    if [ "$name" = verify ] && [ "$code" -eq 1 ]; then code=15; fi
    steps="$steps $name=$code"
    [ "$code" -le "$status" ] || status=$code
    if [ -n "$log_file" ]; then
        # A log that cannot be written does not make a good snapshot a bad one.
        {
            cat "$said" "$answer" && echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) posthog-c1z $name: exit code $code"
        } 2>/dev/null >>"$log_file" || message="$message
warning: the log file \`$log_file\` could not be written"
    fi
    if [ "$code" -ne 0 ]; then
        # The lines of `check` that are in order are left out; those of `verify`, `diff` and `audit` are the findings.
        [ "$name" != check ] || : >"$answer"
        message="$message
$name: exit code $code
$(sed "$quiet" "$said" | cat - "$answer")"
    fi
    [ -z "$signal" ] || stop "$signal"
}

# Runs a step that the others need.
needed() {
    step "$@"
    [ "$code" -eq 0 ] || finish
}

latest=$folder/latest.c1z previous=$folder/previous.c1z
set -- -f "$folder/posthog-{date}-{time}.c1z" --latest "$latest" "$@"
needed check "$program" check "$@"
if [ -f "$latest" ]; then
    # The crawl replaces the name latest.c1z, not the file. After a night without a crawl, both names refer to one file,
    # which neither `ln` nor `cp` accepts.
    rm -f "$previous"
    ln "$latest" "$previous" 2>"$said" || cp "$latest" "$previous" 2>"$said" ||
        fail 2 "error: \`$previous\` cannot be written: $(cat "$said")"
fi
needed sync "$program" sync "$@"
needed verify "$program" verify -- "$latest"

audit_fail_on=${AUDIT_FAIL_ON:-none}
set --
if [ -f "$previous" ]; then
    [ ! -e "$folder/accepted.txt" ] || set -- --accept "$folder/accepted.txt"
    step diff "$program" diff --fail-on "${DIFF_FAIL_ON:-none}" "$@" -- "$previous" "$latest"
    set -- --since "$previous"
else
    # Everything is new.
    audit_fail_on=$(printf '%s\n' "$audit_fail_on" | sed 's/new-//g')
fi
[ ! -e "$folder/rules.toml" ] || set -- "$@" --rules "$folder/rules.toml"
step audit "$program" audit --fail-on "$audit_fail_on" "$@" -- "$latest"
[ -z "${UPLOAD_TO-}" ] || step upload sh "${self%/*}/upload.sh" "$latest" "$UPLOAD_TO"
finish
