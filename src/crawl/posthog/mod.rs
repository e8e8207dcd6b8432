//! The order of calls: the key's own entry, members, the organization, roles, and who holds each role.

mod api;
mod lenient;
mod list;
mod map;
mod members;
mod probe;
mod recount;
mod roles;
mod walk;

use std::time::Duration;

pub use self::probe::{Cost, Costs, Probe, probe};

use self::list::{ListRead, ListSource};
use self::map::Types;
use super::address::{BaseUrl, CURRENT_ORGANIZATION};
use super::error::{Error, Problem};
use super::http::{Http, HttpSettings, Tries};
use super::json::{JsonError, JsonStream};
use super::key::ApiKey;
use super::pace::{binding_limit, least_duration};
use crate::model::{
    CrawlKey, Evidence, InventoryBuilder, ListEvidence, NOT_READ_ROLES, Person, Resource, Seat,
    Timestamp,
};
use crate::progress::{Event, Phase, Reporter};

/// A crawl that the request budget makes longer than this is announced.
const LONG: Duration = Duration::from_secs(60);

/// What a crawl needs to know.
#[derive(Clone)]
pub struct Config {
    /// The organization to read.
    pub base_url: BaseUrl,
    /// The address that the evidence names, where it is not the one that is read.
    pub public_base_url: Option<BaseUrl>,
    /// The key.
    pub key: ApiKey,
    /// How requests are made.
    pub http: HttpSettings,
    /// Where role memberships are read from.
    pub memberships: Memberships,
    /// How many roles are read at a time.
    pub workers: usize,
    /// What becomes of a list that cannot be proved to be whole.
    pub incomplete: Incomplete,
}

/// Where role memberships are read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memberships {
    /// Each role's own list, held against what the list of roles carries.
    #[default]
    Endpoint,
    /// The list of roles alone, which carries all of them.
    Embedded,
    /// Nowhere: the server has no roles.
    WithoutRoles,
}

/// What becomes of a list that cannot be proved to be whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Incomplete {
    /// The crawl fails.
    #[default]
    Refuse,
    /// It goes on, and what it leaves is marked as incomplete.
    Accept,
}

/// What a crawl found.
pub struct Crawled {
    /// The rows.
    pub found: InventoryBuilder,
    /// What it can prove.
    pub evidence: Evidence,
    /// Whether every list is surely whole.
    pub completeness: Completeness,
}

/// Whether every list is surely whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Every list was proved.
    Proved,
    /// At least one was not, and that was accepted; the first reason.
    Doubtful(String),
}

/// Reads one organization: its members with their seats, its roles, and who holds them.
///
/// # Errors
/// When anything essential cannot be read whole.
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
    Ok(crawl.finish(started_at, now()))
}

/// The id of the organization that a crawl would read: only what `@current` means has to be asked for.
///
/// # Errors
/// What would end the crawl too.
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
    found: InventoryBuilder,
    evidence: Evidence,
    /// The number PostHog gives the key's owner; the list of members says who that is.
    owner: Option<u64>,
    /// The organization, if it was read to find out what `@current` means.
    resolved: Option<api::Organization>,
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
            found: InventoryBuilder::default(),
            evidence,
            owner: None,
            resolved: None,
            completeness: Completeness::Proved,
        }
    }

    /// The key's own entry, which needs no scope. Its absence is no failure.
    fn key(&mut self) -> Result<(), Error> {
        self.reporter.report(Event::Started {
            phase: Phase::Organization,
            of: None,
        });
        let path = self.base.api_path("personal_api_keys/@current/");
        let without = "whose key this is, and what it may do, was not told";
        let key = self.optional("the key's own entry", &path, without, api::personal_api_key)?;
        let Some(key) = key else {
            return Ok(());
        };
        self.owner = key.user_id;
        let shown = |texts: Option<Vec<String>>| {
            let texts = texts.unwrap_or_default().into_iter();
            texts.map(|text| self.http.shown(&text)).collect()
        };
        self.evidence.key = Some(CrawlKey {
            label: key.label.map(|label| self.http.shown(&label)),
            scopes: shown(key.scopes),
            scoped_organizations: shown(key.scoped_organizations),
            owner: None,
        });
        Ok(())
    }

    /// `@current` may mean another organization from one request to the next, so it is asked once.
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
                let problem = Problem::Shape(self.http.shown(&error.to_string()));
                self.http.error("the organization", &path, problem)
            })?;
        self.evidence.base_url = self.base.to_string();
        self.evidence.organization.id = organization.id.to_string();
        self.resolved = Some(organization);
        Ok(())
    }

    /// The list, unless it is to be surely whole and is not.
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
        }
    }

    /// Notes what became of a list.
    fn keep(&mut self, evidence: ListEvidence) {
        self.evidence.pages += evidence.pages;
        self.evidence.lists.push(evidence);
    }

    /// Notes that a list is not surely whole.
    fn doubt(&mut self, list: &str, doubt: String) {
        let doubt = format!("whether {list} is whole: {doubt}");
        if self.completeness == Completeness::Proved {
            self.completeness = Completeness::Doubtful(doubt.clone());
        }
        self.evidence.unproved.push(doubt);
    }

    /// Notes how long the crawl will take at least, and by which limit, if the budget makes it long.
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

    /// Asks for what the crawl can do without: a refusal is noted as `without`, any other failure counts.
    fn optional<T>(
        &mut self,
        reading: &'static str,
        path: &str,
        without: &str,
        read: impl Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    ) -> Result<Option<T>, Error> {
        match self.http.get(reading, path, Tries::All, read) {
            Ok(answer) => Ok(Some(answer)),
            Err(Error {
                problem:
                    Problem::Status {
                        status: status @ (403 | 404 | 405 | 501),
                        ..
                    },
                ..
            }) => {
                self.note_unproved(format!("{without} (`{path}` answered {status})"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn note_unproved(&mut self, what: String) {
        if !self.evidence.unproved.contains(&what) {
            self.evidence.unproved.push(what);
        }
    }

    fn finish(mut self, started_at: Timestamp, ended_at: Timestamp) -> Crawled {
        for resource_type in self.types.resource_types() {
            self.found.add_resource_type(resource_type);
        }
        self.evidence.started_at = started_at.to_string();
        // The clock may have been set back meanwhile.
        self.evidence.ended_at = ended_at.max(started_at).to_string();
        self.evidence.requests = self.http.requests();
        let unknown_seats = self
            .found
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
                "{unknown_seats} {people} a seat this program has no name for; it is kept as its number"
            ));
        }
        Crawled {
            found: self.found,
            evidence: self.evidence,
            completeness: self.completeness,
        }
    }
}

/// Whether two spellings of an id mean the same organization: PostHog takes a UUID in either case, and without hyphens.
fn is_same_id(left: &str, right: &str) -> bool {
    let plain = |id: &str| id.replace('-', "").to_ascii_lowercase();
    plain(left) == plain(right)
}

fn has_unknown_seat(user: &Resource) -> bool {
    let seat = Person::of(user).and_then(|person| person.seat());
    matches!(seat, Some(Seat::Unknown(_)))
}
