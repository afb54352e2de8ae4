# shellcheck shell=bash
# What is up and what is not.

lab_status() {
  local host pid cable all=0 line
  for host in "${HOSTS[@]}"; do
    if ! pid=$(host_pid "$host"); then
      printf '%-14s %-11s down\n' "$host" "${ADDRESS[$host]}"
      all=1
      continue
    fi
    cable=
    on_network "$SWITCH" ip link show "v-$host" 2>/dev/null | grep -q '[<,]UP' || { cable='  CABLE CUT' && all=1; }
    printf '%-14s %-11s up (process %s)%s\n' "$host" "${ADDRESS[$host]}" "$pid" "$cable"
    while read -r line; do
      printf '    %s\n' "$line"
      [[ $line == *' running'* ]] || all=1
    done < <(services_of "$host")
  done
  [[ ! -s $LOGS/settle.log ]] || cat "$LOGS/settle.log"
  [[ -f $RUN/complete ]] || { echo "not complete: run 'lab up'" && all=1; }
  return "$all"
}
