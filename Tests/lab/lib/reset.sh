# shellcheck shell=bash
# Back to the state in which the first run finds everything, servers left running.

lab_reset() {
  lock_take 60
  [[ -f $RUN/complete ]] || die "the lab is not up: run 'lab up' first"
  faults_heal
  local host job jobs=() failed=0
  # What an interrupted run left on the nodes comes first: it might still be changing things.
  for host in "${NODES[@]}"; do sessions_end "$host"; done
  reset_cluster & jobs+=($!)
  reset_data & jobs+=($!)
  for host in "${NODES[@]}"; do firewall_reset "$host" & jobs+=($!); done
  rm -rf "$RUNNER_STATE" "$CREDENTIALS/chatwoot.env"
  install -d -m 700 "$RUNNER_STATE"
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  ((failed == 0)) || die "the reset is not complete; see above"
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
  on_network "$CONTROL" timeout 60 python3 "$LIBRARY/reset_cluster.py" "$ETC/admin.conf" "$PKI/ca.crt" || return 1
  # The API has forgotten the pods; their processes and addresses go as soon as the kubelet is done with them.
  until_true 30 "the worker's pods end" pods_gone
}

# The kubelet would grant each container its two seconds.
pods_gone() {
  enter "$WORKER" bash -euc '
    ctr="ctr --address $0 --namespace k8s.io"
    tasks=$($ctr tasks ls -q)
    for task in $tasks; do $ctr tasks kill --signal SIGKILL "$task" || true; done
    interfaces=$(ip -o link show type veth | grep -v eth0 || true)
    [[ -z $tasks && -z $interfaces ]]' "$CONTAINERD_SOCKET"
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
  rm -f "$RUN/postgres-administrator"
  postgres_administrator
}
