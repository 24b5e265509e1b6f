//! A throw-away MariaDB server for tests and benches.

mod installation;
mod server;

use crate::{
    apt,
    process::Failure,
    stages::Outcome,
    throwaway::{Database, Durability},
    workspace::Workspace,
};

use installation::Installation;

/// What Debian's server is made of, without the service that would start one of its own.
const PACKAGES: [&str; 2] = ["mariadb-server-core", "mariadb-client-core"];

/// Starts a server, after installing MariaDB where `install` allows it.
pub(crate) fn prepare(
    workspace: &Workspace,
    install: bool,
    durability: Durability,
) -> Result<Outcome<Database>, Failure> {
    if Installation::find().is_none() && install {
        apt::install(&PACKAGES)?;
    }
    let Some(installation) = Installation::find() else {
        return Ok(Outcome::LeftOut(format!("no MariaDB server is installed (Debian: {})", PACKAGES.join(" "))));
    };
    let (database, port) = server::start(&installation, workspace.target(), durability)?;
    let note = format!("{}, port {port}", installation.version()?);
    println!("{note}");
    Ok(Outcome::Done(database, note))
}
