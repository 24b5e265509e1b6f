//! The stages that are one call of cargo.

use std::{env, ffi::OsString, process::Command};

use crate::{
    process::{self, Failure},
    workspace::Workspace,
};

/// Calls cargo in the workspace, with the variables the tests read.
pub(crate) struct Cargo<'a> {
    workspace: &'a Workspace,
    variables: Vec<(&'static str, OsString)>,
}

impl<'a> Cargo<'a> {
    /// Cargo with the environment as it is.
    pub(crate) fn new(workspace: &'a Workspace) -> Self {
        Self { workspace, variables: Vec::new() }
    }

    /// Sets a variable for all later calls.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.variables.push((name, value.into()));
    }

    /// Every file is formatted.
    pub(crate) fn formatting(&self) -> Result<(), Failure> {
        process::run(self.command("fmt").args(["--all", "--check"]))
    }

    /// No warning from rustc or clippy, in any target.
    pub(crate) fn lints(&self) -> Result<(), Failure> {
        process::run(self.command("clippy").args(["--workspace", "--all-targets", "--", "-D", "warnings"]))
    }

    /// The documentation builds, and its links lead somewhere.
    pub(crate) fn documentation(&self) -> Result<(), Failure> {
        process::run(self.command("doc").args(["--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    }

    /// The example server, which the acceptance tests start.
    pub(crate) fn server(&self) -> Result<(), Failure> {
        process::run(self.command("build").args([
            "--package",
            "examples",
            "--bin",
            "server",
            "--bin",
            "authpi-verify-trail",
        ]))
    }

    /// All tests.
    pub(crate) fn tests(&self) -> Result<(), Failure> {
        process::run(self.command("test").arg("--workspace"))
    }

    /// The parsers of bytes from outside again, with many more cases than in a run of all tests.
    pub(crate) fn parsers(&self) -> Result<(), Failure> {
        let mut command = self.command("test");
        process::run(command.args(["--package", "tests", "--test", "parsers"]).env("PROPTEST_CASES", "10000"))
    }

    /// The bench program, in release mode.
    pub(crate) fn benches(&self, quick: bool, arguments: &[String]) -> Result<(), Failure> {
        process::run(self.command("build").args(["--release", "--package", "examples", "--bin", "server"]))?;
        let mut command = self.command("run");
        command.args(["--release", "--package", "tests", "--bin", "bench", "--"]);
        if quick {
            command.arg("--quick");
        }
        process::run(command.args(arguments))
    }

    /// The seed program, in release mode.
    pub(crate) fn seed(&self, arguments: &[String]) -> Result<(), Failure> {
        let mut command = self.command("run");
        command.args(["--release", "--package", "tests", "--bin", "seed", "--"]);
        process::run(command.args(arguments))
    }

    /// The names of all packages in a dependency tree; `arguments` choose the tree.
    pub(crate) fn tree(&self, arguments: &[&str]) -> Result<Vec<String>, Failure> {
        let mut command = self.command("tree");
        command.args(arguments).args(["--prefix", "none", "--format", "{p}"]);
        let text = process::capture(&mut command)?;
        let names = text.lines().filter_map(|line| line.split_whitespace().next());
        Ok(names.map(str::to_owned).collect())
    }

    fn command(&self, subcommand: &str) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.arg(subcommand).current_dir(self.workspace.root());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}
