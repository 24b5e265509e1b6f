//! Where PostgreSQL's programs are, and as whom they run.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::process::{self, Failure};

/// The programs of one PostgreSQL version.
pub(super) struct Installation {
    programs: PathBuf,
    as_postgres: bool,
}

impl Installation {
    /// The newest version in Debian's place, else what `PATH` has.
    pub(super) fn find() -> Option<Self> {
        let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
        let programs = debian_versions().into_iter().chain(on_path).find(|folder| is_complete(folder))?;
        Some(Self { programs, as_postgres: process::is_root() })
    }

    /// A command for one of the programs. PostgreSQL refuses to run as root, so root runs it as `postgres`.
    pub(super) fn command(&self, program: &str) -> Command {
        self.as_server(self.programs.join(program))
    }

    /// Any program, run by the user who runs the server.
    pub(super) fn as_server(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        if !self.as_postgres {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    }

    /// Gives a folder to the user who runs the server.
    pub(super) fn hand_over(&self, folder: &Path) -> Result<(), Failure> {
        if !self.as_postgres {
            return Ok(());
        }
        process::capture(Command::new("chown").arg("postgres").arg(folder)).map(drop)
    }

    /// For example `PostgreSQL 15.18`.
    pub(super) fn version(&self) -> Result<String, Failure> {
        let text = process::capture(Command::new(self.programs.join("postgres")).arg("--version"))?;
        let number = text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
        Ok(format!("PostgreSQL {}", number.unwrap_or("of unknown version")))
    }
}

/// `/usr/lib/postgresql/*/bin`, the newest first.
fn debian_versions() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    numbered.sort_unstable_by(|left, right| right.cmp(left));
    numbered.into_iter().map(|(_, folder)| folder).collect()
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file())
}
