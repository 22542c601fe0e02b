#!/bin/sh
# Makes sure that the tests of PSI/J have it, in build/psij. It wants older versions of psutil and packaging than those in
# .venv, so it is not there; the tests look into build/psij for what .venv does not have. (uv is on PATH, as make sees to.)
set -eu
cd "$(dirname "$0")/.."

python=${1:-.venv/bin/python}
lock=scripts/psij.lock
wanted=$(cksum < "$lock")
[ "$(cat build/psij/.made-from 2> /dev/null)" != "$wanted" ] || exit 0

rm -rf build/psij
mkdir -p build
uv pip install --python "$python" --quiet --no-deps --require-hashes --target build/psij -r "$lock" || {
    echo "psij.sh: it could not be installed; the tests of PSI/J are skipped" >&2
    exit 0
}
echo "$wanted" > build/psij/.made-from
