# Sourced by the scripts that build a library from its upstream source. They set name, version,
# sha256, archive (in Debian's pool), without (what the agent is like if it cannot be fetched) and
# options; between prepare and install they build in $work/source, with the static library as
# $work/build/$name.a.

# prepare leaves the script where there is nothing to do or the source cannot be had.
prepare() {
	folder=build/.$name
	# Go does not look at libraries to see whether a package is to be compiled anew, but at headers beside it.
	header=agent/internal/encode/${name}_built.h
	stamp="$name $version $(printf '%s\n' "$sha256" "${options[@]}" | sha256sum | cut -c1-16)"
	exec 9>"$folder.lock"
	flock 9 # two at a time would build it twice
	if [ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ] && grep -qF "$stamp" "$header" 2>/dev/null; then
		exit 0
	fi
	work=$folder.work
	trap 'rm -rf "$work"' EXIT
	rm -rf "$work" "$folder" "$header"
	mkdir -p "$work/source" "$work/build"
	work=$(realpath "$work")
	local file=$work/${archive##*/}
	if ! fetch "$file" || ! echo "$sha256  $file" | sha256sum --check --status; then
		echo "setup: $name $version cannot be fetched: the agent is built with that of this system, $without" >&2
		exit 0
	fi
	echo "setup: building $name $version, some minutes"
	tar -xf "$file" -C "$work/source" --strip-components=1
}

# fetch gets the archive from the mirrors that this machine has its Debian packages from.
fetch() {
	local release mirror
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$release" ] && [ -x /usr/lib/apt/apt-helper ] || return 1
	while read -r mirror; do
		/usr/lib/apt/apt-helper -qq -o APT::Sandbox::User=root download-file \
			"$mirror/pool/main/$archive" "$1" "SHA256:$sha256" >"$work/log" 2>&1 && return 0
	done < <(apt-get --print-uris update 2>/dev/null | sed -n "s|^'\([^']*\)/dists/$release/InRelease'.*|\1|p" | sort -u)
	return 1
}

# failed shows the end of the build's log.
failed() {
	tail -n 30 "$work/log" >&2
	echo "setup: $name $version does not build" >&2
	exit 1
}

# install HEADERS takes over the library and those headers of its source, a folder that is named as they are included.
install() {
	local to=$work/installed
	mkdir -p "$to/include/$1" "$to/lib"
	cp "$work/source/$1"/*.h "$to/include/$1/"
	cp "$work/build/$name.a" "$to/lib/"
	cp "$work/source/LICENSE" "$work/source/PATENTS" "$to/"
	echo "$stamp" >"$to/stamp"
	mv "$to" "$folder"
	printf '// Made by build/%s.sh: %s\n' "$name" "$stamp" >"$header"
}
