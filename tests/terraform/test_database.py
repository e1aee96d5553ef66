"""The README's step that makes MLflow's role, on a PostgreSQL that logs statements as the database of AWS does."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terraform.tables import README, ROOT

SERVER = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/none"))
MASTER = "Ma$ter\\1'"
STANDS_IN = """#!/bin/sh
printf '%s\\n' "$*" >>"$WORK/commands"
case "$(basename "$0") $*" in
"aws secretsmanager"*) cat "$WORK/master" ;;
*" get secret postgres -o go-template="*) cat "$WORK/postgres" ;;
*" get secret "*) test -e "$WORK/${5}" ;;
*" create secret generic postgres "*) cat >"$WORK/postgres" ;;
*" create secret "*) : >"$WORK/${6}" ;;
"kubectl run "*) while [ "$1" != -- ]; do shift; done; shift; exec "$@" ;;
esac
"""

pytestmark = pytest.mark.skipif(
    not (SERVER / "initdb").exists() or not all(map(shutil.which, ("psql", "jq", "openssl"))),
    reason="there is no PostgreSQL in /usr/lib/postgresql, or no jq or openssl on PATH",
)


class Database:
    """A PostgreSQL on a socket in ``folder``, and the step's block run against it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL doesn't run as root
        if self.user:
            shutil.chown(folder, self.user)
        self.server("initdb", "-D", "data", "-U", "rdsadmin", "--auth=trust")
        settings = f"log_statement = ddl\nlisten_addresses = ''\nunix_socket_directories = '{folder}'\n"
        (folder / "data" / "postgresql.auto.conf").write_text(settings)
        self.server("pg_ctl", "-D", "data", "-l", "data/first.log", "-w", "start")
        quoted = MASTER.replace("'", "''")
        self.sql("rdsadmin", f"CREATE ROLE perennial LOGIN CREATEDB CREATEROLE PASSWORD '{quoted}'")
        (folder / "data" / "pg_hba.conf").write_text("local all rdsadmin trust\nlocal all all scram-sha-256\n")
        self.server("pg_ctl", "-D", "data", "-l", "data/log", "-w", "restart")

        for name in ("aws", "kubectl"):
            (folder / name).write_text(STANDS_IN)
            (folder / name).chmod(0o755)
        (folder / "master").write_text(json.dumps({"username": "perennial", "password": MASTER}))

    def server(self, command: str, *arguments: str) -> None:
        call = [str(SERVER / command), *arguments]
        with (self.folder / "said").open("w+") as said:  # not a pipe, which the server would keep open
            done = subprocess.run(call, cwd=self.folder, user=self.user, check=False, stdout=said, stderr=said)
        assert done.returncode == 0, (self.folder / "said").read_text()

    def sql(self, user: str, statement: str, password: str = "", database: str = "postgres") -> str:
        call = ["psql", "-XAt", "-h", str(self.folder), "-U", user, "-d", database, "-c", statement]
        given = os.environ | {"PGPASSWORD": password}
        return subprocess.run(call, env=given, check=True, capture_output=True, text=True).stdout.strip()

    def step(self) -> str:
        """Run the block, without a terminal as in a pod, and return the password in the Secret."""
        (block,) = [one for one in re.findall(r"^   ```sh\n(.+?)^   ```", README.read_text(), re.M | re.S) if "mlflow.sql" in one]
        work = {"WORK": str(self.folder), "PATH": f"{self.folder}:{os.environ['PATH']}", "DB_HOST": str(self.folder)}
        given = os.environ | work | {"REGION": "eu-central-1", "DB_SECRET": "arn"}
        call = ["sh", "-euc", block]
        done = subprocess.run(
            call, cwd=ROOT.parent, env=given, start_new_session=True, check=False, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return (self.folder / "postgres").read_text()


@pytest.fixture
def database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path is short, and root's own folders are closed
        made = Database(Path(folder))
        yield made
        made.server("pg_ctl", "-D", "data", "-m", "immediate", "stop")


def test_the_step_gives_mlflow_its_databases_and_no_password_away(database: Database) -> None:
    password = database.step()
    assert re.fullmatch("[0-9a-f]{48}", password)
    for name in ("mlflow", "mlflow_auth"):
        database.sql("mlflow", "CREATE TABLE mine ()", password, name)
    assert database.step() == password
    assert database.sql("mlflow", "SELECT 1", password, "mlflow") == "1"

    log = (database.folder / "data" / "log").read_text()
    assert log.count("ALTER USER mlflow PASSWORD 'SCRAM-SHA-256$") == 2
    commands = (database.folder / "commands").read_text()
    assert commands.count("create secret generic store-server") == 1
    for secret in (password, MASTER):
        assert secret not in log + commands


def test_the_step_takes_over_a_changed_password(database: Database) -> None:
    database.step()
    (database.folder / "postgres").write_text("changed")
    assert database.step() == "changed"
    assert database.sql("mlflow", "SELECT 1", "changed", "mlflow") == "1"
