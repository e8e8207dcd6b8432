//! Filters of `users` and `roles` by facts that no column holds: seat, 2FA, last login, what is held and by whom.
//!
//! A fact may be unknown. Then it never matches, and who is left out for that reason is counted and reported.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Result;

use crate::commands::catalog::Catalog;
use crate::model::{
    Evidence, Grant, Person, Resource, ResourceId, Seat, SyncRun, SyncType, Timestamp,
};
use crate::progress::{Event, Reporter};
use crate::snapshot::{Filter, GrantColumns, Snapshot};

/// What must be true of a person or a role to be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The person has one of these seats.
    Seat(Vec<SeatName>),
    /// 2FA is off.
    No2fa,
    /// The last login was longer ago than this when the snapshot was taken.
    Idle(Duration),
    /// The person is not in the member list.
    Unlisted,
    /// The person holds no role.
    WithoutRoles,
    /// Nobody holds the role.
    WithoutHolders,
}

/// A seat by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatName {
    /// Level 1.
    Member,
    /// Level 8.
    Administrator,
    /// Level 15.
    Owner,
    /// Any level that PostHog has no name for.
    Unknown,
}

impl SeatName {
    fn is_of(self, seat: Seat) -> bool {
        match self {
            Self::Member => seat == Seat::Member,
            Self::Administrator => seat == Seat::Administrator,
            Self::Owner => seat == Seat::Owner,
            Self::Unknown => matches!(seat, Seat::Unknown(_)),
        }
    }
}

impl Condition {
    /// Whether it is met; `None` if that is not known.
    fn is_met(&self, resource: &Resource, known: &Known) -> Option<bool> {
        let person = Person { resource };
        match self {
            Self::Seat(names) => {
                let seat = person.seat()?;
                Some(names.iter().any(|name| name.is_of(seat)))
            }
            Self::No2fa => person.mfa_enabled().map(|is_on| !is_on),
            Self::Idle(age) => {
                let since = known.idle_since(&person)?;
                Some(known.captured_at.since(since) > *age)
            }
            Self::Unlisted => known.has_member_list.then(|| !person.is_listed()),
            Self::WithoutRoles | Self::WithoutHolders => {
                let held = known.held.as_ref()?;
                Some(!held.contains(&resource.id))
            }
        }
    }

    /// Says that `count` people or roles are left out because it is not known whether it is met.
    fn left_out(&self, count: u64) -> String {
        let who = match (self, count) {
            (Self::WithoutHolders, 1) => "role is",
            (Self::WithoutHolders, _) => "roles are",
            (_, 1) => "person is",
            (_, _) => "people are",
        };
        let what = match self {
            Self::Seat(_) => "their seat is not known",
            Self::No2fa => "their 2FA is not known",
            Self::Idle(_) => "it is not known how long they have been idle",
            Self::Unlisted => "it is not known whether they are in the member list",
            Self::WithoutRoles => "their roles are not known",
            Self::WithoutHolders if count == 1 => "its holders are not known",
            Self::WithoutHolders => "their holders are not known",
        };
        format!("{count} {who} left out because {what}")
    }
}

/// What conditions are compared with, besides the person or role itself.
struct Known {
    captured_at: Timestamp,
    /// Whether the snapshot says who is in the member list. Those of other connectors just have users.
    has_member_list: bool,
    /// Whether a listed member without a last login never logged in. If no listed member has one, nothing is known about
    /// logins.
    has_logins: bool,
    /// Who holds a role, or which roles are held; `None` if that is not known.
    held: Option<HashSet<ResourceId>>,
}

impl Known {
    /// Since when a person has been idle: the last login or, if there was none, when the person joined; `None` if that is
    /// not known.
    fn idle_since(&self, person: &Person<'_>) -> Option<Timestamp> {
        person.last_login().or_else(|| {
            let never = self.has_logins && person.is_listed();
            person.joined_at().filter(|_| never)
        })
    }
}

/// The rows of a list that meet all conditions.
pub(super) struct Narrowed {
    /// By their row ids.
    rows: HashSet<i64>,
    /// How many rows the conditions were applied to.
    pub judged: u64,
    /// By condition, how many rows it left out although they do not fail any, because it is not known whether they meet it.
    left_out: Vec<u64>,
}

impl Narrowed {
    fn new(conditions: &[Condition]) -> Self {
        Self {
            rows: HashSet::new(),
            judged: 0,
            left_out: vec![0; conditions.len()],
        }
    }

    /// Whether a row meets all conditions.
    pub(super) fn has(&self, rowid: i64) -> bool {
        self.rows.contains(&rowid)
    }

    fn judge(&mut self, rowid: i64, resource: &Resource, conditions: &[Condition], known: &Known) {
        self.judged += 1;
        let verdicts: Vec<_> = conditions
            .iter()
            .map(|condition| condition.is_met(resource, known))
            .collect();
        if verdicts.contains(&Some(false)) {
            return;
        }
        if !verdicts.contains(&None) {
            self.rows.insert(rowid);
        }
        for (count, verdict) in self.left_out.iter_mut().zip(verdicts) {
            *count += u64::from(verdict.is_none());
        }
    }

