# shellcheck shell=bash
# The worker (containerd, kubelet), and kube-proxy and sshd on every node.

PAUSE_IMAGE=registry.lab/pause:1
CONTAINERD_SOCKET=/run/containerd/containerd.sock

sshd_start() {
  local host=$1
  service_start "$host" "sshd@$host" -- /usr/sbin/sshd -D -e
}

containerd_start() {
  local base=$DATA/containerd
  mkdir -p "$base" "$ETC/cni" "$ETC/certs.d/ghcr.io"
  write_file "$ETC/cni/10-rehearsal.conflist" <<-CONF
	{"cniVersion": "0.4.0", "name": "rehearsal", "plugins": [
	  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
	   "ipam": {"type": "host-local", "dataDir": "/run/cni", "ranges": [[{"subnet": "$NODE_POD_CIDR"}]],
	            "routes": [{"dst": "0.0.0.0/0"}]}},
	  {"type": "portmap", "capabilities": {"portMappings": true}}]}
	CONF
  # restrict_oom_score_adj: runc may not lower it without CAP_SYS_RESOURCE, and then no container starts.
  write_file "$ETC/containerd.toml" <<-CONF
	version = 2
	root = "$base"
	state = "/run/containerd/state"
	[grpc]
	  address = "$CONTAINERD_SOCKET"
	[plugins."io.containerd.grpc.v1.cri"]
	  sandbox_image = "$PAUSE_IMAGE"
	  restrict_oom_score_adj = true
	  [plugins."io.containerd.grpc.v1.cri".cni]
	    bin_dir = "/usr/lib/cni"
	    conf_dir = "$ETC/cni"
	  [plugins."io.containerd.grpc.v1.cri".registry]
	    config_path = "$ETC/certs.d"
	CONF
  # No hosts.toml: what a host of it has not, containerd would ask the server itself for, without the authority.
  cp "$REGISTRY/ca.pem" "$ETC/certs.d/ghcr.io/ca.crt"
  rm -f "$ETC/certs.d/ghcr.io/hosts.toml"
  service_start "$WORKER" containerd -- containerd --config "$ETC/containerd.toml"
}

worker_ctr() { enter "$WORKER" ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io "$@"; }

containerd_wait() {
  until_true 20 "containerd answers (see 'lab log containerd')" worker_ctr version
  if ! worker_ctr images ls -q | grep -qx "$PAUSE_IMAGE"; then
    [[ -f $DATA/pause.tar ]] || python3 "$LIBRARY/pause_image.py" "$DATA/pause.tar" "$PAUSE_IMAGE"
    worker_ctr images import "$DATA/pause.tar" >/dev/null || die "cannot load the pause image into containerd"
  fi
}

kubelet_start() {
  kubeconfig "system:node:$WORKER" https://127.0.0.1:6443 | write_file "$ETC/kubelet.conf"
  chmod 600 "$ETC/kubelet.conf"
  write_file "$ETC/kubelet.yaml" <<-CONF
	apiVersion: kubelet.config.k8s.io/v1beta1
	kind: KubeletConfiguration
	authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
	authorization: {mode: AlwaysAllow}
	cgroupDriver: cgroupfs
	enforceNodeAllocatable: []
	evictionHard: {}
	failSwapOn: false
	readOnlyPort: 0
	resolvConf: ""
	syncFrequency: 5s
	nodeStatusUpdateFrequency: 2s
	imageGCHighThresholdPercent: 100
	serializeImagePulls: false
	registryPullQPS: 0
	eventRecordQPS: 0
	kubeAPIQPS: 100
	kubeAPIBurst: 200
	maxPods: 60
	CONF
  # No CNI data of a former kubelet can be there: /run is new with each host.
  service_start "$WORKER" kubelet -- "$KUBERNETES_BIN/kubelet" --config="$ETC/kubelet.yaml" --kubeconfig="$ETC/kubelet.conf" \
    --container-runtime=remote --container-runtime-endpoint="unix://$CONTAINERD_SOCKET" --network-plugin=cni \
    --hostname-override="$WORKER" --node-ip="${ADDRESS[$WORKER]}" --root-dir="$DATA/kubelet" --v=1
}

# On the masters too, so that a Service's address works from each. They are no Node objects (no kubelet runs there):
# with a bind address kube-proxy does not spend half a minute looking for one.
kube_proxy_start() {
  local host=$1
  write_file "$ETC/kube-proxy-$host.yaml" <<-CONF
	apiVersion: kubeproxy.config.k8s.io/v1alpha1
	kind: KubeProxyConfiguration
	bindAddress: ${ADDRESS[$host]}
	clientConnection: {kubeconfig: $ETC/admin.conf}
	mode: iptables
	clusterCIDR: $POD_CIDR
	hostnameOverride: $host
	iptables: {minSyncPeriod: 100ms, syncPeriod: 30s}
	conntrack: {maxPerCore: 0}
	CONF
  service_start "$host" "kube-proxy@$host" -- "$KUBERNETES_BIN/kube-proxy" --config="$ETC/kube-proxy-$host.yaml" --v=1
}

node_ready() {
  kubectl_admin get node "$WORKER" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' --request-timeout=3s |
    grep -qx True
}
default_account_ready() { kubectl_admin -n default get serviceaccount default -o 'jsonpath={.secrets[0].name}' | grep -q .; }

node_wait() {
  until_true 60 "$WORKER is Ready (see 'lab log kubelet')" node_ready
  kubectl_admin patch node "$WORKER" -p "{\"spec\": {\"podCIDR\": \"$NODE_POD_CIDR\"}}" >/dev/null
  until_true 30 "the default ServiceAccount has its token" default_account_ready
}
