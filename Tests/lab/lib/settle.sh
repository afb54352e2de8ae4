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

# follows_within SECONDS COMMAND…: whether COMMAND succeeds in that time.
follows_within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" 2>/dev/null; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

service_renew() {
  local host=$1 service=$2
  say "$service is behind: started anew"
  printf '%(%T)T %s is behind: started anew\n' -1 "$service" >>"$LOGS/settle.log"
  fault_stop "$service"
  fault_start "$service"
}

node_settle() {
  local host=$1
  if ! follows_within 20 proxy_follows "$host"; then
    service_renew "$host" "kube-proxy@$host"
    until_true 30 "kube-proxy of $host follows the cluster" proxy_follows "$host"
  fi
  if ! follows_within 20 ingress_follows "$host"; then
    service_renew "$host" "ingress@$host"
    until_true 30 "the ingress of $host follows the cluster" ingress_follows "$host"
  fi
}

lab_settle() {
  local behind master
  PULSE_PORT=$((1024 + RANDOM))
  behind=$(masters_behind 20) || die "no API server takes a change (see $LOGS/settle.log)"
  if [[ -n $behind ]]; then
    for master in $behind; do service_renew "$master" "apiserver@$master"; done
    behind=$(masters_behind 30) && [[ -z $behind ]] || die "still behind: $behind (see $LOGS/settle.log)"
  fi
  in_parallel "${NODES[@]/#/node_settle }"
}
