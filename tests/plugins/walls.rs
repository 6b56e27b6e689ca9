//! What is seen of the attempts of `hostile.rs` where one of the walls around a plugin is taken away. Tried by `weakened.rs`, shown by
//! `docs/hostile-plugins.md`.

/// One wall, or two of which each stands behind the other.
pub struct Without {
    /// As `host/src/walls.rs` calls them.
    pub walls: &'static str,
    /// What that means.
    pub what: &'static str,
    /// Attempts, and what they do then.
    pub harm: &'static [(&'static str, &'static str)],
}

const REFUSED_NOT: &str = "it is not refused";
const OTHERWISE: &str = "it ends otherwise";
const APPLICATION: &str = "the application is changed";
const ROWS: &str = "the version rows are changed";
const ENDLESS: &str = "it has no end";
const HALF: &str = "a half is left";

pub const TABLE: &[Without] = &[
    Without {
        walls: "Role",
        what: "a session of the operator's, which takes the plugin's role in the transaction, as other tools do it",
        harm: &[
            ("RESET ROLE, and what was secret", REFUSED_NOT),
            ("RESET ROLE in DO, put together", ROWS),
            ("SET ROLE NONE by set_config", ROWS),
            ("SET SESSION AUTHORIZATION", REFUSED_NOT),
            ("SET ROLE to the operator's", REFUSED_NOT),
            ("SET ROLE to the owner of plugins", REFUSED_NOT),
            ("a deferred trigger", ROWS),
            ("a trigger that waits for COMMIT", ROWS),
            ("RESET ROLE in a trigger that waits for COMMIT", ROWS),
            ("a cursor that is opened inside COMMIT, and held", ROWS),
            ("errors swallowed around RESET ROLE and a forged row", ROWS),
        ],
    },
    Without {
        walls: "Door",
        what: "a role that can go on logging in",
        harm: &[("a password of its own", "its role can log in")],
    },
    Without {
        walls: "Grants",
        what: "all rights on the application's tables, instead of those that were granted",
        harm: &[
            ("RESET ROLE, and what was secret", REFUSED_NOT),
            ("a column that was not granted", REFUSED_NOT),
            ("rows of the application changed", APPLICATION),
            ("a table of the application locked", REFUSED_NOT),
            ("a trigger on a table of the application", APPLICATION),
            ("all that it owns dropped", REFUSED_NOT),
        ],
    },
    Without {
        walls: "Bookkeeping",
        what: "rights on the tables of the bookkeeping, as where a plugin's transaction writes its version row itself",
        harm: &[
            ("RESET ROLE in DO, put together", ROWS),
            ("SET ROLE NONE by set_config", ROWS),
            ("a version row forged", ROWS),
            ("the version rows deleted", OTHERWISE),
            ("the version rows truncated", OTHERWISE),
            ("the version rows read", REFUSED_NOT),
            ("the log rewritten", REFUSED_NOT),
            ("tickets read", REFUSED_NOT),
            ("a ticket forged", OTHERWISE),
            ("a deferred trigger", ROWS),
            ("a trigger that waits for COMMIT", ROWS),
            ("RESET ROLE in a trigger that waits for COMMIT", ROWS),
            ("a cursor that is opened inside COMMIT, and held", ROWS),
            ("errors swallowed around RESET ROLE and a forged row", ROWS),
        ],
    },
    Without {
        walls: "Path",
        what: "a recorder without a search path of its own and with plain names",
        harm: &[
            ("functions, operators, domains and temporary tables in the way", OTHERWISE),
            ("a password, settings, shadows and its other sessions ended", OTHERWISE),
        ],
    },
    Without {
        walls: "Gate",
        what: "every statement is sent",
        harm: &[
            ("COMMIT", HALF),
            ("COMMIT behind empty statements and comments", HALF),
            ("ROLLBACK", OTHERWISE),
            ("COMMIT AND CHAIN", HALF),
            ("SAVEPOINT", REFUSED_NOT),
            ("PREPARE TRANSACTION", OTHERWISE),
            ("DISCARD ALL", OTHERWISE),
            ("the server's settings", OTHERWISE),
            ("the client's data stream", OTHERWISE),
            ("LISTEN", REFUSED_NOT),
        ],
    },
    Without {
        walls: "Gate Transaction",
        what: "the same, and a ticket that is good for any transaction of the session",
        harm: &[
            ("COMMIT", HALF),
            ("COMMIT behind empty statements and comments", HALF),
            ("ROLLBACK", OTHERWISE),
            ("COMMIT AND CHAIN", REFUSED_NOT),
            ("SAVEPOINT", REFUSED_NOT),
            ("PREPARE TRANSACTION", OTHERWISE),
            ("DISCARD ALL", OTHERWISE),
            ("the server's settings", OTHERWISE),
            ("the client's data stream", OTHERWISE),
            ("LISTEN", REFUSED_NOT),
        ],
    },
    Without {
        walls: "Scrub",
        what: "what the role has set for itself stays",
        harm: &[
            ("settings for its next session", "its settings are left"),
            ("a password, settings, shadows and its other sessions ended", "its settings are left"),
        ],
    },
    Without {
        walls: "Clock",
        what: "no clock but the server's",
        harm: &[
            ("the timeout turned off", ENDLESS),
            ("cancels swallowed", ENDLESS),
            ("sleep in COMMIT, cancels swallowed", ENDLESS),
            ("locks without number", REFUSED_NOT),
            ("a timeout turned off, then cancels swallowed in COMMIT", ENDLESS),
        ],
    },
    Without {
        walls: "Constraints",
        what: "the ticket before cursors are closed and deferred constraints are checked",
        harm: &[("a cursor that is held over COMMIT", OTHERWISE)],
    },
    Without {
        walls: "Confirmation",
        what: "the plugin's session is believed",
        harm: &[
            ("sleep in COMMIT, cancels swallowed", OTHERWISE),
            ("a timeout turned off, then cancels swallowed in COMMIT", OTHERWISE),
        ],
    },
];
