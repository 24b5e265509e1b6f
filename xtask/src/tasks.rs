//! The tasks: which stages run, in which order. What fails quickly comes first.

use std::{env, ffi::OsString};

use crate::{
    cargo::Cargo,
    chromium, dependencies, mariadb, postgres,
    process::Failure,
    python,
    stages::{DONE, Outcome, Stages},
    throwaway::{Database, Durability},
    workspace::Workspace,
};

/// The URL of a PostgreSQL server that tests and benches may use as they like.
const POSTGRES_URL: &str = "AUTHPI_TEST_POSTGRES_URL";
/// The URL of a MariaDB or MySQL server that tests and benches may use as they like.
const MYSQL_URL: &str = "AUTHPI_TEST_MYSQL_URL";
/// The Python that has the published SDKs.
const PYTHON: &str = "AUTHPI_TEST_PYTHON";
/// The browser that opens the hosted pages.
const CHROMIUM: &str = "AUTHPI_TEST_CHROMIUM";
/// How long the fuzzer may take.
const FUZZ_SECONDS: &str = "AUTHPI_TEST_FUZZ_SECONDS";
/// `all`: a test that misses something fails instead of skipping.
const REQUIRE: &str = "AUTHPI_TEST_REQUIRE";

/// Formatting, lints and documentation.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let cargo = Cargo::new(workspace);
    staged(false, |stages| {
        done(stages, "formatting", || cargo.formatting())?;
        done(stages, "lints", || cargo.lints())?;
        done(stages, "documentation", || cargo.documentation())
    })
}

/// Everything: see the crate documentation.
pub(crate) fn test(workspace: &Workspace, require_all: bool) -> Result<(), Failure> {
    let mut cargo = Cargo::new(workspace);
    if require_all {
        cargo.set(REQUIRE, "all");
        cargo.set(FUZZ_SECONDS, "180");
    }
    staged(require_all, |stages| {
        done(stages, "formatting", || cargo.formatting())?;
        done(stages, "dependency directions", || dependencies::check(&cargo))?;
        let python = stages.run("python sdk", || python::prepare(workspace, require_all))?;
        cargo.set_if(PYTHON, python);
        let browser = stages.run("browser", || chromium::prepare(CHROMIUM, require_all))?;
        cargo.set_if(CHROMIUM, browser);
        // The servers live until the end of this closure, so until after the tests and before the table.
        let _servers = databases(stages, workspace, require_all, Durability::None, &mut cargo)?;
        done(stages, "lints", || cargo.lints())?;
        done(stages, "documentation", || cargo.documentation())?;
        done(stages, "server", || cargo.server())?;
        done(stages, "tests", || cargo.tests())?;
        if require_all { done(stages, "parsers", || cargo.parsers()) } else { Ok(()) }
    })
}

/// The benches, with the servers that there are.
pub(crate) fn bench(workspace: &Workspace, quick: bool, arguments: &[String]) -> Result<(), Failure> {
    let mut cargo = Cargo::new(workspace);
    staged(false, |stages| {
        let _servers = databases(stages, workspace, false, Durability::Full, &mut cargo)?;
        done(stages, "benches", || cargo.benches(quick, arguments))
    })
}

/// Fills a database.
pub(crate) fn seed(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    Cargo::new(workspace).seed(arguments)
}

fn staged(leave_nothing_out: bool, work: impl FnOnce(&mut Stages) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut stages = Stages::new(leave_nothing_out);
    let result = work(&mut stages);
    stages.summary();
    result
}

fn done(stages: &mut Stages, name: &'static str, work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    stages.run(name, || work().map(|()| DONE)).map(drop)
}

/// A server of each kind, and its URL for the tests.
fn databases(
    stages: &mut Stages,
    workspace: &Workspace,
    install: bool,
    durability: Durability,
    cargo: &mut Cargo<'_>,
) -> Result<[Option<Database>; 2], Failure> {
    let postgres =
        stages.run("postgresql", || given_or(POSTGRES_URL, || postgres::prepare(workspace, install, durability)))?;
    cargo.set_if(POSTGRES_URL, postgres.as_ref().map(Database::url));
    let mariadb = stages.run("mariadb", || given_or(MYSQL_URL, || mariadb::prepare(workspace, install, durability)))?;
    cargo.set_if(MYSQL_URL, mariadb.as_ref().map(Database::url));
    Ok([postgres, mariadb])
}

/// The server named in the environment, else a throw-away one.
fn given_or(
    variable: &str,
    prepare: impl FnOnce() -> Result<Outcome<Database>, Failure>,
) -> Result<Outcome<Database>, Failure> {
    match env::var_os(variable).and_then(|url| url.into_string().ok()).filter(|url| !url.is_empty()) {
        Some(url) => Ok(Outcome::Done(Database::given(url), format!("the one in {variable}"))),
        None => prepare(),
    }
}

impl Cargo<'_> {
    fn set_if(&mut self, name: &'static str, value: Option<impl Into<OsString>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }
}
