# shellcheck shell=bash
# Commands as typed on the operator's host, and shells on any host.

# operator_exec COMMAND…: replaces this process, so that pid, signals, terminal and exit status are the command's own.
# The file system stays the machine's as it is now, but for the files about names; so the current folder is kept.
operator_exec() {
  local pid
  pid=$(host_require "$OPERATOR") || exit 1
  exec nsenter --target "$pid" --net --uts unshare --mount --propagation slave \
    /bin/bash -c '
      for name in hosts resolv.conf; do mount --bind "$1/$name" "/etc/$name" || exit; done
      shift
      exec "$@"' bash "$STATE/hosts/$OPERATOR/etc" "$@"
}

on_operator() { (operator_exec "$@"); }

operator_run() {
  (($#)) || usage
  export RUNNER_INVENTORY=$LAB/inventory.json RUNNER_STATE_DIR=$RUNNER_STATE
  operator_exec "$@"
}

host_shell() {
  (($#)) || usage
  local host=$1 pid
  shift
  [[ $host == "$SWITCH" ]] || require_host "$host"
  (($#)) || set -- /bin/bash -l
  if [[ $host == "$OPERATOR" ]]; then operator_run "$@"; fi
  pid=$(host_require "$host") || exit 1
  [[ $host == "$SWITCH" ]] && exec nsenter --target "$pid" --net --uts "$@"
  exec nsenter --target "$pid" --mount --uts --ipc --net --pid \
    env -i TERM="${TERM:-dumb}" HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
