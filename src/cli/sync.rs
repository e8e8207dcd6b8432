//! The options of `sync` and `check`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{ArgAction, Args, ValueEnum};

use super::global::GlobalOptions;
use super::key::KeyOptions;
use super::values::{environment, flag, parse_age, parse_mode};
use crate::commands::{
    CheckArgs, CrawlSettings, DEFAULT_FILE, FileOutput, GuardSettings, Output, Pruning, Rejected,
    Replace, Source, SyncArgs, Template, TemplateError,
};
use crate::crawl::posthog::{Incomplete, Memberships};
use crate::crawl::{AddressError, BaseUrl, HttpSettings, PaceSettings, PlainHttp};
use crate::demo::Week;
use crate::snapshot::ReadOptions;

/// Where a snapshot of the sample organization is written if nothing else is said.
const DEMO_FILE: &str = "demo.c1z";

#[derive(Args)]
pub(super) struct SyncOptions {
    /// The organization: https://<host>/api/organizations/<id> [also POSTHOG_HOST]
    #[arg(long, env = "BATON_BASE_URL", value_name = "URL")]
    base_url: Option<String>,
    /// The organization's id, where --base-url names the host alone [also POSTHOG_ORGANIZATION_ID]
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    #[command(flatten)]
    key: KeyOptions,
    /// Send the key unencrypted where the address begins with http://
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = flag(PlainHttp::Refuse, PlainHttp::Allow)
    )]
    allow_http: PlainHttp,
    /// Seconds that one request may take, with its whole answer
    #[arg(
        long,
        env = "BATON_HTTP_TIMEOUT_SECONDS",
        value_name = "SECONDS",
        default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    http_timeout_seconds: u64,
    /// A file of PEM certificates to trust instead of the system's [also SSL_CERT_FILE, for the system's]
    #[arg(long, value_name = "FILE")]
    ca_cert: Option<PathBuf>,
    /// How often a request is sent again that may succeed then
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(..=100))]
    retries: u32,
    // The wait before the first retry, in milliseconds: for tests.
    #[arg(
        long,
        hide = true,
        env = "POSTHOG_C1Z_RETRY_DELAY_MS",
        default_value_t = 500
    )]
    retry_delay_ms: u64,
    /// Requests that may go out in any minute; PostHog allows 480 to a key
    #[arg(long, value_name = "N", default_value_t = 450, value_parser = clap::value_parser!(u32).range(1..))]
    requests_per_minute: u32,
    /// Requests that may go out in any hour; PostHog allows 4,800 to a key
    #[arg(long, value_name = "N", default_value_t = 4_500, value_parser = clap::value_parser!(u32).range(1..))]
    requests_per_hour: u32,
    /// How long the whole run may take, such as 90m or 2h30m [default: without end]
    #[arg(long, value_name = "TIME", value_parser = parse_age)]
    max_duration: Option<Duration>,
    /// How many roles are read at a time
    #[arg(
        long,
        env = "BATON_WORKERS",
        value_name = "N",
        default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=64)
    )]
    workers: u32,
    /// Where role memberships are read from
    #[arg(long, value_name = "FROM", value_enum, default_value_t)]
    memberships: MembershipsFrom,
    /// Take the people alone: for servers that have no roles
    #[arg(long, conflicts_with = "memberships")]
    without_roles: bool,
    /// Keep what cannot be proved to be whole as NAME.incomplete.c1z beside the snapshot (the run still exits 9)
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = flag(Incomplete::Refuse, Incomplete::Accept)
    )]
    accept_incomplete: Incomplete,
    /// How many percent of users, roles or grants may be gone since the snapshot before
    #[arg(long, value_name = "PERCENT", default_value_t = 30, value_parser = clap::value_parser!(u8).range(..=100))]
    max_shrink: u8,
    /// Keep a snapshot that was refused as NAME.rejected.c1z beside the old one
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = flag(Rejected::Dropped, Rejected::Kept)
    )]
    keep_rejected: Rejected,
    /// Replace a file that is not a readable snapshot of the same organization
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = flag(Replace::SameOrganization, Replace::Anything)
    )]
    force: Replace,
    /// Keep a copy of the newest snapshot under this name
    #[arg(long, value_name = "PATH")]
    latest: Option<PathBuf>,
    /// Keep so many snapshots that a name with {date} or {time} made, and remove older ones
    #[arg(long, value_name = "N")]
    keep_last: Option<NonZeroUsize>,
    /// Crawl nothing; show what a run with --keep-last would write and remove
    #[arg(
        long,
        requires = "keep_last",
        action = ArgAction::SetTrue,
        value_parser = flag(Pruning::Done, Pruning::Told)
    )]
    dry_run: Pruning,
    /// How long to wait for another run with the same file name to end, such as 90 (seconds) or 5m
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = parse_age)]
    wait: Duration,
    /// Permissions of the snapshot, in octal
    #[arg(long, value_name = "MODE", default_value = "0600", value_parser = parse_mode)]
    mode: u32,
    /// Crawl the sample organization that this program carries in itself, or the same a week later
    #[arg(
        long,
        value_name = "WEEK",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "first",
        conflicts_with_all = ["organization", "api_token"]
    )]
    demo: Option<DemoWeek>,
    // What the official connector takes to run as a service. Set in the environment, these are ignored.
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "")]
    client_id: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "")]
    client_secret: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "")]
    host_id: Option<String>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum MembershipsFrom {
    /// Each role's own list, held against what the list of roles carries
    #[default]
    Endpoint,
    /// The list of roles alone: far fewer requests, for organizations with many roles
    Embedded,
}

