//! The options of the commands that read one snapshot: `stats`, the lists, `access`, `organization` and `verify`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args, ValueEnum};

use super::global::{GlobalOptions, OutputFormat};
use super::values::{flag, parse_age};
use crate::commands::{
    AccessArgs, Condition, Input, ListArgs, ListFormat, Listing, OrganizationArgs, SeatName,
    StatsArgs, StatsScope, VerifyArgs,
};
use crate::model::UtcOffset;
use crate::report::shell_word;
use crate::snapshot::Filter;

#[derive(Args)]
pub(super) struct InputOptions {
    /// Snapshot file [default: that of --file]
    #[arg(value_name = "FILE")]
    input: Option<PathBuf>,
    /// Sync run to read [default: the newest finished full one, else the newest finished one]
    #[arg(long, value_name = "ID")]
    sync_id: Option<String>,
}

#[derive(Args)]
pub(super) struct StatsOptions {
    #[command(flatten)]
    input: InputOptions,
    /// Print the evidence, which is what the crawl recorded about itself, as JSON
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = flag(StatsScope::Overview, StatsScope::Evidence)
    )]
    evidence: StatsScope,
    /// Exit 1 if the newest finished full sync run is older than this, such as 26h, 1.5d or 1w
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    max_age: Option<Duration>,
    /// UTC offset of the times in another connector's file, which does not record it, such as -08:00 [default: +14:00, the
    /// oldest reading]
    #[arg(
        long,
        value_name = "±HH:MM",
        allow_hyphen_values = true,
        requires = "max_age"
    )]
    utc_offset: Option<UtcOffset>,
}

#[derive(Args)]
pub(super) struct ListOptions {
    #[command(flatten)]
    input: InputOptions,
    /// Only of this resource type: for entitlements and grants, the type of their resource; for principals, their own or
    /// that of a resource they hold something on
    #[arg(short = 't', long, value_name = "TYPE", value_parser = NonEmptyStringValueParser::new())]
    resource_type: Option<String>,
    /// Only this resource, by id, name or the beginning of either: for entitlements and grants, their resource; for
    /// principals, themselves or a resource they hold something on
    #[arg(short = 'r', long, value_name = "ID|NAME", value_parser = NonEmptyStringValueParser::new())]
    resource: Option<String>,
    /// Only this entitlement, by id, name or the beginning of either; not for resource types and resources
    #[arg(short = 'e', long, value_name = "ID|NAME", value_parser = NonEmptyStringValueParser::new())]
    entitlement: Option<String>,
    #[command(flatten)]
    table: TableOptions,
}

#[derive(Args)]
struct TableOptions {
    /// Show whole ids and leave every cell of a table whole
    #[arg(long)]
    wide: bool,
}

#[derive(Args)]
pub(super) struct UserOptions {
    #[command(flatten)]
    input: InputOptions,
    /// Only this user, by id, name or the beginning of either
    #[arg(short = 'r', long, value_name = "ID|NAME", value_parser = NonEmptyStringValueParser::new())]
    resource: Option<String>,
    /// Only users with one of these seats, separated by commas: member, administrator or admin, owner, or unknown, which is a
    /// level that PostHog has no name for
    #[arg(
        long,
        value_name = "SEAT",
        value_enum,
        value_delimiter = ',',
        hide_possible_values = true
    )]
    seat: Vec<SeatOption>,
    /// Only users whose 2FA is off
    #[arg(long)]
    no_2fa: bool,
    /// Only users who last logged in, or joined if they never logged in, more than this before the snapshot was taken, such
    /// as 90d
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    idle: Option<Duration>,
    /// Only users who hold a role but are not in the member list
    #[arg(long)]
    unlisted: bool,
    /// Only users who hold no role
    #[arg(long)]
    without_roles: bool,
    #[command(flatten)]
    table: TableOptions,
}

#[derive(Args)]
pub(super) struct RoleOptions {
    #[command(flatten)]
    input: InputOptions,
    /// Only this role, by id, name or the beginning of either
    #[arg(short = 'r', long, value_name = "ID|NAME", value_parser = NonEmptyStringValueParser::new())]
    resource: Option<String>,
    /// Only roles that nobody holds
    #[arg(long)]
    without_holders: bool,
    #[command(flatten)]
    table: TableOptions,
}

/// A seat to filter by.
#[derive(Clone, Copy, ValueEnum)]
enum SeatOption {
    Member,
    #[value(alias = "admin")]
    Administrator,
    Owner,
    Unknown,
}

#[derive(Args)]
pub(super) struct AccessOptions {
    /// E-mail address, name, uuid, or the beginning of any of them
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    person: String,
    #[command(flatten)]
    input: InputOptions,
    #[command(flatten)]
    table: TableOptions,
}

#[derive(Args)]
pub(super) struct OrganizationOptions {
    #[command(flatten)]
    input: InputOptions,
}

#[derive(Args)]
pub(super) struct VerifyOptions {
    /// Snapshot files [default: that of --file]
    #[arg(value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// SHA-256 that the one file must have, such as the one that sync reported
    #[arg(long, value_name = "HEX", value_parser = parse_sha256)]
    expect_sha256: Option<String>,
}

