//! The order of calls: the key's own entry, members, the organization, roles, and who holds each role.

mod api;
mod map;

use serde::de::DeserializeOwned;

use self::map::Types;
use super::address::{ApiKey, BaseUrl, CURRENT_ORGANIZATION};
use super::error::{Error, Problem};
use super::http::{Http, HttpSettings};
use crate::model::{
    CrawlKey, EntitlementId, Evidence, InventoryBuilder, KeyOwner, ListEvidence,
    OrganizationEvidence, Resource, Text, Timestamp, Value,
};
use crate::progress::{Event, Phase, Reporter};

/// Rows asked for in one page of members.
const MEMBERS_PAGE: u32 = 1_000;
/// Rows asked for in one page of role memberships: each costs the server several queries.
const ROLE_MEMBERSHIPS_PAGE: u32 = 200;

/// What a crawl needs to know.
pub struct Config {
    /// The organization to read.
    pub base_url: BaseUrl,
    /// The address that the evidence names, where it is not the one that is read.
    pub public_base_url: Option<BaseUrl>,
    /// The key.
    pub key: ApiKey,
    /// Limits of a request.
    pub http: HttpSettings,
}

/// Reads one organization: its members with their seats, its roles, and who holds them.
///
/// # Errors
/// When anything essential cannot be read whole.
pub fn crawl(
    config: &Config,
    now: &dyn Fn() -> Timestamp,
    reporter: &dyn Reporter,
) -> Result<(InventoryBuilder, Evidence), Error> {
    let started_at = now();
    let mut crawl = Crawl::new(config, reporter);

    crawl.key()?;
    crawl.resolve_current_organization()?;
    crawl.members()?;
    crawl.organization()?;
    for role in crawl.roles()? {
        crawl.role_memberships(&role)?;
    }
    Ok(crawl.finish(started_at, now()))
}

struct Crawl<'a> {
    http: Http,
    base: BaseUrl,
    reporter: &'a dyn Reporter,
    types: Types,
    found: InventoryBuilder,
    evidence: Evidence,
    /// The number PostHog gives the key's owner; the list of members tells who that is.
    owner: Option<u64>,
}

