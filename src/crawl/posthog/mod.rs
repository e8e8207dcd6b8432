//! The order of a crawl's requests: the key's own entry, members, the organization, roles, the members of each role, and
//! what surrounds the roles.

mod api;
mod lenient;
mod list;
mod map;
mod members;
mod probe;
mod recount;
mod roles;
mod surroundings;
mod walk;

use std::time::Duration;

pub use self::probe::{Cost, Costs, Probe, probe};

use self::api::Envelope;
use self::list::{ListRead, ListSource};
use self::map::Types;
use super::address::{BaseUrl, CURRENT_ORGANIZATION};
use super::error::{Error, Problem};
use super::http::{Http, HttpSettings, Tries};
use super::json::{JsonError, JsonStream};
use super::key::ApiKey;
use super::pace::{binding_limit, least_duration};
use crate::model::{
    CrawlKey, Evidence, InventoryBuilder, ListEvidence, NOT_READ_ORGANIZATION, NOT_READ_ROLES,
    NotRead, OrganizationDocument, OrganizationPart, OrganizationSettings, Person, Resource, Seat,
    Timestamp,
};
use crate::progress::{Event, Phase, Reporter};

/// A crawl that takes longer than this because of the rate limits is announced.
const LONG: Duration = Duration::from_secs(60);

/// The settings of a crawl.
#[derive(Clone)]
pub struct Config {
    /// The organization to read.
    pub base_url: BaseUrl,
    /// The address to record in the evidence, if it differs from the one that is read.
    pub public_base_url: Option<BaseUrl>,
    /// The key to read with.
    pub key: ApiKey,
    /// Settings of the HTTP client.
    pub http: HttpSettings,
    /// Where role memberships are read from.
    pub memberships: Memberships,
    /// How many roles are read in parallel.
    pub workers: usize,
    /// What to do about a list that may be incomplete.
    pub incomplete: Incomplete,
    /// Whether to read what surrounds the roles.
    pub surroundings: Surroundings,
}

/// Where role memberships are read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memberships {
    /// Each role's own list, compared with the members embedded in the list of roles.
    #[default]
    Endpoint,
    /// Only the list of roles, in which all memberships are embedded.
    Embedded,
    /// Neither: roles are not read.
    WithoutRoles,
}

/// What to do about a list that may be incomplete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Incomplete {
    /// The crawl fails.
    #[default]
    Refuse,
    /// The crawl continues, and its snapshot is marked as incomplete.
    Accept,
}

/// Whether to read settings, domains, invitations and external references of roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Surroundings {
    /// They are read after everything else, as far as the server allows.
    #[default]
    Read,
    /// They are left out.
    LeaveOut,
}

/// The result of a crawl.
pub struct Crawled {
    /// The rows.
    pub inventory: InventoryBuilder,
    /// What surrounds the roles; `None` if it was left out.
    pub organization: Option<OrganizationDocument>,
    /// What the crawl can prove about itself.
    pub evidence: Evidence,
    /// Whether every list is known to be complete.
    pub completeness: Completeness,
}

/// Whether every list is known to be complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Every list is known to be complete.
    Proved,
    /// At least one list may be incomplete, which was accepted. Holds the first reason.
    Doubtful(String),
}

/// Reads one organization: its members with their seats, its roles and the role memberships.
///
/// # Errors
/// When anything essential cannot be read completely.
pub fn crawl(
    config: &Config,
    now: &dyn Fn() -> Timestamp,
    reporter: &dyn Reporter,
) -> Result<Crawled, Error> {
    let started_at = now();
    let http = Http::new(&config.base_url, config.key.clone(), &config.http, reporter)?;
    let mut crawl = Crawl::new(config, &http, reporter);

    crawl.key()?;
    crawl.resolve_current_organization()?;
    crawl.members_and_organization()?;
    if config.memberships == Memberships::WithoutRoles {
        crawl.evidence.not_read.push(NOT_READ_ROLES.to_owned());
    } else {
        let roles = crawl.roles()?;
        crawl.role_memberships(roles)?;
    }
    let organization = crawl.surroundings();
    if organization.is_none() {
        crawl
            .evidence
            .not_read
            .push(NOT_READ_ORGANIZATION.to_owned());
    }
    Ok(crawl.finish(organization, started_at, now()))
}

