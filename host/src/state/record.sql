-- The bookkeeping of one step, in the step's own transaction: a check of everything it rests on, the log row, the version
-- rows. A function, because the server then plans its statements once a session and not once a revision. Every name in it
-- is qualified, operators too: it must mean the same under any search path that a revision leaves.
CREATE OR REPLACE FUNCTION {schema}.record(
    of_revision text, way text, of_digest text, seconds double precision, by_version text,
    in_transaction xid8, under_lock bigint, before text[], gone text[], come text[]
) RETURNS void LANGUAGE plpgsql AS $record$
BEGIN
    IF pg_catalog.pg_current_xact_id() OPERATOR(pg_catalog.<>) in_transaction THEN
        RAISE EXCEPTION '{transaction}';
    END IF;
    IF ARRAY(SELECT v.revision FROM {schema}.version v ORDER BY v.revision COLLATE pg_catalog."C")
        OPERATOR(pg_catalog.<>) before THEN
        RAISE EXCEPTION '{rows}';
    END IF;
    -- The transaction holds the lock too, so that it is not free between the two.
    IF NOT (pg_catalog.pg_advisory_unlock(under_lock) AND pg_catalog.pg_try_advisory_lock(under_lock)) THEN
        RAISE EXCEPTION '{lock}';
    END IF;
    INSERT INTO {schema}.log (revision, direction, outcome, digest, started, duration, host_version, xid)
        VALUES (of_revision, way, 'ok', of_digest,
            pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.make_interval(secs => seconds),
            pg_catalog.make_interval(secs => seconds), by_version, in_transaction);
    IF pg_catalog.cardinality(gone) OPERATOR(pg_catalog.=) 1 AND pg_catalog.cardinality(come) OPERATOR(pg_catalog.=) 1 THEN
        UPDATE {schema}.version SET revision = come[1] WHERE revision OPERATOR(pg_catalog.=) gone[1];
    ELSE
        DELETE FROM {schema}.version WHERE revision OPERATOR(pg_catalog.=) ANY (gone);
        INSERT INTO {schema}.version SELECT c.revision FROM pg_catalog.unnest(come) c (revision);
    END IF;
END
$record$
