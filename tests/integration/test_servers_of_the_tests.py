"""The servers the other tests stand on do what those rely on."""

import dataclasses

import psycopg
import pytest
import redis
from botocore.exceptions import ClientError
from servers.s3 import S3


def test_each_test_has_a_migrated_database_of_its_own(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (0,)


def test_the_broker_is_empty(broker_url: str) -> None:
    with redis.Redis.from_url(broker_url) as client:
        assert client.dbsize() == 0


def test_the_s3_server_refuses_wrong_keys(s3: S3) -> None:
    wrong = dataclasses.replace(s3, secret_key="wrong")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        wrong.client().list_buckets()


def test_the_s3_server_refuses_a_stranger(s3: S3) -> None:
    s3.client().create_bucket(Bucket="private")
    stranger = dataclasses.replace(
        s3, access_key=s3.stranger_access_key, secret_key=s3.stranger_secret_key
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        stranger.client().list_objects_v2(Bucket="private")
