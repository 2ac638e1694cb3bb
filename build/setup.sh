#!/usr/bin/env bash
# Installs what a bare Debian machine with Go and Node lacks. Quick when there is nothing to do.
# "build/setup.sh all" installs Wine too (0.7 GB), for the tests of the tools for Windows; where it cannot be had they are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

# What builds: the encoder's libraries. What runs and tests: real X servers, browsers and tools.
packages=(
	gcc g++ libc6-dev make cmake nasm libaom-dev libvpx-dev libyuv-dev
	xvfb xauth openbox xterm i3lock x11-utils x11-xserver-utils x11-apps xdotool imagemagick iproute2
	chromium firefox-esr ffmpeg libgtk-3-0 at-spi2-core dbus-daemon openssl openssh-server slapd libxml2-utils exim4-daemon-light
	fonts-dejavu-core fonts-noto-core fonts-noto-cjk
)

# ensure installs what is missing of the packages that it is given.
ensure() {
	local missing=() package sudo=''
	for package in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
	done
	[ "${#missing[@]}" -gt 0 ] || return 0
	echo "setup: installing Debian packages: ${missing[*]}"
	if [ "$(id -u)" != 0 ]; then
		sudo='sudo'
		command -v sudo >/dev/null || { echo "setup: run as root, or install: ${missing[*]}" >&2; return 1; }
	fi
	export DEBIAN_FRONTEND=noninteractive
	# Tests run a directory of their own: none is set up for the machine.
	if command -v debconf-set-selections >/dev/null; then echo 'slapd slapd/no_configuration boolean true' | $sudo debconf-set-selections; fi
	$sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

ensure "${packages[@]}"
if [ "${1:-}" = all ]; then
	ensure wine64 || echo 'setup: Wine cannot be installed here: the tests of the tools for Windows are skipped' >&2
fi

build/libaom.sh
build/libvpx.sh

stamp=console/node_modules/.installed
if [ ! -e "$stamp" ] || [ console/package-lock.json -nt "$stamp" ]; then
	echo 'setup: installing npm packages of the console'
	npm --prefix console ci --ignore-scripts --no-audit --no-fund --loglevel=error
	touch "$stamp"
fi
