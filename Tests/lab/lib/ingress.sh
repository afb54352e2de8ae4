# shellcheck shell=bash
# The ingress of every node: a controller that drives an nginx on the node's own address.

INGRESS_CODE=$STATE/ingress-code

ingress_start_all() {
  local host
  [[ -x $LAB/ingress/controller ]] || { say "no ingress controller in this checkout: ingress left out" && return 0; }
  # A copy, since the checkout may lie where the nodes have a folder of their own (/tmp, /root).
  rm -rf "$INGRESS_CODE"
  cp -a "$LAB/ingress" "$INGRESS_CODE"
  for host in "${NODES[@]}"; do
    install -d -m 755 "$DATA/ingress-$host"
    service_start "$host" "ingress@$host" -- "$INGRESS_CODE/controller" --node-name "$host" \
      --address "${ADDRESS[$host]}" --kubeconfig "$ETC/admin.conf" --dir "$DATA/ingress-$host"
  done
}
