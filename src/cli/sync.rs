//! The options of `sync` and `check`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Arg, ArgAction, Args, Command, ValueEnum};

use super::audit::CriteriaOptions;
use super::global::GlobalOptions;
use super::heading;
use super::key::KeyOptions;
use super::retention::{self, RetentionOptions};
use super::values::{environment, flag, parse_age, parse_mode};
use crate::commands::{
    CheckArgs, Checksum, CrawlSettings, DEFAULT_FILE, FileOutput, GuardSettings, MetricsFile,
    NothingSet, Output, Pruning, Rejected, Replace, Source, SyncArgs, Template, TemplateError,
};
use crate::crawl::posthog::{Incomplete, Memberships, Surroundings};
use crate::crawl::{AddressError, BaseUrl, HttpSettings, PaceSettings, PlainHttp};
use crate::demo::{self, Week};
use crate::snapshot::ReadOptions;

/// The default file for a snapshot of the sample organization.
const DEMO_FILE: &str = "demo.c1z";

#[derive(Args)]
pub(super) struct SyncOptions {
    /// Organization: https://<host>/api/organizations/<id> [also POSTHOG_HOST]
    #[arg(
        long,
        env = "BATON_BASE_URL",
        value_name = "URL",
        help_heading = heading::KEY
    )]
    base_url: Option<String>,
    /// Organization id, if --base-url names only the host [also POSTHOG_ORGANIZATION_ID]
    #[arg(long, value_name = "ID", help_heading = heading::KEY)]
    organization: Option<String>,
    #[command(flatten)]
    key: KeyOptions,
    /// Allow an address that begins with http://, and so send the key unencrypted
    #[arg(
        long,
        help_heading = heading::KEY,
        action = ArgAction::SetTrue,
        value_parser = flag(PlainHttp::Refuse, PlainHttp::Allow)
    )]
    allow_http: PlainHttp,
    /// Time limit for one request with its whole answer, in seconds
    #[arg(
        long,
        help_heading = heading::CRAWL,
        env = "BATON_HTTP_TIMEOUT_SECONDS",
        value_name = "SECONDS",
        default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    http_timeout_seconds: u64,
    /// PEM file of certificates to trust instead of the system's [also SSL_CERT_FILE]
    #[arg(long, value_name = "FILE", help_heading = heading::KEY)]
    ca_cert: Option<PathBuf>,
    /// Number of times to retry a request that may succeed later
    #[arg(long, value_name = "N", help_heading = heading::CRAWL, default_value_t = 6, value_parser = clap::value_parser!(u32).range(..=100))]
    retries: u32,
    // The delay before the first retry, in milliseconds: for tests.
    #[arg(
        long,
        hide = true,
        env = "POSTHOG_C1Z_RETRY_DELAY_MS",
        default_value_t = 500
    )]
    retry_delay_ms: u64,
    /// Most requests in any minute; PostHog allows 480 for each key
    #[arg(long, value_name = "N", help_heading = heading::CRAWL, default_value_t = 450, value_parser = clap::value_parser!(u32).range(1..))]
    requests_per_minute: u32,
    /// Most requests in any hour; PostHog allows 4,800 for each key
    #[arg(long, value_name = "N", help_heading = heading::CRAWL, default_value_t = 4_500, value_parser = clap::value_parser!(u32).range(1..))]
    requests_per_hour: u32,
    /// Time limit for the whole run, such as 90m or 2h30m [default: none]
    #[arg(long, value_name = "TIME", help_heading = heading::CRAWL, value_parser = parse_age)]
    max_duration: Option<Duration>,
    /// Number of roles to read at a time
    #[arg(
        long,
        help_heading = heading::CRAWL,
        env = "BATON_WORKERS",
        value_name = "N",
        default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=64)
    )]
    workers: u32,
    /// Source of role memberships: endpoint (the list of each role) or embedded (the list of roles alone: far fewer
    /// requests, for organizations with many roles)
    #[arg(
        long,
        value_name = "SOURCE",
        value_enum,
        default_value_t,
        help_heading = heading::CRAWL,
        hide_possible_values = true
    )]
    memberships: MembershipsFrom,
    /// Read only users, for servers that have no roles
    #[arg(long, conflicts_with = "memberships", help_heading = heading::CRAWL)]
    without_roles: bool,
    /// Leave out what surrounds the roles: settings, domains, invitations and external references of roles
    #[arg(
        long,
        help_heading = heading::CRAWL,
        action = ArgAction::SetTrue,
        value_parser = flag(Surroundings::Read, Surroundings::LeaveOut)
    )]
    without_organization: Surroundings,
    /// Crawl the sample organization that is built into the program; --demo=later as it is a week later
    #[arg(
        long,
        help_heading = heading::CRAWL,
        hide_possible_values = true,
        value_name = "WEEK",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "first",
        conflicts_with_all = ["organization", "api_token"]
    )]
    demo: Option<DemoWeek>,
    /// Time to wait for another run with the same file name to finish, such as 90 (seconds) or 5m
    #[arg(long, value_name = "TIME", help_heading = heading::OUTPUT, default_value = "0", value_parser = parse_age)]
    wait: Duration,
    /// Permissions of the snapshot, in octal
    #[arg(long, value_name = "MODE", help_heading = heading::OUTPUT, default_value = "0600", value_parser = parse_mode)]
    mode: u32,
    /// Write the SHA-256 beside the snapshot, as NAME.sha256
    #[arg(
        long,
        help_heading = heading::OUTPUT,
        action = ArgAction::SetTrue,
        value_parser = flag(Checksum::Omitted, Checksum::Written)
    )]
    checksum: Checksum,
    /// Keep a crawl that cannot be proved complete as NAME.incomplete.c1z next to the snapshot; the run still exits 9
    #[arg(
        long,
        help_heading = heading::GUARDS,
        action = ArgAction::SetTrue,
        value_parser = flag(Incomplete::Refuse, Incomplete::Accept)
    )]
    accept_incomplete: Incomplete,
    /// Largest loss of users, roles or grants since the previous snapshot, in percent
    #[arg(long, value_name = "PERCENT", help_heading = heading::GUARDS, default_value_t = 30, value_parser = clap::value_parser!(u8).range(..=100))]
    max_shrink: u8,
    /// Keep a snapshot that a guard refused as NAME.rejected.c1z next to the old one
    #[arg(
        long,
        help_heading = heading::GUARDS,
        action = ArgAction::SetTrue,
        value_parser = flag(Rejected::Dropped, Rejected::Kept)
    )]
    keep_rejected: Rejected,
    /// Replace a file even if it is not a readable snapshot of the same organization
    #[arg(
        long,
        help_heading = heading::GUARDS,
        action = ArgAction::SetTrue,
        value_parser = flag(Replace::SameOrganization, Replace::Anything)
    )]
    force: Replace,
    /// Keep a copy of the newest snapshot at this path
    #[arg(long, value_name = "PATH", help_heading = heading::RETENTION)]
    latest: Option<PathBuf>,
    #[command(flatten)]
    retention: RetentionOptions,
    /// Crawl nothing; show what a run would write, keep by which rule, and remove
    #[arg(
        long,
        help_heading = heading::RETENTION,
        requires = retention::GROUP,
        action = ArgAction::SetTrue,
        value_parser = flag(Pruning::Remove, Pruning::DryRun)
    )]
    dry_run: Pruning,
    /// Write figures about the run for Prometheus (node_exporter's textfile collector) to this file, also if it fails
    #[arg(long, value_name = "PATH", help_heading = heading::MONITORING)]
    metrics_file: Option<PathBuf>,
    /// Audit the new snapshot and report the number of findings; this never changes the exit code
    #[arg(long, help_heading = heading::MONITORING)]
    audit: bool,
    #[command(flatten, next_help_heading = heading::MONITORING)]
    criteria: CriteriaOptions,
    // The official connector's options for running as a service. In the environment they are ignored.
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "")]
    client_id: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "")]
    client_secret: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "")]
    host_id: Option<String>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum MembershipsFrom {
    #[default]
    Endpoint,
    Embedded,
}

