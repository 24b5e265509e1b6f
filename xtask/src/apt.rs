//! Installing Debian packages where that is possible: as root, with apt-get.

use std::process::Command;

use crate::process::{self, Failure};

/// Installs packages, or says how to.
pub(crate) fn install(packages: &[&str]) -> Result<(), Failure> {
    let list = packages.join(" ");
    if !process::is_root() {
        return Err(Failure::new(format!("not root, so nothing is installed; run `apt-get install {list}` first")));
    }
    process::run(apt_get().args(["update", "--quiet"]))?;
    process::run(apt_get().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}
