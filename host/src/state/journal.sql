-- One step of a durable revision, in the step's own transaction: a check of everything it rests on, and the journal's row. A row
-- that says `begun` is finished by a second call; any other row stands for ever, or until the revision is done.
CREATE OR REPLACE PROCEDURE {schema}.step(
    of_revision text, way text, number integer, of_call text, of_statement text, of_fingerprint text, in_state text,
    of_result bytea, of_note text, in_transaction xid8
) LANGUAGE plpgsql AS $step$
BEGIN
    {proven}
    INSERT INTO {schema}.journal AS j (revision, direction, step, call, statement, fingerprint, state, result, note, xid)
        VALUES (of_revision, way, number, of_call, of_statement, of_fingerprint, in_state, of_result, of_note, in_transaction)
        ON CONFLICT (revision, direction, step) DO UPDATE
            SET state = excluded.state, result = excluded.result, at = excluded.at, xid = excluded.xid
            WHERE j.state OPERATOR(pg_catalog.=) 'begun' AND j.fingerprint OPERATOR(pg_catalog.=) excluded.fingerprint;
    IF NOT FOUND THEN
        RAISE EXCEPTION '{journal}';
    END IF;
END
$step$
