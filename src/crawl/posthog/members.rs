//! The organization's members, and whether their list shows all of them.
//!
//! The list itself does not say: since July 2026 an organization can hide members from users below administrator, who then
//! get a shorter list. The organization's own member count always includes everybody. It is read before and after the list,
//! since members of a large organization join and leave all the time: if the numbers differ, both are read again until they
//! agree, or differ while nothing changes.

use super::list::{ListRead, OrderedList, Overlap};
use super::recount::{Comparison, Recount, Span};
use super::surroundings::why_not;
use super::{Crawl, Incomplete, api};
use crate::crawl::error::{Error, Problem};
use crate::crawl::json::{self, JsonStream};
use crate::model::{KeyOwner, NotRead, OrganizationEvidence, OrganizationPart, Seat, Text};
use crate::progress::{Event, Phase};

/// The page size of members.
pub(super) const MEMBERS_PAGE: u64 = 1_000;
/// Sorts oldest first, so that people who join while the list is read appear at its end. Older servers ignore it.
const MEMBERS_ORDER: &str = "&order=joined_at";
/// How often the list and the organization's count are read again if they differ.
const MAX_RECOUNTS: u32 = 3;

type Member = api::Member<api::User>;
type Organization = api::Organization;

impl Crawl<'_> {
    /// Reads the organization with its own member count, the members, and the count again.
    pub(super) fn members_and_organization(&mut self) -> Result<(), Error> {
        let before = match self.resolved.take() {
            Some(organization) => Some(organization),
            None => self.organization()?,
        };
        if let Some(before) = &before {
            self.check_visible(before, None)?;
        }

        let base_path = self.base.path();
        let source = self.list(
            "members",
            Some(Phase::Members),
            &base_path,
            "members/".to_owned(),
        );
        self.reporter.report(Event::Started {
            phase: Phase::Members,
            of: None,
        });
        let row = |json: &mut JsonStream<'_>| json.parse::<Member>();
        let overlap = Overlap::NeedsStableCount;
        let mut list = OrderedList::new(&source, &row, MEMBERS_PAGE, MEMBERS_ORDER, overlap);
        list.read(u32::MAX)?;
        if list.listed().is_none() && self.config.incomplete == Incomplete::Refuse {
            return list.finish().proved(&source).map(drop);
        }
        match before {
            Some(before) => {
                let count_before = before.member_count;
                let after = self.organization()?.unwrap_or(before);
                let after = self.compare(after, &mut list)?;
                self.note_organization(after, count_before);
            }
            None => self.compare_with_announced(&list)?,
        }
        let members = self.accepted(list.finish(), &source)?;
        if let Some(doubt) = &members.doubt {
            self.doubt("the list of members", doubt.clone());
        }
        self.keep_members(members);
        for phase in [Phase::Members, Phase::Organization] {
            self.reporter.report(Event::Finished { phase });
        }
        Ok(())
    }

    /// Compares the list of members with the organization's own count, which was read after it. If they differ, both are
    /// read again. Returns the organization as it was read last.
    ///
    /// # Errors
    /// When something cannot be read, and when the list does not show all members, or may not.
    fn compare(
        &mut self,
        organization: Organization,
        list: &mut OrderedList<'_, Member>,
    ) -> Result<Organization, Error> {
        let mut organization = organization;
        let Some(first) = list.listed() else {
            return Ok(organization);
        };
        self.check_visible(&organization, Some(first.rows))?;
        let Some(count) = organization.member_count else {
            self.note_unproved(
                "whether the list of members shows everybody could not be checked: the organization has no member count"
                    .to_owned(),
            );
            self.compare_with_announced(list)?;
            return Ok(organization);
        };
        let mut recount = Recount::new(first, count);
        for reading in 0..MAX_RECOUNTS {
            if recount.comparison() != Comparison::Differ {
                break;
            }
            if reading == 0 {
                list.read_again(recount.last_counted())?;
            } else {
                // Only a full reading shows whether the same people are still missing.
                list.read(u32::MAX)?;
            }
            let Some(listed) = list.listed() else {
                return Ok(organization);
            };
            let Some(first) = self.count_again(&mut organization, listed.rows)? else {
                break;
            };
            let Some(second) = self.count_again(&mut organization, listed.rows)? else {
                break;
            };
            recount.add(listed, [first, second]);
        }
        self.conclude(&recount, &organization)?;
        Ok(organization)
    }

    /// Reads the organization again, of whose members `shown` are in the list. Returns its member count, if it has one.
    fn count_again(
        &mut self,
        organization: &mut Organization,
        shown: Span,
    ) -> Result<Option<u64>, Error> {
        let Some(again) = self.organization()? else {
            return Ok(None);
        };
        self.check_visible(&again, Some(shown))?;
        let count = again.member_count;
        if count.is_some() {
            *organization = again;
        }
        Ok(count)
    }

    /// Compares the list with its own count, because the organization's is not known. It must not announce more rows than
    /// it has.
    fn compare_with_announced(&mut self, list: &OrderedList<'_, Member>) -> Result<(), Error> {
        let (Some(listed), Some(announced)) = (list.listed(), list.announced()) else {
            return Ok(());
        };
        if announced <= listed.rows.most {
            return Ok(());
        }
        let problem = format!(
            "{} arrived, but the list announces {announced}",
            members(listed.rows)
        );
        self.maybe_incomplete(Problem::CountsDiffer(problem))
    }

    /// Fails if the organization's settings hide members from the key's owner.
    pub(super) fn check_visible(
        &self,
        organization: &Organization,
        shown: Option<Span>,
    ) -> Result<(), Error> {
        if organization.members_can_see_org_members != Some(false) {
            return Ok(());
        }
        let owner = match organization.membership_level {
            Some(level) if !is_below_administrator(level) => return Ok(()),
            Some(_) => "is below administrator",
            None => "is not known to be an administrator",
        };
        let numbers = match (shown, organization.member_count) {
            (Some(shown), Some(count)) => format!("; {shown} of {count} are shown"),
            (Some(shown), None) => format!("; {shown} are shown"),
            (None, Some(count)) => format!("; its member count is {count}"),
            (None, None) => String::new(),
        };
        let problem = format!(
            "the organization only shows its members to administrators and owners, and the key's owner {owner}{numbers}"
        );
        Err(self.members_error(Problem::HiddenMembers(problem)))
    }

    /// Decides what the comparison means for the snapshot.
    fn conclude(&mut self, recount: &Recount, organization: &Organization) -> Result<(), Error> {
        let comparison = recount.comparison();
        let (listed, counted) = if comparison == Comparison::Confirmed {
            recount.last()
        } else {
            (recount.listed, recount.counted)
        };
        let is_below = organization
            .membership_level
            .is_some_and(is_below_administrator);
        let may_hide = is_below && organization.members_can_see_org_members != Some(true);
        if comparison == Comparison::Agree {
            if may_hide && recount.is_uncertain() {
                self.note_unproved(format!(
                    "whether all members are shown to the key's owner, who is below administrator, could not be \
                     determined: {} arrived while the organization counted {counted}",
                    members(listed)
                ));
            }
            return Ok(());
        }
        let is_confirmed = comparison == Comparison::Confirmed;
        let may_be_hidden = may_hide && listed.most < counted.least;
        if is_confirmed && may_be_hidden {
            return Err(self.members_error(Problem::HiddenMembers(format!(
                "{listed} of {counted} members are shown to the key's owner, who is below administrator; both numbers \
                 stayed the same when they were read again"
            ))));
        }
        let why = if is_confirmed {
            "both numbers stayed the same when they were read again"
        } else if may_be_hidden {
            "members may be hidden from the key's owner, or may have joined or left in the meantime"
        } else {
            "members joined or left each time both were read"
        };
        let found = members(listed);
        let problem = format!("{found} arrived, but the organization counts {counted}; {why}");
        self.maybe_incomplete(if is_confirmed {
            // Reading them again would not help.
            Problem::CountsDiffer(problem)
        } else {
            Problem::MaybeIncomplete(problem)
        })
    }

    /// Ends the crawl because the list of members may be incomplete, unless that is accepted.
    fn maybe_incomplete(&mut self, problem: Problem) -> Result<(), Error> {
        match self.config.incomplete {
            Incomplete::Refuse => Err(self.members_error(problem)),
            Incomplete::Accept => {
                self.doubt("the list of members", problem.reason());
                Ok(())
            }
        }
    }

    fn members_error(&self, problem: Problem) -> Error {
        let path = format!("{}members/", self.base.path());
        self.http.error("members", &path, problem)
    }

    /// Reads the organization itself; `None` if the key may not read it.
    pub(super) fn organization(&mut self) -> Result<Option<api::Organization>, Error> {
        let without = "whether the list of members shows everybody could not be checked against the organization's \
                       member count";
        let path = self.base.path();
        let organization =
            match self.optional("the organization", &path, without, api::organization)? {
                Ok(organization) => organization,
                Err(refusal) => {
                    self.settings = Err(why_not(OrganizationPart::Settings, &refusal));
                    return Ok(None);
                }
            };
        let asked = self.base.organization();
        if !super::is_same_id(&organization.id, asked) {
            let problem = self.http.redact(&format!(
                "it describes the organization `{}`, but `{asked}` was requested",
                json::shortened(&organization.id)
            ));
            return Err(self
                .http
                .error("the organization", &path, Problem::Shape(problem)));
        }
        self.note_settings(&organization);
        Ok(Some(organization))
    }

    /// Records the settings that the organization has now.
    pub(super) fn note_settings(&mut self, organization: &Organization) {
        self.settings = organization.settings.clone().map_err(|odd| NotRead {
            list: OrganizationPart::Settings.key().to_owned(),
            status: Some(200),
            reason: self
                .http
                .redact(&format!("answered with unexpected JSON: {odd}")),
        });
    }

    /// Records what the organization says about itself, and its member count `before` the members were read.
    pub(super) fn note_organization(&mut self, organization: Organization, before: Option<u64>) {
        self.evidence.organization = OrganizationEvidence {
            id: self.base.organization().to_owned(),
            name: organization.name.map(|name| self.http.redact(&name)),
            slug: organization.slug.map(|slug| self.http.redact(&slug)),
            member_count: organization.member_count,
            member_count_before: before,
            membership_level: organization.membership_level,
            members_can_see_org_members: organization.members_can_see_org_members,
        };
    }

    fn keep_members(&mut self, members: ListRead<Member>) {
        for row in members.rows {
            if row.user.id.is_some() && row.user.id == self.owner {
                self.note_owner(&row);
            }
            self.inventory.add_resource(self.types.member(&row));
        }
        self.keep(members.evidence);
    }

    fn note_owner(&mut self, member: &Member) {
        let text = |text: &Option<Text>| text.as_deref().map(ToOwned::to_owned);
        if let Some(key) = &mut self.evidence.key {
            key.owner = Some(KeyOwner {
                user_id: member.user.uuid.to_string(),
                display_name: self.types.member(member).display_name.to_string(),
                email: text(&member.user.email),
                organization_role: member
                    .level
                    .map(|level| Seat::from_level(level).to_string()),
            });
        }
    }
}

/// Whether members may be hidden from a user with this level.
fn is_below_administrator(level: i64) -> bool {
    Seat::Administrator.is_above(Seat::from_level(level))
}

/// Formats a number of members.
fn members(number: Span) -> String {
    let word = if number == Span::from(1) {
        "member"
    } else {
        "members"
    };
    format!("{number} {word}")
}
