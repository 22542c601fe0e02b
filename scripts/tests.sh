#!/bin/sh
# Runs all tests, in two sessions side by side: those on several hosts mostly wait. Arguments are for both.

set -u
log=$(mktemp)
python -m pytest tests/cluster "$@" > "$log" 2>&1 &
hosts=$!
trap 'kill "$hosts" 2> /dev/null; rm -f "$log"' EXIT
trap 'exit 130' INT TERM
python -m pytest --ignore=tests/cluster "$@"
status=$?
wait "$hosts" || status=$?
cat "$log"
exit "$status"
