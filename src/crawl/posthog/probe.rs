//! A handful of requests that tell whether a crawl would work, and what it would cost.

use std::time::Duration;

use super::api::{self, Page};
use super::list::DEFAULT_PAGE;
use super::members::MEMBERS_PAGE;
use super::recount::Listed;
use super::{Config, Crawl, Memberships};
use crate::crawl::error::{Error, Problem};
use crate::crawl::http::{Http, Tries};
use crate::crawl::pace::least_duration;
use crate::model::{CrawlKey, OrganizationEvidence};
use crate::progress::Reporter;

/// What a handful of requests told. What was not told, or not asked because something failed before, is `None`.
#[derive(Default)]
pub struct Probe {
    /// The key's own entry.
    pub key: Option<CrawlKey>,
    /// The organization, once it was asked; its name is absent if it does not tell about itself.
    pub organization: Option<OrganizationEvidence>,
    /// Members that the key's owner is shown, and whether these are all as far as the organization tells.
    pub members: Option<(u64, Option<bool>)>,
    /// Roles; `None` also if they are not wanted.
    pub roles: Option<u64>,
    /// What a crawl would cost.
    pub costs: Option<Costs>,
}

/// What a crawl costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// If it reads each role's own list: at least this, and more for roles with many members.
    pub endpoint: Cost,
    /// If it reads the list of roles alone, and that comes in one answer.
    pub embedded: Cost,
    /// If it reads the list of roles alone, that takes several answers, and every role is empty: the most, unless the
    /// server's pages are shorter than PostHog's.
    pub embedded_at_most: Cost,
}

/// Requests, and how long the budget makes them take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Requests.
    pub requests: u64,
    /// How long the budget makes them take.
    pub least: Duration,
}

/// Asks what a crawl would ask first, and no more. What was told before a failure stands in `probe` too.
///
/// # Errors
/// What would end the crawl too.
pub fn probe(config: &Config, reporter: &dyn Reporter, probe: &mut Probe) -> Result<(), Error> {
    let http = Http::new(&config.base_url, config.key.clone(), &config.http, reporter)?;
    let mut crawl = Crawl::new(config, &http, reporter);
    crawl.key()?;
    probe.key.clone_from(&crawl.evidence.key);
    crawl.resolve_current_organization()?;
    let members = crawl.count_members()?;
    if let Some(mut organization) = crawl.organization()? {
        let count = organization.member_count;
        // A list that says it has more than are counted has to be read to know.
        if let Some(members) = members.filter(|members| count.is_none_or(|count| *members < count))
        {
            let again = |crawl: &Crawl<'_>, _| Ok(crawl.count_members()?.map(listed));
            organization = crawl.compare(organization, count, listed(members), again)?;
        }
        probe.members = members.map(|members| (members, count.map(|_| true)));
        crawl.note_organization(organization, count);
    } else {
        probe.members = members.map(|members| (members, None));
    }
    probe.organization = Some(crawl.evidence.organization.clone());
    if config.memberships != Memberships::WithoutRoles {
        probe.roles = crawl.count_roles()?;
    }
    let shown = members.unwrap_or_default();
    let roles = probe.roles.unwrap_or_default();
    // Each page of members after the first brings two rows less than it has, or one less from servers before 2026.
    let pages_of_members = |overlap| {
        let rows = shown.saturating_sub(overlap);
        rows.div_ceil(MEMBERS_PAGE - overlap).max(1)
    };
    let list_of_roles = match (config.memberships, roles) {
        (Memberships::WithoutRoles, _) => 0,
        (_, 0..=DEFAULT_PAGE) => 1,
        // The first page, and then everything.
        _ => 2,
    };
    // The key's own entry, and the organization before and after its members.
    let base = |pages_of_members: u64| 3 + pages_of_members + list_of_roles;
    // Two walks that agree, and each empty role's own list.
    let pages = roles.div_ceil(DEFAULT_PAGE).saturating_mul(2);
    let cost = |requests| Cost {
        requests,
        least: least_duration(requests, &config.http.pace),
    };
    let alone = base(pages_of_members(2));
    probe.costs = Some(Costs {
        endpoint: cost(base(pages_of_members(1)).saturating_add(roles)),
        embedded: cost(alone),
        embedded_at_most: cost(alone.saturating_add(pages).saturating_add(roles)),
    });
    Ok(())
}

/// A list by the number of rows that it says it has.
fn listed(rows: u64) -> Listed {
    Listed {
        rows: rows.into(),
        is_proved: true,
    }
}

impl Crawl<'_> {
    fn count_members(&self) -> Result<Option<u64>, Error> {
        let page = self.ask("members", "members/?limit=1", Tries::All)?;
        Ok(page.count)
    }

    /// How many roles there are. A server from before 2026 answers 500 to any parameter of this list. Then it must be
    /// asked for all of it, and cannot give more than its first page.
    fn count_roles(&self) -> Result<Option<u64>, Error> {
        let is_refused =
            |error: &Error| matches!(error.problem, Problem::Status { status: 500, .. });
        match self.ask("roles", "roles/?limit=1", Tries::One) {
            Ok(page) => return Ok(page.count),
            Err(error) if is_refused(&error) => {}
            Err(error) => return Err(error),
        }
        let first = self.ask("roles", "roles/", Tries::All)?;
        if first.next.is_some() {
            match self.ask("roles", "roles/?limit=1", Tries::One) {
                Err(error) if is_refused(&error) => {
                    let path = format!("{}roles/", self.base.path());
                    return Err(self.http.error("roles", &path, Problem::OldServer));
                }
                _ => {}
            }
        }
        Ok(first.count)
    }

    /// What the first page of a list says besides its rows.
    fn ask(&self, reading: &'static str, path: &str, tries: Tries) -> Result<Page<()>, Error> {
        let path = format!("{}{path}", self.base.path());
        self.http.get(reading, &path, tries, |json| {
            api::page(json, |json| json.skip())
        })
    }
}
