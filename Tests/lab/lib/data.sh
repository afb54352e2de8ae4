# shellcheck shell=bash
# PostgreSQL, Redis, and the load balancer before them.

PG_BIN=/usr/lib/postgresql/15/bin
POSTGRES_MARK=$DATA/db-01/postgres/administrator-made

data_start() {
  postgres_start
  redis_start
  balancer_start
}

data_wait() {
  until_true 20 "PostgreSQL answers (see 'lab log postgres')" postgres_answers
  postgres_administrator
  until_true 10 "Redis answers (see 'lab log redis')" redis_answers
}

postgres_answers() { enter db-01 "$PG_BIN/pg_isready" -q -h 127.0.0.1; }
redis_answers() { redis_cli PING | grep -q PONG; }

# Inside db-01, where /srv is the host's own folder of data.
postgres_start() {
  enter db-01 install -d -o postgres -g postgres -m 2775 /run/postgresql
  # initdb costs a second or two; its result holds nothing but defaults and is kept.
  if [[ ! -d $DATA/db-01/empty ]]; then
    say "making an empty PostgreSQL"
    enter db-01 bash -euc '
      rm -rf /srv/empty.new
      install -d -o postgres -g postgres -m 700 /srv/empty.new
      setpriv --reuid=postgres --regid=postgres --init-groups "$@" /srv/empty.new
      mv /srv/empty.new /srv/empty
    ' bash "$PG_BIN/initdb" --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=scram-sha-256 --no-sync \
      >"$LOGS/initdb.log" 2>&1 || die "initdb failed (see $LOGS/initdb.log)"
  fi
  if [[ ! -d $DATA/db-01/postgres ]]; then
    local new=$DATA/db-01/postgres.new
    rm -rf "$new"
    cp -a "$DATA/db-01/empty" "$new"
    printf 'host all all 10.0.0.0/8 scram-sha-256\n' >>"$new/pg_hba.conf"
    cat >>"$new/postgresql.conf" <<-CONF
	listen_addresses = '127.0.0.1,${ADDRESS[db-01]}'
	unix_socket_directories = '/run/postgresql'
	max_connections = 200
	password_encryption = scram-sha-256
	log_statement = all
	log_line_prefix = '%m [%p] %q%u@%d '
	# A rehearsal does not outlive a power cut.
	fsync = off
	full_page_writes = off
	CONF
    mv "$new" "$DATA/db-01/postgres"
  fi
  # A killed server's lock file names a process of a host that is gone.
  service_running db-01 postgres || rm -f "$DATA/db-01/postgres/postmaster.pid"
  service_start db-01 postgres --user postgres -- "$PG_BIN/postgres" -D /srv/postgres
}

# psql as the superuser, without a password, on the database's own host.
postgres_psql() {
  local pid
  pid=$(host_require db-01) || exit 1
  # Only the network and the files of the host: signals reach psql, and what is read with -f lies where the caller is.
  "${LIMIT[@]}" nsenter --target "$pid" --mount --net setpriv --reuid=postgres --regid=postgres --init-groups \
    env HOME=/var/lib/postgresql bash -c 'cd -- "$0" 2>/dev/null || cd /; exec /usr/lib/postgresql/15/bin/psql "$@"' "$PWD" \
    -h /run/postgresql -U postgres "$@"
}

# The password goes in on standard input and never into the log, which tests search for it.
postgres_administrator() {
  [[ -e $POSTGRES_MARK ]] && return 0
  python3 - "$SECRETS/postgres-admin" <<-'PYTHON' |
	import sys
	password = open(sys.argv[1]).read().replace("'", "''")
	print("SET log_statement = 'none'; SET log_min_error_statement = 'panic';")
	print("DO $$ BEGIN CREATE ROLE kb_admin; EXCEPTION WHEN duplicate_object THEN NULL; END $$;")
	print(f"ALTER ROLE kb_admin LOGIN SUPERUSER PASSWORD '{password}';")
	PYTHON
    postgres_psql -q -v ON_ERROR_STOP=1 -d postgres >/dev/null || die "cannot make PostgreSQL's administrator"
  touch "$POSTGRES_MARK"
}

redis_start() {
  install -d -o redis -g redis -m 700 "$DATA/redis-01/redis"
  # In a file, not in argv, where tests look for secrets.
  install -o redis -g redis -m 600 /dev/stdin "$DATA/redis-01/redis.conf" <<-CONF
	bind 127.0.0.1 ${ADDRESS[redis-01]}
	port 6379
	requirepass $(<"$SECRETS/redis")
	dir /srv/redis
	save ""
	appendonly yes
	appendfsync no
	daemonize no
	CONF
  service_start redis-01 redis --user redis -- redis-server /srv/redis.conf
}

redis_cli() {
  local pid
  pid=$(host_require redis-01) || exit 1
  REDISCLI_AUTH=$(<"$SECRETS/redis") "${LIMIT[@]}" nsenter --target "$pid" --net redis-cli "$@"
}

# Clients reach the data only through here. on-marked-down ends the connections to a dead server at once.
balancer_start() {
  write_file "$ETC/haproxy.cfg" <<-CONF
	global
	  maxconn 4000
	defaults
	  mode tcp
	  timeout connect 2s
	  timeout check 1s
	  timeout client 30m
	  timeout server 30m
	  default-server check inter 500ms fall 1 rise 1 on-marked-down shutdown-sessions
	listen postgres
	  bind ${ADDRESS[lb-data]}:5432
	  server db-01 ${ADDRESS[db-01]}:5432
	listen redis
	  bind ${ADDRESS[lb-data]}:6379
	  server redis-01 ${ADDRESS[redis-01]}:6379
	CONF
  service_start lb-data haproxy -- haproxy -db -f "$ETC/haproxy.cfg"
}
