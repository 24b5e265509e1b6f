//! One throw-away cluster: a folder, a server on a free loopback port, and a guard that ends both.
//!
//! A cluster must not outlive its run: not after a failure, not after Ctrl-C, not after `kill -9`. So not we but a
//! small shell process of its own, the guard, stops the server and removes the folder, as soon as the pipe to us
//! closes. What a crash of the whole machine leaves behind, the next run sweeps away: a folder whose lock nobody holds
//! is stale.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::Write,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::installation::Installation;
use crate::process::{self, Failure};

const GUARD: &str = include_str!("guard.sh");
const SUPERUSER: &str = "authpi";
/// Between our look for a free port and the server's use of it, someone else may take it.
const PORT_ATTEMPTS: usize = 5;

/// A running server; dropping this ends it.
pub(super) struct Cluster {
    port: u16,
    guard: Child,
    /// Held as long as the cluster is in use: tells other runs that it is not stale.
    _lock: File,
}

impl Cluster {
    /// Sweeps stale clusters, then makes and starts a new one.
    pub(super) fn start(installation: &Installation, target: &Path) -> Result<Self, Failure> {
        let home = home(installation, target)?;
        let (folder, lock) = claim(installation, &home)?;
        let guard = guard(installation, &folder)?;
        // From here on the guard cleans up, also when one of the next lines fails.
        let mut cluster = Self { port: 0, guard, _lock: lock };
        installation.hand_over(&folder)?;
        create(installation, &folder)?;
        cluster.port = serve(installation, &folder)?;
        Ok(cluster)
    }

    /// The loopback port it listens on.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Its URL, for the superuser, without password: it listens on loopback only and lives for one run.
    pub(super) fn url(&self) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // A guard that failed leaves a folder for the next sweep; there is nobody to tell here.
        let _ = self.guard.wait();
    }
}

/// The folder that holds the clusters: in the target folder, or in the system's temporary folder where the server's
/// user cannot reach that (a checkout in root's home, for example).
fn home(installation: &Installation, target: &Path) -> Result<PathBuf, Failure> {
    let places = [target.join("postgres"), env::temp_dir().join("authpi-xtask-postgres")];
    for place in &places {
        fs::create_dir_all(place).map_err(Failure::at(place))?;
        if process::succeeds(installation.as_server("test").arg("-x").arg(place)) && is_ours(place)? {
            return Ok(place.clone());
        }
    }
    let [first, second] = places.map(|place| place.display().to_string());
    Err(Failure::new(format!("the user who runs PostgreSQL can enter neither {first} nor {second}")))
}

/// A real folder that belongs to us: nobody else may choose what we remove from a shared temporary folder.
#[cfg(unix)]
fn is_ours(folder: &Path) -> Result<bool, Failure> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::symlink_metadata(folder).map_err(Failure::at(folder))?;
    let own = process::capture(Command::new("id").arg("-u"))?;
    Ok(found.is_dir() && own.trim() == found.uid().to_string())
}

#[cfg(not(unix))]
fn is_ours(_: &Path) -> Result<bool, Failure> {
    Ok(true)
}

/// Removes stale clusters and makes a new, locked folder, one run at a time.
fn claim(installation: &Installation, home: &Path) -> Result<(PathBuf, File), Failure> {
    let turn = lock_file(home)?;
    turn.lock().map_err(Failure::at(home))?;
    for entry in fs::read_dir(home).map_err(Failure::at(home))?.flatten() {
        let folder = entry.path();
        if folder.is_dir() && lock_file(&folder).is_ok_and(|lock| lock.try_lock().is_ok()) {
            println!("removing {}, left behind by an earlier run", folder.display());
            // Most often there is no server any more.
            let _ = process::succeeds(&mut stop(installation, &folder));
            fs::remove_dir_all(&folder).map_err(Failure::at(&folder))?;
        }
    }
    let folder = home.join(format!("cluster-{}", std::process::id()));
    fs::create_dir(&folder).map_err(Failure::at(&folder))?;
    let lock = lock_file(&folder)?;
    lock.lock().map_err(Failure::at(&folder))?;
    Ok((folder, lock))
}

fn lock_file(folder: &Path) -> Result<File, Failure> {
    let path = folder.join("lock");
    OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(Failure::at(&path))
}

fn guard(installation: &Installation, folder: &Path) -> Result<Child, Failure> {
    let stop = stop(installation, folder);
    let mut command = Command::new("sh");
    command.args(["-c", GUARD, "guard"]).arg(folder).arg(stop.get_program()).args(stop.get_args());
    command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map_err(|error| Failure::new(format!("the guard of the cluster did not start: {error}")))
}

/// The command that stops the server at once: nothing in it is worth a checkpoint.
fn stop(installation: &Installation, folder: &Path) -> Command {
    let mut command = installation.command("pg_ctl");
    command.arg("stop").arg("--pgdata").arg(folder.join("data")).args(["--mode", "immediate", "--wait", "--silent"]);
    command.current_dir("/");
    command
}

fn create(installation: &Installation, folder: &Path) -> Result<(), Failure> {
    let data = folder.join("data");
    let mut command = installation.command("initdb");
    command.arg("--pgdata").arg(&data).args(["--username", SUPERUSER, "--auth", "trust"]);
    command.args(["--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"]);
    process::capture(command.current_dir("/")).map(drop)
}

/// Starts the server and answers its port.
fn serve(installation: &Installation, folder: &Path) -> Result<u16, Failure> {
    let log = folder.join("data/server.log");
    let mut attempts = PORT_ATTEMPTS;
    loop {
        let port = free_port()?;
        configure(folder, port)?;
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

/// Durable as in production, so that tests and benches see the real cost of a commit. The last line of a name counts.
fn configure(folder: &Path, port: u16) -> Result<(), Failure> {
    let path = folder.join("data/postgresql.conf");
    let mut file = OpenOptions::new().append(true).open(&path).map_err(Failure::at(&path))?;
    let settings =
        ["listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "max_connections = 200", "fsync = on"];
    let settings = format!("\nport = {port}\n{}\n", settings.join("\n"));
    file.write_all(settings.as_bytes()).map_err(Failure::at(&path))
}

fn free_port() -> Result<u16, Failure> {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    taken.map(|address| address.port()).map_err(|error| Failure::new(format!("no free port on loopback: {error}")))
}