/// Returns the id of the organization that a crawl would read. Sends a request only to resolve `@current`.
///
/// # Errors
/// The error that the crawl would fail with.
pub fn resolve_organization(config: &Config, reporter: &dyn Reporter) -> Result<String, Error> {
    let http = Http::new(&config.base_url, config.key.clone(), &config.http, reporter)?;
    let mut crawl = Crawl::new(config, &http, reporter);
    crawl.resolve_current_organization()?;
    Ok(crawl.base.organization().to_owned())
}

struct Crawl<'a> {
    config: &'a Config,
    http: &'a Http<'a>,
    base: BaseUrl,
    reporter: &'a dyn Reporter,
    types: Types,
    inventory: InventoryBuilder,
    evidence: Evidence,
    /// PostHog's number of the key's owner, who is then found in the list of members.
    owner: Option<u64>,
    /// The organization, if it was read to resolve `@current`.
    resolved: Option<api::Organization>,
    /// The organization's settings when it was last read, or why they are not known.
    settings: Result<OrganizationSettings, NotRead>,
    completeness: Completeness,
}

impl<'a> Crawl<'a> {
    fn new(config: &'a Config, http: &'a Http<'a>, reporter: &'a dyn Reporter) -> Self {
        let base = config.base_url.clone();
        let shown = config.public_base_url.as_ref().unwrap_or(&base);
        let evidence = Evidence::new(shown.to_string(), base.organization().to_owned());
        Self {
            config,
            http,
            base,
            reporter,
            types: Types::new(),
            inventory: InventoryBuilder::default(),
            evidence,
            owner: None,
            resolved: None,
            settings: Err(NotRead {
                list: OrganizationPart::Settings.key().to_owned(),
                status: None,
                reason: "was not requested".to_owned(),
            }),
            completeness: Completeness::Proved,
        }
    }

    /// Reads the key's own entry, which needs no scope. The crawl continues if it is missing.
    fn key(&mut self) -> Result<(), Error> {
        self.reporter.report(Event::Started {
            phase: Phase::Organization,
            of: None,
        });
        let path = self.base.api_path("personal_api_keys/@current/");
        let without = "the key's owner and scopes could not be determined";
        let key = self.optional("the key's own entry", &path, without, api::personal_api_key)?;
        let Ok(key) = key else {
            return Ok(());
        };
        self.owner = key.user_id;
        let shown = |texts: Option<Vec<String>>| {
            let texts = texts.unwrap_or_default().into_iter();
            texts.map(|text| self.http.redact(&text)).collect()
        };
        self.evidence.key = Some(CrawlKey {
            label: key.label.map(|label| self.http.redact(&label)),
            scopes: shown(key.scopes),
            scoped_organizations: shown(key.scoped_organizations),
            owner: None,
        });
        Ok(())
    }

    /// Resolves `@current` once, since it may refer to another organization in the next request.
    fn resolve_current_organization(&mut self) -> Result<(), Error> {
        if self.base.organization() != CURRENT_ORGANIZATION {
            return Ok(());
        }
        let path = self.base.path();
        let organization =
            self.http
                .get("the organization", &path, Tries::All, api::organization)?;
        self.base = self
            .base
            .with_organization(&organization.id)
            .map_err(|error| {
                let problem = Problem::Shape(self.http.redact(&error.to_string()));
                self.http.error("the organization", &path, problem)
            })?;
        self.evidence.base_url = self.base.to_string();
        self.evidence.organization.id = organization.id.to_string();
        self.note_settings(&organization);
        self.resolved = Some(organization);
        Ok(())
    }

