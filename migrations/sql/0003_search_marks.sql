-- The search for a mark that may have been misread. Made by migration 0003; explained in
-- docs/sql.md and docs/decisions/0007-search-by-edit-neighbourhood.md.

CREATE FUNCTION canonical_mark(printed text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN translate(regexp_replace(upper(printed COLLATE "C"), '[^A-Z0-9]', '', 'g'), 'IO', '10');

COMMENT ON FUNCTION canonical_mark(text) IS
    'What is printed, in the form of plates.mark: upper case, I as 1, O as 0, nothing else kept';


CREATE FUNCTION mark_pattern(asked text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    pattern text := translate(
        upper(regexp_replace(asked, '[[:space:].-]', '', 'g') COLLATE "C"), 'IO', '10');
    before text;
BEGIN
    IF pattern !~ '^[A-Z0-9?*]{1,20}$' THEN
        RAISE EXCEPTION 'a mark is asked with letters, digits, ? for one character and * for any '
            'number of them, 20 in all; got %', quote_literal(left(asked, 40))
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'For instance AB1234, AB?234, AB* or *1234.';
    END IF;
    IF pattern ~ '[?*]' AND length(translate(pattern, '?*', '')) < 2 THEN
        RAISE EXCEPTION 'too loose: % names fewer than two characters', quote_literal(asked)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Name two characters or more, for instance AB* or *34.';
    END IF;
    -- Each run of wildcards in one form: the ? first, then at most one *.
    LOOP
        before := pattern;
        pattern := replace(replace(pattern, '*?', '?*'), '**', '*');
        EXIT WHEN pattern = before;
    END LOOP;
    RETURN pattern;
END $$;

COMMENT ON FUNCTION mark_pattern(text) IS
    'A full or partial mark as search_marks understands it; refuses what is none or too loose';


-- The less of an index is looked at, the better: the beginning of the pattern, or of its reverse,
-- as far as it goes on to be worth it. A ? in it stands for every character.
CREATE FUNCTION mark_ranges(pattern text, stored double precision)
    RETURNS TABLE (
        backward boolean, beginnings text[], share double precision, cost double precision)
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    alphabet_size CONSTANT integer := 34;
    most_starts CONSTANT integer := 1200;
    -- Microseconds of going down an index once, and of each entry that is looked at there.
    start_cost CONSTANT double precision := 4.0;
    entry_cost CONSTANT double precision := 0.6;
    inside CONSTANT boolean := pattern LIKE '*%*';
    ordered text;
    starts double precision;
    part double precision;
    letter text;
BEGIN
    FOREACH backward IN ARRAY ARRAY[false, true] LOOP
        ordered := CASE WHEN backward THEN reverse(pattern) ELSE pattern END;
        ordered := CASE WHEN inside THEN substr(ordered, 2) ELSE ordered END;
        beginnings := ARRAY['']; share := 1; cost := 'infinity';
        -- Marks have up to 8 characters: three that stand in a row are within two of the beginning
        -- or of the end. So a * on both sides is tried as none, one and two characters on each.
        starts := CASE WHEN inside THEN 1 + 34 + 34 * 34 ELSE 1 END;
        part := CASE WHEN inside THEN 3 ELSE 1 END;
        FOR at IN 1 .. length(ordered) LOOP
            letter := substr(ordered, at, 1);
            IF letter = '?' THEN
                starts := starts * alphabet_size;
            END IF;
            EXIT WHEN letter = '*' OR (starts > most_starts AND letter = '?');
            CONTINUE WHEN letter = '?';
            -- Of marks of the usual series, a letter is one of 23 and a digit one of 10.
            part := part * CASE WHEN letter ~ '[0-9]' THEN 0.1 ELSE 0.05 END;
            IF start_cost * starts + entry_cost * stored * part <= cost THEN
                beginnings := ARRAY[left(ordered, at)];
                share := part;
                cost := start_cost * starts + entry_cost * stored * part;
            END IF;
        END LOOP;
        IF inside THEN
            beginnings := ARRAY[beginnings[1], '?' || beginnings[1], '??' || beginnings[1]];
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

COMMENT ON FUNCTION mark_ranges(text, double precision) IS
    'How search_marks looks a pattern up among `stored` readings, forward and backward: what the '
    'entries begin with, what share of all readings that is about, and microseconds; its own part';


CREATE FUNCTION spelled_out(beginning text) RETURNS SETOF text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    alphabet CONSTANT text[] := string_to_array('0123456789ABCDEFGHJKLMNPQRSTUVWXYZ', NULL);
    texts text[] := ARRAY[beginning];
    at integer;
BEGIN
    LOOP
        at := strpos(texts[1], '?');
        EXIT WHEN at = 0;
        texts := ARRAY(SELECT overlay(one PLACING letter FROM at FOR 1)
                         FROM unnest(texts) one, unnest(alphabet) letter);
    END LOOP;
    RETURN QUERY SELECT unnest(texts);
END $$;

COMMENT ON FUNCTION spelled_out(text) IS
    'The text with every character of marks for each ? in it: a part of search_marks';


CREATE FUNCTION likely_readings(pattern text)
    RETURNS TABLE (reading text, places integer[], weight double precision, lost boolean, why text)
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, public, pg_temp
AS $$
WITH asked AS (
    SELECT pattern !~ '[?*]' AS whole,
           pattern !~ '[*]' AS counted,
           length(pattern) AS size,
           nullif(strpos(pattern, '*'), 0) AS first_star,
           length(pattern) + 1 - nullif(strpos(reverse(pattern), '*'), 0) AS last_star
), letters AS (
    -- A place counts from the left, or, behind a *, from the right: -1 is the last.
    SELECT letter, ordinality::integer AS at,
           CASE WHEN counted OR ordinality < first_star THEN ordinality
                WHEN ordinality > last_star THEN ordinality - size - 1
           END::integer AS place
      FROM asked, unnest(string_to_array(pattern, NULL)) WITH ORDINALITY AS one(letter, ordinality)
), alphabet AS (
    SELECT unnest(string_to_array('0123456789ABCDEFGHJKLMNPQRSTUVWXYZ', NULL)) AS read
), changes AS (
    SELECT at, place, read, coalesce(probability, 0.002) AS weight,
           format('%s read as %s in place %s', letter, read, CASE WHEN place > 0 THEN place::text
                  ELSE format('%s from the end', -place) END) AS why
      FROM asked, letters CROSS JOIN alphabet
      LEFT JOIN confusable_characters known
             ON known.read_character = read AND known.true_character = letter
     WHERE letter NOT IN ('?', '*') AND read <> letter AND place IS NOT NULL
       AND (whole OR probability >= 0.03)
), one AS (
    SELECT overlay(pattern PLACING read FROM at FOR 1), ARRAY[place], weight, false, why
      FROM changes
), two AS (
    SELECT overlay(overlay(pattern PLACING a.read FROM a.at FOR 1) PLACING b.read FROM b.at FOR 1),
           ARRAY[a.place, b.place], a.weight * b.weight, false, a.why || ', ' || b.why
      FROM asked, changes a JOIN changes b ON b.at > a.at
     WHERE whole AND a.weight >= 0.03 AND b.weight >= 0.03
), more AS (
    SELECT overlay(pattern PLACING read FROM gap FOR 0), ARRAY[gap], coalesce(probability, 0.002),
           false, format('one character more: %s in place %s', read, gap)
      FROM asked, generate_series(1, size + 1) gap CROSS JOIN alphabet
      LEFT JOIN confusable_characters known
             ON known.read_character = read AND known.true_character = ''
     WHERE whole OR (counted AND length(translate(pattern, '?', '')) >= size - 1
                     AND probability >= 0.03)
), less AS (
    SELECT overlay(pattern PLACING '' FROM at FOR 1), ARRAY[]::integer[],
           coalesce((SELECT sum(probability) FROM confusable_characters known
                      WHERE read_character = ''
                        AND true_character LIKE replace(letter, '?', '_')), 0.0005)
           * CASE WHEN at = size THEN 0.4 WHEN at = 1 THEN 0.15 ELSE 0.45 / (size - 2) END,
           true, CASE letter WHEN '?' THEN format('one character less: none in place %s', at)
                      ELSE format('one character less: %s missing in place %s', letter, at) END
      FROM asked, letters
     WHERE counted AND size > 1
)
SELECT * FROM one UNION ALL SELECT * FROM two UNION ALL SELECT * FROM more
UNION ALL SELECT * FROM less
$$;

COMMENT ON FUNCTION likely_readings(text) IS
    'What a mark (a pattern of search_marks) may have been read as: the reading, the places of the '
    'reading that are wrong (from the right where negative), how probable the asked characters are '
    'given that those are wrong, whether one was lost, and the same in words: a part of search_marks';


-- Ways in which one stored reading may stand for the asked mark, as probabilities. None is higher
-- than that of the reading itself, nor than that of the reading being wrong. Without a search_path
-- of its own, so that it becomes a part of the query that asks it.
CREATE FUNCTION look_alike_score(
    likeness text, places integer[], weight double precision, lost boolean, mark text,
    confidence real, detector_score real, character_confidences real[], candidates jsonb,
    least_score real
)
    RETURNS TABLE (by_candidate real, by_shape real)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT least(highest, detector_score * coalesce((
           SELECT max((candidate ->> 'confidence')::real)
             FROM jsonb_array_elements(CASE jsonb_typeof(candidates) WHEN 'array'
                                            THEN candidates END) AS candidate
            WHERE CASE WHEN (candidate ->> 'confidence')::real >= least_score
                       THEN canonical_mark(candidate ->> 'text') LIKE likeness END), 0))::real,
       least(highest, weight * CASE WHEN lost THEN detector_score - confidence
           ELSE detector_score * (
               SELECT exp(sum(ln(greatest(1e-6, CASE
                          WHEN at = ANY (places) OR at - length(mark) - 1 = ANY (places)
                          THEN 1 - sure ELSE sure END))))
                 FROM unnest(CASE
                          WHEN cardinality(character_confidences) = length(mark)
                          THEN character_confidences
                          -- Not one for each character of the mark: they share the whole evenly.
                          ELSE array_fill(power(least(1, confidence / nullif(detector_score, 0)),
                                                1.0 / length(mark))::real, ARRAY[length(mark)])
                          END) WITH ORDINALITY AS one(sure, at))
           END)::real
  FROM (VALUES (greatest(0, least(confidence, detector_score - confidence)))) AS bound(highest)
$$;

COMMENT ON FUNCTION look_alike_score(
    text, integer[], double precision, boolean, text, real, real, real[], jsonb, real) IS
    'How probable it is that a reading stands for the asked mark, by its candidates and by its '
    'characters: a part of search_marks';


CREATE FUNCTION search_marks(
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
    window_images CONSTANT integer := 50000;
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
    current text;
    -- A common table expression, so that the planner does not ask for one image at a time.
    in_window CONSTANT text := 'SELECT id FROM images WHERE '
        || CASE WHEN since IS NULL THEN 'true' ELSE 'taken_at >= $2' END
        || CASE WHEN until IS NULL THEN '' ELSE ' AND taken_at < $3' END;
    windowed boolean := false;
    bounded boolean;
    found text;
    floor real := least_score;
    ids bigint[]; scores real[]; reasons text[];
    other_ids bigint[]; other_scores real[]; other_reasons text[];
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

    -- What the view sightings shows and the filters let through is asked of one image after the
    -- other, the best first, until there are enough; OFFSET 0 keeps the planner to it.
    current := 'CROSS JOIN LATERAL (SELECT FROM images
         WHERE images.id = found.image_id AND images.model_version_id = found.model_version_id
           AND NOT images.superseded'
        || CASE WHEN since IS NULL THEN '' ELSE ' AND images.taken_at >= $2' END
        || CASE WHEN until IS NULL THEN '' ELSE ' AND images.taken_at < $3' END
        || CASE WHEN prefix IS NULL THEN '' ELSE
            ' AND starts_with(CASE WHEN $4 NOT LIKE ''%://%'' THEN images.key
                     WHEN images.store = ''s3'' THEN ''s3://'' || images.bucket || ''/'' || images.key
                     ELSE ''file://'' || rtrim(images.bucket, ''/'') || ''/'' || images.key END, $4)'
            END
        || ' OFFSET 0) AS shown';
    -- Except that a short time has few images: those are found first, by their own index.
    IF NOT whole AND (since IS NOT NULL OR until IS NOT NULL) THEN
        EXECUTE format('SELECT count(*) <= $1 FROM (%s LIMIT $1 + 1) AS few', in_window)
           INTO windowed USING window_images, since, until;
    END IF;
    found := CASE WHEN whole
        THEN 'SELECT id, image_id, model_version_id, confidence FROM plates
               WHERE mark = $1 AND confidence >= $5'
        ELSE 'WITH way AS (SELECT 0 AS no, $1 AS reading), side AS (' || sides || '),
                   look(no, backward, start, likeness) AS (' || looks || ')
              SELECT DISTINCT id, image_id, model_version_id, confidence FROM ('
              || format(indexed, '') || ') AS entry' END;
    EXECUTE format(
        'WITH shot AS MATERIALIZED (%s)
         SELECT array_agg(id), array_agg(confidence), array_agg($9) FROM (
            SELECT found.id, found.confidence FROM (
                SELECT * FROM (%s) AS every %s ORDER BY confidence DESC) AS found %s
             ORDER BY found.confidence DESC LIMIT $6) AS best',
        in_window, found,
        CASE WHEN windowed THEN 'WHERE image_id IN (SELECT id FROM shot)' END, current)
       INTO ids, scores, reasons
      USING asked, since, until, prefix, floor, most_rows, stored, 0.0::float8, 'read as asked'::text;

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
            'WITH shot AS MATERIALIZED (%8$s
            ), way AS MATERIALIZED (
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
            CASE WHEN windowed THEN 'WHERE image_id IN (SELECT id FROM shot)' END,
            CASE WHEN narrowed THEN current ELSE '' END,
            CASE WHEN narrowed THEN '' ELSE current END,
            CASE WHEN whole THEN 'false'
                 ELSE 'EXISTS (SELECT FROM side WHERE spent > $8)' END,
            in_window)
           INTO other_ids, other_scores, other_reasons, bounded
          USING asked, since, until, prefix, floor, most_rows, stored, look_alike_cost, likeness,
                most_examined;
        IF bounded THEN
            RAISE NOTICE '% is like more readings than are looked at: of the look-alikes, only the '
                'likeliest are here', asked
                USING HINT = 'Name more characters, or a time, for all.';
        END IF;
    END IF;

    RETURN QUERY
        SELECT plate_id, mark, text, one.score, one.why, confidence, uri, taken_at, image_id
          FROM unnest(ids || other_ids, scores || other_scores, reasons || other_reasons)
               AS one(plate_id, score, why)
          JOIN sightings USING (plate_id)
         ORDER BY one.score DESC, taken_at DESC NULLS LAST, plate_id DESC
         LIMIT most_rows;
END $$;

COMMENT ON FUNCTION search_marks(text, timestamptz, timestamptz, text, integer, real, boolean) IS
    'Sightings of a full or partial mark (? one character, * any number), misread ones too, the '
    'likeliest first, with the reason: select * from search_marks(''AB1234''); see docs/sql.md';
