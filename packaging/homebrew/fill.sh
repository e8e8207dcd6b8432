#!/bin/sh
# Prints the Homebrew formula of a release.
#
#     packaging/homebrew/fill.sh VERSION SHA256SUMS
#
# SHA256SUMS are those of the release's archives, as sha256sum prints them.
set -eu
if [ $# -ne 2 ]; then
    echo "usage: $0 VERSION SHA256SUMS" >&2
    exit 2
fi
version=$1 sums=$2
formula=$(sed "s/@VERSION@/$version/g" "${0%/*}/posthog-c1z.rb")
for target in aarch64-apple-darwin x86_64-apple-darwin aarch64-unknown-linux-musl x86_64-unknown-linux-musl; do
    archive=posthog-c1z-$version-$target.tar.gz
    sum=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]$archive\$/\1/p" "$sums")
    if [ -z "$sum" ]; then
        echo "error: \`$sums\` has no checksum of \`$archive\`" >&2
        exit 1
    fi
    formula=$(printf '%s\n' "$formula" | sed "s/@$target@/$sum/")
done
printf '%s\n' "$formula"
