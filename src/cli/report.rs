//! The options of `report`, and of `export xlsx`, which is the same under another name.

use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args};

use super::audit::BasisOptions;
use super::global::GlobalOptions;
use super::read::InputOptions;
use super::values::{flag, parse_mode};
use crate::commands::{Checksum, Product, ReportArgs, ReportForm};

#[derive(Args)]
pub(super) struct ReportOptions {
    #[command(flatten)]
    content: ContentOptions,
    /// Output file: .html for a page, .xlsx for a workbook [default: the snapshot's name with .html]
    #[arg(long, value_name = "FILE", value_parser = parse_out)]
    out: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct XlsxOptions {
    #[command(flatten)]
    content: ContentOptions,
    /// Output file
    #[arg(long, value_name = "FILE", value_parser = parse_workbook)]
    out: PathBuf,
}

/// What a report contains, and how its file is written.
#[derive(Args)]
struct ContentOptions {
    #[command(flatten)]
    input: InputOptions,
    /// Older snapshot: adds what changed since, and marks findings that it does not have as new
    #[arg(long, value_name = "OLD")]
    since: Option<PathBuf>,
    #[command(flatten)]
    basis: BasisOptions,
    /// Snapshots, folders of them and patterns in quotes: adds how members, findings and grants changed over time
    #[arg(long, value_name = "PATH", num_args = 1..)]
    history: Vec<PathBuf>,
    /// Heading of the report [default: Access report]
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    title: Option<String>,
    /// Name of the reviewer, for the cover and the sign-off
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    reviewer: Option<String>,
    /// Permissions of the output file, in octal
    #[arg(long, value_name = "MODE", default_value = "0600", value_parser = parse_mode)]
    mode: u32,
    /// Write the SHA-256 beside the output file, as NAME.sha256
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = flag(Checksum::Omitted, Checksum::Written)
    )]
    checksum: Checksum,
}

/// The form of a report by the ending of its file; `None` if there is no such form.
fn form(path: &Path) -> Option<ReportForm> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "html" | "htm" => Some(ReportForm::Page),
        "xlsx" => Some(ReportForm::Workbook),
        _ => None,
    }
}

fn parse_out(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match form(&path) {
        Some(_) => Ok(path),
        None => Err("expected a name that ends in .html or .xlsx".to_owned()),
    }
}

fn parse_workbook(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match form(&path) {
        Some(ReportForm::Workbook) => Ok(path),
        _ => Err("expected a name that ends in .xlsx".to_owned()),
    }
}

impl ReportOptions {
    /// Resolves what to write, and where to.
    pub(super) fn into_args(self, global: &GlobalOptions) -> ReportArgs {
        self.content.into_args(self.out, global)
    }
}

impl XlsxOptions {
    /// Resolves what to write, and where to.
    pub(super) fn into_args(self, global: &GlobalOptions) -> ReportArgs {
        self.content.into_args(Some(self.out), global)
    }
}

impl ContentOptions {
    fn into_args(self, out: Option<PathBuf>, global: &GlobalOptions) -> ReportArgs {
        let input = self.input.into_input(global);
        let path = out.unwrap_or_else(|| input.path.with_extension("html"));
        ReportArgs {
            basis: self.basis.into_basis(self.since, global),
            title: self.title,
            reviewer: self.reviewer,
            history: self.history,
            form: form(&path).unwrap_or(ReportForm::Page),
            out: Product {
                path,
                mode: self.mode,
                checksum: self.checksum,
            },
            input,
        }
    }
}
