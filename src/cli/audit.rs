//! The options of `audit`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::global::{GlobalOptions, OutputFormat};
use super::read::InputOptions;
use super::values::{DEFAULT_MARKDOWN_BYTES, parse_max_bytes};
use crate::audit::{DateForm, RosterColumns, default_rules};
use crate::commands::{AuditArgs, AuditOutput, Basis, Command, Input};
use crate::model::{FailOn, RuleCode, Severity, Timestamp};
use crate::report::audit::AuditFormat;

#[derive(Args)]
pub(super) struct AuditOptions {
    #[command(flatten)]
    input: InputOptions,
    #[command(flatten)]
    basis: BasisOptions,
    /// Older snapshot: findings that it does not have are new and come first
    #[arg(long, value_name = "OLD")]
    since: Option<PathBuf>,
    /// Print a rules file with the defaults
    #[arg(long, conflicts_with_all = ["rules", "roster", "since", "print_accept", "input", "quiet"])]
    print_rules: bool,
    /// Exit 1 for findings of this severity or a higher one, for new ones, or of a rule; `none` for no finding
    #[arg(long, value_name = "WHAT", value_delimiter = ',', default_value = "high", value_parser = gate_parser())]
    fail_on: Vec<Gate>,
    /// Print entries for the rules file that accept every finding, with reasons to be written
    #[arg(long, conflicts_with = "quiet")]
    print_accept: bool,
    /// Longest Markdown text; findings that do not fit are counted
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MARKDOWN_BYTES, value_parser = parse_max_bytes)]
    max_bytes: usize,
}

/// By what a snapshot is judged: the same for `audit` and the access report.
#[derive(Args)]
pub(super) struct BasisOptions {
    #[command(flatten)]
    criteria: CriteriaOptions,
    /// Judge as of this time, such as 2026-12-31 (the end of that day in UTC) [default: the capture time]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<Timestamp>,
}

/// The files by which a snapshot is judged: the same for `sync --audit`, which judges as of the capture time.
#[derive(Args)]
pub(super) struct CriteriaOptions {
    /// Rules file: thresholds, severities, domains and accepted findings
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Roster of the people who should be there, as CSV
    #[arg(long, value_name = "FILE", group = RosterOptions::FILE)]
    roster: Option<PathBuf>,
    #[command(flatten)]
    columns: RosterOptions,
}

/// How a roster is read. The option that names it is in the group [`Self::FILE`].
#[derive(Args)]
pub(super) struct RosterOptions {
    /// Column of the roster with the e-mail address [default: by its usual names]
    #[arg(long, value_name = "HEAD", requires = Self::FILE)]
    roster_email: Option<String>,
    /// Column of the roster with the status [default: by its usual names]
    #[arg(long, value_name = "HEAD", requires = Self::FILE)]
    roster_status: Option<String>,
    /// Column of the roster with the last day [default: by its usual names]
    #[arg(long, value_name = "HEAD", requires = Self::FILE)]
    roster_left: Option<String>,
    /// Form of dates in the roster that are not ISO 8601: dd.mm.yyyy, dd/mm/yyyy or mm/dd/yyyy
    #[arg(long, value_name = "FORM", requires = Self::FILE)]
    roster_date_format: Option<DateForm>,
}

impl RosterOptions {
    /// The group of the option that names the roster.
    pub(super) const FILE: &str = "roster_file";

    /// Returns the columns and the form of dates.
    pub(super) fn into_columns(self) -> RosterColumns {
        RosterColumns {
            email: self.roster_email,
            status: self.roster_status,
            left: self.roster_left,
            dates: self.roster_date_format,
        }
    }
}

impl BasisOptions {
    /// Resolves by what to judge.
    pub(super) fn into_basis(self, since: Option<PathBuf>, global: &GlobalOptions) -> Basis {
        Basis {
            since: since.map(|path| Input {
                path,
                sync_id: None,
                options: global.read_options(),
            }),
            as_of: self.as_of,
            ..self.criteria.into_basis()
        }
    }
}

impl CriteriaOptions {
    /// Resolves by which files to judge.
    pub(super) fn into_basis(self) -> Basis {
        let columns = self.columns.into_columns();
        Basis {
            since: None,
            rules: self.rules,
            roster: self.roster.map(|path| (path, columns)),
            as_of: None,
        }
    }
}

/// What `--fail-on` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Nothing,
    Findings(FailOn),
}

/// Takes severities, new findings and the codes of all rules, which help and completions list.
fn gate_parser() -> impl TypedValueParser<Value = Gate> {
    const LEVELS: [(&str, FailOn); 6] = [
        ("high", FailOn::Severity(Severity::High)),
        ("medium", FailOn::Severity(Severity::Medium)),
        ("low", FailOn::Severity(Severity::Low)),
        ("new-high", FailOn::New(Severity::High)),
        ("new-medium", FailOn::New(Severity::Medium)),
        ("new-low", FailOn::New(Severity::Low)),
    ];
    let levels = LEVELS.iter().map(|(name, _)| *name);
    let codes = RuleCode::ALL.iter().map(|code| code.as_str());
    let names = std::iter::once("none").chain(levels).chain(codes);
    PossibleValuesParser::new(names).map(|name| {
        let level = LEVELS.iter().find(|(known, _)| *known == name);
        let code = || name.parse().ok().map(FailOn::Code);
        let fail_on = level.map(|(_, fail_on)| *fail_on).or_else(code);
        fail_on.map_or(Gate::Nothing, Gate::Findings)
    })
}

/// Parses a moment, or a day as its end in UTC.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_day_or_time(text.trim())
        .map_err(|_| "expected a time such as 2026-12-31 or 2026-12-31T08:00:00Z".to_owned())
}

impl AuditOptions {
    /// Resolves what to judge, by which rules.
    pub(super) fn into_command(self, global: &GlobalOptions) -> Result<Command> {
        if self.print_rules {
            return Ok(Command::Show(default_rules().into_bytes()));
        }
        let output = self.output(global);
        let fail_on = self.fail_on()?;
        Ok(Command::Audit(Box::new(AuditArgs {
            input: self.input.into_input(global),
            basis: self.basis.into_basis(self.since, global),
            fail_on,
            output,
        })))
    }

    /// Returns which findings fail.
    fn fail_on(&self) -> Result<Vec<FailOn>> {
        if self.fail_on.contains(&Gate::Nothing) && self.fail_on.len() > 1 {
            bail!("--fail-on: `none` means that no finding fails, so nothing can be beside it");
        }
        let mut gates = Vec::new();
        for gate in &self.fail_on {
            match gate {
                Gate::Findings(FailOn::New(_)) if self.since.is_none() => {
                    bail!("--fail-on: what is new is only known with --since OLD")
                }
                Gate::Findings(fail_on) => gates.push(*fail_on),
                Gate::Nothing => {}
            }
        }
        Ok(gates)
    }

    /// Returns what to print.
    fn output(&self, global: &GlobalOptions) -> AuditOutput {
        if global.quiet {
            return AuditOutput::Nothing;
        }
        if self.print_accept {
            return AuditOutput::AcceptEntries;
        }
        AuditOutput::Report(match global.output_format {
            OutputFormat::Console => AuditFormat::Console,
            OutputFormat::Json => AuditFormat::Json,
            OutputFormat::Ndjson => AuditFormat::Ndjson,
            OutputFormat::Csv => AuditFormat::Csv,
            OutputFormat::Markdown => AuditFormat::Markdown {
                max_bytes: self.max_bytes,
            },
        })
    }
}
