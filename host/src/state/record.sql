-- The bookkeeping of one step, in the step's own transaction: a check of everything it rests on, the log row, the version
-- rows. A procedure, because the server then plans its statements once a session and not once a revision; and few of them,
-- because each plan that is kept is looked at for every object that a revision creates or drops. Every name in it is
-- qualified, operators too: it must mean the same under any search path that a revision leaves.
CREATE OR REPLACE PROCEDURE {schema}.record(
    of_revision text, way text, of_digest text, seconds double precision, by_version text,
    in_transaction xid8, before text[], gone text[], come text[]
) LANGUAGE plpgsql AS $record$
DECLARE
    one pg_catalog.text;
BEGIN
    {proven}
    INSERT INTO {schema}.log (revision, direction, outcome, digest, started, duration, host_version, xid)
        VALUES (of_revision, way, 'ok', of_digest,
            pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.make_interval(secs => seconds),
            pg_catalog.make_interval(secs => seconds), by_version, in_transaction);
    IF pg_catalog.cardinality(before) OPERATOR(pg_catalog.=) 1 AND pg_catalog.cardinality(gone) OPERATOR(pg_catalog.=) 1
        AND pg_catalog.cardinality(come) OPERATOR(pg_catalog.=) 1
    THEN
        -- The usual step, checked by what it does: a row that should not be there would become NULL, which the table refuses.
        UPDATE {schema}.version SET revision = CASE WHEN revision OPERATOR(pg_catalog.=) gone[1] THEN come[1] END;
        IF NOT FOUND THEN
            RAISE EXCEPTION '{rows}';
        END IF;
    ELSE
        IF ARRAY(SELECT v.revision FROM {schema}.version v ORDER BY v.revision COLLATE pg_catalog."C")
            OPERATOR(pg_catalog.<>) before
        THEN
            RAISE EXCEPTION '{rows}';
        END IF;
        FOREACH one IN ARRAY gone LOOP
            DELETE FROM {schema}.version WHERE revision OPERATOR(pg_catalog.=) one;
            -- Somebody else's change was not visible above, and is since we waited for it.
            IF NOT FOUND THEN
                RAISE EXCEPTION '{rows}';
            END IF;
        END LOOP;
        FOREACH one IN ARRAY come LOOP
            INSERT INTO {schema}.version (revision) VALUES (one);
        END LOOP;
    END IF;
END
$record$
