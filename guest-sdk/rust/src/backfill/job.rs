//! The specification of a backfill, put together step by step. What is wrong in it the host says; refused here is only
//! what would never reach the host.

use super::transforms;
use crate::error::from_host;
use crate::raw::wmigrate::migration::backfill as host;
use crate::{Error, Result};
use host::{Spec, UpdateSpec};

/// A backfill that is being described: [`run`](Self::run) lets a transform compute the new values,
/// [`update`](Self::update) an SQL expression. Names, columns and conditions are SQL, quoted and qualified where
/// needed.
///
/// With `transaction = "revision"` the batches are part of the revision's transaction. With `"none"` each is committed
/// by itself, and the run goes on after a crash where it was.
#[derive(Debug, Clone)]
#[must_use = "nothing happens until `run` or `update`"]
pub struct Backfill(Spec);

impl Backfill {
    /// A backfill of `table`. The name is for people and unique within the revision: progress is kept under it.
    pub fn new(name: impl Into<String>, table: impl Into<String>) -> Self {
        Self(Spec {
            name: name.into(),
            table: table.into(),
            key: Vec::new(),
            source: None,
            input: Vec::new(),
            output: Vec::new(),
            condition: None,
            transform: String::new(),
            settings: Vec::new(),
        })
    }

    /// What the transform gets: columns or expressions, as in a select list. Another call adds to them.
    pub fn read(mut self, columns: impl IntoIterator<Item: Into<String>>) -> Self {
        self.0.input.extend(columns.into_iter().map(Into::into));
        self
    }

    /// The columns that are set to what the transform writes, in its order. Another call adds to them.
    pub fn write(mut self, columns: impl IntoIterator<Item: Into<String>>) -> Self {
        self.0.output.extend(columns.into_iter().map(Into::into));
        self
    }

    /// Only rows for which this holds, as in WHERE, over the table's columns. After another call both must hold.
    pub fn filter(mut self, condition: impl Into<String>) -> Self {
        let condition = condition.into();
        self.0.condition = Some(match self.0.condition.take() {
            Some(before) => ["(", &before, ") AND (", &condition, ")"].concat(),
            None => condition,
        });
        self
    }

    /// Columns that identify a row, if not the primary key: not null, with a unique index over exactly them.
    pub fn key(mut self, columns: impl IntoIterator<Item: Into<String>>) -> Self {
        self.0.key.extend(columns.into_iter().map(Into::into));
        self
    }

    /// A query to read from instead of the table. It must have the key's columns, by which its rows are joined to the
    /// table's, and what [`read`](Self::read) names.
    pub fn source(mut self, query: impl Into<String>) -> Self {
        self.0.source = Some(query.into());
        self
    }

    /// At most so many rows a second. No limit unless this is called.
    pub fn rows_per_second(self, rows: u64) -> Self {
        self.setting("rows-per-second", rows.to_string())
    }

    /// The smallest and the largest batch, in rows; the host chooses in between by how long a batch takes. 100 and
    /// 10,000 unless this is called.
    pub fn batch(self, min: u32, max: u32) -> Self {
        self.setting("batch-min", min.to_string()).setting("batch-max", max.to_string())
    }

    /// A setting by its name, for those that a later host knows. One the host does not know is an error of kind
    /// `usage`.
    pub fn setting(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.settings.retain(|(before, _)| before != name);
        self.0.settings.push((name.into(), value.into()));
        self
    }

    /// Runs to the end with a transform of [`export!`](crate::export), and says how many rows were written.
    pub fn run(self, transform: impl Into<String>) -> Result<u64> {
        let spec = Spec { transform: transform.into(), ..self.0 };
        // Else a wrong name would go unnoticed for as long as the table is empty.
        transforms::check(&spec.transform)?;
        host::run(&spec).map_err(from_host)
    }

    /// Runs to the end with SQL alone, and says how many rows were written. `set` is as after SET, over the table's
    /// columns.
    ///
    /// ```no_run
    /// # use wmigrate_guest::prelude::*;
    /// # fn example() -> Result<()> {
    /// Backfill::new("lower", "contact").filter("email <> lower(email)").update("email = lower(email)")?;
    /// # Ok(()) }
    /// ```
    pub fn update(self, set: impl Into<String>) -> Result<u64> {
        host::update(&self.update_spec(set.into())?).map_err(from_host)
    }

    fn update_spec(self, set: String) -> Result<UpdateSpec> {
        let Spec { name, table, key, source, input, output, condition, transform: _, settings } = self.0;
        if source.is_some() || !input.is_empty() || !output.is_empty() {
            let message = "`read`, `write` and `source` are for `run`: `update` names columns in its text only";
            return Err(Error::usage("22023", message.into()));
        }
        Ok(UpdateSpec { name, table, key, set, condition, settings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_the_host_gets() {
        let job = Backfill::new("split", "crm.contact")
            .key(["tenant", "id"])
            .source("SELECT * FROM import")
            .read(["full_name", "lower(phone)"])
            .write(vec![String::from("first_name")])
            .write(["last_name"])
            .filter("a OR b")
            .filter("c")
            .batch(1, 10)
            .rows_per_second(5)
            .batch(50, 500);
        let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = Spec {
            name: "split".into(),
            table: "crm.contact".into(),
            key: text(&["tenant", "id"]),
            source: Some("SELECT * FROM import".into()),
            input: text(&["full_name", "lower(phone)"]),
            output: text(&["first_name", "last_name"]),
            condition: Some("(a OR b) AND (c)".into()),
            transform: String::new(),
            settings: vec![pair("rows-per-second", "5"), pair("batch-min", "50"), pair("batch-max", "500")],
        };
        assert_eq!(job.0, expected);
    }

    #[test]
    fn an_update_drops_nothing_silently() {
        let job = || Backfill::new("lower", "contact").key(["id"]).filter("email IS NOT NULL");
        let spec = job().update_spec("email = lower(email)".into()).expect("right");
        assert_eq!((&*spec.set, spec.condition.as_deref()), ("email = lower(email)", Some("email IS NOT NULL")));
        for wrong in [job().read(["email"]), job().write(["email"]), job().source("SELECT 1")] {
            let error = wrong.update_spec("a = 1".into()).expect_err("must fail");
            assert_eq!(error.kind(), "usage");
        }
    }
}
