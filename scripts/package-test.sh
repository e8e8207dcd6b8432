#!/bin/sh
# Installs the .deb, runs the program, upgrades and removes the package, in a throw-away copy of this machine: an overlay on
# its file system, whose changes are in memory. Nothing on the machine itself changes.
#
#     scripts/package-test.sh [DEB]
#
# Without DEB, scripts/package.sh makes one first. Needs a Debian system, root, and overlay file systems in a mount namespace;
# where one is missing, the check is skipped and says so.
set -eu
cd "$(dirname "$0")/.."

# Ends the check because this machine cannot run it; scripts/check.sh repeats the line at the end.
skip() {
    echo "skipped: scripts/package-test.sh: $1" >>"${SKIPPED_TESTS:-/dev/stderr}"
    exit 0
}

if [ "${1-}" != --inside ]; then
    [ -e /etc/debian_version ] || skip 'this is not a Debian system'
    [ "$(id -u)" -eq 0 ] || skip 'not root'
    deb=${1-}
    if [ -z "$deb" ]; then
        command -v cargo-deb >/dev/null || skip 'cargo-deb is not installed'
        scripts/package.sh
        deb=$(find target/packages -name '*.deb' -newer target/package/posthog-c1z.1.gz)
    fi
    folder=$(mktemp -d)
    trap 'rmdir "$folder"' EXIT
    unshare -m true 2>/dev/null || skip 'no mount namespaces'
    # What it mounts is gone when it ends.
    code=0
    unshare -m "$0" --inside "$deb" "$folder" || code=$?
    [ "$code" -ne 77 ] || skip 'no overlay file systems'
    exit "$code"
fi

deb=$2 folder=$3 root=$3/root
mount -t tmpfs none "$folder"
mkdir "$folder/upper" "$folder/work" "$root"
mount -t overlay none -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$root" || exit 77
mount -t proc none "$root/proc"
mount --bind /dev "$root/dev"
# dpkg leaves out documentation on small systems.
rm -rf "$root/etc/dpkg/dpkg.cfg.d" "$root/tmp" "$root/etc/posthog-c1z"
mkdir -m 1777 "$root/tmp"
cp "$deb" "$root/tmp/new.deb"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# Prints what is done, and does it in the root, with the environment of a login.
inside() {
    echo "# $*"
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# Ends the check because the root is not as it should be.
fail() {
    echo "FAILED: $1" >&2
    exit 1
}

# Whether each of these is in the root.
has() {
    for path; do
        [ -e "$root$path" ] || fail "$path is missing"
    done
}

# An older version, which differs in its number and in the file of settings.
old=$root/tmp/old
dpkg-deb --raw-extract "$deb" "$old"
sed -i 's/^Version: .*/Version: 0.0.1/' "$old/DEBIAN/control"
echo '# An older default.' >>"$old/etc/posthog-c1z/environment"
(cd "$old" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums)
dpkg-deb --root-owner-group --build "$old" "$root/tmp/old.deb" >/dev/null

inside dpkg --install /tmp/old.deb
# What an administrator adds, and a night's snapshot as systemd keeps it.
echo BATON_BASE_URL=https://eu.posthog.com/api/organizations/mine >>"$root/etc/posthog-c1z/environment"
echo phx_invented >"$root/etc/posthog-c1z/api-token"
mkdir -p "$root/var/lib/private/posthog-c1z"
inside posthog-c1z sync --demo --quiet --file /var/lib/private/posthog-c1z/latest.c1z
before=$(sha256sum <"$root/etc/posthog-c1z/environment")

inside dpkg --install --force-confold /tmp/new.deb
[ "$(sha256sum <"$root/etc/posthog-c1z/environment")" = "$before" ] || fail 'the upgrade changed the settings'
inside dpkg --verify posthog-c1z
has /usr/lib/systemd/system/posthog-c1z.service /usr/lib/systemd/system/posthog-c1z@.timer \
    /usr/share/bash-completion/completions/posthog-c1z /usr/share/zsh/vendor-completions/_posthog-c1z \
    /usr/share/fish/vendor_completions.d/posthog-c1z.fish /usr/share/doc/posthog-c1z/copyright \
    /usr/share/doc/posthog-c1z/examples/crontab
[ "$(stat -c %a "$root/etc/posthog-c1z/environment")" = 600 ] || fail 'everybody can read the settings'

inside posthog-c1z --version
inside posthog-c1z verify /var/lib/private/posthog-c1z/latest.c1z
inside sh -c 'cd /tmp && posthog-c1z sync --demo && posthog-c1z verify demo.c1z && mkdir nights &&
    /usr/lib/posthog-c1z/nightly.sh nights --demo'
if [ -x "$root/usr/bin/man" ]; then
    inside sh -c 'MANWIDTH=120 man --warnings posthog-c1z >/tmp/page 2>/tmp/warnings'
    grep -q 'EXIT STATUS' "$root/tmp/page" || fail 'the manual page has no EXIT STATUS'
    [ ! -s "$root/tmp/warnings" ] || fail "man warns: $(head -n 5 "$root/tmp/warnings")"
fi
if [ -x "$root/usr/bin/systemd-analyze" ]; then
    for unit in posthog-c1z.service posthog-c1z.timer posthog-c1z@acme.service posthog-c1z@acme.timer; do
        inside systemd-analyze verify "$unit"
    done
fi
inside bash -c '. /usr/share/bash-completion/completions/posthog-c1z && complete -p posthog-c1z'
[ ! -x "$root/usr/bin/zsh" ] || inside zsh -n /usr/share/zsh/vendor-completions/_posthog-c1z
[ ! -x "$root/usr/bin/fish" ] || inside fish --no-execute /usr/share/fish/vendor_completions.d/posthog-c1z.fish

inside dpkg --remove posthog-c1z
[ ! -e "$root/usr/bin/posthog-c1z" ] || fail 'the program is still there'
[ -z "$(chroot "$root" find /usr /etc/systemd -name '*posthog-c1z*')" ] || fail 'files are left in /usr'
has /etc/posthog-c1z/environment /etc/posthog-c1z/api-token /var/lib/private/posthog-c1z/latest.c1z
inside dpkg --purge posthog-c1z
has /etc/posthog-c1z/api-token /var/lib/private/posthog-c1z/latest.c1z
[ ! -e "$root/etc/posthog-c1z/environment" ] || fail 'a purge leaves the settings that the package brought'
echo 'ok: installed, run, upgraded, removed and purged; the key and the snapshots are still there'
