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
    printf '%s\n' "$digest" >"$RUN/digest"
  fi
  if lab_is_complete "$digest"; then
    images_ensure
    say "already up"
    return 0
  fi
  rm -f "$RUN/complete"
  keys_ensure
  firewall_template
  say "starting hosts"
  hosts_start
  faults_heal
  say "starting etcd, API servers, data and registry"
  control_plane_start
  containerd_start
  registry_start
  data_start
  local host
  for host in "${NODES[@]}"; do
    firewall_start "$host"
    sshd_start "$host"
  done
  data_wait
  registry_wait
  containerd_wait
  images_ensure
  say "waiting for the API servers"
  control_plane_wait
  controllers_start
  kubelet_start
  for host in "${NODES[@]}"; do kube_proxy_start "$host"; done
  cluster_objects
  ingress_start_all
  say "waiting for $WORKER"
  node_wait
  mkdir -p "$RUNNER_STATE" && chmod 700 "$RUNNER_STATE"
  touch "$RUN/complete"
  say "up: 'lab status' tells more, 'lab run CMD' works as the operator"
}

hosts_any() {
  local host
  for host in "$SWITCH" "${HOSTS[@]}"; do host_pid "$host" >/dev/null && return 0; done
  return 1
}

# Ends every host and forgets the cluster; keys, certificates, images and the registry's content stay.
lab_clear() {
  hosts_stop
  cgroups_remove
  rm -rf "$STATE/hosts" "$RUN" "$DATA"/{etcd,kubelet,containerd} "$DATA"/db-01/postgres{,.new} "$DATA/redis-01" "$DATA"/ingress-* \
    "$INGRESS_CODE" "$RUNNER_STATE" "$CREDENTIALS/chatwoot.env"
  find "$LOGS" -type f ! -name apt.log -delete
  mkdir -p "$RUN" "$STATE/hosts"
}

lab_down() {
  lock_take 60
  state_prepare
  lab_clear
  say "down"
}
