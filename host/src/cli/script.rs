//! `--sql`: the script that a run would be, for somebody else to run. No database is touched.
//!
//! Every revision is run first, in the sandbox, with its statements kept instead of sent. One that reads cannot be part of
//! a script: it is named, and then nothing at all is printed.

use super::exit::{CliError, Code};
use super::print::Printer;
use super::project::{self, Project};
use super::run::RunArgs;
use super::{Global, block_on};
use crate::components::{Components, Policy};
use crate::graph::{self, Map, Plan, Step};
use crate::runtime::{Cache, Call, Door, Failure, Recorded, Runtimes};
use crate::sql::RESET;
use crate::sql::lex::{Kind, Lexer};
use crate::state::{record, schema};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Prints the script of the plan that `decide` gives.
pub(super) fn print(
    global: &Global,
    printer: &Printer,
    args: &RunArgs,
    decide: impl Fn(&Map) -> Result<Plan, graph::Error>,
) -> Result<(), CliError> {
    let project = Project::load(global)?;
    let plan = decide(&project.map)?;
    super::run::refuse_irreversible(&project.map, &plan)?;
    let scripts = block_on(record_all(&project, global, args, &plan))?;
    printer.lines(text(&project, args, &plan, scripts));
    Ok(())
}

/// The statements of one step.
struct Script {
    statements: Vec<String>,
    /// Of what gave them.
    digest: String,
    /// Each is committed by itself.
    durable: bool,
}

async fn record_all(project: &Project, global: &Global, args: &RunArgs, plan: &Plan) -> Result<Vec<Script>, CliError> {
    let policy = Policy { locked: args.locked, limits: args.limits.parse()? };
    let components = Components::open(&project.config, Arc::clone(&project.versions), policy)?;
    components.check(plan, args.together())?;
    components.refuse_plugins(plan, "--sql")?;
    let (cache, _) = Cache::open(project::cache_folder(&project.environment).as_deref());
    let runtimes = Runtimes::new(cache, Arc::new(AtomicBool::new(false)));
    let x_arguments = project::x_arguments(&project.config, global)?;
    let mut scripts = Vec::with_capacity(plan.steps.len());
    let mut readers = Vec::new();
    for step in &plan.steps {
        let job = components.job(&step.revision);
        let component = job.assemble()?;
        let limits = component.granted.sandbox();
        let runtime =
            runtimes.with_stack(limits.stack).map_err(|error| CliError::of(Code::Failed, "engine", &error))?;
        let (code, _) = job.code(&runtime, &component).map_err(|error| {
            let mut outer = CliError::of(Code::Failed, "component", &error);
            outer.message = format!("revision `{}` cannot be run: {}", step.revision, outer.message);
            outer
        })?;
        let call = Call {
            revision: step.revision.clone(),
            direction: crate::runner::way(step.direction),
            x_arguments: Arc::clone(&x_arguments),
            payload: component.payload.clone(),
            limits,
            events: Arc::new(|_| {}),
        };
        let (door, outcome) = runtime.run(&code, &call, Door::Script(Recorded::default())).await;
        match outcome {
            Ok(()) => {
                let Door::Script(recorded) = door else { unreachable!("a door comes back as it went in") };
                scripts.push(Script {
                    statements: recorded.statements,
                    digest: component.log_digest(),
                    durable: component.durable,
                });
            }
            Err(Failure::Unanswerable(what)) => readers.push((step.revision.clone(), what)),
            Err(failure) => {
                return Err(crate::runner::Error::failed(step, failure, Some(&component.granted)).into());
            }
        }
    }
    if readers.is_empty() { Ok(scripts) } else { Err(refusal(&readers)) }
}

fn refusal(readers: &[(String, String)]) -> CliError {
    let names = readers.iter().map(|(revision, _)| format!("`{revision}`")).collect::<Vec<_>>().join(", ");
    let mut error =
        CliError::new(Code::Failed, "reads_in_script", format!("revision {names} cannot be part of a script"));
    error.causes = readers.iter().map(|(revision, what)| format!("`{revision}`: {what}")).collect();
    error.hint("run up to it with a script, run it with `wmigrate upgrade`, and go on from there: wmigrate upgrade --sql FROM:TO")
}

