//! libpq's connection parameters by name, with the environment variable of each. Names are checked here, values in
//! `build`.

use super::Error;
use std::collections::BTreeMap;

/// Name and environment variable; no variable where libpq has none.
const KNOWN: &[(&str, Option<&str>)] = &[
    ("host", Some("PGHOST")),
    ("hostaddr", Some("PGHOSTADDR")),
    ("port", Some("PGPORT")),
    ("dbname", Some("PGDATABASE")),
    ("user", Some("PGUSER")),
    ("password", Some("PGPASSWORD")),
    ("passfile", Some("PGPASSFILE")),
    ("service", Some("PGSERVICE")),
    ("servicefile", Some("PGSERVICEFILE")),
    ("application_name", Some("PGAPPNAME")),
    ("fallback_application_name", None),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("options", Some("PGOPTIONS")),
    ("client_encoding", Some("PGCLIENTENCODING")),
    ("sslmode", Some("PGSSLMODE")),
    ("sslnegotiation", Some("PGSSLNEGOTIATION")),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslkey", Some("PGSSLKEY")),
    ("sslpassword", None),
    ("sslcrl", Some("PGSSLCRL")),
    ("sslcrldir", Some("PGSSLCRLDIR")),
    ("sslcertmode", Some("PGSSLCERTMODE")),
    ("sslsni", Some("PGSSLSNI")),
    ("sslcompression", Some("PGSSLCOMPRESSION")),
    ("ssl_min_protocol_version", Some("PGSSLMINPROTOCOLVERSION")),
    ("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION")),
    ("channel_binding", Some("PGCHANNELBINDING")),
    ("require_auth", Some("PGREQUIREAUTH")),
    ("requirepeer", Some("PGREQUIREPEER")),
    ("gssencmode", Some("PGGSSENCMODE")),
    ("gsslib", Some("PGGSSLIB")),
    ("gssdelegation", Some("PGGSSDELEGATION")),
    ("krbsrvname", Some("PGKRBSRVNAME")),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    ("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
    ("tcp_user_timeout", None),
    ("keepalives", None),
    ("keepalives_idle", None),
    ("keepalives_interval", None),
    ("keepalives_count", None),
    ("replication", None),
];

/// Names that are longer are not compared: they are no slip of the finger.
const MAX_NAME: usize = 40;

/// The parameters given so far. No `Debug`: a password is among them.
#[derive(Default)]
pub(super) struct Parameters(BTreeMap<&'static str, String>);

impl Parameters {
    /// Sets a parameter; the later of two wins, as in libpq. `may_show`: the name cannot be a piece of a password.
    pub(super) fn set(&mut self, name: &str, value: String, may_show: bool) -> Result<(), Error> {
        self.0.insert(known(name, may_show)?, value);
        Ok(())
    }

    /// Sets a parameter that nobody has set.
    pub(super) fn fill(&mut self, name: &str, value: String) -> Result<(), Error> {
        self.0.entry(known(name, true)?).or_insert(value);
        Ok(())
    }

    pub(super) fn fill_from_environment(&mut self, env: &dyn Fn(&str) -> Option<String>) {
        for (name, variable) in KNOWN {
            if let Some(value) = variable.and_then(env).filter(|value| !value.is_empty()) {
                self.0.entry(name).or_insert(value);
            }
        }
    }

    /// The value; an empty one counts as none, as in libpq.
    pub(super) fn get(&self, name: &'static str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

fn known(name: &str, may_show: bool) -> Result<&'static str, Error> {
    if let Some((known, _)) = KNOWN.iter().find(|(known, _)| *known == name) {
        return Ok(known);
    }
    if !may_show {
        return Err(Error::UnknownParameter { shown: String::new(), nearest: None });
    }
    let nearest = KNOWN.iter().map(|(known, _)| (distance(known, name), *known)).min();
    Err(Error::UnknownParameter {
        shown: name.chars().take(MAX_NAME).collect(),
        // Further than a third of the word it is another word.
        nearest: nearest.filter(|(steps, known)| *steps <= known.len().div_ceil(3)).map(|(_, known)| known),
    })
}

/// Letters to add, remove or change (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(MAX_NAME).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
