IF pg_catalog.pg_current_xact_id() OPERATOR(pg_catalog.<>) in_transaction THEN
        RAISE EXCEPTION '{transaction}';
    END IF;
    -- The session's hold is taken anew, and any other advisory lock that the revision has left is not. Meanwhile, and to the
    -- end of the transaction, the transaction holds the migration lock.
    IF NOT ({held_alone}) THEN
        RAISE EXCEPTION '{lock}';
    END IF;
