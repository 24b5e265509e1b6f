//! What throw-away database servers have in common: a locked folder of their own, and a guard that outlives us.
//!
//! A server must not outlive its run: not after a failure, not after Ctrl-C, not after `kill -9`. So not we but a
//! small shell process of its own, the guard, ends the server and removes the folder, as soon as the pipe to us
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

use crate::process::{self, Failure};

/// Between our look for a free port and the server's use of it, someone else may take it.
pub(crate) const PORT_ATTEMPTS: usize = 5;

/// A kind of server.
pub(crate) trait Kind {
    /// Its name, which its folder bears.
    const NAME: &'static str;

    /// Any program, run by the user who runs the server.
    fn as_server(&self, program: &str) -> Command;

    /// The command that ends the server in `folder` at once, if it still runs.
    fn stop(&self, folder: &Path) -> Command;
}

/// What a commit survives.
#[derive(Clone, Copy)]
pub(crate) enum Durability {
    /// All, as in production: benches see what a commit costs.
    Full,
    /// The end of any process, but not that of the machine. Tests kill servers of ours, never the database's, and make
    /// hundreds of databases.
    None,
}

/// A server to test on. One that we started ends when this is dropped.
pub(crate) struct Database {
    url: String,
    _ours: Option<(Guard, Claim)>,
}

impl Database {
    /// A server that someone else runs.
    pub(crate) fn given(url: String) -> Self {
        Self { url, _ours: None }
    }

    /// A server that runs until this is dropped.
    pub(crate) fn ours(url: String, guard: Guard, claim: Claim) -> Self {
        Self { url, _ours: Some((guard, claim)) }
    }

    /// Its URL, for a superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// A folder for one server.
pub(crate) struct Claim {
    folder: PathBuf,
    /// Held as long as the folder is in use: tells other runs that it is not stale.
    _lock: File,
}

impl Claim {
    /// Sweeps stale folders, then makes a new, locked one.
    pub(crate) fn new<K: Kind>(kind: &K, target: &Path) -> Result<Self, Failure> {
        let home = home(kind, target)?;
        let turn = lock_file(&home)?;
        turn.lock().map_err(Failure::at(&home))?;
        for entry in fs::read_dir(&home).map_err(Failure::at(&home))?.flatten() {
            let folder = entry.path();
            if folder.is_dir() && lock_file(&folder).is_ok_and(|lock| lock.try_lock().is_ok()) {
                println!("removing {}, left behind by an earlier run", folder.display());
                // Most often there is no server any more.
                let _ = process::succeeds(&mut kind.stop(&folder));
                fs::remove_dir_all(&folder).map_err(Failure::at(&folder))?;
            }
        }
        let folder = home.join(format!("cluster-{}", std::process::id()));
        fs::create_dir(&folder).map_err(Failure::at(&folder))?;
        let lock = lock_file(&folder)?;
        lock.lock().map_err(Failure::at(&folder))?;
        Ok(Self { folder, _lock: lock })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// The folder that holds the servers' folders: in the target folder, or in the system's temporary folder where the
/// server's user cannot reach that (a checkout in root's home, for example).
fn home<K: Kind>(kind: &K, target: &Path) -> Result<PathBuf, Failure> {
    let places = [target.join(K::NAME), env::temp_dir().join(format!("authpi-xtask-{}", K::NAME))];
    for place in &places {
        fs::create_dir_all(place).map_err(Failure::at(place))?;
        if process::succeeds(kind.as_server("test").arg("-x").arg(place)) && is_ours(place)? {
            return Ok(place.clone());
        }
    }
    let [first, second] = places.map(|place| place.display().to_string());
    Err(Failure::new(format!("the user who runs {} can enter neither {first} nor {second}", K::NAME)))
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

fn lock_file(folder: &Path) -> Result<File, Failure> {
    let path = folder.join("lock");
    OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(Failure::at(&path))
}

/// The shell process that cleans up when we are gone; dropping this lets it.
pub(crate) struct Guard(Child);

impl Guard {
    /// Starts `script` with `folder` and a command line as its arguments.
    pub(crate) fn start(script: &str, folder: &Path, command: &Command) -> Result<Self, Failure> {
        let mut guard = Command::new("sh");
        guard.args(["-c", script, "guard"]).arg(folder).arg(command.get_program()).args(command.get_args());
        guard.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut guard, 0);
        let started = guard.spawn();
        started.map(Self).map_err(|error| Failure::new(format!("the guard of a server did not start: {error}")))
    }
}

impl Guard {
    /// Writes a line to the script.
    pub(crate) fn tell(&mut self, line: &str) -> Result<(), Failure> {
        let told = self.0.stdin.as_mut().map(|pipe| writeln!(pipe, "{line}"));
        match told {
            Some(Ok(())) => Ok(()),
            _ => Err(Failure::new("the guard of a server has gone")),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // A guard that failed leaves a folder for the next sweep; there is nobody to tell here.
        let _ = self.0.wait();
    }
}

/// A loopback port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, Failure> {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    taken.map(|address| address.port()).map_err(|error| Failure::new(format!("no free port on loopback: {error}")))
}
