#!/bin/bash
# Starts Postgres the way the official image does: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB and PGDATA make the
# cluster on the first start, arguments after "postgres" are the server's own. Any other command is run as it is.
set -euo pipefail

postgres_bin=/usr/lib/postgresql/15/bin
export PATH=$postgres_bin:$PATH
export PGDATA=${PGDATA:-/var/lib/postgresql/data}

[[ ${1:-postgres} == -* ]] && set -- postgres "$@"
[[ ${1:-} == postgres ]] || exec "$@"

# A fresh root file system has neither directory, and the server makes neither.
if [[ $(id -u) == 0 ]]; then
	mkdir -p "$PGDATA" /var/run/postgresql
	chown -R postgres:postgres "$PGDATA" /var/run/postgresql
	chmod 0700 "$PGDATA"
	exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi

make_cluster() {
	local user=${POSTGRES_USER:-postgres}
	: "${POSTGRES_PASSWORD:?is to be set for the first start}"
	initdb --username="$user" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
		--encoding=UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256
	echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
	printf "listen_addresses = '*'\njit = off\n" >>"$PGDATA/postgresql.conf"
	make_database "$user" "${POSTGRES_DB:-$user}" "$@"
}

# The server that makes the database listens on no TCP port, so that nobody takes it for the real one.
make_database() {
	local user=$1 name=$2
	shift 3
	pg_ctl -D "$PGDATA" -w -o "$(printf '%q ' -c listen_addresses= "$@")" start
	[[ $name == postgres ]] ||
		psql -v ON_ERROR_STOP=1 -v name="$name" -U "$user" -d postgres <<<'create database :"name";'
	pg_ctl -D "$PGDATA" -w -m fast stop
}

[[ -s $PGDATA/PG_VERSION ]] || make_cluster "$@"
exec "$@"