fn parse_sha256(text: &str) -> Result<String, String> {
    let hex = text.trim().to_ascii_lowercase();
    let is_sha256 = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_sha256
        .then_some(hex)
        .ok_or_else(|| "expected 64 hexadecimal digits".to_owned())
}

impl InputOptions {
    /// Resolves the snapshot and the sync run.
    pub(super) fn into_input(self, global: &GlobalOptions) -> Input {
        Input {
            path: global.path(self.input),
            sync_id: self.sync_id,
            options: global.read_options(),
        }
    }
}

impl StatsOptions {
    /// Resolves what to show of which snapshot.
    pub(super) fn into_args(self, global: &GlobalOptions) -> Result<StatsArgs> {
        Ok(StatsArgs {
            format: global.format()?,
            input: self.input.into_input(global),
            scope: self.evidence,
            max_age: self.max_age,
            utc_offset: self.utc_offset,
        })
    }
}

impl ListOptions {
    /// Resolves which rows of `listing` to show.
    pub(super) fn into_args(self, listing: Listing, global: &GlobalOptions) -> Result<ListArgs> {
        Ok(ListArgs {
            listing,
            format: list_format(global)?,
            input: self.input.into_input(global),
            filter: Filter {
                resource_type: self.resource_type,
                resource: self.resource,
                entitlement: self.entitlement,
                principal: None,
            },
            conditions: Vec::new(),
            wide: self.table.wide,
        })
    }
}

/// Returns the output format of a list.
fn list_format(global: &GlobalOptions) -> Result<ListFormat> {
    match global.output_format {
        OutputFormat::Csv => Ok(ListFormat::Csv),
        _ => Ok(global.format()?.into()),
    }
}

impl UserOptions {
    /// Resolves which users to show.
    pub(super) fn into_args(self, global: &GlobalOptions) -> Result<ListArgs> {
        let seats: Vec<_> = self.seat.into_iter().map(SeatName::from).collect();
        let conditions = [
            (!seats.is_empty()).then_some(Condition::Seat(seats)),
            self.no_2fa.then_some(Condition::No2fa),
            self.idle.map(Condition::Idle),
            self.unlisted.then_some(Condition::Unlisted),
            self.without_roles.then_some(Condition::WithoutRoles),
        ];
        let options = ListOptions {
            input: self.input,
            resource_type: Some("user".to_owned()),
            resource: self.resource,
            entitlement: None,
            table: self.table,
        };
        Ok(ListArgs {
            conditions: conditions.into_iter().flatten().collect(),
            ..options.into_args(Listing::Resources, global)?
        })
    }
}

impl RoleOptions {
    /// Resolves which roles to show.
    pub(super) fn into_args(self, global: &GlobalOptions) -> Result<ListArgs> {
        let condition = self.without_holders.then_some(Condition::WithoutHolders);
        let options = ListOptions {
            input: self.input,
            resource_type: Some("role".to_owned()),
            resource: self.resource,
            entitlement: None,
            table: self.table,
        };
        Ok(ListArgs {
            conditions: condition.into_iter().collect(),
            ..options.into_args(Listing::Resources, global)?
        })
    }
}

impl AccessOptions {
    /// Resolves whose access to show.
    pub(super) fn into_args(self, global: &GlobalOptions) -> Result<AccessArgs> {
        if Path::new(&self.person).is_file() {
            let person = match &self.input.input {
                None => Some("PERSON".to_owned()),
                Some(file) if !file.exists() => Some(shell_word(&file.to_string_lossy())),
                Some(_) => None,
            };
            if let Some(person) = person {
                bail!(
                    "`{}` is a file: the person comes first, as in `posthog-c1z access {person} {}`",
                    self.person.escape_debug(),
                    shell_word(&self.person)
                );
            }
        }
        Ok(AccessArgs {
            person: self.person,
            wide: self.table.wide,
            format: global.format()?,
            input: self.input.into_input(global),
        })
    }
}

impl OrganizationOptions {
    /// Resolves the snapshot to read.
    pub(super) fn into_args(self, global: &GlobalOptions) -> Result<OrganizationArgs> {
        Ok(OrganizationArgs {
            format: global.format()?,
            input: self.input.into_input(global),
        })
    }
}

impl VerifyOptions {
    /// Resolves which snapshots to verify.
    pub(super) fn into_args(mut self, global: &GlobalOptions) -> Result<VerifyArgs> {
        if self.inputs.is_empty() {
            self.inputs.push(global.path(None));
        }
        if self.expect_sha256.is_some() && self.inputs.len() > 1 {
            bail!("--expect-sha256 is the SHA-256 of one file, and several are given");
        }
        Ok(VerifyArgs {
            paths: self.inputs,
            expected_sha256: self.expect_sha256,
            options: global.read_options(),
            format: global.format()?,
        })
    }
}

impl From<SeatOption> for SeatName {
    fn from(seat: SeatOption) -> Self {
        match seat {
            SeatOption::Member => Self::Member,
            SeatOption::Administrator => Self::Administrator,
            SeatOption::Owner => Self::Owner,
            SeatOption::Unknown => Self::Unknown,
        }
    }
}
