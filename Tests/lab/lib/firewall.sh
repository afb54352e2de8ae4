# shellcheck shell=bash
# UFW of the nodes as the platform's module 2 left it.

FIREWALL_TEMPLATE=$STATE/firewall
FIREWALL_COMMANDS='
  default deny incoming
  default allow outgoing
  default deny routed
  allow from 10.0.0.0/16
  allow 6443/tcp
  allow 2379:2380/tcp
  allow 10250/tcp
  allow 10257/tcp
  allow 10259/tcp
  allow 30000:32767/tcp
'

# The files are written once by ufw itself, in namespaces thrown away at once, and copied to each node.
firewall_template() {
  local wanted
  wanted=$(printf '%s' "$FIREWALL_COMMANDS" "$(dpkg-query -W ufw)" | bytes_digest)
  [[ -f $FIREWALL_TEMPLATE/digest && $(<"$FIREWALL_TEMPLATE/digest") == "$wanted" ]] && return 0
  say "writing the nodes' firewall rules"
  rm -rf "$FIREWALL_TEMPLATE"
  mkdir -p "$FIREWALL_TEMPLATE"/{ufw,default}
  # The machine's own rules are none of the lab's business: start from what the package ships.
  cp -a /etc/ufw/. "$FIREWALL_TEMPLATE/ufw/"
  install -m 640 /usr/share/ufw/iptables/*.rules "$FIREWALL_TEMPLATE/ufw/"
  install -m 644 /usr/share/ufw/ufw.conf "$FIREWALL_TEMPLATE/ufw/ufw.conf"
  cp -a /etc/default/ufw "$FIREWALL_TEMPLATE/default/ufw"
  timeout 60 unshare --mount --net --propagation private bash -euc '
    mount -t tmpfs tmpfs /run
    mount --bind "$1/ufw" /etc/ufw
    mount --bind "$1/default" /etc/default
    while read -r -a words; do ((${#words[@]} == 0)) || ufw "${words[@]}"; done <<<"$2"
    sed -i s/^ENABLED=.*/ENABLED=yes/ /etc/ufw/ufw.conf
  ' bash "$FIREWALL_TEMPLATE" "$FIREWALL_COMMANDS" >"$LOGS/firewall.log" 2>&1 ||
    die "cannot write the nodes' firewall rules (see $LOGS/firewall.log)"
  printf '%s\n' "$wanted" >"$FIREWALL_TEMPLATE/digest"
}

firewall_files() {
  local etc=$1
  install -d "$etc/default"
  cp -a "$FIREWALL_TEMPLATE/ufw" "$etc/ufw"
  cp -a "$FIREWALL_TEMPLATE/default/ufw" "$etc/default/ufw"
}

# What the kernel has of UFW; kube-proxy's chains beside it come and go.
firewall_live() {
  enter "$1" sh -c '{ iptables -S; ip6tables -S; } | grep -E "^-P|ufw"' 2>/dev/null | bytes_digest
}

# As at boot. The digest lets `reset` leave an untouched node alone: rewriting the rules takes a second or two.
# It lies in the node's own /run, so that a node started anew has none.
FIREWALL_MARK=/run/firewall-digest

firewall_start() {
  local host=$1
  enter "$host" test -e "$FIREWALL_MARK" && return 0
  enter "$host" /lib/ufw/ufw-init start quiet >>"$LOGS/firewall.log" 2>&1 || die "UFW does not start on $host"
  firewall_live "$host" | enter "$host" tee "$FIREWALL_MARK" >/dev/null
}

firewall_reset() {
  local host=$1
  if enter "$host" sh -c 'diff -rq "$1/ufw" /etc/ufw && diff -q "$1/default/ufw" /etc/default/ufw' \
    sh "$FIREWALL_TEMPLATE" >/dev/null && [[ $(firewall_live "$host") == "$(enter "$host" cat "$FIREWALL_MARK")" ]]; then
    return 0
  fi
  enter "$host" bash -euc '
    template=$1
    # Rules are taken out by the files that put them in, so before those are replaced.
    if iptables -S | grep -q ufw; then /lib/ufw/ufw-init force-stop quiet; fi
    find /etc/ufw -mindepth 1 -delete
    cp -a "$template/ufw/." /etc/ufw/
    cp -a "$template/default/ufw" /etc/default/ufw
    /lib/ufw/ufw-init start quiet
  ' bash "$FIREWALL_TEMPLATE" >>"$LOGS/firewall.log" 2>&1 || die "UFW of $host could not be put back (see $LOGS/firewall.log)"
}