#[derive(Clone, Copy, ValueEnum)]
enum DemoWeek {
    /// As it is
    First,
    /// A week on
    Later,
}

impl From<MembershipsFrom> for Memberships {
    fn from(place: MembershipsFrom) -> Self {
        match place {
            MembershipsFrom::Endpoint => Self::Endpoint,
            MembershipsFrom::Embedded => Self::Embedded,
        }
    }
}

impl From<DemoWeek> for Week {
    fn from(week: DemoWeek) -> Self {
        match week {
            DemoWeek::First => Self::First,
            DemoWeek::Later => Self::Later,
        }
    }
}

impl SyncOptions {
    /// Settles what to crawl, how, and where to put it.
    pub(super) fn into_args(self, global: &GlobalOptions) -> Result<SyncArgs> {
        let (source, default_file) = match self.demo {
            Some(week) => (Source::Demo(week.into()), DEMO_FILE),
            None => (self.organization()?, DEFAULT_FILE),
        };
        let path = global.file.clone().unwrap_or_else(|| default_file.into());
        let output = if path.as_os_str() == "-" {
            Output::Stdout
        } else {
            Output::File(self.file_output(global, &path)?)
        };
        Ok(SyncArgs {
            source,
            crawl: self.crawl_settings(),
            output,
            temp_dir: global.temp_dir.clone(),
        })
    }

    /// Settles which sync to check in advance.
    pub(super) fn into_check_args(self, global: &GlobalOptions) -> Result<CheckArgs> {
        let format = global.format()?;
        let key_file = match self.demo {
            Some(_) => None,
            None => self.key.file(),
        };
        Ok(CheckArgs {
            key_file,
            sync: self.into_args(global)?,
            ignored: ignored_settings(),
            format,
        })
    }

    /// Returns the address and the key of the organization to crawl.
    fn organization(&self) -> Result<Source> {
        let address = self
            .base_url
            .clone()
            .or_else(|| environment("POSTHOG_HOST"));
        let organization = self
            .organization
            .clone()
            .or_else(|| environment("POSTHOG_ORGANIZATION_ID"));
        let base_url = BaseUrl::parse(
            &address.ok_or(AddressError::Missing)?,
            organization.as_deref(),
            self.allow_http,
        )?;
        // The variable is for addresses that leave the organization open; an option that loses would be a surprise.
        if let Some(other) = &self.organization
            && !other.trim().eq_ignore_ascii_case(base_url.organization())
        {
            bail!(
                "the address names the organization `{}` and --organization names `{}`: leave one of them out",
                base_url.organization(),
                other.trim()
            );
        }
        Ok(Source::Organization {
            base_url,
            key: self.key.read()?,
        })
    }

    fn crawl_settings(&self) -> CrawlSettings {
        CrawlSettings {
            http: HttpSettings {
                timeout: Duration::from_secs(self.http_timeout_seconds),
                retries: self.retries,
                retry_delay: Duration::from_millis(self.retry_delay_ms),
                pace: PaceSettings {
                    per_minute: self.requests_per_minute,
                    per_hour: self.requests_per_hour,
                    max_duration: self.max_duration,
                },
                ca_cert: self.ca_cert.clone(),
            },
            memberships: if self.without_roles {
                Memberships::WithoutRoles
            } else {
                self.memberships.into()
            },
            workers: self.workers as usize,
            incomplete: self.accept_incomplete,
        }
    }

    fn file_output(&self, global: &GlobalOptions, path: &Path) -> Result<FileOutput> {
        let template = Template::parse(path)?;
        if self.keep_last.is_some() && !template.varies() {
            return Err(TemplateError::NothingToPrune.into());
        }
        Ok(FileOutput {
            mode: self.mode,
            latest: self.latest.clone(),
            keep_last: self.keep_last,
            pruning: self.dry_run,
            guard: GuardSettings {
                max_shrink: self.max_shrink,
                replace: self.force,
            },
            rejected: self.keep_rejected,
            // Where the new one is built: the system's folder may be missing or small, and matters to readers alone.
            read: ReadOptions {
                temp_dir: Some(
                    global
                        .temp_dir
                        .clone()
                        .unwrap_or_else(|| template.dir().to_owned()),
                ),
                ..global.read_options()
            },
            wait: self.wait,
            template,
        })
    }
}

/// Returns the settings for the official connector's service mode that are set, and mean nothing here.
fn ignored_settings() -> Vec<String> {
    ["BATON_CLIENT_ID", "BATON_CLIENT_SECRET", "BATON_HOST_ID"]
        .into_iter()
        .filter(|name| environment(name).is_some())
        .map(ToOwned::to_owned)
        .collect()
}
