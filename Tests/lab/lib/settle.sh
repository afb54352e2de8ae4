# shellcheck shell=bash
# That every node knows the cluster as it is: an API server of this version that has lost etcd for a while, its cable
# pulled, can go on telling kube-proxy and ingress what it knew before (kubernetes/kubernetes issue 97294). What does not
# catch up by itself is started anew, and settle.log tells so.

# masters_behind SECONDS: names the masters whose API servers are still behind then.
masters_behind() {
  local seconds=$1 master servers=()
  for master in "${MASTERS[@]}"; do servers+=("$master=${ADDRESS[$master]}"); done
  on_network "$CONTROL" python3 "$LIBRARY/pulse.py" "$ETC/admin.conf" "$PKI/ca.crt" "$PULSE_PORT" "$seconds" \
    "${servers[@]}" 2>>"$LOGS/settle.log"
}

# Read to its end: under pipefail, a program that nobody listens to any more has failed.
proxy_follows() {
  on_network "$1" iptables-save -t nat | grep "kube-system/lab-pulse.* --dport $PULSE_PORT " >/dev/null
}

ingress_follows() { [[ $(<"$DATA/ingress-$1/pulse") == "$PULSE_PORT $PULSE_PORT" ]]; }

service_renew() {
  say "$1 is behind: started anew"
  printf '%(%T)T %s is behind: started anew\n' -1 "$1" >>"$LOGS/settle.log"
  fault_stop "$1"
  fault_start "$1"
}

# follow_or_renew SERVICE COMMAND…: COMMAND tells whether SERVICE follows the cluster.
follow_or_renew() {
  local service=$1
  shift
  within 20 "$@" && return 0
  service_renew "$service"
  until_true 30 "$service follows the cluster" "$@"
}

node_settle() {
  follow_or_renew "kube-proxy@$1" proxy_follows "$1"
  follow_or_renew "ingress@$1" ingress_follows "$1"
}

lab_settle() {
  local behind master
  PULSE_PORT=$((1024 + RANDOM))
  behind=$(masters_behind 20) || die "no API server takes a change (see $LOGS/settle.log)"
  if [[ -n $behind ]]; then
    for master in $behind; do service_renew "apiserver@$master"; done
    behind=$(masters_behind 30) && [[ -z $behind ]] || die "still behind: $behind (see $LOGS/settle.log)"
  fi
  in_parallel "${NODES[@]/#/node_settle }"
}
