//! What a run looks like: on a terminal one living line a revision, otherwise a plain line before each.

use super::print::Printer;
use crate::backfill;
use crate::bindings::Level;
use crate::graph::Step;
use crate::runner::Watcher;
use crate::runtime::{Event, printable};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Watches a run and prints it.
pub(super) struct Progress {
    printer: Printer,
    /// Statements are data here: a dry run shows them.
    show_statements: bool,
    bar: Option<ProgressBar>,
    position: Mutex<(u64, u64)>,
    /// The backfill of which something was last said, and when.
    said: Mutex<Option<(String, Instant)>>,
}

impl Progress {
    pub(super) fn new(printer: Printer, steps: usize, dry_run: bool) -> Self {
        let living = std::io::stderr().is_terminal() && !printer.quiet && !printer.json;
        let bar = living.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(
                ProgressStyle::with_template("{spinner} {prefix:.dim} {msg} {elapsed}").expect("the template is valid"),
            );
            bar
        });
        Self {
            printer,
            show_statements: dry_run || printer.verbose > 0,
            bar,
            position: Mutex::new((0, steps as u64)),
            said: Mutex::default(),
        }
    }

    /// Prints a line above the living one.
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.printer.talk(text)),
            None => self.printer.talk(text),
        }
    }
}

impl Progress {
    /// On a terminal in the living line; otherwise a line every few seconds, and one at the end.
    fn backfill(&self, revision: &str, progress: &backfill::Progress) {
        if let Some(bar) = self.bar.as_ref().filter(|_| !progress.finished) {
            bar.set_message(super::backfill::living_line(progress));
            return;
        }
        let mut last = self.said.lock().expect("no holder of this lock panics");
        let before = last.as_ref().filter(|(name, _)| *name == progress.name).map(|(_, at)| *at);
        if before.is_none() {
            *last = Some((progress.name.clone(), Instant::now()));
        }
        // What is over in a moment needs one line only.
        if progress.finished || before.is_some_and(|at| at.elapsed() >= BETWEEN_LINES) {
            *last = Some((progress.name.clone(), Instant::now()));
            if self.printer.json {
                self.printer.talk(&super::backfill::event(revision, progress).to_string());
            } else {
                self.line(&format!("  {revision}: {}", super::backfill::line(progress)));
            }
        }
    }
}

/// Between two lines about a backfill.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

impl Watcher for Progress {
    fn begin(&self, step: &Step) {
        let line = format!("Running {}", step.log_line());
        match &self.bar {
            Some(bar) => {
                let mut position = self.position.lock().expect("no holder of this lock panics");
                position.0 += 1;
                bar.reset_elapsed();
                bar.set_prefix(format!("[{}/{}]", position.0, position.1));
                bar.set_message(line);
                bar.enable_steady_tick(Duration::from_millis(100));
            }
            None => self.printer.talk(&line),
        }
    }

    fn done(&self, step: &Step, took: Duration) {
        if let Some(bar) = &self.bar {
            bar.suspend(|| self.printer.talk(&format!("Running {}  ({})", step.log_line(), human(took))));
            let position = self.position.lock().expect("no holder of this lock panics");
            if position.0 == position.1 {
                bar.finish_and_clear();
            }
        }
    }

    fn retry(&self, step: &Step, reason: &str, attempt: u64) {
        self.line(&format!("  {}: {reason}; rolled back, trying again (attempt {})", step.revision, attempt + 1));
    }

    fn event(&self, step: &Step, event: Event) {
        let id = &step.revision;
        match event {
            Event::Log(Level::Debug, text) if self.printer.verbose == 0 => drop(text),
            Event::Log(Level::Debug, text) => self.line(&format!("  {id}: debug: {text}")),
            Event::Log(Level::Info, text) => self.line(&format!("  {id}: {text}")),
            Event::Log(Level::Notice, text) => self.line(&format!("  {id}: notice: {text}")),
            Event::Log(Level::Warning, text) => self.line(&format!("  {id}: warning: {text}")),
            Event::Notice(text) => self.line(&format!("  {id}: {text}")),
            Event::Statement(text) if self.show_statements => {
                let print = || {
                    if self.printer.json {
                        self.printer.talk(&format!("  {}", text.trim()));
                    } else {
                        self.printer.lines([format!("{};", text.trim().trim_end_matches(';'))]);
                    }
                };
                match &self.bar {
                    Some(bar) => bar.suspend(print),
                    None => print(),
                }
            }
            Event::Statement(_) => {}
            Event::Trace(trace) if self.show_statements => {
                for effect in trace.effects {
                    self.line(&format!("  {id}: {}", printable(&effect.to_string())));
                }
            }
            Event::Held(held) if self.show_statements => {
                let what = held.mode.blocks();
                self.line(&format!("  {id}: {}: {what} blocked for {}", printable(&held.table), human(held.time)));
            }
            Event::Trace(_) | Event::Held(_) => {}
            Event::Backfill(progress) => self.backfill(id, &progress),
        }
    }

    fn note(&self, text: String) {
        self.line(&format!("note: {}", printable(&text)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A duration for people.
pub(super) fn human(took: Duration) -> String {
    match took.as_secs_f64() {
        s if s < 0.1 => format!("{:.1} ms", s * 1000.0),
        s if s < 60.0 => format!("{s:.2} s"),
        s => format!("{} min {:.0} s", took.as_secs() / 60, s % 60.0),
    }
}
