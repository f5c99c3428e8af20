"""Tests the migrations of this version on a database that has rows and is in use."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command

from hkplates.database.engine import open_engine
from hkplates.database.ledger.control import Control
from hkplates.database.schema.migrate import config, migrate

# An archive as version 0001 left it: most images done; each hundredth failed, as that version
# noted it; and some of these were submitted again and wait.
FILL = """
INSERT INTO submissions (source) VALUES ('s3://car-park/');
INSERT INTO model_versions (detector, reader, config, digest)
VALUES ('d', 'r', '{}', decode(repeat('01', 32), 'hex'));
INSERT INTO images (submission_id, store, bucket, key, etag, size, digest, model_version_id,
                    state, reason, processed_at)
SELECT 1, 's3', 'car-park', n || '.jpg', '', 1, sha256(n::text::bytea), 1,
       CASE n % 100 WHEN 0 THEN 'failed' WHEN 1 THEN 'pending' ELSE 'done' END,
       CASE n % 100 WHEN 0 THEN 'missing' END, CASE WHEN n % 100 <> 1 THEN now() END
  FROM generate_series(1, 20000) AS n;
INSERT INTO plates (image_id, model_version_id, position, mark, text, series, region, rows, colour,
                    confidence, character_confidences, candidates, box, quad, detector_score,
                    reader)
SELECT id, 1, 0, 'AB' || id % 10000, '', 'usual', 'HK', 1, 'white', 0.9, '{}', '[]', '{0,0,0,0}',
       '{{0,0},{0,0},{0,0},{0,0}}', 0.9, 'neural'
  FROM images WHERE state = 'done';
"""
ASK = "SELECT count(*) FROM (SELECT FROM sightings WHERE mark = 'AB77' LIMIT 1) AS one"
# As a worker saves: the image's row is locked, then plates change, then the image.
SAVE = """
SELECT FROM images WHERE id = 7 FOR UPDATE;
DELETE FROM plates WHERE image_id = 7 AND model_version_id = 2;
UPDATE images SET milliseconds = 1 WHERE id = 7;
"""


@pytest.fixture
def old(empty_database_url: str) -> Iterator[sa.Engine]:
    """A database with rows at migration 0001."""
    engine = open_engine(empty_database_url)
    with engine.connect() as connection:
        command.upgrade(config(connection), "0001")
    with psycopg.connect(empty_database_url) as filling:
        filling.execute(FILL)
    yield engine
    engine.dispose()


def test_people_and_workers_go_on_while_it_is_upgraded(
    old: sa.Engine, empty_database_url: str
) -> None:
    done = threading.Event()
    faults: list[psycopg.Error] = []

    def again(statement: str) -> None:
        with psycopg.connect(empty_database_url, autocommit=True) as connection:
            while not done.is_set():
                try:
                    connection.execute(statement)
                except psycopg.Error as error:
                    faults.append(error)

    threads = [threading.Thread(target=again, args=(one,)) for one in (ASK, ASK, SAVE)]
    for thread in threads:
        thread.start()
    try:
        migrate(old)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert faults == []


def test_what_had_failed_is_not_taken_for_read(old: sa.Engine) -> None:
    migrate(old)
    Control(old).cancel(1)
    states = sa.text("SELECT state, count(*) FROM images GROUP BY state ORDER BY state")
    with old.connect() as connection:
        found = connection.execute(states).all()
    assert found == [("cancelled", 200), ("done", 19600), ("failed", 200)]


def test_the_readings_are_the_same_after_it_and_after_it_is_taken_back(old: sa.Engine) -> None:
    query = sa.text("SELECT count(*), sum(plate_id), min(mark), max(mark) FROM sightings")
    with old.connect() as connection:
        before = connection.execute(query).one()
    migrate(old)
    with old.connect() as connection:
        assert connection.execute(query).one() == before
        command.downgrade(config(connection), "0001")
        assert connection.execute(query).one() == before
