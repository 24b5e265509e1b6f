//! Where MariaDB's programs are, and as whom they run.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::process::{self, Failure};

/// The programs of a MariaDB server.
pub(super) struct Installation {
    server: PathBuf,
    install: PathBuf,
    /// Whom the programs become when root starts them.
    user: Option<&'static str>,
}

impl Installation {
    /// What `PATH` has, or Debian's place for servers.
    pub(super) fn find() -> Option<Self> {
        let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
        let places: Vec<_> = on_path.into_iter().chain(["/usr/sbin".into(), "/usr/bin".into()]).collect();
        let find = |program: &str| places.iter().map(|folder| folder.join(program)).find(|path| path.is_file());
        // The last one is what the second one calls.
        let (server, install, _) = (find("mariadbd")?, find("mariadb-install-db")?, find("my_print_defaults")?);
        let user = process::is_root().then(|| if exists("mysql") { "mysql" } else { "nobody" });
        Some(Self { server, install, user })
    }

    /// The program that makes a data folder; what the machine's own server is told does not count.
    pub(super) fn install_db(&self, data: &Path) -> Command {
        self.on_data(&self.install, data)
    }

    /// The server.
    pub(super) fn server(&self, data: &Path) -> Command {
        self.on_data(&self.server, data)
    }

    fn on_data(&self, program: &Path, data: &Path) -> Command {
        let mut command = Command::new(program);
        let mut datadir = std::ffi::OsString::from("--datadir=");
        datadir.push(data);
        command.arg("--no-defaults").arg(datadir).current_dir("/");
        if let Some(user) = self.user {
            command.arg(format!("--user={user}"));
        }
        command
    }

    /// Any program, run by the user who runs the server.
    pub(super) fn as_server(&self, program: &str) -> Command {
        let Some(user) = self.user else { return Command::new(program) };
        let mut command = Command::new("runuser");
        command.args(["-u", user, "--"]).arg(program);
        command
    }

    /// For example `MariaDB 10.11.19`.
    pub(super) fn version(&self) -> Result<String, Failure> {
        let text = process::capture(Command::new(&self.server).args(["--no-defaults", "--version"]))?;
        let number = text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
        let number = number.and_then(|number| number.split('-').next());
        Ok(format!("MariaDB {}", number.unwrap_or("of unknown version")))
    }
}

fn exists(user: &str) -> bool {
    process::succeeds(Command::new("id").arg(user))
}