impl<'a> Crawl<'a> {
    fn new(config: &Config, reporter: &'a dyn Reporter) -> Self {
        let base = config.base_url.clone();
        let shown = config.public_base_url.as_ref().unwrap_or(&base);
        let evidence = Evidence::new(shown.to_string(), base.organization().to_owned());
        let types = Types::new();
        let mut found = InventoryBuilder::default();
        types
            .resource_types()
            .into_iter()
            .for_each(|t| found.add_resource_type(t));
        let http = Http::new(&base, config.key.clone(), &config.http);
        Self {
            http,
            base,
            reporter,
            types,
            found,
            evidence,
            owner: None,
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
        let Some(key) =
            self.optional::<api::PersonalApiKey>("the key's own entry", &path, without)?
        else {
            return Ok(());
        };
        self.owner = key.user_id;
        self.evidence.key = Some(CrawlKey {
            label: key.label,
            scopes: key.scopes.unwrap_or_default(),
            scoped_organizations: key.scoped_organizations.unwrap_or_default(),
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
        let organization: api::Organization = self.http.get("the organization", &path)?;
        self.base = self
            .base
            .with_organization(&organization.id)
            .map_err(|error| Error {
                reading: "the organization",
                path,
                problem: Problem::Shape(error.to_string()),
            })?;
        self.evidence.base_url = self.base.to_string();
        self.evidence.organization.id = organization.id.to_string();
        Ok(())
    }

    /// The organization itself, after its members: its count is the one to hold theirs against.
    fn organization(&mut self) -> Result<(), Error> {
        let without = "whether the list of members is complete could not be checked against the organization's own count";
        let path = self.base.path();
        let organization =
            self.optional::<api::Organization>("the organization", &path, without)?;
        if let Some(told) = organization {
            self.evidence.organization = OrganizationEvidence {
                id: self.base.organization().to_owned(),
                name: told.name,
                slug: told.slug,
                member_count: told.member_count,
                membership_level: told.membership_level,
                members_can_see_org_members: told.members_can_see_org_members,
            };
        }
        self.reporter.report(Event::Finished {
            phase: Phase::Organization,
        });
        Ok(())
    }

    fn members(&mut self) -> Result<(), Error> {
        let path = format!("members/?limit={MEMBERS_PAGE}&order=joined_at");
        let mut kept = 0;
        let mut list = List::new("members", Phase::Members, &self.base, &path);
        self.reporter.report(Event::Started {
            phase: Phase::Members,
            of: None,
        });
        while let Some(rows) =
            list.next_page::<api::Member<api::User>>(&self.http, self.reporter)?
        {
            for row in rows {
                if row.user.id.is_some() && row.user.id == self.owner {
                    self.note_owner(&row);
                }
                let new = self.found.add_resource(self.types.member(&row));
                kept += u64::from(new);
            }
        }
        self.keep(list, kept);
        Ok(())
    }

    fn note_owner(&mut self, member: &api::Member<api::User>) {
        let text = |text: &Option<Text>| text.as_deref().map(ToOwned::to_owned);
        if let Some(key) = &mut self.evidence.key {
            key.owner = Some(KeyOwner {
                user_id: member.user.uuid.to_string(),
                display_name: self.types.member(member).display_name.to_string(),
                email: text(&member.user.email),
                organization_role: member
                    .level
                    .map(|level| map::organization_role(level).to_string()),
            });
        }
    }

    /// All roles, sorted by id, so that what follows does not depend on the order they came in.
    fn roles(&mut self) -> Result<Vec<api::Role>, Error> {
        // Without parameters: servers before 2026 answer 500 to any.
        let mut list = List::new("roles", Phase::Roles, &self.base, "roles/");
        self.reporter.report(Event::Started {
            phase: Phase::Roles,
            of: None,
        });
        let mut roles: Vec<api::Role> = Vec::new();
        while let Some(rows) = list.next_page::<api::Role>(&self.http, self.reporter)? {
            roles.extend(rows);
        }
        roles.sort_by(|a, b| a.id.cmp(&b.id));
        roles.dedup_by(|later, kept| later.id == kept.id);
        for role in &roles {
            self.found.add_resource(self.types.role(role));
            self.found
                .add_entitlement(self.types.member_entitlement(role));
        }
        self.keep(list, roles.len() as u64);
        let of = Some(roles.len() as u64);
        self.reporter.report(Event::Started {
            phase: Phase::RoleMemberships,
            of,
        });
        Ok(roles)
    }

    fn role_memberships(&mut self, role: &api::Role) -> Result<(), Error> {
        let path = format!(
            "roles/{}/role_memberships/?limit={ROLE_MEMBERSHIPS_PAGE}",
            role.id
        );
        let mut list = List::new(
            "role memberships",
            Phase::RoleMemberships,
            &self.base,
            &path,
        );
        let entitlement = self.types.member_entitlement_id(role);
        let mut holders = std::collections::HashSet::new();
        while let Some(rows) = list.next_page::<api::RoleMembership>(&self.http, self.reporter)? {
            for row in rows {
                self.grant(&entitlement, &row);
                holders.insert(row.user.uuid);
            }
        }
        self.keep(list, holders.len() as u64);
        self.reporter.report(Event::Advanced {
            phase: Phase::RoleMemberships,
            steps: 1,
            of: None,
        });
        Ok(())
    }

    fn grant(&mut self, entitlement: &EntitlementId, row: &api::RoleMembership) {
        let mut principal = self.types.user_id(&row.user);
        match self.found.resource(&principal) {
            // The known id shares its text among all grants of the person.
            Some(known) if !map::tells_more(known, row) => principal = known.id.clone(),
            known => {
                self.evidence.unlisted_principals += u64::from(known.is_none());
                self.found.add_resource(self.types.unlisted(row));
            }
        }
        self.found
            .add_grant(Types::grant(entitlement.clone(), principal, row));
    }

    /// Notes what became of a list.
    fn keep(&mut self, list: List, kept: u64) {
        let evidence = ListEvidence {
            kept,
            ..list.evidence
        };
        if let Some(count) = evidence.count.filter(|count| *count != kept) {
            self.evidence.warnings.push(format!(
                "`{}` announced {count} rows and gave {kept} different ones: it changed while it was read",
                evidence.path
            ));
        }
        self.evidence.pages += evidence.pages;
        self.evidence.lists.push(evidence);
        self.reporter.report(Event::Finished { phase: list.phase });
    }

    /// Asks for what the crawl can do without: a refusal is noted as `without`, any other failure counts.
    fn optional<T: DeserializeOwned>(
        &mut self,
        reading: &'static str,
        path: &str,
        without: &str,
    ) -> Result<Option<T>, Error> {
        match self.http.get(reading, path) {
            Ok(answer) => Ok(Some(answer)),
            Err(Error {
                problem:
                    Problem::Status {
                        status: status @ (403 | 404 | 405 | 501),
                        ..
                    },
                ..
            }) => {
                self.evidence
                    .unproved
                    .push(format!("{without} (`{path}` answered {status})"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn finish(
        mut self,
        started_at: Timestamp,
        ended_at: Timestamp,
    ) -> (InventoryBuilder, Evidence) {
        self.reporter.report(Event::Finished {
            phase: Phase::RoleMemberships,
        });
        self.evidence.started_at = started_at.to_string();
        self.evidence.ended_at = ended_at.to_string();
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
        (self.found, self.evidence)
    }
}

fn has_unknown_seat(user: &Resource) -> bool {
    matches!(user.profile.get("organization_level"), Some(Value::Number(level)) if ![1.0, 8.0, 15.0].contains(level))
}

/// A list that is being read, page by page.
struct List {
    reading: &'static str,
    phase: Phase,
    /// Path and query of the page to ask for next.
    next: Option<String>,
    /// Where the organization's paths begin; `next` never leaves it.
    base_path: String,
    evidence: ListEvidence,
}

impl List {
    fn new(reading: &'static str, phase: Phase, base: &BaseUrl, path: &str) -> Self {
        let base_path = base.path();
        let first = format!("{base_path}{path}");
        let name = path.split('?').next().unwrap_or_default().to_owned();
        let evidence = ListEvidence {
            path: name,
            pages: 0,
            count: None,
            received: 0,
            kept: 0,
        };
        Self {
            reading,
            phase,
            next: Some(first),
            base_path,
            evidence,
        }
    }

    /// The rows of the next page; `None` after the last.
    fn next_page<T: DeserializeOwned>(
        &mut self,
        http: &Http,
        reporter: &dyn Reporter,
    ) -> Result<Option<Vec<T>>, Error> {
        let Some(path) = self.next.take() else {
            return Ok(None);
        };
        let page: api::Page<T> = http.get(self.reading, &path)?;
        let rows = page.results.len() as u64;
        self.evidence.pages += 1;
        self.evidence.count = page.count;
        self.evidence.received += rows;
        if let Some(next) = page.next {
            let next = self.follow(&path, &next);
            if next == path || rows == 0 {
                let problem = Problem::Shape("its `next` link leads nowhere".to_owned());
                return Err(Error {
                    reading: self.reading,
                    path,
                    problem,
                });
            }
            self.next = Some(next);
        }
        if self.phase != Phase::RoleMemberships {
            reporter.report(Event::Advanced {
                phase: self.phase,
                steps: rows,
                of: page.count,
            });
        }
        Ok(Some(page.results))
    }

    /// Where `next` leads on our own origin: its path if that is the organization's, else the path we asked, since a
    /// server behind a proxy may know another one; and its query.
    fn follow(&self, asked: &str, next: &str) -> String {
        let local = match next.split_once("://") {
            Some((_, rest)) => rest.find(['/', '?']).map_or("", |at| &rest[at..]),
            None => next,
        };
        let (path, query) = local.split_once('?').unwrap_or((local, ""));
        let asked_path = asked.split('?').next().unwrap_or_default();
        let ours = path.starts_with(&self.base_path) && !path.contains("/../");
        format!("{}?{query}", if ours { path } else { asked_path })
    }
}
