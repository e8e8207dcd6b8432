//! Finds out with a handful of requests whether a crawl would work, and how many requests it would take.

use std::time::Duration;

use super::list::{self, DEFAULT_PAGE};
use super::members::MEMBERS_PAGE;
use super::recount::Span;
use super::{Config, Crawl, Memberships, Surroundings};
use crate::crawl::error::Error;
use crate::crawl::http::Http;
use crate::crawl::pace::least_duration;
use crate::model::{CrawlKey, OrganizationEvidence};
use crate::progress::Reporter;

/// The result of a probe. What PostHog did not say, or was not requested after an earlier failure, is `None`.
#[derive(Default)]
pub struct Probe {
    /// The key's own entry.
    pub key: Option<CrawlKey>,
    /// The organization, once it was requested; without a name if the key may not read it.
    pub organization: Option<OrganizationEvidence>,
    /// The number of members that the key's owner sees, and whether these are all, by the organization's own count.
    pub members: Option<(u64, Option<bool>)>,
    /// The number of roles; also `None` if roles are not read.
    pub roles: Option<u64>,
    /// How many requests a crawl would take.
    pub costs: Option<Costs>,
}

/// How many requests a crawl takes, by the way of reading role memberships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// If each role's own list is read: a minimum, since roles with many members take more.
    pub endpoint: Cost,
    /// If only the list of roles is read, and arrives in one response.
    pub embedded: Cost,
    /// If only the list of roles is read, takes several responses, and every role is empty: the maximum, unless the
    /// server's pages are shorter than PostHog's.
    pub embedded_at_most: Cost,
}

/// A number of requests, and how long they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The number of requests.
    pub requests: u64,
    /// The least time they take within the rate limits.
    pub least: Duration,
}

/// Sends only the first requests of a crawl. `probe` also has the results from before a failure.
///
/// # Errors
/// The error that the crawl would fail with.
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
    // Pages of members overlap by two rows, or by one with servers from before 2026.
    let pages_of_members = |overlap| {
        let rows = shown.saturating_sub(overlap);
        rows.div_ceil(MEMBERS_PAGE - overlap).max(1)
    };
    let list_of_roles = match (config.memberships, roles) {
        (Memberships::WithoutRoles, _) => 0,
        (_, 0..=DEFAULT_PAGE) => 1,
        // The first page, and then all rows in one response.
        _ => 2,
    };
    // The key's own entry, and the organization before its members and, if the key may read it, again after them.
    let entries = if crawl.evidence.organization.name.is_some() {
        3
    } else {
        2
    };
    // Domains, invitations and external references.
    let surroundings = match config.surroundings {
        Surroundings::Read => 3,
        Surroundings::LeaveOut => 0,
    };
    let base = |pages_of_members: u64| entries + pages_of_members + list_of_roles + surroundings;
    // Two readings that agree, and each empty role's own list.
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
    /// Returns the number of members. If the organization counts a different number, the members are read as in a crawl:
    /// only that shows whether members who join or leave are the reason.
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