fn text(project: &Project, args: &RunArgs, plan: &Plan, scripts: Vec<Script>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |statement: &str| {
        lines.push(format!("{statement};"));
        lines.push(String::new());
    };
    let from_base =
        plan.steps.first().is_some_and(|step| step.direction == graph::Direction::Upgrade && step.from.is_empty());
    if args.single_transaction || from_base {
        add("BEGIN");
    }
    if from_base {
        for statement in schema::statements(project.schema()) {
            add(&statement);
        }
        if !args.single_transaction {
            add("COMMIT");
        }
    }
    for (step, Script { statements, digest, durable }) in plan.steps.iter().zip(scripts) {
        let (begin, commit) = (vec!["BEGIN".to_owned()], vec!["COMMIT".to_owned()]);
        let title = format!("-- Running {}", step.log_line());
        let restored =
            if statements.iter().any(|statement| touches_session(statement)) { restore() } else { Vec::new() };
        let bookkeeping = record::script(project.schema(), &bookkeeping(step, digest));
        // What comes before the title, behind it, and in which order.
        let (before, after) = match (args.single_transaction, durable) {
            (true, _) => (vec![], [statements, restored, bookkeeping].concat()),
            (false, false) => (begin, [statements, restored, bookkeeping, commit].concat()),
            (false, true) => (vec![], [statements, restored, begin, bookkeeping, commit].concat()),
        };
        let ended = |statement: &String| [format!("{statement};"), String::new()];
        lines.extend(before.iter().flat_map(ended));
        lines.push(title);
        if durable {
            lines.push(
                "-- Each statement is committed by itself: stop at the first error (psql -v ON_ERROR_STOP=1)."
                    .to_owned(),
            );
        }
        lines.push(String::new());
        lines.extend(after.iter().flat_map(ended));
    }
    if args.single_transaction {
        lines.push("COMMIT;".to_owned());
        lines.push(String::new());
    }
    lines
}

/// Whether a statement may leave something on the session: a setting, a role, a temporary object. A run undoes that after
/// every revision; a script does so only where there is something to undo, since whoever runs it may have chosen a role.
fn touches_session(statement: &str) -> bool {
    let words: Vec<_> =
        Lexer::new(statement).map_while(Result::ok).filter(|token| token.kind == Kind::Word).take(4).collect();
    let temporary = || words.iter().any(|word| word.is("temp") || word.is("temporary"));
    let sets = match words.as_slice() {
        [first, second, ..] if first.is("set") => !(second.is("local") || second.is("constraints")),
        [first, ..] if first.is("reset") => true,
        [first, ..] if first.is("create") => temporary(),
        _ => false,
    };
    // A function's body, a `DO` block, a `SELECT`.
    sets || statement.to_ascii_lowercase().contains("set_config")
}

fn restore() -> Vec<String> {
    let statements = ["SET CONSTRAINTS ALL IMMEDIATE"].into_iter().chain(RESET.split(';').map(str::trim));
    statements.map(str::to_owned).collect()
}

fn bookkeeping(step: &Step, digest: String) -> record::Step {
    record::Step {
        revision: step.revision.clone(),
        direction: crate::runner::name_of(step.direction),
        digest: Some(digest),
        seconds: 0.0,
        delete: step.change.delete.clone(),
        insert: step.change.insert.clone(),
        before: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_outlives_a_revision_is_known() {
        let check = |statement: &str, expected: bool| assert_eq!(touches_session(statement), expected, "{statement}");
        check("SET search_path TO shop", true);
        check("-- why\nset role app", true);
        check("RESET ALL", true);
        check("CREATE TEMP TABLE t (a int)", true);
        check("create or replace temporary view v as select 1", true);
        check("SELECT pg_catalog.set_config('a.b', 'c', false)", true);
        check("SET LOCAL search_path TO shop", false);
        check("SET CONSTRAINTS ALL DEFERRED", false);
        check("CREATE TABLE temp_readings (a int)", false);
        check("UPDATE t SET a = 1", false);
        check("", false);
    }
}
