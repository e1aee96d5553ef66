#!/opt/perennial/bin/python3
"""MLflow behind its basic auth: at each start its schema is this version's and its admin is the environment's."""

import configparser
import os
import sys
import time
from pathlib import Path
from urllib.parse import quote

NEEDED = ("MLFLOW_DB_PASSWORD", "MLFLOW_ADMIN_USERNAME", "MLFLOW_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY")
PATIENCE_S = 300
SHORTEST = 12  # MLflow's own rule, which it tells only once the database is there

# Whatever of these is set already stands.
DEFAULTS = {
    "MLFLOW_ARTIFACTS_DESTINATION": "s3://perennial/mlflow",
    # One worker: a changed password counts at once although checked ones are remembered, and memory is needed once.
    "MLFLOW_WORKERS": "1",
    # The Host headers that are answered, against DNS rebinding; whoever publishes MLflow under another name says so here.
    "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost:*,127.0.0.1:*,mlflow:*,mlflow.perennial:*,mlflow.perennial.svc:*,"
    "mlflow.perennial.svc.cluster.local:*",
    # Jobs are for language models; their runners would take more memory than the server.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


def main() -> None:
    read_files()
    if missing := [name for name in NEEDED if not os.environ.get(name)]:
        sys.exit(f"MLflow can't start: {', '.join(missing)} must be set, or each with _FILE the file that holds it.")
    if len(os.environ["MLFLOW_ADMIN_PASSWORD"]) < SHORTEST:
        sys.exit(
            f"MLflow can't start: MLFLOW_ADMIN_PASSWORD has fewer than {SHORTEST} characters; change the secret 'mlflow-admin'."
        )
    wait_for_database()
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    os.environ["MLFLOW_BACKEND_STORE_URI"] = database("mlflow")
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(write_auth_config())
    bring_admin_in_line()
    serve()


def read_files() -> None:
    """Take each secret whose variable isn't set from the file that its NAME_FILE names."""
    for name in (*NEEDED, "AWS_SECRET_ACCESS_KEY"):
        file = os.environ.get(f"{name}_FILE")
        if not file or os.environ.get(name):
            continue
        try:
            os.environ[name] = Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            sys.exit(f"MLflow can't start: {name}_FILE names {file}, which can't be read ({error.strerror}).")


def database(name: str) -> str:
    """Return a database's address, password included: for variables and files that this user alone can read."""
    password = quote(os.environ["MLFLOW_DB_PASSWORD"], safe="")
    host = os.environ.get("POSTGRES_HOST") or "postgres.perennial"
    return f"postgresql+psycopg2://mlflow:{password}@{host}:5432/{name}"


def wait_for_database() -> None:
    import psycopg2

    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            psycopg2.connect(database("mlflow").replace("+psycopg2", ""), connect_timeout=5).close()
            return
        except psycopg2.OperationalError as error:
            reason = " ".join(str(error).split())
        if time.monotonic() > end:
            sys.exit(f"MLflow can't start: its database didn't let it in for {PATIENCE_S} s. {reason}")
        sys.stderr.write(f"Waiting for the database: {reason}\n")
        time.sleep(2)


def write_auth_config() -> Path:
    """Write what MLflow's auth reads from a file, and return that file."""
    config = configparser.ConfigParser()
    config["mlflow"] = {
        "default_permission": "READ",
        "database_uri": database("mlflow_auth").replace("%", "%%"),  # a lone % is this format's interpolation
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
        "auth_cache_ttl_seconds": "60",  # hashing a password takes longer than most requests
    }
    path = Path.home() / "basic_auth.ini"
    path.unlink(missing_ok=True)
    path.touch(0o600)
    with path.open("w") as file:
        config.write(file)
    return path


def bring_admin_in_line() -> None:
    """Give the admin the password of the environment, whatever the database says."""
    name, password = os.environ["MLFLOW_ADMIN_USERNAME"], os.environ["MLFLOW_ADMIN_PASSWORD"]
    os.environ.update(MLFLOW_AUTH_ADMIN_USERNAME=name, MLFLOW_AUTH_ADMIN_PASSWORD=password)  # read when the next line imports
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    users = SqlAlchemyStore()
    users.init_db(database("mlflow_auth"))
    if not users.has_user(name):
        users.create_user(name, password, is_admin=True)
    elif not users.authenticate_user(name, password) or not users.get_user(name).is_admin:
        users.update_user(name, password=password, is_admin=True)
    users.engine.dispose()


def serve() -> None:
    """Upgrade the schema where a newer MLflow wants it, then serve until SIGTERM, which MLflow hands on to its worker."""
    from mlflow.cli import cli

    cli(["db", "upgrade", os.environ["MLFLOW_BACKEND_STORE_URI"]], standalone_mode=False)
    # The port as an argument: in a namespace with a Service named mlflow, MLFLOW_PORT may be that Service's address.
    address = ["--host", "0.0.0.0", "--port", "5000"]  # noqa: S104 (the pod's own; network policies say who reaches it)
    cli(["server", "--app-name", "basic-auth", "--serve-artifacts", *address])


if __name__ == "__main__":
    main()