#[derive(Clone, Copy, ValueEnum)]
enum DemoWeek {
    First,
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
    /// Its options, as they are defined.
    pub(super) fn arguments() -> Vec<Arg> {
        let options = Self::augment_args(Command::new(""));
        options.get_arguments().cloned().collect()
    }

    /// Resolves what to crawl, how, and where to write it.
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
            audit: self.audit.then(|| self.criteria.into_basis()),
            ignored: ignored_settings(),
        })
    }

    /// Resolves which sync to check in advance; `next` is its command line.
    pub(super) fn into_check_args(self, global: &GlobalOptions, next: String) -> Result<CheckArgs> {
        let format = global.format()?;
        let metrics = self.metrics();
        let key_file = match self.demo {
            Some(_) => None,
            None => self.key.file(),
        };
        Ok(CheckArgs {
            key_file,
            metrics,
            sync: self.into_args(global)?,
            format,
            next,
        })
    }

    /// Returns the metrics file of a run, even if other settings cannot be resolved. A dry run has none.
    pub(super) fn metrics(&self) -> Option<MetricsFile> {
        if self.dry_run == Pruning::DryRun {
            return None;
        }
        let base_url = match self.demo {
            Some(_) => BaseUrl::parse(demo::PUBLIC_BASE_URL, None, PlainHttp::Refuse).ok(),
            None => self.base_url().ok(),
        };
        Some(MetricsFile {
            path: self.metrics_file.clone()?,
            organization: base_url
                .map(|base_url| base_url.organization().to_owned())
                // An alias, which may mean another organization tomorrow.
                .filter(|id| !id.starts_with('@')),
        })
    }

    /// Returns the address and the key of the organization to crawl.
    fn organization(&self) -> Result<Source> {
        let address = self.address().unwrap_or_default();
        if address.trim().is_empty() && !self.key.is_given() {
            return Err(NothingSet.into());
        }
        Ok(Source::Organization {
            base_url: self.base_url()?,
            key: self.key.read()?,
        })
    }

    /// Returns the address as it was given: of an organization, or of a host alone.
    fn address(&self) -> Option<String> {
        let address = self.base_url.clone();
        address.or_else(|| environment("POSTHOG_HOST"))
    }

    /// Returns the address of the organization to crawl.
    fn base_url(&self) -> Result<BaseUrl> {
        let organization = self
            .organization
            .clone()
            .or_else(|| environment("POSTHOG_ORGANIZATION_ID"));
        let base_url = BaseUrl::parse(
            &self.address().ok_or(AddressError::Missing)?,
            organization.as_deref(),
            self.allow_http,
        )?;
        // The variable is for addresses without an organization, but an option must not lose silently.
        if let Some(other) = &self.organization
            && !other.trim().eq_ignore_ascii_case(base_url.organization())
        {
            bail!(
                "the address names the organization `{}` and --organization names `{}`: leave one of them out",
                base_url.organization(),
                other.trim()
            );
        }
        Ok(base_url)
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
            surroundings: self.without_organization,
        }
    }

    fn file_output(&self, global: &GlobalOptions, path: &Path) -> Result<FileOutput> {
        let template = Template::parse(path)?;
        let retention = self.retention.rules();
        if let Some((rule, _)) = retention.rules().next()
            && !template.varies()
        {
            return Err(TemplateError::NothingToPrune(rule).into());
        }
        Ok(FileOutput {
            mode: self.mode,
            checksum: self.checksum,
            latest: self.latest.clone(),
            retention,
            pruning: self.dry_run,
            guard: GuardSettings {
                max_shrink: self.max_shrink,
                replace: self.force,
            },
            rejected: self.keep_rejected,
            // The folder in which the new one is built: the system's may be missing or small, and is only for reading.
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

/// Returns the names of the settings for the official connector's service mode that are set; they are ignored.
fn ignored_settings() -> Vec<String> {
    ["BATON_CLIENT_ID", "BATON_CLIENT_SECRET", "BATON_HOST_ID"]
        .into_iter()
        .filter(|name| environment(name).is_some())
        .map(ToOwned::to_owned)
        .collect()
}
