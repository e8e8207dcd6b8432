//! A handful of requests that tell whether a crawl would work, and what it would cost.

use std::time::Duration;

use super::api::{self, Page};
use super::list::DEFAULT_PAGE;
use super::{Config, Crawl, MEMBERS_PAGE, Memberships};
use crate::crawl::error::{Error, Problem};
use crate::crawl::http::{Http, Tries};
use crate::crawl::json::{JsonError, JsonStream};
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
    let members = crawl.count("members", "members/?limit=1")?;
    let organization = crawl.organization()?;
    let shown = members.unwrap_or_default();
    let all = organization.as_ref().and_then(|told| told.member_count);
    crawl.check_visible(organization.as_ref(), shown)?;
    if let Some(all) = all.filter(|all| shown < *all) {
        let problem = format!("{shown} of {all} members are shown to the key's owner");
        return Err(crawl.members_error(Problem::HiddenMembers(problem)));
    }
    probe.members = members.map(|members| (members, all.map(|_| true)));
    crawl.note_organization(organization);
    probe.organization = Some(crawl.evidence.organization.clone());
    if config.memberships != Memberships::WithoutRoles {
        probe.roles = crawl.count_roles()?;
    }
    let roles = probe.roles.unwrap_or_default();
    // The key's own entry, the organization, members and roles; each further page of members brings one row less.
    let base = 2 + shown.div_ceil(MEMBERS_PAGE - 1).max(1);
    let list_of_roles = match (config.memberships, roles) {
        (Memberships::WithoutRoles, _) => 0,
        (_, 0..=DEFAULT_PAGE) => 1,
        // The first page, and then everything.
        _ => 2,
    };
    let base = base + list_of_roles;
    // Two walks that agree, and each empty role's own list.
    let pages = roles.div_ceil(DEFAULT_PAGE).saturating_mul(2);
    let cost = |requests| Cost {
        requests,
        least: least_duration(requests, &config.http.pace),
    };
    probe.costs = Some(Costs {
        endpoint: cost(base.saturating_add(roles)),
        embedded: cost(base),
        embedded_at_most: cost(base.saturating_add(pages).saturating_add(roles)),
    });
    Ok(())
}

impl Crawl<'_> {
    /// How many rows a list says it has.
    fn count(&self, reading: &'static str, path: &str) -> Result<Option<u64>, Error> {
        let path = format!("{}{path}", self.base.path());
        let page = self
            .http
            .get(reading, &path, Tries::All, page_without_rows)?;
        Ok(page.count)
    }

    /// A server from before 2026 answers 500 to any parameter of this list; then it must be asked for all of it.
    fn count_roles(&self) -> Result<Option<u64>, Error> {
        let path = format!("{}roles/?limit=1", self.base.path());
        match self.http.get("roles", &path, Tries::One, page_without_rows) {
            Ok(page) => Ok(page.count),
            Err(Error {
                problem: Problem::Status { status: 500, .. },
                ..
            }) => self.count("roles", "roles/"),
            Err(error) => Err(error),
        }
    }
}

/// What a page says besides its rows.
fn page_without_rows(json: &mut JsonStream<'_>) -> Result<Page<()>, JsonError> {
    api::page(json, |json| json.skip())
}
