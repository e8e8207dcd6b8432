#!/bin/sh
# Makes packages of the program with its manual page and completions, the scripts and the documentation: an archive (.tar.gz)
# and, on Linux, a .deb and an .rpm, which have the systemd units in place. The latter two need cargo-deb and
# cargo-generate-rpm; one that is missing is reported as skipped.
#
#     [BUILT_PROGRAM=PATH] scripts/package.sh [TARGET]
#
# TARGET is a target triple of Rust, such as x86_64-unknown-linux-musl for a program that needs no libraries; this machine
# must be able to run what is built for it. The packages are put into target/packages/, and the release build is made if it is
# not up to date. Nothing is installed.
#
# With BUILT_PROGRAM, that program is packaged instead, under the same names.
set -eu
cd "$(dirname "$0")/.."
target=${1-}
# cargo-deb and cargo-generate-rpm read this from Cargo.toml, so its place is fixed.
tree=target/package
packages=target/packages

program=${BUILT_PROGRAM-}
if [ -z "$program" ]; then
    cargo build --release --locked ${target:+--target "$target"}
    program=${CARGO_TARGET_DIR:-target}/${target:+$target/}release/posthog-c1z
fi
rm -rf "$tree"
mkdir -p "$tree/units" "$tree/completions" "$packages"
cp "$program" "$tree/posthog-c1z"
program=$tree/posthog-c1z
"$program" man | gzip -9 -n >"$tree/posthog-c1z.1.gz"
for shell in bash zsh fish; do
    "$program" completions "$shell" >"$tree/completions/$shell"
done
for unit in scripts/*.service scripts/*.timer; do
    sed 's|^ExecStart=/usr/local/bin/|ExecStart=/usr/bin/|' "$unit" >"$tree/units/${unit##*/}"
done

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
name=posthog-c1z-$version-${target:-$(rustc -vV | sed -n 's/^host: //p')}
mkdir "$tree/$name"
cp -R "$program" "$tree/posthog-c1z.1.gz" "$tree/completions" LICENSE README.md CHANGELOG.md docs "$tree/$name/"
mkdir -p "$tree/$name/scripts/ci"
cp scripts/nightly.sh scripts/upload.sh scripts/ci-*.sh scripts/*.service scripts/*.timer "$tree/$name/scripts/"
cp scripts/ci/* "$tree/$name/scripts/ci/"
tar -C "$tree" -czf "$packages/$name.tar.gz" "$name"

[ "$(uname)" = Linux ] || exit 0
if command -v cargo-deb >/dev/null; then
    # Debian has a form of its own; what changed is in CHANGELOG.md. A version that is not released yet is of today.
    day=$(sed -n "s/^## $version - \(20.*\)/\1/p" CHANGELOG.md)
    printf 'posthog-c1z (%s-1) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' "$version" \
        "$(sed -n 's/^maintainer = "\(.*\)"$/\1/p' Cargo.toml)" "$(LC_ALL=C date -u -R -d "${day:-today}")" >"$tree/changelog"
    cargo deb --no-build --no-strip --quiet ${target:+--target "$target"} --output "$packages/"
else
    echo "skipped: the .deb: cargo-deb is not installed" >&2
fi
if command -v cargo-generate-rpm >/dev/null; then
    cargo generate-rpm ${target:+--target "$target"} --auto-req builtin --output "$packages/"
else
    echo "skipped: the .rpm: cargo-generate-rpm is not installed" >&2
fi
