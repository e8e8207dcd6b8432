#!/bin/sh
# Verifies a snapshot and uploads it, by the tool of the store that the target names. A snapshot that `verify` rejects is not
# uploaded, so the store keeps the one before. Prints nothing on success.
#
#     upload.sh FILE TARGET
#
#     TARGET                                                  is uploaded to by
#     s3://BUCKET/NAME                                        aws; AWS_ENDPOINT_URL names a compatible store
#     gs://BUCKET/NAME                                        gcloud
#     https://ACCOUNT.blob.core.windows.net/CONTAINER/NAME    az, as who is logged in; or set AZURE_STORAGE_AUTH_MODE
#     REMOTE:PATH                                             rclone
#
# To install it, in the folder that this file is in:
#
#     install -d /usr/local/lib/posthog-c1z && install -m 0755 upload.sh /usr/local/lib/posthog-c1z/
#
# TARGET.sha256 is uploaded after the snapshot, and FILE.sha256 is left beside FILE, both as `sha256sum -c` reads them. An
# object that is replaced later no longer has the sum that is kept here.
#
#     0     uploaded
#     2     wrong usage, or the machine: no space, no permission
#     3     TARGET has none of these forms, or its tool is not installed
#     5     FILE does not exist
#     14    the tool failed; its exit code and what it printed are in the message
#     15    FILE is not a sound snapshot
#
# POSTHOG_C1Z names the program if it is neither on PATH nor in $HOME/.cargo/bin or /usr/local/bin. FILE may be replaced
# meanwhile: a copy of it is verified and uploaded.
set -u
umask 077

# Prints what failed, and exits with the code $1.
fail() {
    code=$1
    shift
    printf '%s\n' "$@" >&2
    exit "$code"
}

if [ $# -ne 2 ] || [ -z "$1" ] || [ -z "$2" ]; then
    fail 2 "usage: $0 FILE TARGET"
fi
file=$1 target=$2
# A name that begins with `-` would be taken for an option.
case $file in /*) ;; *) file=./$file ;; esac
PATH=${PATH:-/usr/bin:/bin}${HOME:+:$HOME/.cargo/bin}:/usr/local/bin
program=${POSTHOG_C1Z:-posthog-c1z}
# Neither reading a snapshot nor a tool for uploads needs the key.
unset BATON_API_TOKEN BATON_API_TOKEN_FILE POSTHOG_API_KEY CREDENTIALS_DIRECTORY

case $target in
    */ | *: | -*) tool= ;;
    s3://?*/?*) tool=aws ;;
    gs://?*/?*) tool=gcloud ;;
    https://*\?*)
        fail 3 'error: the target has a query, such as a SAS token, which other users could see in the process list' \
            'hint: put the token into AZURE_STORAGE_SAS_TOKEN, and set AZURE_STORAGE_AUTH_MODE=key'
        ;;
    https://?*/?*/?*) tool=az ;;
    *://*) tool= ;;
    ?*:?*) tool=rclone ;;
    *) tool= ;;
esac
[ -n "$tool" ] || fail 3 "error: \`$target\` is not the name of an object in a store that is known" \
    "hint: use s3://BUCKET/NAME, gs://BUCKET/NAME, https://ACCOUNT.blob.core.windows.net/CONTAINER/NAME or REMOTE:PATH"
for needed in "$program" "$tool"; do
    command -v "$needed" >/dev/null 2>&1 || fail 3 "error: \`$needed\` was not found; PATH is \`$PATH\`"
done
[ -f "$file" ] || fail 5 "error: there is no file \`$file\`"

folder=
trap 'rm -rf "$folder" "$file.sha256.new"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
folder=$(mktemp -d) || fail 2 "error: no temporary folder can be created in \`${TMPDIR:-/tmp}\`" \
    'hint: name another folder in TMPDIR'
copy=$folder/${file##*/} said=$folder/said.txt
cp -- "$file" "$copy" 2>"$said" || fail 2 "error: \`$file\` could not be copied: $(cat "$said")"

"$program" verify -- "$copy" >"$said" 2>&1
code=$?
if [ "$code" -ne 0 ]; then
    # Here 1 is not a finding to look at later.
    [ "$code" -ne 1 ] || code=15
    fail "$code" "error: \`$file\` was not uploaded, because \`verify\` rejects it" "$(cat "$said")"
fi

if command -v sha256sum >/dev/null 2>&1; then
    sum=$(sha256sum <"$copy")
else
    sum=$(shasum -a 256 <"$copy")
fi
sum=${sum%% *}
[ "${#sum}" -eq 64 ] || fail 2 'error: the SHA-256 could not be computed: neither sha256sum nor shasum works'

# Uploads the file $1 to $2.
upload() {
    case $tool in
        aws) aws s3 cp --only-show-errors "$1" "$2" ;;
        gcloud) gcloud storage cp --quiet "$1" "$2" ;;
        # Without `--overwrite`, the second upload fails.
        az)
            az storage blob upload --auth-mode "${AZURE_STORAGE_AUTH_MODE:-login}" --blob-url "$2" --file "$1" --overwrite \
                --only-show-errors --output none
            ;;
        rclone) rclone copyto "$1" "$2" ;;
    esac >"$said" 2>&1 </dev/null
    code=$?
    [ "$code" -eq 0 ] || fail 14 "error: \`$2\` could not be uploaded: \`$tool\` failed with exit code $code" "$(cat "$said")"
}

upload "$copy" "$target"
object=${target##*[/:]} sums=$folder/sha256.txt
printf '%s  %s\n' "$sum" "$object" >"$sums" || fail 2 "error: \`$sums\` cannot be written"
upload "$sums" "$target.sha256"
if ! printf '%s  %s\n' "$sum" "${file##*/}" >"$file.sha256.new" || ! mv -f -- "$file.sha256.new" "$file.sha256"; then
    fail 2 "error: the snapshot was uploaded, but its SHA-256 could not be written to \`$file.sha256\`: it is $sum"
fi
