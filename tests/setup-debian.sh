#!/usr/bin/env bash
# Installs the Debian packages that the live tests need, only those whose command is missing.
# Without apt, or without being root, says in one line what is missing and carries on: the tests then say it too.
set -euo pipefail

# command=package
needs=(curl=curl git=git ip=iproute2 iptables=iptables node=nodejs npm=npm openssl=openssl promtool=prometheus systemd-analyze=systemd)

missing_commands=() missing_packages=()
for need in "${needs[@]}"; do
    if ! command -v "${need%=*}" >/dev/null; then
        missing_commands+=("${need%=*}")
        missing_packages+=("${need#*=}")
    fi
done
[ ${#missing_commands[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "live tests: missing commands: ${missing_commands[*]} (Debian packages: ${missing_packages[*]})" >&2
    exit 0
fi

# The tests want promtool, not a running Prometheus: the policy file keeps new services from being started.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

echo "live tests: installing ${missing_packages[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing_packages[@]}" >/dev/null
