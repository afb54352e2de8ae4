# shellcheck shell=bash
# Keys, certificates and credentials: made once, kept by `down`, so that known_hosts and trust stay good.

SSH=$STATE/ssh
PKI=$STATE/pki
REGISTRY=$STATE/registry
SECRETS=$STATE/secrets

keys_ensure() {
  mkdir -p "$SSH" "$PKI" "$REGISTRY"
  chmod 700 "$SSH" "$PKI" "$REGISTRY"
  ssh_keys
  kubernetes_keys
  registry_keys
  local wanted
  wanted=$(tree_digest -C "$LIBRARY" credentials.py)
  if [[ ! -f $SECRETS/digest || $(<"$SECRETS/digest") != "$wanted" || ! -f $CREDENTIALS/ghcr.env ]]; then
    python3 "$LIBRARY/credentials.py" "$STATE" "$DATA_ADDRESS"
    printf '%s\n' "$wanted" >"$SECRETS/digest"
  fi
}

ssh_keys() {
  local host type
  [[ -f $SSH/id_ed25519.pub ]] || { rm -f "$SSH/id_ed25519" && ssh-keygen -q -t ed25519 -N '' -C operator@install-01 -f "$SSH/id_ed25519"; }
  for host in "${NODES[@]}"; do
    for type in ed25519 ecdsa; do
      [[ -f $SSH/host-$host-$type.pub ]] && continue
      rm -f "$SSH/host-$host-$type"
      ssh-keygen -q -t "$type" -N '' -C "root@$host" -f "$SSH/host-$host-$type"
    done
  done
  for host in "${NODES[@]}"; do
    for type in ed25519 ecdsa; do
      printf '%s,%s %s\n' "$host" "${ADDRESS[$host]}" "$(cut -d' ' -f1,2 "$SSH/host-$host-$type.pub")"
    done
  done | write_file "$SSH/known_hosts"
}

# sign NAME SUBJECT ALTERNATIVE-NAMES: NAME.crt and NAME.key in $PKI, signed by the cluster's CA.
sign() {
  local name=$1 subject=$2 alternatives=$3
  [[ -f $PKI/$name.crt ]] && return 0
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$PKI/$name.key" -subj "$subject" 2>/dev/null |
    openssl x509 -req -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -days 3650 \
      -extfile <(printf 'subjectAltName=%s' "$alternatives") -out "$PKI/$name.crt.new" 2>/dev/null
  mv "$PKI/$name.crt.new" "$PKI/$name.crt"
}

kubernetes_keys() {
  local host names=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:10.233.0.1,IP:127.0.0.1
  for host in "${MASTERS[@]}"; do names+=,DNS:$host,IP:${ADDRESS[$host]}; done
  if [[ ! -f $PKI/ca.crt ]]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=rehearsal-kubernetes \
      -keyout "$PKI/ca.key" -out "$PKI/ca.crt.new" 2>/dev/null
    mv "$PKI/ca.crt.new" "$PKI/ca.crt"
    rm -f "$PKI/apiserver.crt"
  fi
  sign apiserver /CN=kube-apiserver "$names"
  [[ -f $PKI/service-accounts.key ]] || {
    openssl genrsa -out "$PKI/service-accounts.key.new" 2048 2>/dev/null
    mv "$PKI/service-accounts.key.new" "$PKI/service-accounts.key"
  }
  [[ -f $PKI/tokens.csv ]] || write_file "$PKI/tokens.csv" <<-TOKENS
	$(openssl rand -hex 16),kubernetes-admin,1,"system:masters"
	$(openssl rand -hex 16),system:node:$WORKER,2,"system:nodes"
	TOKENS
}

registry_keys() {
  [[ -f $REGISTRY/ca.pem ]] && return 0
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=Rehearsal registry' -keyout "$REGISTRY/ca.key" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign -out "$REGISTRY/ca.pem.new" 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -keyout "$REGISTRY/server.key" -subj /CN=ghcr.io 2>/dev/null |
    openssl x509 -req -CA "$REGISTRY/ca.pem.new" -CAkey "$REGISTRY/ca.key" -CAcreateserial -days 3650 \
      -extfile <(printf 'subjectAltName=DNS:ghcr.io\nextendedKeyUsage=serverAuth') -out "$REGISTRY/server.pem" 2>/dev/null
  mv "$REGISTRY/ca.pem.new" "$REGISTRY/ca.pem"
}

# kubeconfig USER SERVER: an administrator's (USER kubernetes-admin) or the kubelet's.
kubeconfig() {
  local user=$1 server=$2 token
  token=$(grep -F ",$user," "$PKI/tokens.csv" | cut -d, -f1)
  cat <<-CONFIG
	apiVersion: v1
	kind: Config
	clusters: [{name: rehearsal, cluster: {server: "$server", certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")}}]
	users: [{name: "$user", user: {token: $token}}]
	contexts: [{name: rehearsal, context: {cluster: rehearsal, user: "$user"}}]
	current-context: rehearsal
	CONFIG
}

# A master's kubectl asks the API server of that very master, as on the platform.
kubeconfig_files() {
  local host=$1 directory=$STATE/hosts/$1/root/.kube
  [[ $host == "$WORKER" ]] && return 0
  install -d -m 700 "$directory"
  kubeconfig kubernetes-admin "https://${ADDRESS[$host]}:6443" | install -m 600 /dev/stdin "$directory/config"
}

ssh_host_files() {
  local host=$1 own=$STATE/hosts/$1 type
  install -d -m 700 "$own/root/.ssh"
  install -m 600 "$SSH/id_ed25519.pub" "$own/root/.ssh/authorized_keys"
  # The keys lie in the host's own /etc: the operator's folder is hidden from it.
  install -d "$own/etc/ssh"
  for type in ed25519 ecdsa; do
    install -m 600 "$SSH/host-$host-$type" "$own/etc/ssh/ssh_host_${type}_key"
    install -m 644 "$SSH/host-$host-$type.pub" "$own/etc/ssh/ssh_host_${type}_key.pub"
  done
  cat >"$own/etc/ssh/sshd_config" <<-CONFIG
	ListenAddress ${ADDRESS[$host]}
	HostKey /etc/ssh/ssh_host_ed25519_key
	HostKey /etc/ssh/ssh_host_ecdsa_key
	PidFile none
	UsePAM no
	PermitRootLogin prohibit-password
	PasswordAuthentication no
	KbdInteractiveAuthentication no
	UseDNS no
	MaxStartups 100:30:200
	MaxSessions 100
	AllowTcpForwarding yes
	Subsystem sftp internal-sftp
	CONFIG
}