    /// Returns the list, unless it may be incomplete and the settings refuse that.
    fn accepted<T>(
        &self,
        list: ListRead<T>,
        source: &ListSource<'_>,
    ) -> Result<ListRead<T>, Error> {
        match self.config.incomplete {
            Incomplete::Refuse => list.proved(source),
            Incomplete::Accept => Ok(list),
        }
    }

    fn list(
        &self,
        reading: &'static str,
        phase: Option<Phase>,
        base_path: &'a str,
        path: String,
    ) -> ListSource<'a> {
        ListSource {
            http: self.http,
            reporter: self.reporter,
            reading,
            phase,
            base_path,
            path,
            envelope: Envelope::Required,
        }
    }

    /// Records a list in the evidence.
    fn keep(&mut self, evidence: ListEvidence) {
        self.evidence.pages += evidence.pages;
        self.evidence.lists.push(evidence);
    }

    /// Records that a list may be incomplete.
    fn doubt(&mut self, list: &str, doubt: String) {
        let doubt = self.evidence.doubt(list, &doubt);
        if self.completeness == Completeness::Proved {
            self.completeness = Completeness::Doubtful(doubt);
        }
    }

    /// Reports the least time that the crawl will take, and the limit responsible, if the rate limits make it long.
    fn announce(&self, requests: u64) {
        let pace = &self.config.http.pace;
        let all = self.http.requests().saturating_add(requests);
        let least = least_duration(all, pace);
        if least > LONG {
            let message = format!(
                "{requests} more requests at {} take at least {} minutes",
                binding_limit(all, pace),
                least.as_secs().div_ceil(60)
            );
            self.reporter.report(Event::Noted { message });
            self.reporter.report(Event::Paced { least });
        }
    }

    /// Requests something optional. A refusal is recorded as `without` and returned; other failures are errors.
    fn optional<T>(
        &mut self,
        reading: &'static str,
        path: &str,
        without: &str,
        read: impl Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    ) -> Result<Result<T, Problem>, Error> {
        match self.http.get(reading, path, Tries::All, read) {
            Ok(answer) => Ok(Ok(answer)),
            Err(Error {
                problem:
                    problem @ Problem::Status {
                        status: status @ (403 | 404 | 405 | 501),
                        ..
                    },
                ..
            }) => {
                self.note_unproved(format!("{without} (`{path}` answered {status})"));
                Ok(Err(problem))
            }
            Err(error) => Err(error),
        }
    }

    fn note_unproved(&mut self, what: String) {
        if !self.evidence.unproved.contains(&what) {
            self.evidence.unproved.push(what);
        }
    }

    fn finish(
        mut self,
        organization: Option<OrganizationDocument>,
        started_at: Timestamp,
        ended_at: Timestamp,
    ) -> Crawled {
        for resource_type in self.types.resource_types() {
            self.inventory.add_resource_type(resource_type);
        }
        self.evidence.started_at = started_at.to_string();
        // The clock may have been set back meanwhile.
        self.evidence.ended_at = ended_at.max(started_at).to_string();
        self.evidence.requests = self.http.requests();
        let unknown_seats = self
            .inventory
            .resources()
            .iter()
            .filter(|user| has_unknown_seat(user))
            .count();
        if unknown_seats > 0 {
            let people = if unknown_seats == 1 {
                "person has"
            } else {
                "people have"
            };
            self.evidence.warnings.push(format!(
                "{unknown_seats} {people} a seat that this program has no name for; its number is kept"
            ));
        }
        Crawled {
            inventory: self.inventory,
            organization,
            evidence: self.evidence,
            completeness: self.completeness,
        }
    }
}

/// Whether two ids mean the same organization: PostHog accepts a UUID in upper or lower case and without hyphens.
fn is_same_id(left: &str, right: &str) -> bool {
    let plain = |id: &str| id.replace('-', "").to_ascii_lowercase();
    plain(left) == plain(right)
}

fn has_unknown_seat(user: &Resource) -> bool {
    let seat = Person::of(user).and_then(|person| person.seat());
    matches!(seat, Some(Seat::Unknown(_)))
}
