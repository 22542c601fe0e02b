#!/bin/sh
# Python's own tests of executors, which ours has to pass: where this Python came without them, Debian's go to build/.
set -eu
cd "$(dirname "$0")/.."

python=${1:-.venv/bin/python}
version=$($python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if $python -c 'import test.test_concurrent_futures' 2> /dev/null || [ -f build/stdlib/test_concurrent_futures.py ]; then
    exit 0
fi

give_up() {
    echo "executor_tests.sh: $1; Python's own tests of executors are skipped" >&2
    exit 0
}

command -v apt-get > /dev/null && command -v dpkg > /dev/null || give_up "no apt-get to fetch them with"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
package="libpython$version-testsuite"
# An old package index may name files that are gone, so it is refreshed if need be.
( cd "$folder" && { apt-get download -qq "$package" || { apt-get update -qq && apt-get download -qq "$package"; } } ) \
    > "$folder/log" 2>&1 || give_up "apt-get could not fetch $package"
dpkg -x "$folder"/*.deb "$folder/found"
mkdir -p build/stdlib
cp "$folder/found/usr/lib/python$version/test/test_concurrent_futures.py" build/stdlib/
