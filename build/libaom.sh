#!/usr/bin/env bash
# Builds the AV1 encoder library as a static, realtime-only one in build/.libaom: less than half
# the CPU of the one in Debian 12 (build/adr/0003-picture-pipeline.md). Quick when there is nothing
# to do. Where the source cannot be had, it says so and the agent is built with Debian's.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/source.sh

name=libaom
version=3.12.1
# Of the upstream archive, as the signed source index of Debian 13 has it.
sha256=40c929a41b2a59c24319a699c358351422829b3ae646de31b18cbabed0191962
archive=a/aom/aom_$version.orig.tar.gz
without='which needs more than twice the CPU'
options=(
	-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=0 -DCMAKE_INSTALL_LIBDIR=lib
	-DCONFIG_REALTIME_ONLY=1 -DCONFIG_AV1_DECODER=0 -DCONFIG_AV1_HIGHBITDEPTH=0 -DCONFIG_RUNTIME_CPU_DETECT=1
	-DCONFIG_QUANT_MATRIX=0 -DCONFIG_DENOISE=0 -DCONFIG_LIBYUV=0 -DCONFIG_SVT_AV1=0 -DCONFIG_WEBM_IO=0
	-DENABLE_TESTS=0 -DENABLE_TESTDATA=0 -DENABLE_EXAMPLES=0 -DENABLE_TOOLS=0 -DENABLE_DOCS=0 -DENABLE_NASM=1
	# As quick as with -O3 and 1 MB smaller: what counts is written in intrinsics and assembler.
	-DCMAKE_C_FLAGS_RELEASE='-O2 -DNDEBUG -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables'
)

prepare
{
	cmake -S "$work/source" -B "$work/build" "${options[@]}"
	cmake --build "$work/build" --target aom --parallel "$(nproc)"
} >"$work/log" 2>&1 || failed
install aom
