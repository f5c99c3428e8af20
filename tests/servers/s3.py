"""An S3 server as tests see it, whoever serves it."""

import os
from dataclasses import dataclass, field
from typing import Any, Self

import boto3
from botocore.config import Config

REGION = "us-east-1"


@dataclass(frozen=True)
class S3:
    """Where it is, and two who may sign in: the owner of everything, and one who may read nothing.

    `stranger_*` is empty where the server named by HKPLATES_TEST_S3_* has no second user.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    stranger_access_key: str = ""
    stranger_secret_key: str = field(default="", repr=False)

    @classmethod
    def named(cls) -> Self | None:
        """The server of the HKPLATES_TEST_S3_* variables, if they name one."""
        prefix = "HKPLATES_TEST_S3_"
        if f"{prefix}ENDPOINT" not in os.environ:
            return None
        names = ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY")
        others = ("STRANGER_ACCESS_KEY", "STRANGER_SECRET_KEY")
        return cls(
            *(os.environ[prefix + name] for name in names),
            *(os.environ.get(prefix + name, "") for name in others),
        )

    def client(self) -> Any:
        """A boto3 client of the owner: path style, signature version 4."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 2},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def environment(self) -> dict[str, str]:
        """What a program must be told to speak to it as the owner."""
        return self._environment(self.access_key, self.secret_key)

    def stranger_environment(self) -> dict[str, str]:
        """What a program must be told to speak to it as one who may read nothing."""
        return self._environment(self.stranger_access_key, self.stranger_secret_key)

    def _environment(self, access_key: str, secret_key: str) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            # No other identity of the machine may creep in.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
