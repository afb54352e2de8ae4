# shellcheck shell=bash
# Services stopped and cables pulled, for tests.

service_running() { services_of "$1" 2>/dev/null | grep -q "^$2 running"; }
services_of() { python3 "$LIBRARY/hostctl.py" list "$RUN/$1.sock"; }
services_list() {
  local sockets=("${HOSTS[@]/#/$RUN/}")
  python3 "$LIBRARY/hostctl.py" list "${sockets[@]/%/.sock}"
}

fault_stop() {
  local host
  host=$(service_host "$1")
  host_require "$host" >/dev/null
  case $1 in
    # SIGTERM would let PostgreSQL wait for its clients to leave.
    postgres) service_stop "$host" "$1" SIGINT ;;
    *) service_stop "$host" "$1" SIGTERM ;;
  esac
}

fault_start() {
  local host
  host=$(service_host "$1")
  host_require "$host" >/dev/null
  service_start "$host" "$1"
  case $1 in
    postgres) until_true 20 "PostgreSQL answers" postgres_answers ;;
    redis) until_true 10 "Redis answers" redis_answers ;;
    registry) registry_wait ;;
    apiserver@*)
      until_true 60 "the API server of $host answers" on_network "$host" \
        curl --silent --fail --max-time 2 --cacert "$PKI/ca.crt" "https://${ADDRESS[$host]}:6443/readyz"
      ;;
    sshd@*) until_true 5 "sshd of $host listens" on_network "$host" bash -c ": </dev/tcp/${ADDRESS[$host]}/22" ;;
  esac
}

# The bridge's end of the cable, so that the host itself notices as little as a real one.
cable() { on_network "$SWITCH" ip link set "v-$1" "$2" || die "the cable of $1 cannot be set $2"; }

fault_cut() {
  require_host "$1"
  cable "$1" down
}

fault_heal() {
  require_host "$1"
  cable "$1" up
}

cables_heal() {
  on_network "$SWITCH" ip -batch - < <(printf 'link set v-%s up\n' "${HOSTS[@]}") || die "the cables cannot be plugged in"
}

# All faults at once: cables in, stopped services started again.
faults_heal() {
  local name state services stopped=()
  cables_heal
  services=$(services_list)
  while read -r name state _; do
    [[ $state != stopped ]] || stopped+=("fault_start $name")
  done <<<"$services"
  in_parallel "${stopped[@]}"
}
