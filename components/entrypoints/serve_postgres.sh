#!/bin/sh
# PostgreSQL for MLflow: the cluster is made once; at each start its passwords are those of the environment, or of files that it names.
set -eu
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE"); fi
if [ -n "${MLFLOW_DB_PASSWORD_FILE:-}" ]; then MLFLOW_DB_PASSWORD=$(cat "$MLFLOW_DB_PASSWORD_FILE"); fi
export POSTGRES_PASSWORD MLFLOW_DB_PASSWORD
: "${POSTGRES_PASSWORD:?must be set: the password of the role postgres}"
: "${MLFLOW_DB_PASSWORD:?must be set: the password of the role mlflow}"
umask 077
version=$(postgres --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
data=$PGDATA/$version

for other in "$PGDATA"/*/PG_VERSION; do
    if [ -e "$other" ] && [ "$other" != "$data/PG_VERSION" ]; then
        echo "The volume holds a database of PostgreSQL $(cat "$other"), this image has $version: restore a dump into an empty volume." >&2
        exit 1
    fi
done

# Made beside its place and then moved there, so that a start that was killed leaves nothing half made.
if [ ! -e "$data" ]; then
    rm -rf "$data.new"
    initdb --pgdata "$data.new" --username postgres --auth-local peer --auth-host reject \
        --encoding UTF8 --locale C.UTF-8 --data-checksums >/dev/null
    mv "$data.new" "$data"
fi

# Where Kubernetes gave the volume's files to the pod's group, PostgreSQL would refuse the folder.
chmod 700 "$data"

# Whoever may run a command in this container is trusted as postgres; everybody else comes over TCP with a password.
printf '%s\n' 'local all postgres peer map=owner' 'host all all all scram-sha-256' >"$data/pg_hba.conf"
printf 'owner %s postgres\n' "$(id -un)" >"$data/pg_ident.conf"

trap 'pg_ctl --pgdata "$data" --mode fast stop; exit 143' INT TERM
pg_ctl --pgdata "$data" --wait --timeout 3600 --options "-c listen_addresses= -c unix_socket_directories=$PGHOST" start
psql --quiet --no-psqlrc --username postgres --dbname postgres --set ON_ERROR_STOP=1 <<'SQL'
SET log_min_error_statement TO panic;  -- a statement that fails would else be logged, password and all
\getenv postgres POSTGRES_PASSWORD
\getenv mlflow MLFLOW_DB_PASSWORD
SELECT 'CREATE ROLE mlflow LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mlflow') \gexec
SELECT 'CREATE DATABASE ' || name || ' OWNER mlflow' FROM unnest(ARRAY['mlflow', 'mlflow_auth']) AS name
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
ALTER ROLE postgres PASSWORD :'postgres';
ALTER ROLE mlflow PASSWORD :'mlflow';
SQL
pg_ctl --pgdata "$data" --wait --mode fast stop
trap - INT TERM

exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories="$PGHOST"
