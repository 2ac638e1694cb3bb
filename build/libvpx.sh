#!/usr/bin/env bash
# Builds the VP9 encoder library as a static, realtime-only one in build/.libvpx: less than half
# the size of the one in Debian 12 (build/adr/0016-vp9.md). Quick when there is nothing to do.
# Where the source cannot be had, it says so and the agent is built with Debian's.
set -euo pipefail
cd "$(dirname "$0")/.."

version=1.15.0
# Of the upstream archive, as the signed source index of Debian 13 has it.
sha256=a6cfd199c5c567cfa4e6d991ec36690d9af801585b5db959c1494b5b15f821a5
archive=libvpx_$version.orig.tar.xz
options=(
	--target=x86_64-linux-gcc --enable-static --disable-shared
	--disable-vp8 --disable-vp9-decoder --enable-realtime-only --disable-vp9-highbitdepth --enable-runtime-cpu-detect
	--disable-examples --disable-tools --disable-docs --disable-unit-tests --disable-webm-io --disable-libyuv --disable-postproc --as=nasm
	--extra-cflags='-ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables'
)

folder=build/.libvpx
# Go does not look at libraries to see whether a package is to be compiled anew, but at headers beside it.
header=agent/internal/encode/libvpx_built.h
stamp="libvpx $version $(printf '%s\n' "$sha256" "${options[@]}" | sha256sum | cut -c1-16)"

exec 9>"build/.libvpx.lock"
flock 9 # two at a time would build it twice
if [ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ] && grep -qF "$stamp" "$header" 2>/dev/null; then
	exit 0
fi

work=build/.libvpx.work
trap 'rm -rf "$work"' EXIT
rm -rf "$work" "$folder" "$header"
mkdir -p "$work"
work=$(realpath "$work")

# fetch gets the archive from the mirrors that this machine has its Debian packages from.
fetch() {
	local release mirror
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$release" ] && [ -x /usr/lib/apt/apt-helper ] || return 1
	while read -r mirror; do
		/usr/lib/apt/apt-helper -qq -o APT::Sandbox::User=root download-file \
			"$mirror/pool/main/libv/libvpx/$archive" "$work/$archive" "SHA256:$sha256" >"$work/log" 2>&1 && return 0
	done < <(apt-get --print-uris update 2>/dev/null | sed -n "s|^'\([^']*\)/dists/$release/InRelease'.*|\1|p" | sort -u)
	return 1
}

if ! fetch || ! echo "$sha256  $work/$archive" | sha256sum --check --status; then
	echo "setup: libvpx $version cannot be fetched: the agent is built with the libvpx of this system, and is 1.3 MB larger" >&2
	exit 0
fi
echo "setup: building libvpx $version, some minutes"
mkdir "$work/source" "$work/build"
tar -xJf "$work/$archive" -C "$work/source" --strip-components=1
(cd "$work/build" && ../source/configure "${options[@]}" && make -j"$(nproc)" libvpx.a) >"$work/log" 2>&1 ||
	{ tail -n 30 "$work/log" >&2; echo "setup: libvpx $version does not build" >&2; exit 1; }
mkdir -p "$work/installed/include/vpx" "$work/installed/lib"
cp "$work"/source/vpx/*.h "$work/installed/include/vpx/"
cp "$work/build/libvpx.a" "$work/installed/lib/"
cp "$work/source/LICENSE" "$work/source/PATENTS" "$work/installed/"
echo "$stamp" >"$work/installed/stamp"
mv "$work/installed" "$folder"
printf '// Made by build/libvpx.sh: %s\n' "$stamp" >"$header"
