# shellcheck shell=bash
# What every part of the lab shares: places, messages, the lock, waiting with a deadline.

STATE=/var/lib/keybuzz-lab # fixed: Tests/lab/inventory.json names it
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/keybuzz-runner-lab
LOGS=$STATE/log
RUN=$STATE/run
ETC=$STATE/etc
DATA=$STATE/data
RUNNER_STATE=$STATE/runner-state
LIMIT=() # put before a client's command where it must not run for ever
CREDENTIALS=$STATE/credentials

# say TEXT: progress, with the seconds since the command began.
say() {
  local elapsed=$(((${EPOCHREALTIME/[.,]/} - STARTED) / 100000))
  printf 'lab %4d.%ds  %s\n' "$((elapsed / 10))" "$((elapsed % 10))" "$*" >&2
}

# In a subshell by a status of its own, by which the caller knows that everything was said.
die() {
  printf 'lab: %s\n' "$*" >&2
  ((BASH_SUBSHELL)) && exit 111
  exit 1
}

failed_at() {
  local status=$?
  ((status == 111)) && exit 1
  printf 'lab: failed in %s, line %s (status %s)\n' "$1" "$2" "$status" >&2
}

state_prepare() {
  mkdir -p "$STATE" "$LOGS" "$RUN" "$ETC" "$DATA"
  chmod 700 "$STATE"
}

# Held by this shell and by what it starts, so a killed command's unfinished children keep the next one waiting
# instead of meeting it halfway.
lock_take() {
  local patience=$1
  mkdir -p "$STATE" && chmod 700 "$STATE"
  exec 9>>"$STATE/lock"
  flock -n 9 && return 0
  say "waiting for another lab command to finish"
  flock -w "$patience" 9 || die "another lab command has held $STATE/lock for $patience s"
}

# within SECONDS COMMAND…: repeats COMMAND until it succeeds; says whether it did in that time.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# until_true SECONDS WHAT COMMAND…: the same; where it did not, says that WHAT did not happen.
until_true() {
  local limit=$1 what=$2
  shift 2
  within "$limit" "$@" || die "$what: not within $limit s"
}

# in_parallel COMMAND…: each argument is a command line of ours (words without quotes). Ends the program when one of
# them fails; not to be used in a condition, where bash would ignore the failures inside them.
in_parallel() {
  local line job jobs=() failed=0
  for line in "$@"; do
    # shellcheck disable=SC2086 # split on purpose
    $line </dev/null &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  ((failed == 0)) || die "not done; see above"
}

# write_file PATH: standard input becomes PATH, whole or not at all.
write_file() {
  local path=$1 temporary=$1.new.$$
  cat >"$temporary"
  mv -f "$temporary" "$path"
}

bytes_digest() { sha256sum | cut -c1-24; }

# tree_digest PATH…: one digest over names, modes and contents.
tree_digest() {
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --exclude=__pycache__ -cf - "$@" 2>/dev/null |
    bytes_digest
}
