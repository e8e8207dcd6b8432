//! `verify`: reads everything and reports every defect under a stable code, one line or one JSON object each.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::{Outcome, World};
use crate::files;
use crate::report::{Format, printable};
use crate::snapshot::{self, Finding, ReadOptions};

/// Arguments of `verify`.
#[derive(Clone, Debug)]
pub struct VerifyArgs {
    /// The files.
    pub paths: Vec<PathBuf>,
    /// The SHA-256 that the only file must have, in lower case.
    pub expected_sha256: Option<String>,
    /// Limits on reading.
    pub options: ReadOptions,
    /// The output format.
    pub format: Format,
}

/// The result for a file. The worst one decides the exit code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Clean,
    Defective,
    Unreadable,
    /// It could not be read because of the machine, so nothing is known about it.
    Unknown,
}

pub(super) fn run(args: &VerifyArgs, world: &mut World<'_>) -> Result<Outcome> {
    let mut worst = Verdict::Clean;
    for path in &args.paths {
        let file = path.display().to_string();
        let mut report = |finding: &Finding| write_finding(world.out, args.format, &file, finding);
        let mut found = 0_u64;
        let mut written = Ok(());
        if let Some(expected) = &args.expected_sha256
            // What cannot be read is reported below.
            && let Ok(sha256) = files::sha256(path)
            && sha256 != *expected
        {
            found += 1;
            written = report(&Finding {
                code: "sha256",
                message: format!("its SHA-256 is {sha256}, not the expected one"),
            });
        }
        let result = snapshot::verify(path, &args.options, &mut |finding| {
            found += 1;
            if written.is_ok() {
                written = report(&finding);
            }
        });
        written?;
        let verdict = match result {
            Ok(()) if found == 0 => Verdict::Clean,
            Ok(()) => Verdict::Defective,
            Err(error) => {
                report(&Finding {
                    code: error.code(),
                    message: error.sentence(),
                })?;
                if error.is_of_machine() && !error.is_about_path() {
                    Verdict::Unknown
                } else {
                    Verdict::Unreadable
                }
            }
        };
        if verdict == Verdict::Clean && args.format == Format::Console {
            writeln!(world.out, "{}: ok", printable(&file))?;
        }
        worst = worst.max(verdict);
    }
    Ok(match worst {
        Verdict::Clean => Outcome::Done,
        Verdict::Defective => Outcome::Found,
        Verdict::Unreadable => Outcome::Unreadable,
        Verdict::Unknown => Outcome::Unknown,
    })
}

#[derive(Serialize)]
struct FindingDocument<'a> {
    file: &'a str,
    code: &'a str,
    message: &'a str,
}

fn write_finding(out: &mut dyn Write, format: Format, file: &str, finding: &Finding) -> Result<()> {
    let Finding { code, message } = finding;
    match format {
        Format::Console => writeln!(out, "{}: {code}: {}", printable(file), printable(message))?,
        Format::Json => {
            let document = FindingDocument {
                file,
                code,
                message,
            };
            writeln!(out, "{}", serde_json::to_string(&document)?)?;
        }
    }
    Ok(())
}
