//! What a revision of any language must do: each case is one run of the same revision in each language, in a database of its own.

/// One row of the table.
pub struct Case {
    /// What `-x case=` says.
    pub name: &'static str,
    /// For the table in the docs.
    pub what: &'static str,
    /// Further arguments of `upgrade`.
    pub arguments: &'static [&'static str],
    /// Exit codes that are right.
    pub codes: &'static [i32],
    /// What stands on stderr.
    pub says: &'static [&'static str],
    /// Queries and what they answer afterwards.
    pub checks: &'static [(&'static str, &'static str)],
}

/// What the database holds before each case.
pub const FIXTURE: &str = include_str!("fixture.sql");

const NOTHING: (&str, &str) = ("SELECT (SELECT count(*) FROM taken) + (SELECT count(*) FROM seen)", "0");

/// Who sent a number as text is told by the server that it does not fit, and not by us: of that the kind tells.
const SEEN: &str = "SELECT string_agg(key || '=' || value, ' ' ORDER BY key) FROM seen WHERE key <> 'kind'";

const SPLIT: &str = "SELECT count(*) FROM people WHERE n IS DISTINCT FROM id + 1 \
     OR first IS DISTINCT FROM split_part(name, ' ', 1) OR last IS DISTINCT FROM substr(name, strpos(name, ' ') + 1) \
     OR digits IS DISTINCT FROM regexp_replace(phone, '[^0-9]', '', 'g')";

const UNTOUCHED: (&str, &str) = ("SELECT count(*) FROM people WHERE n IS NOT NULL", "0");

pub const CASES: &[Case] = &[
    Case {
        name: "values",
        what: "every type of value there and back",
        arguments: &[],
        codes: &[0],
        says: &[],
        checks: &[
            ("SELECT count(*) > 5 FROM taken", "t"),
            // Of `json` the text may be another, of a double's NaN and infinities the text is the value.
            (
                "SELECT string_agg(g.id::text || '.' || key, ' ') FROM given g JOIN taken k USING (id), \
                 LATERAL jsonb_each_text(to_jsonb(g) || jsonb_build_object('js', g.js::jsonb)) a(key, value) \
                 WHERE value IS DISTINCT FROM (to_jsonb(k) || jsonb_build_object('js', k.js::jsonb)) ->> key",
                "",
            ),
            ("SELECT (SELECT count(*) FROM given) - (SELECT count(*) FROM taken)", "0"),
        ],
    },
    Case {
        name: "parameters",
        what: "parameters, counts, many rows, what does not fit",
        arguments: &[],
        codes: &[0],
        says: &[],
        checks: &[
            (SEEN, "exact=9007199254740993 many=3 none=none sqlstate=22003 touched=2"),
            ("SELECT string_agg(id || coalesce(t, '-'), ' ' ORDER BY id) FROM taken", "1 2- 3m 4m 5m"),
        ],
    },
    Case {
        name: "errors",
        what: "errors of the server with SQLSTATE and fields, refused statements",
        arguments: &[],
        codes: &[0],
        says: &[],
        checks: &[(SEEN, "commit=denied constraint=given_pkey sqlstate=23505 zero=22012")],
    },
    Case {
        name: "savepoints",
        what: "savepoints, nested, kept and undone",
        arguments: &[],
        codes: &[0],
        says: &[],
        checks: &[("SELECT string_agg(id::text, ' ' ORDER BY id) FROM taken", "1 2 4")],
    },
    Case {
        name: "script",
        what: "scripts, and the line of an error in one",
        arguments: &[],
        codes: &[0],
        says: &[],
        checks: &[(SEEN, "count=3 line=2")],
    },
    Case {
        name: "log",
        what: "messages of each level, control characters escaped",
        arguments: &["-v"],
        codes: &[0],
        says: &[
            "a debug message",
            "an info message",
            "a notice message",
            "a warning message",
            "tab\there, escape \\u{1b}[31m, snowman ☃",
        ],
        checks: &[],
    },
    Case {
        name: "context",
        what: "revision, direction, arguments, server, time",
        arguments: &["-x", "given=a value, with = in it"],
        codes: &[0],
        says: &[],
        checks: &[
            (
                "SELECT string_agg(key || '=' || value, ' ' ORDER BY key) FROM seen WHERE key <> 'server'",
                "direction=upgrade missing=none now=true revision=c0f0 x=a value, with = in it",
            ),
            ("SELECT value = current_setting('server_version_num') FROM seen WHERE key = 'server'", "t"),
        ],
    },
    Case {
        name: "backfill",
        what: "rows rewritten by code",
        arguments: &[],
        codes: &[0],
        says: &[],
        checks: &[(SPLIT, "0"), (SEEN, "rows=2500")],
    },
    Case {
        name: "update",
        what: "rows rewritten by SQL in batches",
        arguments: &[],
        codes: &[0],
        says: &[],
        checks: &[
            (
                "SELECT count(*) FROM people WHERE (last = upper(name)) IS DISTINCT FROM (CASE WHEN id % 2 = 0 AND name IS NOT NULL THEN true END)",
                "0",
            ),
            ("SELECT value = (SELECT count(*)::text FROM people WHERE id % 2 = 0) FROM seen", "t"),
        ],
    },
    Case {
        name: "row-error",
        what: "an error of one row names it",
        arguments: &[],
        codes: &[1],
        says: &["row 7: ", "row seven is bad"],
        checks: &[UNTOUCHED, NOTHING],
    },
    Case {
        name: "fails",
        what: "an error of the author's own, with its message",
        arguments: &[],
        codes: &[1],
        says: &["the house is on fire"],
        checks: &[NOTHING],
    },
    Case {
        name: "fails-silently",
        what: "an error without a message",
        arguments: &[],
        codes: &[1],
        says: &["caused by: "],
        checks: &[NOTHING],
    },
    Case {
        name: "unhandled",
        what: "an error of the server that is not handled",
        arguments: &[],
        codes: &[1],
        says: &["23505", "given_pkey"],
        checks: &[NOTHING],
    },
    Case {
        name: "swallowed",
        what: "success claimed in an aborted transaction",
        arguments: &[],
        codes: &[1],
        says: &["reported success, but one of its statements had failed"],
        checks: &[NOTHING],
    },
    Case { name: "trap", what: "a crash", arguments: &[], codes: &[13], says: &["trapped"], checks: &[NOTHING] },
    Case {
        name: "loop",
        what: "no end",
        arguments: &["--cpu", "500 ms"],
        codes: &[13],
        says: &["longer than its limit of 500ms"],
        checks: &[NOTHING],
    },
    Case {
        name: "memory",
        what: "memory without end",
        arguments: &["--memory", "96 MiB"],
        codes: &[13],
        says: &["more memory than its limit of 96 MiB"],
        checks: &[NOTHING],
    },
    Case {
        name: "stack",
        what: "recursion without end",
        arguments: &["--cpu", "20 s"],
        codes: &[1, 13],
        says: &["error: "],
        checks: &[NOTHING],
    },
    Case {
        name: "invalid-text",
        what: "a text that is none",
        arguments: &[],
        codes: &[1, 13],
        says: &["error: "],
        checks: &[NOTHING],
    },
    Case {
        name: "no such case",
        what: "an unknown case, for the sake of this table",
        arguments: &[],
        codes: &[1],
        says: &["no case no such case"],
        checks: &[NOTHING],
    },
];
