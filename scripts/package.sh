#!/bin/sh
# Makes packages of the program, with the program, its manual page and completions, the scripts and the documentation:
# an archive (.tar.gz) and, on Linux, a .deb and an .rpm, which have the systemd units in place. The latter two need cargo-deb
# and cargo-generate-rpm; one that is missing is reported as skipped.
#
#     scripts/package.sh [TARGET]
#
# TARGET is a target triple of Rust, such as x86_64-unknown-linux-musl for a program that needs no libraries; this machine
# must be able to run what is built for it. The packages are put into target/packages/, and the release build is made if it is
# not up to date. Nothing is installed.
#
# BUILD_PROFILE=dev packages the build that the tests use instead: enough to try a package, and minutes sooner.
set -eu
cd "$(dirname "$0")/.."
target=${1-}
out=${CARGO_TARGET_DIR:-target}
# cargo-deb and cargo-generate-rpm read this from Cargo.toml, so its place is fixed.
tree=target/package
packages=target/packages

profile=${BUILD_PROFILE:-release}
if [ "$profile" = dev ]; then
    built=debug
    # As scripts/limits.sh does.
    cargo test --no-run --quiet --locked ${target:+--target "$target"}
else
    built=$profile
    cargo build --profile "$profile" --locked ${target:+--target "$target"}
fi
program=$out/${target:+$target/}$built/posthog-c1z
rm -rf "$tree"
mkdir -p "$tree/units" "$tree/completions" "$packages"
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
    cargo deb --no-build --no-strip --quiet --profile "$profile" ${target:+--target "$target"} --output "$packages/"
else
    echo "skipped: the .deb: cargo-deb is not installed" >&2
fi
if command -v cargo-generate-rpm >/dev/null; then
    cargo generate-rpm --profile "$profile" --target-dir "$out" ${target:+--target "$target"} --auto-req builtin --output "$packages/"
else
    echo "skipped: the .rpm: cargo-generate-rpm is not installed" >&2
fi
