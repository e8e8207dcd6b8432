//! A handful of requests that tell whether a crawl would work, and what it would cost.

use std::marker::PhantomData;
use std::time::Duration;

use serde::de::IgnoredAny;

use super::api::{self, PageSeed};
use super::{ADMINISTRATOR, Config, Crawl, MEMBERS_PAGE, Memberships};
use crate::crawl::error::{Error, Problem};
use crate::crawl::http::{Http, Tries};
use crate::crawl::pace::least_duration;
use crate::model::{CrawlKey, OrganizationEvidence};
use crate::progress::Reporter;

/// What a handful of requests told. What was not told is `None`.
pub struct Probe {
    /// The key's own entry.
    pub key: Option<CrawlKey>,
    /// The organization.
    pub organization: OrganizationEvidence,
    /// Whether the organization told about itself.
    pub organization_told: bool,
    /// Members that the key's owner is shown.
    pub members: Option<u64>,
    /// Roles; `None` also if they are not wanted.
    pub roles: Option<u64>,
    /// Whether the owner sees every member; `None` if the organization does not tell.
    pub sees_everybody: Option<bool>,
    /// What a crawl would cost that reads each role's own list.
    pub endpoint: Cost,
    /// What a crawl would cost that reads the list of roles alone.
    pub embedded: Cost,
}

/// What a crawl costs at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Requests.
    pub requests: u64,
    /// How long the budget makes them take.
    pub least: Duration,
}

/// Asks what a crawl would ask first, and no more.
///
/// # Errors
/// What would end the crawl too.
pub fn probe(config: &Config, reporter: &dyn Reporter) -> Result<Probe, Error> {
    let http = Http::new(&config.base_url, config.key.clone(), &config.http, reporter)?;
    let mut crawl = Crawl::new(config, &http, reporter);
    crawl.key()?;
    crawl.resolve_current_organization()?;
    let members = crawl.count("members", "members/?limit=1")?;
    let organization = crawl.organization()?;
    let told = organization.is_some();
    crawl.check_visible(organization.as_ref(), members.unwrap_or_default())?;
    let owner_is_administrator = organization
        .as_ref()
        .and_then(|organization| organization.membership_level)
        .map(|level| level >= ADMINISTRATOR);
    let shown_to_all = organization
        .as_ref()
        .and_then(|organization| organization.members_can_see_org_members);
    let all = organization
        .as_ref()
        .and_then(|organization| organization.member_count);
    if let (Some(all), Some(shown)) = (all, members)
        && shown < all
    {
        let problem = format!("{shown} of {all} members are shown to the key's owner");
        return Err(crawl.members_error(Problem::HiddenMembers(problem)));
    }
    let sees_everybody = match (all, members) {
        (Some(_), Some(_)) => Some(true),
        _ => shown_to_all.or(owner_is_administrator.filter(|is| *is)),
    };
    crawl.note_organization(organization);
    let roles = match config.memberships {
        Memberships::WithoutRoles => None,
        Memberships::Endpoint | Memberships::Embedded => crawl.count_roles()?,
    };
    // The key's own entry, the organization, members and roles; each further page of members brings one row less.
    let base = 2 + members
        .unwrap_or_default()
        .div_ceil(MEMBERS_PAGE - 1)
        .max(1);
    let base = base + u64::from(config.memberships != Memberships::WithoutRoles);
    let cost = |requests| Cost {
        requests,
        least: least_duration(requests, &config.http.pace),
    };
    Ok(Probe {
        key: crawl.evidence.key,
        organization: crawl.evidence.organization,
        organization_told: told,
        members,
        roles,
        sees_everybody,
        endpoint: cost(base + roles.unwrap_or_default()),
        embedded: cost(base),
    })
}

impl Crawl<'_> {
    /// How many rows a list says it has.
    fn count(&self, reading: &'static str, path: &str) -> Result<Option<u64>, Error> {
        let path = format!("{}{path}", self.base.path());
        let seed = PageSeed(PhantomData::<IgnoredAny>);
        Ok(self.http.get_seed(reading, &path, Tries::All, seed)?.count)
    }

    /// A server from before 2026 answers 500 to any parameter of this list; then it must be asked for all of it.
    fn count_roles(&self) -> Result<Option<u64>, Error> {
        let path = format!("{}roles/?limit=1", self.base.path());
        let seed = PageSeed(PhantomData::<IgnoredAny>);
        match self
            .http
            .get_seed::<api::Page<IgnoredAny>, _>("roles", &path, Tries::One, seed)
        {
            Ok(page) => Ok(page.count),
            Err(Error {
                problem: Problem::Status { status: 500, .. },
                ..
            }) => self.count("roles", "roles/"),
            Err(error) => Err(error),
        }
    }
}
