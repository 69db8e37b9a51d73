#!/bin/sh
# Leads what a machine, a pod or a routed network sends to the gateway's transparent listener, IPv4 and IPv6.
#
#   redirect.sh up owner   --port 8081 --uid 10001 [--exempt ADDRESS]…   what local programs send (sidecar)
#   redirect.sh up routed  --port 8081 --from INTERFACE [--exempt …]     what others send through this machine (gateway)
#   redirect.sh down
#
# owner: all TCP but that of the gateway's own user is led to the listener on loopback. Loopback itself is left alone, DNS
# over UDP passes, everything else is rejected: UDP to port 443 too, so that clients fall back from HTTP/3.
# routed: TCP that comes in by INTERFACE is led to the listener; nothing else of it is forwarded but DNS over UDP.
# --exempt lets one address pass: cloud credential endpoints, each only where it is asked for.
#
# Each table is replaced whole, so that running it again leaves no moment without it. Whoever calls it must not start a
# workload when it fails. Needs NET_ADMIN, iptables and ip6tables.
set -eu

CHAIN=SUBROSA

usage() {
    sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

# Both families; a kernel without IPv6 has nothing to lead there.
families() {
    echo iptables
    if [ -e /proc/net/if_inet6 ]; then echo ip6tables; fi
}

# exempt FAMILY: a rule for each address of this family that passes
exempt() {
    for address in $exempted; do
        case "$address" in *:*) family=ip6tables ;; *) family=iptables ;; esac
        if [ "$family" = "$1" ]; then echo "-A $CHAIN -d $address -j RETURN"; fi
    done
}

# rejected FAMILY: the last rules of the filter; what answers a connection that came in from elsewhere passes
rejected() {
    echo "-A $CHAIN -m conntrack --ctdir REPLY -j RETURN"
    echo "-A $CHAIN -p udp --dport 53 -j RETURN"
    if [ "$1" = ip6tables ]; then
        # without neighbour discovery there is no IPv6 at all
        echo "-A $CHAIN -p ipv6-icmp -j RETURN"
        echo "-A $CHAIN -j REJECT --reject-with icmp6-adm-prohibited"
    else
        echo "-A $CHAIN -j REJECT --reject-with icmp-admin-prohibited"
    fi
}

# own FAMILY: what is left alone of what local programs send. What was redirected goes to loopback, and the filter still
# sees the device that it would have left by: hence the addresses.
own() {
    case "$1" in ip6tables) loopback=::1/128 ;; *) loopback=127.0.0.0/8 ;; esac
    echo "-A $CHAIN -o lo -j RETURN"
    echo "-A $CHAIN -d $loopback -j RETURN"
    echo "-A $CHAIN -m owner --uid-owner $uid -j RETURN"
}

redirected() { echo "-A $CHAIN -p tcp -j REDIRECT --to-ports $port"; }

# replace FAMILY TABLE: take the rules on standard input as the whole chain
replace() {
    { echo "*$2"; echo ":$CHAIN - [0:0]"; cat; echo COMMIT; } | "$1-restore" -w --noflush
}

# hook FAMILY TABLE HOOK [MATCH…]: have the chain asked, once
hook() {
    family=$1 table=$2 point=$3
    shift 3
    "$family" -w -t "$table" -C "$point" "$@" -j "$CHAIN" 2>/dev/null ||
        "$family" -w -t "$table" -I "$point" "$@" -j "$CHAIN"
}

# The filter comes first: until the redirect stands, nothing gets out.
up_owner() {
    for each in $(families); do
        { own "$each"; exempt "$each"; rejected "$each"; } | replace "$each" filter
        hook "$each" filter OUTPUT
        { own "$each"; exempt "$each"; redirected; } | replace "$each" nat
        hook "$each" nat OUTPUT
    done
}

up_routed() {
    for each in $(families); do
        { exempt "$each"; rejected "$each"; } | replace "$each" filter
        hook "$each" filter FORWARD -i "$from"
        { exempt "$each"; redirected; } | replace "$each" nat
        hook "$each" nat PREROUTING -i "$from"
    done
}

# unhook FAMILY TABLE: no rule asks the chain any more, and it is gone
unhook() {
    "$1" -w -t "$2" -S | sed -n "/ -j $CHAIN\$/s/^-A/-D/p" | while read -r rule; do
        # shellcheck disable=SC2086 # a rule is several words
        "$1" -w -t "$2" $rule
    done
    if "$1" -w -t "$2" -n -L "$CHAIN" >/dev/null 2>&1; then
        "$1" -w -t "$2" -F "$CHAIN"
        "$1" -w -t "$2" -X "$CHAIN"
    fi
}

down() {
    for each in $(families); do
        unhook "$each" nat
        unhook "$each" filter
    done
}

[ $# -ge 1 ] || usage
action=$1
shift
case "$action" in
    down) down; exit 0 ;;
    up) [ $# -ge 1 ] || usage ;;
    *) usage ;;
esac
kind=$1
shift
port='' uid='' from='' exempted=''
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage
    case "$1" in
        --port) port=$2 ;;
        --uid) uid=$2 ;;
        --from) from=$2 ;;
        --exempt) exempted="$exempted $2" ;;
        *) usage ;;
    esac
    shift 2
done
case "$kind:${port:+port}:${uid:+uid}:${from:+from}" in
    owner:port:uid:) up_owner ;;
    routed:port::from) up_routed ;;
    *) usage ;;
esac
