-- search_marks once more: a plate that is not seen whole bears no whole mark, and is found by what is
-- seen of it. Made by migration 0006; explained in docs/sql.md and
-- docs/decisions/0007-search-by-edit-neighbourhood.md.

CREATE FUNCTION parts_of(asked text) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, public, pg_temp
AS $$
WITH mark AS (
    -- Its wildcards by other signs: ? stands for what is not seen in a part.
    SELECT translate(asked, '?*', '_%') AS letters, length(asked) AS size
)
SELECT coalesce(array_agg(DISTINCT part), '{}')
  FROM (SELECT left(letters, a) || '?' || substr(letters, b + 1)
          FROM mark, generate_series(0, size) a, generate_series(a, size) b
         UNION ALL
        SELECT left(letters, a) || '?' || substr(letters, b + 1, c - b) || '?'
               || substr(letters, d + 1)
          FROM mark, generate_series(0, size) a, generate_series(a, size) b,
               generate_series(b + 1, size) c, generate_series(c, size) d) AS one(part)
 WHERE part !~ '[_%]' AND length(translate(part, '?', '')) > 1
$$;

COMMENT ON FUNCTION parts_of(text) IS
    'Every pattern of a plate not seen whole, with one gap or two and two characters or more, that '
    'may bear the mark (a pattern of search_marks): its own part';


CREATE OR REPLACE FUNCTION search_marks(
    pattern text,
    since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL,
    prefix text DEFAULT NULL,
    most_rows integer DEFAULT 50,
    least_score real DEFAULT 0.001,
    look_alikes boolean DEFAULT true
)
    RETURNS TABLE (
        plate_id bigint, mark text, text text, score real, why text, confidence real, uri text,
        taken_at timestamptz, image_id bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, public, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    asked CONSTANT text := mark_pattern(pattern);
    whole CONSTANT boolean := asked !~ '[?*]';
    likeness CONSTANT text := translate(asked, '?*', '_%');
    stored CONSTANT double precision :=
        (SELECT greatest(reltuples, 1000) FROM pg_class WHERE oid = 'plates'::regclass);
    narrowed CONSTANT boolean := since IS NOT NULL OR until IS NOT NULL OR prefix IS NOT NULL;
    -- What is too loose for so many is refused whatever is stored, so that it is no surprise later.
    many CONSTANT double precision := 1e7;
    most_share CONSTANT double precision := 0.1;
    look_alike_cost CONSTANT double precision := 35000;  -- microseconds, as mark_ranges estimates
    most_examined CONSTANT integer := 1000;
    most_in_window CONSTANT integer := 50000;
    no_look_alike_above CONSTANT real := 0.5;  -- least(confidence, 1 - confidence) is never more
    -- Entries of the indexes on marks, read without the table: what `look` asks for, if %s.
    indexed CONSTANT text := 'SELECT look.no, entry.* FROM look CROSS JOIN LATERAL (
        SELECT id, image_id, model_version_id, confidence, detector_score FROM plates
         WHERE NOT look.backward AND mark ~>=~ look.start AND mark ~<~ (look.start || ''~'')
           AND mark LIKE look.likeness AND confidence >= $5 %1$s
         UNION ALL
        SELECT id, image_id, model_version_id, confidence, detector_score FROM plates
         WHERE look.backward AND reverse(mark) ~>=~ look.start
           AND reverse(mark) ~<~ (look.start || ''~'')
           AND reverse(mark) LIKE reverse(look.likeness) AND confidence >= $5 %1$s
        ) AS entry';
    sides CONSTANT text := 'SELECT *, sum(cost) OVER (ORDER BY no) AS spent
        FROM way CROSS JOIN LATERAL (SELECT * FROM mark_ranges(reading, $7)
             ORDER BY cost LIMIT CASE WHEN reading LIKE ''*%*'' THEN 2 ELSE 1 END) AS cheapest';
    looks CONSTANT text := 'SELECT no, backward, start, translate(reading, ''?*'', ''_%'')
        FROM side, unnest(beginnings) AS beginning, spelled_out(beginning) AS start
       WHERE no = 0 OR spent <= $8';
    -- Of what the view sightings shows, what the filters let through.
    filters CONSTANT text := CASE WHEN since IS NULL THEN '' ELSE ' AND taken_at >= $2' END
        || CASE WHEN until IS NULL THEN '' ELSE ' AND taken_at < $3' END
        || CASE WHEN prefix IS NULL THEN '' WHEN prefix LIKE '%://%' THEN
             ' AND starts_with(uri, $4)' ELSE ' AND starts_with(key, $4)' END;
    -- IS TRUE keeps the planner from a join, for which it would sort or hash these twice.
    in_window CONSTANT text := 'WHERE (image_id IN (SELECT unnest(%s))) IS TRUE';
    current text;
    windowed boolean;
    shot bigint[];
    bounded boolean;
    found text;
    floor real := least_score;
    said_ids bigint[]; said_scores real[]; said_reasons text[];
    ids bigint[]; scores real[]; reasons text[];
    other_ids bigint[]; other_scores real[]; other_reasons text[];
    -- As wide as what is not seen: how many characters are missing there, nobody knows.
    loose CONSTANT text := translate(asked, '?*', '%%');
    part_ids bigint[]; part_scores real[]; part_reasons text[];
