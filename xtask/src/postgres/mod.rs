//! A throw-away PostgreSQL server for tests and benches.

mod cluster;
mod installation;

use crate::{apt, process::Failure, stages::Outcome, workspace::Workspace};

use cluster::Cluster;
use installation::Installation;

/// A server to test on. One that we started ends when this is dropped.
pub(crate) struct Database {
    url: String,
    _cluster: Option<Cluster>,
}

impl Database {
    /// A server that someone else runs.
    pub(crate) fn given(url: String) -> Self {
        Self { url, _cluster: None }
    }

    /// The URL of its maintenance database, for a superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Starts a server, after installing PostgreSQL where `install` allows it.
pub(crate) fn prepare(workspace: &Workspace, install: bool) -> Result<Outcome<Database>, Failure> {
    if Installation::find().is_none() && install {
        apt::install(&["postgresql"])?;
    }
    let Some(installation) = Installation::find() else {
        return Ok(Outcome::LeftOut("no PostgreSQL server is installed (Debian: postgresql)".to_owned()));
    };
    let cluster = Cluster::start(&installation, workspace.target())?;
    let note = format!("{}, port {}", installation.version()?, cluster.port());
    println!("{note}");
    Ok(Outcome::Done(Database { url: cluster.url(), _cluster: Some(cluster) }, note))
}
