//! Checks exports of events offline: that nothing was changed, left out or put in.
//!
//! ```sh
//! curl -fsS -u "$AUTHPI_KEY" "$AUTHPI_URL/v1/accounts/$ACCOUNT/events/export" > trail.ndjson
//! authpi-verify-trail trail.ndjson                            # is it whole?
//! authpi-verify-trail --head 4711:0e84… part-1.ndjson part-2.ndjson  # does it still hold the link that we kept?
//! authpi-verify-trail --against trail.ndjson of-ada.ndjson    # a filtered export, checked against the full one
//! ```
//!
//! Exit codes: 0 whole and complete; 1 tampered with; 2 cannot be read; 3 sound as far as it goes, which is not far enough:
//! the export broke off before its end, begins behind a kept link, or is newer than the full one.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use authpi_verifier::trail::{Filtered, Flaw, Head, Report, Trail};
use clap::Parser;

/// Nothing is wrong, and not all could be looked at.
const UNSETTLED: u8 = 3;

/// Checks exports of events offline.
#[derive(Parser)]
struct Arguments {
    /// A link that was kept, `sequence:hex`: the trail must hold it. May be stated more than once.
    #[arg(long, value_name = "HEAD")]
    head: Vec<Head>,
    /// Checks a filtered export against this full one. May be stated more than once, for parts in their order.
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Exports; those that go on behind each other by `cursor` in their order. `-` is standard input.
    #[arg(default_value = "-")]
    files: Vec<PathBuf>,
}

/// Why nothing good can be said.
enum Trouble {
    Unreadable { file: PathBuf, error: std::io::Error },
    Flawed { place: String, flaw: Flaw },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, error } => write!(f, "{}: {error}", file.display()),
            Self::Flawed { place, flaw } if flaw.is_tampering() => write!(f, "NOT WHOLE: {place}: {flaw}"),
            Self::Flawed { place, flaw } => write!(f, "NOT COVERED: {place}: {flaw}"),
        }
    }
}

impl Trouble {
    fn at(place: &str) -> impl Fn(Flaw) -> Self {
        move |flaw| Self::Flawed { place: place.to_owned(), flaw }
    }

    fn code(&self) -> u8 {
        match self {
            Self::Flawed { flaw, .. } if flaw.is_tampering() => 1,
            Self::Flawed { .. } => UNSETTLED,
            Self::Unreadable { .. } => 2,
        }
    }
}

/// What takes lines, part by part.
trait Checked {
    fn next_part(&mut self);
    fn line(&mut self, text: &[u8]) -> Result<(), Flaw>;
}

impl Checked for Trail {
    fn next_part(&mut self) {
        Self::next_part(self);
    }

    fn line(&mut self, text: &[u8]) -> Result<(), Flaw> {
        Self::line(self, text)
    }
}

impl Checked for Filtered<'_> {
    fn next_part(&mut self) {
        Self::next_part(self);
    }

    fn line(&mut self, text: &[u8]) -> Result<(), Flaw> {
        Self::line(self, text)
    }
}

fn read(check: &mut impl Checked, files: &[PathBuf]) -> Result<(), Trouble> {
    for file in files {
        check.next_part();
        let unreadable = |error| Trouble::Unreadable { file: file.clone(), error };
        let mut lines: Box<dyn BufRead> = if file.as_os_str() == "-" {
            Box::new(stdin().lock())
        } else {
            Box::new(BufReader::new(File::open(file).map_err(unreadable)?))
        };
        // Bytes, as an export may break off in the middle of a character.
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            if lines.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
                break;
            }
            match check.line(&line) {
                Ok(()) => {}
                // Half a line is what is left where an export broke off.
                Err(Flaw::Malformed) if !line.ends_with(b"\n") => break,
                Err(flaw) => return Err(Trouble::Flawed { place: format!("{}:{number}", file.display()), flaw }),
            }
        }
    }
    Ok(())
}

fn checked(arguments: &Arguments) -> Result<(Report, bool), Trouble> {
    let trail = arguments.head.iter().try_fold(Trail::new(), |trail, head| trail.expecting(*head));
    let mut trail = trail.map_err(Trouble::at("--head"))?;
    let at_the_end = Trouble::at("at the end");
    if arguments.against.is_empty() {
        read(&mut trail, &arguments.files)?;
        return Ok((trail.finish().map_err(at_the_end)?, false));
    }
    let mut trail = trail.keeping_links();
    read(&mut trail, &arguments.against)?;
    let reference = trail.into_reference().map_err(&at_the_end)?;
    let mut filtered = Filtered::against(&reference);
    read(&mut filtered, &arguments.files)?;
    Ok((filtered.finish().map_err(at_the_end)?, true))
}

fn tell(report: &Report, is_filtered: bool) -> std::io::Result<()> {
    let mut out = stdout().lock();
    let account = report.account.as_deref().unwrap_or("no events");
    writeln!(out, "{account}: all is as it was numbered; events: {}", report.events)?;
    if report.first > 0 && !is_filtered {
        let last = report.head.map_or(0, |head| head.sequence);
        writeln!(out, "numbers {} to {last}; purged events: {}", report.first, report.purged)?;
    }
    writeln!(out, "contexts: {} checked, {} erased", report.contexts, report.erased)?;
    if let Some(head) = report.head {
        let hex = head.link.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        writeln!(out, "head to keep: {}:{hex}", head.sequence)?;
    }
    if report.events + report.purged == 0 {
        writeln!(out, "there were no events to look at: this says nothing about earlier ones")?;
    }
    if report.first > 1 && !is_filtered {
        writeln!(out, "what is before number {} was not looked at", report.first)?;
    }
    if !report.is_complete {
        writeln!(out, "INCOMPLETE: there is no trailer, the export broke off; go on from its last event by `cursor`")?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match checked(&Arguments::parse()) {
        Ok((report, is_filtered)) => {
            // Whoever closes the pipe early still gets the exit code.
            let _ = tell(&report, is_filtered);
            ExitCode::from(if report.is_complete { 0 } else { UNSETTLED })
        }
        Err(trouble) => {
            let _ = writeln!(std::io::stderr().lock(), "{trouble}");
            ExitCode::from(trouble.code())
        }
    }
}
