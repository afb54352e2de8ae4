# shellcheck shell=bash
# etcd, an API server on each master, controller-manager and scheduler.

control_plane_start() {
  local host
  install -d -m 700 "$DATA/etcd"
  service_start "$CONTROL" etcd -- etcd --data-dir "$DATA/etcd" --unsafe-no-fsync --logger=zap --log-level=warn \
    --listen-client-urls "http://${ADDRESS[$CONTROL]}:2379" --advertise-client-urls "http://${ADDRESS[$CONTROL]}:2379" \
    --listen-peer-urls http://127.0.0.1:2380 --quota-backend-bytes=1073741824
  for host in "${MASTERS[@]}"; do apiserver_start "$host"; done
  for host in "${NODES[@]}" "$CONTROL"; do api_balancer_start "$host"; done
}

apiserver_start() {
  local host=$1
  service_start "$host" "apiserver@$host" -- "$KUBERNETES_BIN/kube-apiserver" \
    --etcd-servers="http://${ADDRESS[$CONTROL]}:2379" \
    --bind-address="${ADDRESS[$host]}" --advertise-address="${ADDRESS[$host]}" --secure-port=6443 \
    --apiserver-count=3 --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" \
    --token-auth-file="$PKI/tokens.csv" --authorization-mode=Node,RBAC --allow-privileged=true \
    --service-cluster-ip-range="$SERVICE_CIDR" --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$PKI/service-accounts.key" \
    --service-account-signing-key-file="$PKI/service-accounts.key" \
    --feature-gates=TTLAfterFinished=true --kubelet-preferred-address-types=InternalIP \
    --max-requests-inflight=1000 --profiling=false --v=1
}

# As kubespray's proxy on each node: kubelet and the others keep an API server whichever master is lost.
api_balancer_start() {
  local host=$1 master
  {
    cat <<-CONF
	global
	  maxconn 2000
	defaults
	  mode tcp
	  timeout connect 1s
	  timeout check 1s
	  timeout client 1h
	  timeout server 1h
	  option redispatch
	  retries 3
	  default-server check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
	listen api
	  bind 127.0.0.1:6443
	  balance leastconn
	CONF
    for master in "${MASTERS[@]}"; do printf '  server %s %s:6443\n' "$master" "${ADDRESS[$master]}"; done
  } | write_file "$ETC/api-balancer.cfg"
  service_start "$host" "api-balancer@$host" -- haproxy -db -f "$ETC/api-balancer.cfg"
}


control_plane_wait() {
  local host
  for host in "${MASTERS[@]}"; do
    until_true 60 "API server of $host is ready (see 'lab log apiserver@$host')" on_network "$host" \
      curl --silent --fail --max-time 2 --cacert "$PKI/ca.crt" "https://${ADDRESS[$host]}:6443/readyz"
  done
  kubeconfig kubernetes-admin https://127.0.0.1:6443 | write_file "$ETC/admin.conf"
  chmod 600 "$ETC/admin.conf"
}

# Without nodeipam, which begins with a pause of ten seconds: the one node is given its range in node_wait.
controllers_start() {
  service_start "$CONTROL" controller-manager -- "$KUBERNETES_BIN/kube-controller-manager" --kubeconfig="$ETC/admin.conf" \
    --service-account-private-key-file="$PKI/service-accounts.key" --root-ca-file="$PKI/ca.crt" \
    --cluster-cidr="$POD_CIDR" --controllers='*,-nodeipam' --leader-elect=false --feature-gates=TTLAfterFinished=true \
    --node-monitor-period=1s --node-monitor-grace-period=15s --kube-api-qps=200 --kube-api-burst=400 \
    --concurrent-namespace-syncs=20 --concurrent-gc-syncs=20 --v=1
  service_start "$CONTROL" scheduler -- "$KUBERNETES_BIN/kube-scheduler" --kubeconfig="$ETC/admin.conf" \
    --leader-elect=false --kube-api-qps=200 --kube-api-burst=400 --v=1
}

# kubectl as administrator, through the balancer, so that it works whichever master is down.
kubectl_admin() { on_network "$CONTROL" env HOME="$ETC" KUBECONFIG="$ETC/admin.conf" "${LIMIT[@]}" kubectl "$@"; }

cluster_objects() {
  kubectl_admin apply -f - >/dev/null <<-'MANIFEST' || die "cannot make the cluster's own objects"
	{"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "nginx"},
	 "spec": {"controller": "k8s.io/ingress-nginx"}}
	MANIFEST
}
