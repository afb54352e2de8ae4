# shellcheck shell=bash
# Kubernetes' servers, built once per user and package version from Debian's source package.

KUBERNETES_PROGRAMS=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy)
# Where every host finds them.
KUBERNETES_BIN=/run/kubernetes
KUBERNETES_SOURCES=/etc/apt/sources.list.d/keybuzz-lab-src.sources

# kubernetes_find: sets KUBERNETES to the newest complete build in the cache.
kubernetes_find() {
  local directory program newest=
  while read -r directory; do
    for program in "${KUBERNETES_PROGRAMS[@]}"; do [[ -x $directory/$program ]] || continue 2; done
    newest=$directory
  done < <(printf '%s\n' "$CACHE"/kubernetes-* | sort -V)
  KUBERNETES=$newest
  [[ -n $KUBERNETES ]]
}

kubernetes_ensure() {
  kubernetes_find && return 0
  mkdir -p "$CACHE"
  # Two checkouts, or two users' shells, must not both spend minutes on the same thing.
  exec 8>>"$CACHE/lock"
  flock -n 8 || { say "waiting for another build of Kubernetes" && flock 8; }
  kubernetes_find || kubernetes_build
  exec 8>&-
}

kubernetes_build() {
  local work=$CACHE/build log=$CACHE/build.log version source
  say "building Kubernetes (about five minutes, once; log: $log)"
  packages_install_sources
  version=$(apt-cache showsrc kubernetes 2>/dev/null | awk '/^Version:/ {print $2}' | sort -V | tail -n 1)
  [[ -n $version ]] || die "apt knows no source package 'kubernetes' (see $LOGS/apt.log)"
  source=$work/kubernetes-$version
  mkdir -p "$work"
  # The tree, with Go's build cache in it, stays until the build is done, so that a killed one goes on where it was.
  if [[ ! -d $source ]]; then
    say "fetching the source of kubernetes $version"
    rm -rf "$source.new"
    mkdir "$source.new"
    (cd "$source.new" && apt_get source "kubernetes=$version" && mv kubernetes-*/ tree) >"$log" 2>&1 8>&- ||
      die "the source of kubernetes could not be fetched (see $log)"
    mv "$source.new" "$source"
  fi
  mkdir -p "$source/tree/.go/src/k8s.io"
  ln -sfn ../../.. "$source/tree/.go/src/k8s.io/kubernetes"
  kubernetes_make "$source/tree" "$log"
  rm -rf "$CACHE/kubernetes-$version.new"
  mkdir "$CACHE/kubernetes-$version.new"
  cp "${KUBERNETES_PROGRAMS[@]/#/$source/tree/_output/local/go/bin/}" "$CACHE/kubernetes-$version.new/"
  mv -T "$CACHE/kubernetes-$version.new" "$CACHE/kubernetes-$version"
  rm -rf "$work"
  kubernetes_find || die "the build of Kubernetes left no programs (see $log)"
}

# make, not plain `go build`: parts of the source are generated first.
kubernetes_make() {
  local tree=$1 log=$2 make_pid compiled
  (
    cd "$tree" || exit
    export PATH=/usr/lib/go-1.19/bin:$PATH GOPATH=$tree/.go CGO_ENABLED=0 GOPROXY=off
    # Without the clients of cloud providers and Docker: 78 s of processor time less, and programs of half the size.
    export GOFLAGS=-tags=providerless,dockerless
    exec make WHAT="${KUBERNETES_PROGRAMS[*]/#/cmd/}"
  ) >>"$log" 2>&1 </dev/null &
  make_pid=$!
  while sleep 15 && kill -0 "$make_pid" 2>/dev/null; do
    # What is compiled leaves files ending in -d in Go's cache: about 3400 of them in the end.
    # Files come and go under find's feet, which is no failure.
    compiled=$({ find "$tree/_output/local/go/cache" -name '*-d' 2>/dev/null || true; } | wc -l)
    say "building Kubernetes: $compiled of about 3400 parts"
  done
  wait "$make_pid" || die "Kubernetes could not be built (see $log)"
}

packages_install_sources() {
  # A machine that has source packages already needs no second list of them.
  [[ -n $(apt-cache showsrc kubernetes 2>/dev/null) ]] || write_file "$KUBERNETES_SOURCES" <<-'SOURCES'
	# For the rehearsal lab, which builds Kubernetes from Debian's source package.
	Types: deb-src
	URIs: http://deb.debian.org/debian
	Suites: bookworm bookworm-updates
	Components: main
	Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

	Types: deb-src
	URIs: http://deb.debian.org/debian-security
	Suites: bookworm-security
	Components: main
	Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	SOURCES
  packages_install dpkg-dev golang-1.19-go jq make rsync
}
