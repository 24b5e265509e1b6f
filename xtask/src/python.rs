//! A Python environment with the published SDKs, unchanged, for the golden path.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    apt,
    process::{self, Failure},
    stages::Outcome,
    workspace::Workspace,
};

const PRINT_VERSIONS: &str = "\
from importlib.metadata import version
print(', '.join(f'{name} {version(name)}' for name in ('authpi-admin', 'authpi-idp')))";

/// Makes the environment under the target folder, or finds the one of an earlier run. Answers its Python.
pub(crate) fn prepare(workspace: &Workspace, install: bool) -> Result<Outcome<PathBuf>, Failure> {
    let requirements = workspace.root().join("tests/sdk/requirements.txt");
    let wanted = fs::read_to_string(&requirements).map_err(Failure::at(&requirements))?;
    let home = workspace.target().join("sdk-venv");
    let python = home.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let stamp = home.join("requirements.txt");

    let made = fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted);
    if !made || !sdks_load(&python) {
        if !venv_works() && install {
            apt::install(&["python3", "python3-venv"])?;
        }
        if !venv_works() {
            let reason = "no Python 3.11 or newer with its venv module (Debian: python3 and python3-venv)";
            return Ok(Outcome::LeftOut(reason.to_owned()));
        }
        make(&home, &python, &requirements)?;
        fs::write(&stamp, wanted).map_err(Failure::at(&stamp))?;
    }
    let versions = process::capture(Command::new(&python).args(["-c", PRINT_VERSIONS]))?;
    println!("{}", versions.trim());
    Ok(Outcome::Done(python, versions.trim().to_owned()))
}

fn make(home: &Path, python: &Path, requirements: &Path) -> Result<(), Failure> {
    process::run(system_python().args(["-m", "venv", "--clear"]).arg(home))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--requirement"];
    process::run(Command::new(python).args(pip).arg(requirements))
}

fn sdks_load(python: &Path) -> bool {
    process::succeeds(Command::new(python).args([
        "-c",
        "import authpi_admin, authpi_idp, cloudevents, django, fastapi, flask, jwt, schemathesis, standardwebhooks",
    ]))
}

fn venv_works() -> bool {
    process::succeeds(system_python().args(["-c", "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"]))
}

fn system_python() -> Command {
    Command::new(if cfg!(windows) { "python" } else { "python3" })
}
