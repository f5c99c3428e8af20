"""Fills a database for the search benchmark: plates spread like Hong Kong's, some misread."""

from collections.abc import Callable
from typing import LiteralString

import psycopg
from psycopg import sql

SEED = 0.5
BATCH = 500_000
MISREAD = 0.04
"""Share of the plates that are misread; table `planted` holds the true and the read mark."""

REVIEWED = 0.01
"""Share of the plates that people reviewed: 4 in 10 a correction of what was misread, the others
accepted, or one in six of them no plate."""

INDEXES = (
    "ix_plates_mark", "ix_plates_mark_reversed", "ix_plates_shown_mark", "ix_plates_doubtful",
    "ix_images_taken_at", "ix_images_key", "ix_images_key_beginning",
)  # fmt: skip


def fill(connection: psycopg.Connection, rows: int, log: Callable[[str], None]) -> None:
    """Fills an empty, migrated database with `rows` plates, in autocommit; `log` takes progress.

    Indexes are created again after the rows, which is quicker.
    """
    connection.execute("SELECT setseed(%s)", [SEED])
    # Foreign keys are not checked: every image and version named is there.
    connection.execute("SET session_replication_role = replica")
    for statement in (MARK_OF, MISREADING, VERSIONS, SUBMISSION):
        connection.execute(statement)
    indexes = _drop_indexes(connection)
    values = {"rows": rows, "images": rows // 5 * 4, "vehicles": rows // 8, "misread": MISREAD}
    connection.execute(IMAGES, values)
    log("images are made")
    connection.execute(PLANTED, values)
    connection.execute("CREATE UNIQUE INDEX ON planted (plate_id)")
    for first in range(1, rows + 1, BATCH):
        last = min(first + BATCH - 1, rows)
        connection.execute(PLATES, {**values, "first": first, "last": last})
        log(f"{last:,} plates are made")
    seed_reviews(connection, rows)
    log("reviews are made")
    for definition in indexes:
        connection.execute(definition)
    connection.execute("VACUUM ANALYZE")
    log("indexes are made")


def seed_reviews(connection: psycopg.Connection, rows: int) -> None:
    """Reviews some of `rows` plates, in rows as hkplates.database.reviews writes them."""
    connection.execute(REVIEWS, {"rows": rows, "reviews": int(REVIEWED * rows)})
    connection.execute(COPY_REVIEWS)


def _drop_indexes(connection: psycopg.Connection) -> list[LiteralString]:
    """Drops the indexes; returns their definitions."""
    query = "SELECT indexdef FROM pg_indexes WHERE indexname = ANY (%s)"
    found = [row[0] for row in connection.execute(query, [list(INDEXES)])]
    for name in INDEXES:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    return found


# Makes a usual mark for each number, all different: 48,611 has no factor in common with
# 23 * 23 * 9999.
MARK_OF = """
CREATE FUNCTION mark_of(vehicle bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT substr('ABCDEFGHJKLMNPRSTUVWXYZ', (place / 229977 + 1)::int, 1)
    || substr('ABCDEFGHJKLMNPRSTUVWXYZ', (place / 9999 % 23 + 1)::int, 1)
    || (place % 9999 + 1)
  FROM (SELECT vehicle * 48611 % 5289471 AS place) AS spread
$$
"""

# Misreads a mark: by confusable characters, with a character lost or added, or quite otherwise,
# about as often as measured.
MISREADING = """
CREATE FUNCTION misreading(mark text, n bigint) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    kind float8 := random();
    place int := 1 + floor(random() * length(mark));
    changes int := CASE WHEN kind < 0.5 THEN 1 WHEN kind < 0.66 THEN 2 ELSE 0 END;
    read text;
BEGIN
    IF kind >= 0.66 AND kind < 0.84 THEN
        place := CASE WHEN random() < 0.4 THEN length(mark) WHEN random() < 0.25 THEN 1
                      ELSE place END;
        RETURN overlay(mark PLACING '' FROM place FOR 1);
    ELSIF kind >= 0.84 AND kind < 0.91 THEN
        SELECT read_character INTO read FROM confusable_characters
         WHERE true_character = '' ORDER BY -ln(random()) / probability LIMIT 1;
        RETURN overlay(mark PLACING read FROM place FOR 0);
    ELSIF kind >= 0.91 THEN
        RETURN substr(upper(md5(n::text)), 1, 5);
    END IF;
    FOR i IN 1 .. changes LOOP
        SELECT read_character INTO read FROM confusable_characters
         WHERE true_character = substr(mark, place, 1) AND read_character <> ''
         ORDER BY -ln(random()) / probability LIMIT 1;
        mark := overlay(mark PLACING coalesce(read, '1') FROM place FOR 1);
        place := 1 + place % length(mark);
    END LOOP;
    RETURN canonical_mark(mark);
END $$
"""

# Inserts two model versions.
VERSIONS = """
INSERT INTO model_versions (detector, reader, config, digest)
SELECT 'bench', 'bench ' || n, '{}', sha256(int8send(n)) FROM generate_series(1, 2) AS n
"""
# Inserts the submission of all images.
SUBMISSION = "INSERT INTO submissions (source, state) VALUES ('s3://bench/', 'finished')"

# Inserts four images for five plates, over a year, in folders of a day and a gate; one in fifty
# replaced since, and one in fifty read anew with nothing found.
IMAGES = """
INSERT INTO images (submission_id, store, bucket, key, etag, size, digest, state, attempts, width,
                    height, taken_at, model_version_id, processed_at, milliseconds, superseded)
SELECT 1, 's3', 'bench',
       to_char(taken, 'YYYY/MM/DD') || '/gate-' || n %% 40 || '/' || n || '.jpg',
       md5(n::text), 250000,
       sha256(int8send(n)), 'done', 1, 1920, 1080, taken, CASE WHEN n %% 50 = 7 THEN 2 ELSE 1 END,
       '2027-01-01 00:00+08'::timestamptz + n * interval '10 milliseconds', 90, n %% 50 = 3
  FROM generate_series(1, %(images)s::bigint) AS n,
       LATERAL (SELECT '2026-01-01 00:00+08'::timestamptz
                       + n / %(images)s::float8 * interval '365 days' AS taken) AS at
"""

# Plants the misread marks. Vehicles come back with a skew: the one seen most often some thousand
# times.
PLANTED = """
CREATE UNLOGGED TABLE planted AS
SELECT plate_id, true_mark, misreading(true_mark, plate_id) AS mark,
       0.1 + 0.85 * sqrt(random()) AS sure
  FROM (SELECT n AS plate_id, mark_of((%(vehicles)s * power(random(), 2))::bigint) AS true_mark
          FROM generate_series(1, %(rows)s::bigint) AS n WHERE random() < %(misread)s) AS drawn
"""

# Inserts plates. Three in five of the readers' candidates hold the true mark. Where a character is
# wrong, it has the lowest confidence.
PLATES = """
INSERT INTO plates (image_id, model_version_id, position, mark, text, series, region, rows,
                    colour, confidence, character_confidences, candidates, box, quad,
                    detector_score, reader)
SELECT 1 + (n - 1) / 5 * 4 + least((n - 1) %% 5, 3), 1, (n - 1) %% 5 / 4, mark,
       substr(mark, 1, 2) || ' ' || substr(mark, 3), 'usual', 'HK', 1 + n %% 2,
       CASE WHEN n %% 2 = 0 THEN 'white' ELSE 'yellow' END, 0.97 * sure,
       CASE WHEN mark = true_mark
            THEN array_fill(power(sure, 1.0 / length(mark))::real, ARRAY[length(mark)])
            ELSE (SELECT array_agg((CASE
                      WHEN CASE WHEN length(true_mark) = length(mark)
                                THEN substr(true_mark, at, 1) <> substr(mark, at, 1)
                                ELSE at = 1 + n %% length(mark) END
                      THEN 0.9 * sure ELSE power(sure, 0.1) END)::real ORDER BY at)
                    FROM generate_series(1, length(mark)) AS at) END,
       concat('[{"text": "', mark, '", "confidence": ', sure,
              '}, {"text": "', CASE WHEN n %% 5 < 3 AND true_mark <> mark THEN true_mark
                                    ELSE overlay(mark PLACING '8' FROM 4 FOR 1) END,
              '", "confidence": ', (1 - sure) * 0.5,
              '}, {"text": "', overlay(mark PLACING '1' FROM 3 FOR 1),
              '", "confidence": ', (1 - sure) * 0.3,
              '}, {"text": "', overlay(mark PLACING '' FROM 5 FOR 1),
              '", "confidence": ', (1 - sure) * 0.15,
              '}, {"text": "', mark, '1", "confidence": ', (1 - sure) * 0.05, '}]')::jsonb,
       ARRAY[100.5, 200.25, 120.75, 30.5],
       ARRAY[[100.5, 200.25], [220.5, 201.5], [219.25, 230.5], [100.5, 229.75]], 0.97, 'neural'
  FROM (
    SELECT n, coalesce(planted.mark, usual) AS mark,
           coalesce(planted.true_mark, usual) AS true_mark,
           (coalesce(planted.sure, 1 - 0.5 * power(chance, 8)))::real AS sure
      FROM (SELECT n, random() AS chance,
                   mark_of((%(vehicles)s * power(random(), 2))::bigint) AS usual
              FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n) AS drawn
      LEFT JOIN planted ON planted.plate_id = n
  ) AS plate
 ORDER BY n -- so that the plate's id is its number in `planted`
"""

# Inserts reviews, none of them by chance, so that the plates are the same with and without.
REVIEWS = """
INSERT INTO reviews (plate_id, verdict, mark, text, series, reviewer)
SELECT plate_id, verdict,
       CASE verdict WHEN 'accepted' THEN plates.mark WHEN 'corrected' THEN true_mark END,
       CASE verdict WHEN 'accepted' THEN plates.text
                    WHEN 'corrected' THEN overlay(true_mark PLACING ' ' FROM 3 FOR 0) END,
       CASE WHEN verdict <> 'not_a_plate' THEN 'usual' END, 'bench'
  FROM (
    (SELECT plate_id, 'corrected' AS verdict, true_mark
       FROM planted WHERE true_mark <> mark
      ORDER BY hashint8(-plate_id) LIMIT %(reviews)s * 4 / 10)
    UNION ALL
    (SELECT n, CASE WHEN hashint8(n) %% 6 = 0 THEN 'not_a_plate' ELSE 'accepted' END, NULL
       FROM generate_series(1, %(rows)s::bigint, 97) AS n
      WHERE NOT EXISTS (SELECT FROM planted WHERE planted.plate_id = n)
      ORDER BY hashint8(n) LIMIT %(reviews)s * 6 / 10)
  ) AS said JOIN plates ON plates.id = plate_id
"""

# Copies current reviews to their plates.
COPY_REVIEWS = """
UPDATE plates
   SET review = verdict,
       corrected_mark = CASE verdict WHEN 'corrected' THEN reviews.mark END,
       corrected_text = CASE verdict WHEN 'corrected' THEN reviews.text END,
       corrected_series = CASE verdict WHEN 'corrected' THEN reviews.series END
  FROM reviews
 WHERE reviews.plate_id = plates.id AND reviews.current
"""
