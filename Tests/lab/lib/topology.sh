# shellcheck shell=bash
# The hosts of the lab and which of them runs which service.

declare -A ADDRESS=(
  [k8s-master-01]=10.0.0.100 [k8s-master-02]=10.0.0.101 [k8s-master-03]=10.0.0.102
  [k8s-worker-01]=10.0.0.110
  [k8s-control]=10.0.0.90 [lb-data]=10.0.0.10 [db-01]=10.0.0.11 [redis-01]=10.0.0.12
  [install-01]=10.0.0.20 [registry]=10.0.0.30
)
MASTERS=(k8s-master-01 k8s-master-02 k8s-master-03)
WORKER=k8s-worker-01
NODES=("${MASTERS[@]}" "$WORKER")
# etcd, controller-manager and scheduler have a host of their own, so that the loss of any master leaves them running.
CONTROL=k8s-control
OPERATOR=install-01
HOSTS=("${NODES[@]}" "$CONTROL" lb-data db-01 redis-01 "$OPERATOR" registry)
# The bridge has a namespace of its own too: no packet can reach the machine the lab runs on.
SWITCH=switch

POD_CIDR=10.233.64.0/18
NODE_POD_CIDR=10.233.64.0/24
SERVICE_CIDR=10.233.0.0/18
DATA_ADDRESS=${ADDRESS[lb-data]}

# service_host SERVICE: the host that runs it.
service_host() {
  local name=$1
  case $name in
    postgres) echo db-01 ;;
    redis) echo redis-01 ;;
    haproxy) echo lb-data ;;
    registry) echo registry ;;
    etcd | controller-manager | scheduler) echo "$CONTROL" ;;
    containerd | kubelet) echo "$WORKER" ;;
    sshd@* | apiserver@* | ingress@* | kube-proxy@* | api-balancer@*)
      [[ -n ${ADDRESS[${name#*@}]:-} ]] || die "no such host: ${name#*@}"
      echo "${name#*@}"
      ;;
    *) die "no such service: $name ($SERVICE_NAMES)" ;;
  esac
}
SERVICE_NAMES='postgres, redis, haproxy, registry, etcd, controller-manager, scheduler, containerd, kubelet, '
SERVICE_NAMES+='sshd@NODE, apiserver@MASTER, ingress@NODE, kube-proxy@NODE, api-balancer@NODE'

is_node() { [[ " ${NODES[*]} " == *" $1 "* ]]; }
require_host() { [[ -n ${ADDRESS[$1]:-} ]] || die "no such host: $1 (hosts: ${HOSTS[*]})"; }
