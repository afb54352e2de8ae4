#!/bin/bash
# First commands of a host, inside its new namespaces: record itself, mount what is the host's own, become hostd.
# Arguments: HOST KIND (node, server, operator or switch) STATE KUBERNETES
set -euo pipefail
host=$1 kind=$2 state=$3 kubernetes=$4
own=$state/hosts/$host

# /proc is still the machine's here, so this is the pid that `down` will need. exec keeps both numbers.
read -r -a stat </proc/self/stat
read -r boot </proc/sys/kernel/random/boot_id
printf '%s %s %s\n' "${stat[0]}" "${stat[21]}" "$boot" >"$state/run/$host.pid.new"
mv -f "$state/run/$host.pid.new" "$state/run/$host.pid"
# From now on the record is enough to find this host; the lab's lock need not be held for it any longer.
exec 9>&-

hostname "$host"

own_mounts() {
  mount -t proc -o nosuid,nodev,noexec proc /proc
  mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /tmp
  install -d -m 755 /run/sshd /run/haproxy /run/kubernetes
  # The cache may lie in root's home, which is about to be replaced.
  mount --bind "$kubernetes" /run/kubernetes
  install -d -m 1777 /run/lock
  # A private /etc that can be written like any other: files bound one by one could not be replaced by rename.
  install -d /run/host-etc/{upper,work}
  cp -a "$own/etc/." /run/host-etc/upper/
  mount -t overlay -o "lowerdir=/etc,upperdir=/run/host-etc/upper,workdir=/run/host-etc/work" overlay /etc
  # Masters keep heads of the record there, each its own.
  install -d /run/host-log/{upper,work}
  mount -t overlay -o "lowerdir=/var/log,upperdir=/run/host-log/upper,workdir=/run/host-log/work" overlay /var/log
  mount --bind "$own/root" /root
  # Servers that are not root cannot pass the lab's folder, so their data are mounted elsewhere.
  mount --bind "$state/data/$host" /srv
  # What belongs to the operator is not on this host, though it shares the machine's disk.
  local secret
  for secret in credentials runner-state secrets ssh; do mount -t tmpfs -o ro,size=4k tmpfs "$state/$secret"; done
}

case $kind in
  node)
    own_mounts
    sysctl -qw net.ipv4.ip_forward=1
    ;;
  server) own_mounts ;;
esac

exec /usr/bin/python3 "$state/run/hostd.py" "$host" "$state/run/$host.sock" "$state/log"
