#!/bin/sh
# Makes sure that there is a Chromium for the browser tests: uses the one that is there, else installs Debian's.
set -eu

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" > /dev/null; then
        exit 0
    fi
done

give_up() {
    echo "browser.sh: $1; install Chromium by hand so that 'chromium' is on PATH" >&2
    exit 1
}

command -v apt-get > /dev/null || give_up "no Chromium found, and no apt-get to install it with"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2> /dev/null || give_up "no Chromium found, and installing it needs root"
    as_root="sudo -n"
fi

echo "browser.sh: installing chromium"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# An old package index may name files that are gone, so it is refreshed first.
if ! { $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends chromium; } > "$log" 2>&1
then
    tail -n 5 "$log" >&2
    give_up "apt-get could not install chromium"
fi
