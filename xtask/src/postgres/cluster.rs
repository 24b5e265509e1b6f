//! One throw-away cluster on a free loopback port.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::Command,
};

use super::installation::Installation;
use crate::{
    process::{self, Failure},
    throwaway::{Claim, Database, Durability, Guard, Kind, PORT_ATTEMPTS, free_port},
};

const GUARD: &str = include_str!("guard.sh");
const SUPERUSER: &str = "authpi";

/// Makes and starts a cluster; answers it with its port. Its URL is for the superuser, without password: it listens on
/// loopback only and lives for one run.
pub(super) fn start(
    installation: &Installation,
    target: &Path,
    durability: Durability,
) -> Result<(Database, u16), Failure> {
    let claim = Claim::new(installation, target)?;
    let folder = claim.folder();
    let guard = Guard::start(GUARD, folder, &installation.stop(folder))?;
    // From here on the guard cleans up, also when one of the next lines fails.
    installation.hand_over(folder)?;
    create(installation, folder)?;
    let port = serve(installation, folder, durability)?;
    Ok((Database::ours(format!("postgres://{SUPERUSER}@127.0.0.1:{port}/postgres"), guard, claim), port))
}

impl Kind for Installation {
    const NAME: &'static str = "postgres";

    fn as_server(&self, program: &str) -> Command {
        Self::as_server(self, program)
    }

    /// Nothing in it is worth a checkpoint.
    fn stop(&self, folder: &Path) -> Command {
        let mut command = self.command("pg_ctl");
        command.arg("stop").arg("--pgdata").arg(folder.join("data"));
        command.args(["--mode", "immediate", "--wait", "--silent"]).current_dir("/");
        command
    }
}

fn create(installation: &Installation, folder: &Path) -> Result<(), Failure> {
    let data = folder.join("data");
    let mut command = installation.command("initdb");
    command.arg("--pgdata").arg(&data).args(["--username", SUPERUSER, "--auth", "trust"]);
    command.args(["--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"]);
    process::capture(command.current_dir("/")).map(drop)
}

/// Starts the server and answers its port.
fn serve(installation: &Installation, folder: &Path, durability: Durability) -> Result<u16, Failure> {
    let log = folder.join("data/server.log");
    let mut attempts = PORT_ATTEMPTS;
    loop {
        let port = free_port()?;
        configure(folder, port, durability)?;
        let mut command = installation.command("pg_ctl");
        command.arg("start").arg("--pgdata").arg(folder.join("data")).arg("--log").arg(&log);
        command.args(["--wait", "--timeout", "60", "--silent"]).current_dir("/");
        let Err(failure) = process::capture(&mut command) else { return Ok(port) };
        let said = fs::read_to_string(&log).unwrap_or_default();
        attempts -= 1;
        if attempts == 0 || !said.contains("Address already in use") {
            return Err(Failure::new(format!("{failure}\n{}", said.trim())));
        }
        let _ = fs::remove_file(&log);
    }
}

/// The last line of a name counts.
fn configure(folder: &Path, port: u16, durability: Durability) -> Result<(), Failure> {
    let path = folder.join("data/postgresql.conf");
    let mut file = OpenOptions::new().append(true).open(&path).map_err(Failure::at(&path))?;
    let fsync = match durability {
        Durability::Full => "fsync = on",
        Durability::None => "fsync = off",
    };
    let settings = ["listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "max_connections = 200", fsync];
    let settings = format!("\nport = {port}\n{}\n", settings.join("\n"));
    file.write_all(settings.as_bytes()).map_err(Failure::at(&path))
}
