//! One throw-away server on a free loopback port.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use super::installation::Installation;
use crate::{
    process::{self, Failure},
    throwaway::{Claim, Database, Durability, Guard, Kind, PORT_ATTEMPTS, free_port},
};

const GUARD: &str = include_str!("guard.sh");
const STOP: &str = include_str!("stop.sh");

/// Looks at the log while a server starts, and the time between two of them: a minute in all.
const LOOKS: u32 = 1_200;
const PAUSE: Duration = Duration::from_millis(50);

/// Makes and starts a server; answers it with its port. Its URL is for the superuser, without password: it listens on
/// loopback only and lives for one run.
pub(super) fn start(
    installation: &Installation,
    target: &Path,
    durability: Durability,
) -> Result<(Database, u16), Failure> {
    let claim = Claim::new(installation, target)?;
    let data = claim.folder().join("data");
    // From here on the guard cleans up, also when one of the next lines fails.
    let mut guard = Guard::start(GUARD, claim.folder(), &server(installation, &data, durability))?;
    let mut install = installation.install_db(&data);
    install.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]);
    process::capture(&mut install)?;
    for _ in 0..PORT_ATTEMPTS {
        let port = free_port()?;
        guard.tell(&port.to_string())?;
        if is_up(&claim.folder().join("server.log"), port)? {
            return Ok((Database::ours(format!("mysql://root@127.0.0.1:{port}/"), guard, claim), port));
        }
    }
    Err(Failure::new("every free port was taken before the server had it"))
}

impl Kind for Installation {
    const NAME: &'static str = "mariadb";

    fn as_server(&self, program: &str) -> Command {
        Self::as_server(self, program)
    }

    fn stop(&self, folder: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", STOP, "stop"]).arg(folder);
        command
    }
}

/// File names without a folder are below the data.
fn server(installation: &Installation, data: &Path, durability: Durability) -> Command {
    let mut command = installation.server(data);
    command.args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--socket=server.sock", "--pid-file=server.pid"]);
    command.args(["--max-connections=300", "--innodb-buffer-pool-size=256M"]);
    command.args(match durability {
        Durability::Full => ["--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=O_DIRECT"],
        Durability::None => ["--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync"],
    });
    command
}

/// Waits until the server answers; `false` when somebody else has the port.
fn is_up(log: &Path, port: u16) -> Result<bool, Failure> {
    let ready = format!("port: {port} ");
    for _ in 0..LOOKS {
        let said = fs::read_to_string(log).unwrap_or_default();
        if said.lines().any(|line| line.contains(&ready)) {
            return Ok(true);
        }
        if said.contains("Aborting") {
            let taken = said.contains("Address already in use");
            return if taken { Ok(false) } else { Err(Failure::new(said.trim())) };
        }
        thread::sleep(PAUSE);
    }
    Err(Failure::new("the server did not come up within a minute"))
}
