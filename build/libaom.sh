#!/usr/bin/env bash
# Builds the AV1 encoder library as a static, realtime-only one in build/.libaom: less than half
# the CPU of the one in Debian 12 (build/adr/0003-picture-pipeline.md). Quick when there is nothing
# to do. Where the source cannot be had, it says so and the agent is built with Debian's.
set -euo pipefail
cd "$(dirname "$0")/.."

version=3.12.1
# Of the upstream archive, as the signed source index of Debian 13 has it.
sha256=40c929a41b2a59c24319a699c358351422829b3ae646de31b18cbabed0191962
archive=aom_$version.orig.tar.gz
options=(
	-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=0 -DCMAKE_INSTALL_LIBDIR=lib
	-DCONFIG_REALTIME_ONLY=1 -DCONFIG_AV1_DECODER=0 -DCONFIG_AV1_HIGHBITDEPTH=0 -DCONFIG_RUNTIME_CPU_DETECT=1
	-DCONFIG_QUANT_MATRIX=0 -DCONFIG_DENOISE=0 -DCONFIG_LIBYUV=0 -DCONFIG_SVT_AV1=0 -DCONFIG_WEBM_IO=0
	-DENABLE_TESTS=0 -DENABLE_TESTDATA=0 -DENABLE_EXAMPLES=0 -DENABLE_TOOLS=0 -DENABLE_DOCS=0 -DENABLE_NASM=1
	# As quick as with -O3 and 1 MB smaller: what counts is written in intrinsics and assembler.
	-DCMAKE_C_FLAGS_RELEASE='-O2 -DNDEBUG -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables'
)

folder=build/.libaom
# Go does not look at libraries to see whether a package is to be compiled anew, but at headers beside it.
header=agent/internal/encode/libaom_built.h
stamp="libaom $version $(printf '%s\n' "$sha256" "${options[@]}" | sha256sum | cut -c1-16)"

exec 9>"build/.libaom.lock"
flock 9 # two at a time would build it twice
if [ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ] && grep -qF "$stamp" "$header" 2>/dev/null; then
	exit 0
fi

work=build/.libaom.work
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
			"$mirror/pool/main/a/aom/$archive" "$work/$archive" "SHA256:$sha256" >"$work/log" 2>&1 && return 0
	done < <(apt-get --print-uris update 2>/dev/null | sed -n "s|^'\([^']*\)/dists/$release/InRelease'.*|\1|p" | sort -u)
	return 1
}

if ! fetch || ! echo "$sha256  $work/$archive" | sha256sum --check --status; then
	echo "setup: libaom $version cannot be fetched: the agent is built with the libaom of this system, which needs more than twice the CPU" >&2
	exit 0
fi
echo "setup: building libaom $version, some minutes"
mkdir "$work/source"
tar -xzf "$work/$archive" -C "$work/source" --strip-components=1
{
	cmake -S "$work/source" -B "$work/build" -DCMAKE_INSTALL_PREFIX="$work/installed" "${options[@]}"
	cmake --build "$work/build" --target aom --parallel "$(nproc)"
} >"$work/log" 2>&1 || { tail -n 30 "$work/log" >&2; echo "setup: libaom $version does not build" >&2; exit 1; }
mkdir -p "$work/installed/include/aom" "$work/installed/lib"
cp "$work"/source/aom/*.h "$work/installed/include/aom/"
cp "$work/build/libaom.a" "$work/installed/lib/"
cp "$work/source/LICENSE" "$work/source/PATENTS" "$work/installed/"
echo "$stamp" >"$work/installed/stamp"
mv "$work/installed" "$folder"
printf '// Made by build/libaom.sh: %s\n' "$stamp" >"$header"
