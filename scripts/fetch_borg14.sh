#!/usr/bin/env bash
# scripts/fetch_borg14.sh DIR: makes DIR/borg a borg 1.4 that runs beside whatever borg the machine has, for the tests
# that compare with it (ALCOVE_BORG14=DIR/borg), and DIR/python the Python that can import its modules.
#
# It is the package of Debian's next release with all that it depends on, its own C library too, from the mirror that
# this machine's apt uses, checked against the archive's keys. Nothing is installed: apt has a state of its own. Needs
# no rights but to write DIR, and loads 28 MB to keep 67 MB. Where DIR has it already, nothing is done.
set -euo pipefail
suite=forky
keys=/usr/share/keyrings/debian-archive-keyring.gpg

mkdir -p "${1:?usage: fetch_borg14.sh DIR}"
dir=$(cd "$1" && pwd -P)
fail() { echo "fetch_borg14.sh: $*" >&2 && exit 1; }
# What another account put there is not run.
[ -O "$dir" ] || fail "$dir belongs to somebody else"
version() { "$dir/borg" --version 2>/dev/null | grep -E '^borg 1\.4\.'; }
version && exit

state=$dir/apt
rm -rf "$dir/borg" "$dir/python" "$dir/usr" "$state"
mkdir -p "$state"/{sources,lists/partial,cache}
release=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
mirror=$(apt-get update --print-uris -o Dir::State::lists="$state/lists" |
  sed -n "s#^'\(.*\)/dists/$release/main/binary-.*#\1#p")
mirror=${mirror%%$'\n'*}
[ -n "$mirror" ] || fail "apt has no source for Debian's release ${release:-of this machine}"

: >"$state/status"
printf '%s\n' "Types: deb" "URIs: $mirror" "Suites: $suite" "Components: main" "Signed-By: $keys" \
  >"$state/sources/$suite.sources"
# What the machine's configuration says of proxies and the like holds; its sources, state and hooks do not.
cat >"$state/apt.conf" <<END
Dir::State "$state";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$state/sources";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
APT::Update::Error-Mode "any";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
END
apt() { apt-get -qq -o APT::Sandbox::User=root -c "$state/apt.conf" "$@" >"$state/log" 2>&1; }
apt update && apt install --yes --download-only borgbackup ||
  fail "borg of $suite cannot be had: $(tail -n 1 "$state/log")"
for package in "$state"/cache/archives/*.deb; do dpkg-deb -x "$package" "$dir"; done
rm -rf "$state"

# By that tree's own loader, told on its command line: children (ssh, a filter) see no variable that is not theirs.
# -I: no variable of Python's and no module of the user's reaches borg.
loader=$(echo "$dir"/usr/lib/*/ld-linux*.so.*)
python=$(echo "$dir"/usr/bin/python3.[0-9]*)
printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" -I "$@"\n' "$loader" "${loader%/*}" "$python" >"$dir/python"
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$dir/python" "$dir/usr/bin/borg" >"$dir/borg.new"
chmod +x "$dir/python" "$dir/borg.new"
mv "$dir/borg.new" "$dir/borg"
version || fail "$suite has $("$dir/borg" --version 2>&1 | tail -n 1), not borg 1.4"
