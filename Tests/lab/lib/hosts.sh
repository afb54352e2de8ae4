# shellcheck shell=bash
# Hosts as namespaces: their first processes, the switch between them, and ways to get inside.

# process_is PID START BOOT: whether that very process still runs (a pid alone may have been given to another).
process_is() {
  local pid=$1 start=$2 boot=$3 now stat
  read -r now </proc/sys/kernel/random/boot_id
  [[ $boot == "$now" ]] || return 1
  { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || return 1
  read -r -a stat <<<"${stat##*) }"
  # A zombie's namespaces are gone already.
  [[ ${stat[0]} != Z && ${stat[19]} == "$start" ]]
}

# host_pid HOST: the pid of the host's first process; fails when it is not up.
host_pid() {
  local pid start boot
  { read -r pid start boot <"$RUN/$1.pid"; } 2>/dev/null || return 1
  process_is "$pid" "$start" "$boot" && printf '%s\n' "$pid"
}

host_require() { host_pid "$1" || die "$1 is not up: run 'lab up' first"; }

# enter HOST COMMAND…: runs it as a process of the host.
enter() {
  local host=$1 pid
  shift
  pid=$(host_require "$host") || exit 1
  nsenter --target "$pid" --mount --uts --ipc --net --pid "$@"
}

# on_network HOST COMMAND…: the host's network only; files, current folder and process table stay the machine's.
on_network() {
  local host=$1 pid
  shift
  pid=$(host_require "$host") || exit 1
  nsenter --target "$pid" --net --uts "$@"
}

host_kind() {
  case $1 in
    "$SWITCH") echo switch ;;
    "$OPERATOR") echo operator ;;
    *) if is_node "$1"; then echo node; else echo server; fi ;;
  esac
}

# What the host finds in its /etc and /root at its start.
host_files() {
  local host=$1 own=$STATE/hosts/$1 name
  rm -rf "$own"
  install -d -m 755 "$own/etc" "$DATA/$host"
  install -d -m 700 "$own/root"
  printf '%s\n' "$host" >"$own/etc/hostname"
  {
    printf '127.0.0.1 localhost\n%s ghcr.io\n' "${ADDRESS[registry]}"
    for name in "${HOSTS[@]}"; do printf '%s %s\n' "${ADDRESS[$name]}" "$name"; done
  } >"$own/etc/hosts"
  # There is no name server: a lookup is to fail at once, not after the timeout for one that cannot be reached.
  printf '# none in the lab\n' >"$own/etc/resolv.conf"
  # An image with a locked root account would make sshd (UsePAM no) refuse every key.
  sed 's/^root:[^:]*:/root:*:/' /etc/shadow | install -m 600 /dev/stdin "$own/etc/shadow"
  if is_node "$host"; then
    firewall_files "$own/etc"
    ssh_host_files "$host"
    kubeconfig_files "$host"
  fi
}

host_start() {
  local host=$1 kind separate=()
  host_pid "$host" >/dev/null && return 0
  kind=$(host_kind "$host")
  rm -f "$RUN/$host.pid" "$RUN/$host.sock"
  # The operator keeps the machine's process table, so that `run` hands over pid, signals and /proc unchanged.
  [[ $kind == operator ]] || separate=(--ipc --pid)
  # The inner bash's first child is process 1 of the new host; the bash itself ends at once, so that nothing but the
  # host remains.
  setsid unshare --mount --propagation slave --uts --net "${separate[@]}" \
    /bin/bash -c '"$@" &' bash /bin/bash "$LIBRARY/host-boot.sh" "$host" "$kind" "$STATE" "$KUBERNETES" \
    >>"$LOGS/host-$host.log" 2>&1 </dev/null
}

# What a stock Debian kernel has as modules or allows too little of. A kernel that will not be told may do all the same.
machine_prepare() {
  local instances=fs.inotify.max_user_instances
  modprobe -a overlay br_netfilter 2>/dev/null || true
  (($(sysctl -n "$instances") >= 512)) || sysctl -qw "$instances=512" || true
}

hosts_start() {
  local host
  mkdir -p "$STATE"/{hosts,credentials,runner-state,secrets,ssh}
  chmod 700 "$STATE"/{credentials,runner-state,secrets,ssh}
  # A copy: the checkout may lie where hosts have folders of their own.
  cp "$LIBRARY/hostd.py" "$RUN/hostd.py"
  for host in "${HOSTS[@]}"; do host_pid "$host" >/dev/null || host_files "$host"; done
  for host in "$SWITCH" "${HOSTS[@]}"; do host_start "$host"; done
  for host in "$SWITCH" "${HOSTS[@]}"; do
    until_true 20 "host $host comes up (see $LOGS/host-$host.log)" test -S "$RUN/$host.sock"
  done
  on_network "$SWITCH" ip -force -batch - 2>/dev/null <<<$'link add br0 type bridge\nlink set br0 up' || true
  for host in "${HOSTS[@]}"; do host_connect "$host"; done
}

# Cable, address and routes. -force goes on past "exists already", so that half a network is completed.
host_connect() {
  local host=$1 pid
  pid=$(host_require "$host") || exit 1
  if on_network "$host" ip -4 route show 2>/dev/null | grep -q "$POD_CIDR"; then return 0; fi
  on_network "$SWITCH" ip -force -batch - 2>/dev/null <<-BATCH || true
	link add v-$host type veth peer name eth0 netns $pid
	link set v-$host master br0 up
	BATCH
  on_network "$host" ip -force -batch - 2>/dev/null <<-BATCH || true
	link set lo up
	addr add ${ADDRESS[$host]}/16 dev eth0
	link set eth0 up
	BATCH
  # A Service's address is rewritten to a pod's on its way out, but only if some route exists for it to begin with.
  if is_node "$host"; then on_network "$host" ip route replace "$SERVICE_CIDR" dev eth0; fi
  if [[ $host == "$WORKER" ]]; then
    # The bridge of the pods brings the more specific route; this one only marks the network as complete.
    on_network "$host" ip route replace unreachable "$POD_CIDR"
  else
    on_network "$host" ip route replace "$POD_CIDR" via "${ADDRESS[$WORKER]}"
  fi
}

# hosts_stop: ends every recorded first process; the kernel ends the rest of each host and drops its namespaces.
hosts_stop() {
  local record pid start boot running=()
  for record in "$RUN"/*.pid; do
    [[ -e $record ]] || continue
    read -r pid start boot <"$record" || continue
    process_is "$pid" "$start" "$boot" || continue
    kill -KILL "$pid"
    running+=("$pid $start $boot")
  done
  for record in "${running[@]}"; do
    # shellcheck disable=SC2086 # three words
    until_true 20 "process ${record%% *} ends" eval "! process_is $record"
  done
  rm -f "$RUN"/*.pid "$RUN"/*.sock
}

# Control groups of pods outlive their processes.
cgroups_remove() {
  local tree
  for tree in /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods; do
    if [[ -d $tree ]]; then find "$tree" -depth -type d -exec rmdir {} + 2>/dev/null || true; fi
  done
}

service_start() {
  local host=$1
  shift
  python3 "$LIBRARY/hostctl.py" start "$RUN/$host.sock" "$@"
}
service_stop() { python3 "$LIBRARY/hostctl.py" stop "$RUN/$1.sock" "$2" 3 "$3"; }
