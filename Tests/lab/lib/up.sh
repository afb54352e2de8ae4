# shellcheck shell=bash
# From nothing, or from what a killed `up` left, to a working cluster; and back.

# What the running lab was made by: a change of it means a new lab, not a patched one.
lab_digest() {
  local boot
  read -r boot </proc/sys/kernel/random/boot_id
  local parts=(lab lib)
  [[ ! -d $LAB/ingress ]] || parts+=(ingress)
  printf '%s %s %s' "$boot" "$KUBERNETES" "$(tree_digest -C "$LAB" "${parts[@]}")" | bytes_digest
}

lab_is_complete() {
  local host services
  [[ -f $RUN/complete && -f $RUN/digest && $(<"$RUN/digest") == "$1" ]] || return 1
  for host in "$SWITCH" "${HOSTS[@]}"; do host_pid "$host" >/dev/null || return 1; done
  services=$(services_list) && [[ $services != *' stopped'* ]]
}

lab_up() {
  lock_take 1800
  state_prepare
  packages_ensure
  kubernetes_ensure
  local digest
  digest=$(lab_digest)
  if [[ ! -f $RUN/digest || $(<"$RUN/digest") != "$digest" ]]; then
    hosts_any && say "another version of the lab is up: taking it down first"
    lab_clear
    # Kept by `down`, for whoever wants to know what happened.
    find "$LOGS" -type f ! -name apt.log -delete
    printf '%s\n' "$digest" >"$RUN/digest"
  fi
  if lab_is_complete "$digest"; then
    cables_heal
    images_ensure
    say "already up"
    return 0
  fi
  rm -f "$RUN/complete"
  keys_ensure
  firewall_template
  say "starting hosts"
  machine_prepare
  hosts_start
  faults_heal
  say "starting servers"
  in_parallel control_plane_start worker_start data_up registry_up "${NODES[@]/#/node_start }"
  say "waiting for the API servers"
  control_plane_wait
  in_parallel controllers_start cluster_objects ingress_start_all "${NODES[@]/#/kube_proxy_start }"
  say "waiting for $WORKER"
  node_wait
  mkdir -p "$RUNNER_STATE" && chmod 700 "$RUNNER_STATE"
  touch "$RUN/complete"
  say "up: 'lab status' tells more, 'lab run CMD' works as the operator"
}

worker_start() {
  containerd_start
  containerd_wait
  # Before the API servers are ready, since the kubelet spends its first five seconds looking for Docker.
  kubelet_start
}

data_up() {
  data_start
  data_wait
}

registry_up() {
  registry_start
  registry_wait
  images_ensure
}

node_start() {
  firewall_start "$1"
  sshd_start "$1"
}

hosts_any() {
  local host
  for host in "$SWITCH" "${HOSTS[@]}"; do host_pid "$host" >/dev/null && return 0; done
  return 1
}

# Ends every host and forgets the cluster; keys, certificates, images and the registry's content stay.
lab_clear() {
  # First, so that after a cut-off clearing the next `up` clears again.
  rm -f "$RUN/complete" "$RUN/digest"
  hosts_stop
  cgroups_remove
  rm -rf "$STATE/hosts" "$RUN" "$DATA"/{etcd,kubelet,containerd} "$DATA"/db-01/postgres{,.new} "$DATA/redis-01" "$DATA"/ingress-* \
    "$INGRESS_CODE" "$RUNNER_STATE" "$CREDENTIALS/chatwoot.env"
  mkdir -p "$RUN" "$STATE/hosts"
}

lab_down() {
  lock_take 60
  state_prepare
  lab_clear
  say "down"
}
