"""Where this installation keeps its state and listens: ``PERENNIAL_*`` variables, then ``perennial.yaml``, then defaults."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from perennial.errors import SettingsError
from perennial.processes import usable_cores

FILE = "perennial.yaml"

Days = Annotated[int, Field(ge=0, le=36_500)]

SECRETS = ("AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "PERENNIAL_INBOX_TOKEN")
"""Variables that may be given as files instead, each by the variable NAME_FILE."""


def read_secret_files() -> None:
    """Set each secret's variable that isn't set from the file that its NAME_FILE names, as containers mount secrets.

    Raises:
        SettingsError: such a file can't be read, or holds nothing.
    """
    for name in SECRETS:
        file = os.environ.get(f"{name}_FILE")
        if not file or os.environ.get(name):
            continue
        try:
            value, reason = Path(file).read_text(encoding="utf-8").strip(), "it is empty"
        except (OSError, UnicodeDecodeError) as error:
            value, reason = "", getattr(error, "strerror", None) or str(error)
        if not value:
            raise SettingsError(f"{name}_FILE names {file}, which gives no {name}: {reason}. Correct the path or the file.")
        os.environ[name] = value


class Settings(BaseSettings):
    """Settings of one installation, frozen once loaded."""

    model_config = SettingsConfigDict(env_prefix="PERENNIAL_", yaml_file=FILE, frozen=True, extra="forbid")

    home: Path = Field(Path(".perennial"), description="Folder for all local state.")
    store: str = Field("", description="Object store, file:///folder or s3://bucket/prefix; by default {home}/store.")
    mlflow: str = Field("", description="MLflow tracking URI; by default a SQLite file in {home}.")
    tasks: Path = Field(Path("tasks"), description="Folder of task files.")
    contact: str = Field("", description="Mail address or web page of who runs this, told to every site that is scraped.")
    host: str = Field("127.0.0.1", description="Address that the endpoint and the dashboard listen on.")
    http_port: int = Field(8080, ge=1, le=65535, description="The endpoint's REST port.")
    grpc_port: int = Field(8081, ge=1, le=65535, description="The endpoint's gRPC port.")
    dashboard_port: int = Field(8501, ge=1, le=65535, description="The dashboard's port.")
    endpoint_url: str = Field("", description="Where endpoints answer, if not on this machine; {endpoint} is one's name.")
    threads: int = Field(0, ge=0, description="Threads for inference; 0 takes the cores this process may use.")
    queue: int = Field(0, ge=0, description="Images that may wait at once, then 503; 0: two seconds' work, and at least 64.")
    deadline_s: float = Field(10.0, gt=0, description="Seconds after which a request that isn't answered is given up.")
    log_requests: bool = Field(False, description="Log a JSON line a request, to standard error.")
    feedback_tokens: str = Field("", description="File of users who may give feedback; by default one in {home}.")
    feedback_daily: int = Field(1000, ge=1, description="Pieces of feedback that one user may give an endpoint a day.")
    inbox_port: int = Field(8090, ge=1, le=65535, description="The port at which the inbox takes notifications.")
    inbox_token: str = Field("", description="Token that notifications must bring; needed where others than this machine ask.")
    kfp: str = Field("", description="Address of the Kubeflow Pipelines API, such as http://127.0.0.1:8888.")
    kfp_namespace: str = Field("kubeflow", description="Namespace in which the pipelines' pods run.")
    namespace: str = Field("perennial", description="Namespace of the store, MLflow, the dashboard and the endpoints.")
    images: str = Field("", description="What stands before the images' names, such as ghcr.io/acme/.")
    tag: str = Field("", description="Tag of the images; by default the digest of this checkout's content.")
    accelerator: str = Field("nvidia.com/gpu", description="Resource that fine-tuning asks the cluster for; empty: none.")

    keep_predictions_days: Days = Field(90, description="Days after which predictions and their pictures go; 0: never.")
    keep_models_days: Days = Field(30, description="Days after which what nobody needs is archived; 0: never.")
    keep_versions: int = Field(5, ge=1, description="Promoted versions that stay to go back to, whatever their age.")
    keep_runs_days: Days = Field(90, description="Days after which the folders of runs go; 0: never.")
    keep_quarantine_days: Days = Field(30, description="Days after which what was refused goes; 0: never.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic-settings passes it by name)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments first, then the environment, then the file."""
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls)

    @classmethod
    def load(cls, **overrides: Any) -> "Settings":
        """Read the settings.

        Raises:
            SettingsError: a variable or a key of ``perennial.yaml`` is unknown or has a wrong value.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise SettingsError(
                f"The setting '{key}' (PERENNIAL_{key.upper()} or {FILE}) is wrong: {first['msg'].lower()}, "
                f"got {first['input']!r}. Known settings: {', '.join(cls.model_fields)}."
            ) from None

    def apart(self, name: str) -> "Settings":
        """Return settings under which all state lies in a folder of its own in ``home``, the store and MLflow too; users stay."""
        home = self.home.resolve() / name
        apart = {"home": home, "tasks": home / "tasks", "store": "", "mlflow": "", "feedback_tokens": str(self.tokens_file)}
        return self.model_copy(update=apart)

    @property
    def store_url(self) -> str:
        """The object store's URL."""
        return self.store or (self.home.resolve() / "store").as_uri()

    @property
    def tokens_file(self) -> Path:
        """The file of users who may give feedback."""
        return Path(self.feedback_tokens) if self.feedback_tokens else self.home.resolve() / "feedback-tokens.yaml"

    @property
    def mlflow_uri(self) -> str:
        """MLflow's tracking and registry URI."""
        return self.mlflow or f"sqlite:///{self.home.resolve() / 'mlflow.db'}"

    @property
    def inference_threads(self) -> int:
        """Threads to compute with, at most the cores that this process may use."""
        return self.threads or usable_cores()