    /// Reports how many people or roles are left out because something is not known.
    pub(super) fn report(&self, conditions: &[Condition], reporter: &dyn Reporter) {
        for (condition, count) in conditions.iter().zip(&self.left_out) {
            if *count > 0 {
                let message = condition.left_out(*count);
                reporter.report(Event::Limited { message });
            }
        }
    }
}

/// Finds the resources that match `filter` and meet all conditions; `None` without conditions.
pub(super) fn narrow(
    conditions: &[Condition],
    filter: &Filter,
    snapshot: &Snapshot,
    run: &SyncRun,
) -> Result<Option<Narrowed>> {
    if conditions.is_empty() {
        return Ok(None);
    }
    let known = known(conditions, snapshot, run)?;
    let mut narrowed = Narrowed::new(conditions);
    let mut rows = snapshot.rows::<Resource>(&run.id, filter)?;
    while let Some(row) = rows.next_row()? {
        let resource = snapshot.decode(&row)?;
        narrowed.judge(row.rowid, &resource, conditions, &known);
    }
    Ok(Some(narrowed))
}

fn known(conditions: &[Condition], snapshot: &Snapshot, run: &SyncRun) -> Result<Known> {
    let evidence = snapshot.evidence(&run.id)?;
    let has_member_list = evidence.is_some();
    // A zone that is not known is read as UTC.
    let captured_at = run.captured_at(run.zone(evidence.as_ref())).as_utc;
    let asks_for_logins = |condition: &Condition| matches!(condition, Condition::Idle(_));
    let has_logins =
        has_member_list && conditions.iter().any(asks_for_logins) && has_logins(snapshot, run)?;
    let lacks_roles = evidence.as_ref().is_some_and(Evidence::lacks_roles);
    let are_grants_known = run.sync_type == SyncType::Full && !lacks_roles;
    let held = if are_grants_known {
        held(conditions, snapshot, run)?
    } else {
        None
    };
    Ok(Known {
        captured_at,
        has_member_list,
        has_logins,
        held,
    })
}

