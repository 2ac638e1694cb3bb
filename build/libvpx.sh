#!/usr/bin/env bash
# Builds the VP9 encoder library as a static, realtime-only one in build/.libvpx: less than half
# the size of the one in Debian 12 (build/adr/0022-vp9.md). Quick when there is nothing to do.
# Where the source cannot be had, it says so and the agent is built with Debian's.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/source.sh

name=libvpx
version=1.15.0
# Of the upstream archive, as the signed source index of Debian 13 has it.
sha256=a6cfd199c5c567cfa4e6d991ec36690d9af801585b5db959c1494b5b15f821a5
archive=libv/libvpx/libvpx_$version.orig.tar.xz
without='and is 1.3 MB larger'
options=(
	--target=x86_64-linux-gcc --enable-static --disable-shared
	--disable-vp8 --disable-vp9-decoder --enable-realtime-only --disable-vp9-highbitdepth --enable-runtime-cpu-detect
	--disable-examples --disable-tools --disable-docs --disable-unit-tests --disable-webm-io --disable-libyuv --disable-postproc --as=nasm
	--extra-cflags='-ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables'
)

prepare
(cd "$work/build" && ../source/configure "${options[@]}" && make -j"$(nproc)" libvpx.a) >"$work/log" 2>&1 || failed
install vpx
