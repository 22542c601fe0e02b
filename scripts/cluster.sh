#!/bin/sh
# Makes sure that the tests on several hosts have what their small cluster is made of: network namespaces, sshd, and two
# batch systems, Slurm and Grid Engine. Nothing of it is started by this, nor by its installation.
set -eu

packages="iproute2 ethtool nftables openssh-server openssh-client munge slurm-wlm slurm-client"
packages="$packages gridengine-master gridengine-exec gridengine-client"

give_up() {
    echo "cluster.sh: $1; tests on several hosts are skipped" >&2
    exit 0
}

[ "$(uname)" = Linux ] || give_up "its hosts are Linux namespaces"
[ "$(id -u)" -eq 0 ] || give_up "hosts made of namespaces need root"
command -v apt-get > /dev/null || give_up "no apt-get to install $packages with"

missing=
for package in $packages; do
    status=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2> /dev/null) || status=
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "cluster.sh: installing$missing"
log=$(mktemp)
policy=/usr/sbin/policy-rc.d # asked by packages whether to start their services
[ -e "$policy" ] && policy=
trap 'rm -f "$log" $policy' EXIT
if [ -n "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
# An old package index may name files that are gone, so it is refreshed first.
# shellcheck disable=SC2086
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } > "$log" 2>&1; then
    tail -n 5 "$log" >&2
    give_up "apt-get could not install them"
fi
