-- Writes the version rows and the log row of one step of a plugin, inside the plugin's own transaction, on the word of a ticket
-- that the host has put beside it. The body depends on no setting that the plugin can make: no backslash, no operator without its
-- schema, no text form of a date or of bytes.
CREATE OR REPLACE FUNCTION {schema}.record_plugin(pg_catalog.bytea) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $record$
DECLARE
    t {schema}.ticket;
    n pg_catalog.int8;
BEGIN
    DELETE FROM {schema}.ticket AS k
        WHERE k.hash OPERATOR(pg_catalog.=) pg_catalog.sha256($1) AND k.role OPERATOR(pg_catalog.=) SESSION_USER
            AND k.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
            AND k.xid OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id()
            AND k.expires OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()
        RETURNING k.* INTO t;
    -- One text for every reason: who tries learns nothing.
    IF NOT FOUND THEN
        RAISE EXCEPTION '{transaction}' USING ERRCODE = '42501';
    END IF;
    DELETE FROM {schema}.version AS v WHERE v.revision OPERATOR(pg_catalog.=) ANY (t.gone);
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n OPERATOR(pg_catalog.<>) pg_catalog.cardinality(t.gone) THEN
        RAISE EXCEPTION '{rows}' USING ERRCODE = '40001';
    END IF;
    INSERT INTO {schema}.version (revision) SELECT pg_catalog.unnest(t.come);
    INSERT INTO {schema}.log (revision, direction, outcome, digest, started, duration, host_version, client, xid)
        VALUES (t.revision, t.direction, 'ok', t.digest, t.started,
            pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) t.started, t.host_version, t.client, t.xid);
END
$record$
