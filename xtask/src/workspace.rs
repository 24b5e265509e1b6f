//! Where the workspace and its build output are.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::process::Failure;

/// The folders a task works in.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds the workspace: above this package when cargo started us, else above the current folder.
    pub(crate) fn find() -> Result<Self, Failure> {
        let start = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(package) => PathBuf::from(package),
            None => env::current_dir().map_err(|error| Failure::new(format!("no current folder: {error}")))?,
        };
        let root = start
            .ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
            .ok_or_else(|| Failure::new("run this inside the workspace: no folder above has xtask/Cargo.toml"))?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(target) => root.join(target),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of cargo's build output; what tasks make goes there too.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }
}
