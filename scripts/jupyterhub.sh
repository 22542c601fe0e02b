#!/bin/sh
# Makes sure that the tests of JupyterHub have one: a Python environment with what the lock files in deploy/jupyterhub
# name, and the proxy. Its users must be able to read it, which a checkout need not be for them: so it lies in a folder
# of its own in /tmp, and build/jupyterhub is a link to it. (uv and npm are on PATH, as make sees to.)
set -eu
cd "$(dirname "$0")/.."

locks="deploy/jupyterhub/requirements.lock deploy/jupyterhub/package-lock.json"
# shellcheck disable=SC2086
wanted=$(cat $locks | cksum)
[ "$(cat build/jupyterhub/.made-from 2> /dev/null)" != "$wanted" ] || exit 0

give_up() {
    echo "jupyterhub.sh: $1; the tests of JupyterHub are skipped" >&2
    exit 0
}

[ "$(id -u)" -eq 0 ] || give_up "a hub for several users, and the users, need root"
command -v useradd > /dev/null && command -v runuser > /dev/null || give_up "no useradd and runuser"
# One in the home directory of root, as that of a version manager, is of no use to them.
for name in python3.13 python3.12 python3.11 python3; do
    python=$(runuser -u nobody -- sh -c "PATH=/usr/local/bin:/usr/bin:/bin command -v $name") || continue
    runuser -u nobody -- "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' && break
    python=
done
[ -n "${python:-}" ] || give_up "no Python 3.11 or newer that every user can run"

echo "jupyterhub.sh: installing JupyterHub"
rm -rf "$(readlink build/jupyterhub || true)" build/jupyterhub
folder=$(mktemp -d /tmp/scoop-jupyterhub-XXXXXX)
chmod 755 "$folder"
trap 'rm -rf "$folder"' EXIT
umask 022
{
    uv venv --quiet --python "$python" "$folder/venv" &&
        uv pip sync --python "$folder/venv/bin/python" --quiet --require-hashes --compile-bytecode \
            deploy/jupyterhub/requirements.lock &&
        cp deploy/jupyterhub/package.json deploy/jupyterhub/package-lock.json "$folder" &&
        (cd "$folder" && npm ci --silent --no-audit --no-fund)
} > "$folder/log" 2>&1 || { tail -n 5 "$folder/log" >&2; give_up "it could not be installed"; }
echo "$wanted" > "$folder/.made-from"
mkdir -p build
ln -s "$folder" build/jupyterhub
trap - EXIT
