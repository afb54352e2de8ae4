# shellcheck shell=bash
# Debian packages the lab is made of, and those of the servers and tools that the tests of single clients start; installed
# without starting any of their services on this machine.

LAB_PACKAGES=(
  apache2-utils busybox-static conntrack containerd containernetworking-plugins curl docker-registry etcd-server
  haproxy iproute2 iptables jq kmod nginx-light openssh-client openssh-server openssl pgbouncer postgresql-15 procps
  python3 python3-fusepy python3-venv redis-server redis-tools runc shellcheck skopeo strace sudo tar ufw util-linux
)
POLICY_FILE=/usr/sbin/policy-rc.d
POLICY_MARK='# written by the rehearsal lab'

packages_missing() {
  local wanted=("$@") package
  # One dpkg-query for all: a call each would cost a second on every warm start.
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null) || true
  for package in "${wanted[@]}"; do
    grep -qx "installed $package" <<<"$installed" || printf '%s\n' "$package"
  done
}

packages_ensure() {
  packages_clear_policy
  local missing wanted
  # Parts that lie in folders of their own say in a file what they need.
  mapfile -t wanted < <(cat "$LAB"/*/packages 2>/dev/null)
  mapfile -t missing < <(packages_missing "${LAB_PACKAGES[@]}" "${wanted[@]}")
  # Debian's kubernetes-client overwrites a vendor's kubectl, so it is wanted only where there is none.
  command -v kubectl >/dev/null || missing+=(kubernetes-client)
  ((${#missing[@]} == 0)) && return 0
  say "installing Debian packages: ${missing[*]}"
  packages_install "${missing[@]}"
}

packages_install() {
  # A package must not start its server here: the lab's servers live in namespaces of their own.
  if [[ ! -e $POLICY_FILE ]]; then
    printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" >"$POLICY_FILE"
    chmod 755 "$POLICY_FILE"
  fi
  local status=0
  # A third party's package source that does not answer is no reason to give up: the install decides.
  apt_get update >>"$LOGS/apt.log" 2>&1 || true
  apt_get install -y --no-install-recommends "$@" >>"$LOGS/apt.log" 2>&1 || status=$?
  packages_clear_policy
  ((status == 0)) || die "apt-get could not install: $* (see $LOGS/apt.log)"
}

apt_get() {
  DEBIAN_FRONTEND=noninteractive timeout --kill-after=10 1500 apt-get -q \
    -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold "$@" </dev/null
}

# Only our own policy file goes; a killed installation may have left it.
packages_clear_policy() {
  if [[ -e $POLICY_FILE ]] && grep -qF "$POLICY_MARK" "$POLICY_FILE"; then rm -f "$POLICY_FILE"; fi
}
