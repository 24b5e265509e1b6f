//! The project's tasks: `cargo xtask check`, `cargo xtask test`, `cargo xtask bench` and `cargo xtask seed`.
//!
//! `test` prepares what the tests need, throw-away PostgreSQL and MariaDB servers, the published Python SDKs and a
//! browser, runs every stage from the quickest to the slowest and ends with a table of what ran, what was left out, and
//! how long it took.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task runner talks to its terminal")]

mod apt;
mod cargo;
mod chromium;
mod dependencies;
mod mariadb;
mod postgres;
mod process;
mod python;
mod stages;
mod tasks;
mod throwaway;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The project's tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Formatting, lints and documentation: what can be said without running anything
    Check,
    /// Prepare database servers and the Python SDKs, then check, build and test everything
    Test {
        /// Leave nothing out: install what is missing (as root, by apt-get), and fail where that is not possible
        #[arg(long)]
        require_all: bool,
    },
    /// Prepare database servers, then run the benches in release mode
    Bench {
        /// Fewer and smaller measurements
        #[arg(long)]
        quick: bool,
        /// Arguments for the bench program, after `--`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Fill an empty database: `cargo xtask seed -- --help` says with what
    Seed {
        /// Arguments for the seed program, after `--`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let task = Cli::parse().task;
    let result = Workspace::find().and_then(|workspace| match task {
        Task::Check => tasks::check(&workspace),
        Task::Test { require_all } => tasks::test(&workspace, require_all),
        Task::Bench { quick, arguments } => tasks::bench(&workspace, quick, &arguments),
        Task::Seed { arguments } => tasks::seed(&workspace, &arguments),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}
