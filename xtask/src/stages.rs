//! The stages of a task: one heading each, and a table of all of them at the end.

use std::time::{Duration, Instant};

use crate::process::Failure;

/// How a stage ended when nothing went wrong.
pub(crate) enum Outcome<T> {
    /// It ran. The text, if any, stands in the table.
    Done(T, String),
    /// Something it needs is missing here. The text says what, and what would help.
    LeftOut(String),
}

/// A stage that ran and has nothing to add.
pub(crate) const DONE: Outcome<()> = Outcome::Done((), String::new());

/// Runs stages one after another and remembers how they ended.
pub(crate) struct Stages {
    leave_nothing_out: bool,
    finished: Vec<Finished>,
}

struct Finished {
    name: &'static str,
    result: &'static str,
    took: Duration,
    note: String,
}

impl Stages {
    /// With `leave_nothing_out`, a stage that had to be left out is a failure.
    pub(crate) fn new(leave_nothing_out: bool) -> Self {
        Self { leave_nothing_out, finished: Vec::new() }
    }

    /// Runs one stage. `None` means it was left out; a failure ends the task.
    pub(crate) fn run<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<Outcome<T>, Failure>,
    ) -> Result<Option<T>, Failure> {
        println!("\n== {name}");
        let start = now();
        let outcome = work();
        let took = start.elapsed();
        let (answer, result, note) = match outcome {
            Ok(Outcome::Done(value, note)) => (Ok(Some(value)), "ok", note),
            Ok(Outcome::LeftOut(reason)) if self.leave_nothing_out => {
                (Err(Failure::new(reason).while_doing(name)), "FAILED", "needed with --require-all".to_owned())
            }
            Ok(Outcome::LeftOut(reason)) => {
                println!("left out: {reason}");
                (Ok(None), "left out", reason)
            }
            Err(failure) => (Err(failure.while_doing(name)), "FAILED", String::new()),
        };
        self.finished.push(Finished { name, result, took, note });
        answer
    }

    /// Prints the table.
    pub(crate) fn summary(&self) {
        println!("\n{:<24}{:<10}{:>12}", "stage", "result", "time");
        for Finished { name, result, took, note } in &self.finished {
            println!("{}", format!("{name:<24}{result:<10}{:>12}   {note}", spoken(*took)).trim_end());
        }
        let left_out = self.finished.iter().filter(|stage| stage.result == "left out").count();
        if left_out > 0 {
            println!("left out: {left_out}; `cargo xtask test --require-all` leaves nothing out");
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a task measures how long its stages take; no product code runs here")]
fn now() -> Instant {
    Instant::now()
}

fn spoken(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_part_is_left_out_unless_nothing_may_be() {
        let missing = || Ok(Outcome::<()>::LeftOut("no database".to_owned()));
        assert!(matches!(Stages::new(false).run("database", missing), Ok(None)));
        assert!(Stages::new(true).run("database", missing).is_err());
    }

    #[test]
    fn times_are_readable() {
        assert_eq!(spoken(Duration::from_millis(1_260)), "1.3 s");
        assert_eq!(spoken(Duration::from_secs(123)), "2 min 03 s");
    }
}
