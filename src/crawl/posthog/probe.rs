//! A handful of requests that tell whether a crawl would work, and what it would cost.

use std::time::Duration;

use super::list::{self, DEFAULT_PAGE};
use super::members::MEMBERS_PAGE;
use super::recount::Span;
use super::{Config, Crawl, Memberships};
use crate::crawl::error::Error;
use crate::crawl::http::Http;
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
    let members = crawl.probe_members()?;
    probe.members = members.map(|members| {
        let counted = crawl.evidence.organization.member_count;
        (members, counted.map(|_| true))
    });
    probe.organization = Some(crawl.evidence.organization.clone());
    if config.memberships != Memberships::WithoutRoles {
        let base_path = crawl.base.path();
        let roles = crawl.list("roles", None, &base_path, "roles/".to_owned());
        probe.roles = list::count_unordered(&roles)?;
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
    // The key's own entry, and the organization before and after its members; after them only if it may be read.
    let entries = if crawl.evidence.organization.name.is_some() {
        3
    } else {
        2
    };
    let base = |pages_of_members: u64| entries + pages_of_members + list_of_roles;
    // Two walks that agree, and each empty role's own list.
    let pages = roles.div_ceil(DEFAULT_PAGE).saturating_mul(2);
    let cost = |requests| Cost {
        requests,
        least: least_duration(requests, &config.http.pace),
    };
    let embedded = base(pages_of_members(2));
    probe.costs = Some(Costs {
        endpoint: cost(base(pages_of_members(1)).saturating_add(roles)),
        embedded: cost(embedded),
        embedded_at_most: cost(embedded.saturating_add(pages).saturating_add(roles)),
    });
    Ok(())
}

impl Crawl<'_> {
    /// How many members there are. Where that is not what the organization counts, the members are read as a crawl would
    /// read them: only that shows whether it is due to people who come and go.
    fn probe_members(&mut self) -> Result<Option<u64>, Error> {
        let base_path = self.base.path();
        let members = self.list("members", None, &base_path, "members/".to_owned());
        let announced = list::count(&members)?;
        let Some(organization) = self.organization()? else {
            return Ok(announced);
        };
        self.check_visible(&organization, announced.map(Span::from))?;
        let counted = organization.member_count;
        if counted.is_none() || counted == announced {
            self.note_organization(organization, counted);
            return Ok(announced);
        }
        self.resolved = Some(organization);
        self.members_and_organization()?;
        Ok(self.evidence.lists.first().map(|members| members.kept))
    }
}