/// Whether a listed member has a last login.
fn has_logins(snapshot: &Snapshot, run: &SyncRun) -> Result<bool> {
    let mut rows = snapshot.rows::<Resource>(&run.id, Filter::EVERYTHING)?;
    while let Some(row) = rows.next_row()? {
        let resource = snapshot.decode(&row)?;
        let found = Person::of(&resource)
            .is_some_and(|person| person.is_listed() && person.last_login().is_some());
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Who holds a role, or which roles are held, as the conditions ask; `None` if none does.
fn held(
    conditions: &[Condition],
    snapshot: &Snapshot,
    run: &SyncRun,
) -> Result<Option<HashSet<ResourceId>>> {
    let asks = conditions.iter().find(|condition| {
        matches!(
            condition,
            Condition::WithoutRoles | Condition::WithoutHolders
        )
    });
    let Some(asks) = asks else { return Ok(None) };
    let catalog = Catalog::new(snapshot, run)?;
    let mut held = HashSet::new();
    let mut rows = snapshot.rows::<Grant>(&run.id, Filter::EVERYTHING)?;
    while let Some(row) = rows.next_row()? {
        let GrantColumns {
            principal,
            resource,
            ..
        } = row.columns;
        match asks {
            Condition::WithoutHolders => held.insert(resource),
            _ => catalog.is_role(resource.resource_type.as_str()) && held.insert(principal),
        };
    }
    Ok(Some(held))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountType, ResourceTypeId, UserTrait, Value, keys};

    const CAPTURED: &str = "2026-09-01T12:00:00Z";
    const DAY: Duration = Duration::from_hours(24);

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn user(name: &str) -> ResourceId {
        ResourceId::new(&ResourceTypeId::new("user"), name)
    }

    /// A person who is known by name only.
    fn person(name: &str) -> Resource {
        Resource {
            id: user(name),
            parent: None,
            display_name: name.into(),
            description: "".into(),
            status: None,
            created_at: None,
            profile: [].into_iter().collect(),
            user: Some(Box::new(UserTrait {
                emails: Vec::new(),
                account_type: AccountType::Human,
                login: "".into(),
                login_aliases: Vec::new(),
                last_login: None,
                mfa_enabled: None,
                sso_enabled: None,
                given_name: "".into(),
                family_name: "".into(),
            })),
        }
    }

    fn profiled(key: &'static str, value: Value) -> Resource {
        Resource {
            profile: [(key.into(), value)].into_iter().collect(),
            ..person("ann")
        }
    }

    fn logged_in(last_login: &str) -> Resource {
        let mut person = person("ann");
        person.user.as_mut().unwrap().last_login = Some(at(last_login));
        person
    }

    fn joined(joined_at: &str) -> Resource {
        Resource {
            created_at: Some(at(joined_at)),
            ..person("ann")
        }
    }

    fn with_mfa(is_on: bool) -> Resource {
        let mut person = person("ann");
        person.user.as_mut().unwrap().mfa_enabled = Some(is_on);
        person
    }

    fn unlisted(mut person: Resource) -> Resource {
        let listed = (keys::LISTED_AS_MEMBER.into(), Value::Bool(false));
        person.profile = [listed].into_iter().collect();
        person
    }

    /// A snapshot of this program in which `holder` holds a role.
    fn known() -> Known {
        Known {
            captured_at: at(CAPTURED),
            has_member_list: true,
            has_logins: true,
            held: Some([user("holder")].into()),
        }
    }

    /// What is compared with the file of another connector, and with a snapshot without logins or roles.
    fn little_known() -> Known {
        Known {
            has_member_list: false,
            has_logins: false,
            held: None,
            ..known()
        }
    }

    #[test]
    fn a_condition_is_met_or_failed_only_where_the_fact_is_known() {
        use Condition::{Idle, No2fa, Seat, Unlisted, WithoutHolders, WithoutRoles};
        const YES: Option<bool> = Some(true);
        const NO: Option<bool> = Some(false);
        let seat = |level| profiled(keys::ORGANIZATION_LEVEL, Value::Number(level));
        let admins = Seat(vec![SeatName::Administrator, SeatName::Owner]);
        let odd = Seat(vec![SeatName::Unknown]);
        let word = profiled(keys::ORGANIZATION_ROLE, Value::Text("Chief".into()));
        let idle = Idle(DAY);
        for (condition, who, expected, if_little_is_known) in [
            (&admins, seat(1.0), NO, NO),
            (&admins, seat(8.0), YES, YES),
            (&admins, seat(15.0), YES, YES),
            (&admins, seat(3.0), NO, NO),
            (&admins, word, None, None),
            (&admins, person("ann"), None, None),
            (&odd, seat(3.0), YES, YES),
            (&odd, seat(8.0), NO, NO),
            (&odd, person("ann"), None, None),
            (&No2fa, with_mfa(false), YES, YES),
            (&No2fa, with_mfa(true), NO, NO),
            (&No2fa, person("ann"), None, None),
            (&idle, logged_in("2026-08-31T11:59:59.999999999Z"), YES, YES),
            (&idle, logged_in("2026-08-31T12:00:00Z"), NO, NO),
            (&idle, logged_in("2026-08-31T12:00:00.000000001Z"), NO, NO),
            // By a clock that is ahead.
            (&idle, logged_in("2027-01-01T00:00:00Z"), NO, NO),
            (&idle, unlisted(logged_in("2020-01-01T00:00:00Z")), YES, YES),
            (&idle, joined("2026-08-31T11:59:59Z"), YES, None),
            (&idle, joined("2026-08-31T12:00:00Z"), NO, None),
            (&idle, unlisted(joined("2020-01-01T00:00:00Z")), None, None),
            (&idle, person("ann"), None, None),
            (&Unlisted, person("ann"), NO, None),
            (&Unlisted, unlisted(person("ann")), YES, None),
            (&WithoutRoles, person("holder"), NO, None),
            (&WithoutRoles, person("ann"), YES, None),
            (&WithoutHolders, person("holder"), NO, None),
            (&WithoutHolders, person("ann"), YES, None),
        ] {
            let shown = (condition, &who);
            assert_eq!(condition.is_met(&who, &known()), expected, "{shown:?}");
            let met = condition.is_met(&who, &little_known());
            assert_eq!(met, if_little_is_known, "{shown:?}");
        }
    }

    #[test]
    fn a_person_who_fails_one_condition_is_not_left_out_for_another_that_is_not_known() {
        let conditions = [Condition::No2fa, Condition::Unlisted];
        for (who, is_shown, left_out) in [
            (unlisted(with_mfa(false)), true, [0, 0]),
            (with_mfa(false), false, [0, 0]),
            (unlisted(with_mfa(true)), false, [0, 0]),
            (person("ann"), false, [0, 0]),
            (unlisted(person("ann")), false, [1, 0]),
        ] {
            let mut narrowed = Narrowed::new(&conditions);
            narrowed.judge(7, &who, &conditions, &known());
            assert_eq!(narrowed.has(7), is_shown, "{who:?}");
            assert_eq!(narrowed.left_out, left_out, "{who:?}");
            assert_eq!(narrowed.judged, 1);
        }
        // Without a member list, someone may be left out for both.
        let mut narrowed = Narrowed::new(&conditions);
        narrowed.judge(7, &person("ann"), &conditions, &little_known());
        assert_eq!(narrowed.left_out, [1, 1]);
    }

    #[test]
    fn what_is_said_about_those_left_out_is_a_sentence_for_one_and_for_many() {
        for (condition, one, many) in [
            (
                Condition::No2fa,
                "1 person is left out because their 2FA is not known",
                "2 people are left out because their 2FA is not known",
            ),
            (
                Condition::WithoutHolders,
                "1 role is left out because its holders are not known",
                "2 roles are left out because their holders are not known",
            ),
        ] {
            assert_eq!(condition.left_out(1), one);
            assert_eq!(condition.left_out(2), many);
        }
    }
}
