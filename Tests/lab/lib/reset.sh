# shellcheck shell=bash
# Back to the state in which the first run finds everything, servers left running.

lab_reset() {
  lock_take 60
  [[ -f $RUN/complete ]] || die "the lab is not up: run 'lab up' first"
  faults_heal
  # What an interrupted run left on the nodes comes first: it might still be changing things.
  in_parallel "${NODES[@]/#/sessions_end }"
  rm -rf "$RUNNER_STATE" "$CREDENTIALS/chatwoot.env"
  install -d -m 700 "$RUNNER_STATE"
  in_parallel reset_cluster reset_data registry_reset "${NODES[@]/#/firewall_reset }"
  # Workers that were still ending have written to Redis meanwhile.
  redis_cli FLUSHALL >/dev/null
  lab_settle
  say "reset"
}

# Commands that were started over SSH, cut-off ones included (they would keep their locks), and their files.
sessions_end() {
  enter "$1" bash -c '
    for process in /proc/[0-9]*; do
      if grep -qsz "^SSH_CONNECTION=" "$process/environ"; then kill -KILL "${process#/proc/}"; fi
    done
    find /tmp -mindepth 1 -delete' 2>/dev/null || true
}

reset_cluster() {
  on_network "$CONTROL" timeout 60 python3 "$LIBRARY/reset_cluster.py" "$ETC/admin.conf" "$PKI/ca.crt"
  # The API has forgotten the pods; their processes and addresses go as soon as the kubelet is done with them.
  until_true 30 "the worker's pods end" pods_gone
  images_forget
}

# The kubelet would grant each container its two seconds. Its pods are found by their control groups (either version's
# place), which costs less than asking containerd.
pods_gone() {
  enter "$WORKER" bash -euc '
    processes=$(find /sys/fs/cgroup/{pids/,}kubepods -name cgroup.procs -exec cat {} + 2>/dev/null || true)
    for process in $processes; do kill -KILL "$process" || true; done
    interfaces=$(ip -o link show type veth | grep -v eth0 || true)
    [[ -z $processes && -z $interfaces ]]'
}

# An image that is there already would start without a password, and a test of the password would prove nothing.
images_forget() {
  local images
  mapfile -t images < <(worker_ctr images ls -q | { grep -vE "^(sha256:|$PAUSE_IMAGE\$)" || true; })
  ((${#images[@]} == 0)) || worker_ctr images rm "${images[@]}" >/dev/null
}

reset_data() {
  redis_cli FLUSHALL >/dev/null
  postgres_psql -q -X -v ON_ERROR_STOP=1 -d postgres >/dev/null 2>>"$LOGS/reset.log" <<-'SQL' || die "the databases cannot be dropped (see $LOGS/reset.log)"
	SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database
	 WHERE datname NOT IN ('postgres', 'template0', 'template1') \gexec
	SELECT format('DROP OWNED BY %I CASCADE', rolname) FROM pg_roles
	 WHERE rolname NOT IN ('postgres', 'kb_admin') AND rolname !~ '^pg_' \gexec
	SELECT format('DROP ROLE %I', rolname) FROM pg_roles
	 WHERE rolname NOT IN ('postgres', 'kb_admin') AND rolname !~ '^pg_' \gexec
	SQL
  rm -f "$POSTGRES_MARK"
  postgres_administrator
}