BEGIN
    IF asked IS NULL THEN
        RETURN;
    END IF;
    IF most_rows IS NULL OR most_rows NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'most_rows is a number from 1 to 10000, got %', most_rows
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF least_score IS NULL OR least_score NOT BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'least_score is a number from 0 to 1, got %', least_score
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT whole AND (
        SELECT sum(share) > most_share
          FROM (SELECT share FROM mark_ranges(asked, many)
                 ORDER BY cost LIMIT CASE WHEN asked LIKE '*%*' THEN 2 ELSE 1 END) AS looked)
    THEN
        RAISE EXCEPTION 'too loose: what % names may be anywhere in a mark', quote_literal(pattern)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Name two characters side by side, or how the mark begins or ends.';
    END IF;

    IF whole AND NOT look_alikes THEN
        RETURN QUERY EXECUTE format(
            'SELECT plate_id, mark, text, score, why, confidence, uri, taken_at, image_id FROM (
                (SELECT *, confidence AS score, ''read as asked'' AS why FROM sightings
                  WHERE read_mark = $1 AND confidence >= $5 AND review IS NULL AND complete %1$s
                  ORDER BY confidence DESC LIMIT $6)
                UNION ALL
                (SELECT sightings.*, 1, verdict || '' by a person''
                   FROM reviews JOIN sightings USING (plate_id)
                  WHERE reviews.current AND reviews.mark = $1 AND complete %1$s
                  ORDER BY taken_at DESC NULLS LAST, plate_id DESC LIMIT $6)) AS found
              ORDER BY score DESC, taken_at DESC NULLS LAST, plate_id DESC LIMIT $6', filters)
            USING asked, since, until, prefix, least_score, most_rows;
        RETURN;
    END IF;

    -- What a person said a plate bears is certain, and nothing else is looked for on it.
    EXECUTE format(
        'SELECT array_agg(plate_id), array_agg(1::real), array_agg(verdict || '' by a person'')
           FROM (SELECT plate_id, verdict FROM reviews JOIN sightings USING (plate_id)
                  WHERE reviews.current AND reviews.mark LIKE $1 AND complete %s
                  ORDER BY taken_at DESC NULLS LAST, plate_id DESC LIMIT $5) AS said', filters)
       INTO said_ids, said_scores, said_reasons
      USING likeness, since, until, prefix, most_rows;

    -- What the view sightings shows and the filters let through is asked of one image after the
    -- other, the best first, until there are enough; OFFSET 0 keeps the planner to it.
    current := 'CROSS JOIN LATERAL (SELECT FROM images
         WHERE images.id = found.image_id AND images.model_version_id = found.model_version_id
           AND NOT images.superseded
           AND NOT EXISTS (SELECT FROM reviews
                            WHERE reviews.plate_id = found.id AND reviews.current)
           AND NOT EXISTS (SELECT FROM plates AS part
                            WHERE part.id = found.id AND part.pattern IS NOT NULL)'
        || CASE WHEN since IS NULL THEN '' ELSE ' AND images.taken_at >= $2' END
        || CASE WHEN until IS NULL THEN '' ELSE ' AND images.taken_at < $3' END
        || CASE WHEN prefix IS NULL THEN '' ELSE
            ' AND starts_with(CASE WHEN $4 NOT LIKE ''%://%'' THEN images.key
                     WHEN images.store = ''s3'' THEN ''s3://'' || images.bucket || ''/'' || images.key
                     ELSE ''file://'' || rtrim(images.bucket, ''/'') || ''/'' || images.key END, $4)'
            END
        || ' OFFSET 0) AS shown';
    -- Except that a short time or a narrow prefix has few images: those are found first, by an
    -- index of their own.
    IF NOT whole AND (since IS NOT NULL OR until IS NOT NULL) THEN
        shot := images_between(since, until, most_in_window);
    END IF;
    IF NOT whole AND shot IS NULL AND prefix IS NOT NULL THEN
        shot := images_below(prefix, most_in_window);
    END IF;
    windowed := shot IS NOT NULL;
    found := CASE WHEN whole
        THEN 'SELECT id, image_id, model_version_id, confidence FROM plates
               WHERE mark = $1 AND confidence >= $5'
        ELSE 'WITH way AS (SELECT 0 AS no, $1 AS reading), side AS (' || sides || '),
                   look(no, backward, start, likeness) AS (' || looks || ')
              SELECT DISTINCT id, image_id, model_version_id, confidence FROM ('
              || format(indexed, '') || ') AS entry' END;
    EXECUTE format(
        'SELECT array_agg(id), array_agg(confidence), array_agg($9) FROM (
            SELECT found.id, found.confidence FROM (
                SELECT * FROM (%s) AS every %s ORDER BY confidence DESC) AS found %s
             ORDER BY found.confidence DESC LIMIT $6) AS best',
        found, CASE WHEN windowed THEN format(in_window, '$10') END, current)
       INTO ids, scores, reasons
      USING asked, since, until, prefix, floor, most_rows, stored, 0.0::float8, 'read as asked'::text,
            shot;

    IF cardinality(ids) = most_rows THEN
        floor := greatest(floor, scores[most_rows]);
    END IF;
    IF look_alikes AND floor < no_look_alike_above THEN
        found := CASE WHEN whole
            THEN 'SELECT way.no, id, image_id, model_version_id, confidence, detector_score
                    FROM plates JOIN way ON way.reading = plates.mark
                   WHERE plates.mark = ANY ((SELECT array_agg(DISTINCT reading) FROM way)::text[])
                     AND confidence >= $5 AND detector_score - confidence >= $5'
            ELSE format(indexed, 'AND detector_score - confidence >= $5') END;
        EXECUTE format(
            'WITH way AS MATERIALIZED (
                SELECT row_number() OVER (ORDER BY weight DESC, reading, why) AS no, *
                  FROM likely_readings($1)
            ), side AS MATERIALIZED (%1$s
            ), look(no, backward, start, likeness) AS (%2$s
            ), likeliest AS (
                SELECT every.*, places, weight, lost, why
                  FROM (%3$s) AS every JOIN way USING (no) %4$s
                 ORDER BY (weight + 0.02) * least(confidence, detector_score - confidence) DESC
                 LIMIT $10 * 3
            ), examined AS MATERIALIZED (
                SELECT found.* FROM likeliest AS found %5$s LIMIT $10
            ), scored AS (
                SELECT DISTINCT ON (id) id, image_id, model_version_id,
                       greatest(by_candidate, by_shape) AS score,
                       CASE WHEN by_candidate >= by_shape
                            THEN ''second reading of '' || mark ELSE why END AS why
                  FROM examined CROSS JOIN LATERAL (
                       SELECT mark, character_confidences, candidates
                         FROM plates WHERE plates.id = examined.id OFFSET 0) AS plate
                 CROSS JOIN LATERAL look_alike_score(
                       $9, places, weight, lost, mark, confidence, detector_score,
                       character_confidences, candidates, $5)
                 WHERE greatest(by_candidate, by_shape) >= $5
                 ORDER BY id, score DESC, why
            )
            SELECT array_agg(id), array_agg(score), array_agg(why),
                   (SELECT count(*) = $10 FROM examined)
                   OR (SELECT count(*) = $10 * 3 FROM likeliest) OR %7$s
              FROM (SELECT found.* FROM (SELECT * FROM scored ORDER BY score DESC) AS found %6$s
                     ORDER BY score DESC LIMIT $6) AS best',
            sides, looks, found,
            CASE WHEN windowed THEN format(in_window, '$11') END,
            CASE WHEN narrowed THEN current ELSE '' END,
            CASE WHEN narrowed THEN '' ELSE current END,
            CASE WHEN whole THEN 'false'
                 ELSE 'EXISTS (SELECT FROM side WHERE spent > $8)' END)
           INTO other_ids, other_scores, other_reasons, bounded
          USING asked, since, until, prefix, floor, most_rows, stored, look_alike_cost, likeness,
                most_examined, shot;
        IF bounded THEN
            RAISE NOTICE '% is like more readings than are looked at: of the look-alikes, only the '
                'likeliest are here', asked
                USING HINT = 'Name more characters, or a time, for all.';
        END IF;
    END IF;

    -- A plate that is not seen whole: what is asked for may go on where it ends. Each character that
    -- has to be guessed is one of some ten; more than two are so seldom right that all count alike.
    -- By LIKE only where a known character begins or ends what is asked: else all would be read.
    IF look_alikes THEN
        EXECUTE format(
            'SELECT array_agg(plate_id), array_agg(score), array_agg(''not seen whole: '' || part)
               FROM (SELECT plate_id, part, score
                       FROM (SELECT id, pattern, (confidence * CASE
                                    WHEN NOT $9 AND pattern LIKE %2$L THEN 1
                                    ELSE power(0.1, least(2, greatest(1, $8 - seen))) END)::real
                               FROM (SELECT id, pattern, confidence FROM plates
                                      WHERE pattern = ANY ($7) %3$s) AS may_bear
                              CROSS JOIN LATERAL (
                                    SELECT length(translate(pattern, ''?'', '''')) AS seen
                                    ) AS counted
                              WHERE seen > 1 AND seen <= %4$s
                            ) AS parts(id, part, score)
                       JOIN sightings ON plate_id = parts.id
                      WHERE score >= $5 AND NOT complete %1$s
                      ORDER BY score DESC, taken_at DESC NULLS LAST, plate_id DESC
                      LIMIT $6) AS best',
            filters, loose, CASE
                WHEN whole THEN ''
                WHEN left(loose, 1) <> '%' THEN format(
                    'UNION SELECT id, pattern, confidence FROM plates WHERE pattern LIKE %L', loose)
                WHEN right(loose, 1) <> '%' THEN format(
                    'UNION SELECT id, pattern, confidence FROM plates
                      WHERE pattern IS NOT NULL AND reverse(pattern) LIKE %L', reverse(loose))
                ELSE '' END,
            CASE WHEN strpos(asked, '*') > 0 THEN 8 ELSE length(asked) END)
           INTO part_ids, part_scores, part_reasons
          USING asked, since, until, prefix, least_score, most_rows, parts_of(asked),
                length(translate(asked, '?*', '')), whole;
    END IF;

    RETURN QUERY
        SELECT plate_id, mark, text, one.score, one.why, confidence, uri, taken_at, image_id
          FROM unnest(said_ids || ids || other_ids || part_ids,
                      said_scores || scores || other_scores || part_scores,
                      said_reasons || reasons || other_reasons || part_reasons)
               AS one(plate_id, score, why)
          JOIN sightings USING (plate_id)
         ORDER BY one.score DESC, taken_at DESC NULLS LAST, plate_id DESC
         LIMIT most_rows;
END $$;
