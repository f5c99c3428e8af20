"""Defines every setting, read once at the edge (a command, worker or migration), then passed down.

A setting comes from its environment variable; where DATABASE_URL or CELERY_BROKER_URL is not set,
from the embedded servers that `hkplates up` started under the data folder. Names, defaults and
meanings stand in docs/operations.md.
"""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hkplates.errors import SettingInvalid
from hkplates.recognition.bundles.choices import ReaderName, RuntimeName

PROJECT = Path(__file__).resolve().parents[1]  # the checkout, or site-packages where installed


class Settings(BaseSettings):
    """All settings. Nothing below the edges reads the environment."""

    model_config = SettingsConfigDict(
        env_prefix="HKPLATES_",
        # A variable that is set to nothing is not set, as in a file where its value was left out.
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
    )

    database_url: SecretStr | None = Field(None, validation_alias="DATABASE_URL")
    """postgresql://user:password@host:port/name"""
    broker_url: SecretStr | None = Field(None, validation_alias="CELERY_BROKER_URL")
    """redis://host:port/number"""
    writer_password: SecretStr | None = None
    """Password of the login that `hkplates migrate --writer-login NAME` makes; used there alone."""
    data: Path = Path(".hkplates")
    """Folder of the embedded servers, their databases and logs."""
    models: Path = PROJECT / "models"
    """Folder that holds the bundles of the detector and of the readers."""
    runtime: RuntimeName = "litert"
    """Runtime of the detector: LiteRT on the CPU, or the SavedModel in TensorFlow."""
    reader: ReaderName = "neural"
    """Reader of the plates that were found; with "none" they are found only."""
    detector_threshold: float | None = Field(None, gt=0, lt=1)
    """Least score of a reported plate; unset, the bundle's own."""
    chunk_images: int = Field(24, ge=1, le=100)
    """Images in one message; more would not fit a task's time limit."""
    window_chunks: int = Field(32, ge=1)
    """Messages kept waiting in Redis; the rest waits in Postgres."""
    lease_seconds: int = Field(900, ge=1)
    """Time that a queued image may stay unfinished before it is sent again. Longer than the
    visibility timeout: an image sent again while a worker is at it is begun twice."""
    chunk_seconds: int = Field(180, ge=1, le=3600)
    """Time that a worker may be at one message; the other time limits follow from it."""
    max_process_memory: int = Field(4 * 1024**3, ge=512 * 1024**2)
    """Bytes of memory of its own that one worker process may take."""
    heartbeat: Path | None = None
    """A file that a worker touches for as long as it takes messages."""
    patience_seconds: float = Field(60, ge=0)
    """Time that a running command retries while Postgres or Redis is away before it gives up."""
    stall_minutes: float = Field(10, gt=0)
    """Time in which no image ends while some wait, after which that is reported as a stall."""
    fetch_threads: int = Field(8, ge=1, le=64)
    """Images fetched at once by one worker process."""
    max_image_bytes: int = Field(64 * 1024 * 1024, ge=1)
    """Largest file read, in bytes."""
    max_image_pixels: int = Field(120_000_000, ge=1)
    """Largest photograph decoded, in pixels."""
    web_users: SecretStr | None = None
    """People who may log in to the page: name:role:hash entries of `hkplates web-password`."""
    web_tokens: SecretStr | None = None
    """Programs that may use its API: name:role:hash entries of `hkplates web-token`."""
    web_secret: SecretStr | None = None
    """Signs sessions; unset, one is made and kept in the data folder."""
    web_cache_bytes: int = Field(1024**3, ge=0)
    """Room for the pictures that the page keeps under the data folder."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def spare_seconds(self) -> int:
        """Seconds between two time limits, so that the first has its effect before the second."""
        return min(30, max(6, self.chunk_seconds))

    @property
    def hard_seconds(self) -> int:
        """Seconds at one message after which a worker process is killed.

        For code that a signal does not reach, such as a loop in C.
        """
        return self.chunk_seconds + self.spare_seconds

    @property
    def visibility_seconds(self) -> int:
        """The visibility timeout: seconds before the message of a vanished worker is redelivered.

        Longer than any chunk can be in progress, or it would be processed twice at once.
        """
        return self.hard_seconds + self.spare_seconds

    @cached_property
    def data_folder(self) -> Path:
        """The data folder as an absolute path."""
        return self.data.expanduser().absolute()


def read_settings() -> Settings:
    """Reads settings from the environment.

    Raises:
        SettingInvalid: names the variable, the value expected and the value found.
    """
    try:
        return _require_consistent(Settings())
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        name = field if field.isupper() else f"HKPLATES_{field.upper()}"
        raise SettingInvalid(
            f"{name} cannot be used: {first['msg']}. Correct or unset it."
        ) from None


def _require_consistent(settings: Settings) -> Settings:
    """Returns the settings; raises SettingInvalid where valid ones contradict each other."""
    if settings.lease_seconds <= settings.visibility_seconds:
        raise SettingInvalid(
            f"HKPLATES_LEASE_SECONDS cannot be used: expected more than "
            f"{settings.visibility_seconds}, the time after which Redis sends a message again "
            f"where HKPLATES_CHUNK_SECONDS is {settings.chunk_seconds}; got "
            f"{settings.lease_seconds}. Raise the first or lower the second."
        )
    return settings
