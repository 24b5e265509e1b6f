//! A throw-away PostgreSQL server for tests and benches.

mod cluster;
mod installation;

use crate::{
    apt,
    process::Failure,
    stages::Outcome,
    throwaway::{Database, Durability},
    workspace::Workspace,
};

use installation::Installation;

/// Starts a server, after installing PostgreSQL where `install` allows it.
pub(crate) fn prepare(
    workspace: &Workspace,
    install: bool,
    durability: Durability,
) -> Result<Outcome<Database>, Failure> {
    if Installation::find().is_none() && install {
        apt::install(&["postgresql"])?;
    }
    let Some(installation) = Installation::find() else {
        return Ok(Outcome::LeftOut("no PostgreSQL server is installed (Debian: postgresql)".to_owned()));
    };
    let (database, port) = cluster::start(&installation, workspace.target(), durability)?;
    let note = format!("{}, port {port}", installation.version()?);
    println!("{note}");
    Ok(Outcome::Done(database, note))
}
