//! The spans of a person and of a role, from what each run shows of them.

use std::collections::BTreeMap;

use super::spans::{Seen, Spans};
use crate::model::{Named, ResourceId, Span, SpanOf, SpanValue, Timestamp};

/// What a run covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Whether it read roles and who holds them.
    pub knows_roles: bool,
    /// Whether what it does not show is not there. A crawl that may be incomplete proves only what it shows.
    pub is_complete: bool,
}

/// A person in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonSeen {
    /// Whether the person is in the member list.
    pub is_listed: bool,
    /// The id of the membership in the organization.
    pub membership_id: Option<String>,
    /// When the membership began.
    pub joined_at: Option<Timestamp>,
    /// The seat.
    pub seat: Option<String>,
    /// Whether 2FA is on.
    pub two_factor: Option<bool>,
    /// The primary e-mail address.
    pub email: Option<String>,
    /// The display name; `None` if it is empty.
    pub name: Option<String>,
}

/// A grant in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantSeen {
    /// The role, in the history of a person; the holder, in that of a role.
    pub id: ResourceId,
    /// The id of the role membership.
    pub membership_id: Option<String>,
    /// When it began.
    pub joined_at: Option<Timestamp>,
}

/// A membership by its id, where the source has one.
type Membership = Option<String>;

/// Whether a sighting is of the same membership. Without an id it is, if it never ended.
fn is_same_membership(so_far: &mut Membership, now: &Membership) -> bool {
    if so_far.is_none() {
        so_far.clone_from(now);
    }
    now.is_none() || so_far == now
}

/// Grants over time, by role or by holder.
#[derive(Debug, Default)]
struct Grants {
    spans: BTreeMap<ResourceId, Spans<Membership>>,
    /// The last capture that shows every grant.
    last_complete: Option<Timestamp>,
}

impl Grants {
    fn observe(&mut self, at: Timestamp, reach: Reach, grants: &[GrantSeen]) {
        if !reach.knows_roles {
            return;
        }
        let mut seen: BTreeMap<&ResourceId, &GrantSeen> = BTreeMap::new();
        for grant in grants {
            // A role may have several entitlements; holding one of them is holding the role.
            seen.entry(&grant.id).or_insert(grant);
        }
        if reach.is_complete {
            for (id, spans) in &mut self.spans {
                if !seen.contains_key(id) {
                    spans.observe(at, Seen::Absent, is_same_membership);
                }
            }
        }
        for (id, grant) in seen {
            let new = || Spans::unknown_until(self.last_complete);
            let spans = self.spans.entry(id.clone()).or_insert_with(new);
            let present = Seen::Present {
                value: grant.membership_id.clone(),
                since: grant.joined_at,
            };
            spans.observe(at, present, is_same_membership);
        }
        if reach.is_complete {
            self.last_complete = Some(at);
        }
    }

    fn finish(self, of: SpanOf, named: impl Fn(&ResourceId) -> Named) -> Vec<Span> {
        let mut all = Vec::new();
        for (id, spans) in self.spans {
            for (_, from, until) in spans.finish() {
                all.push(Span {
                    of,
                    value: Some(SpanValue::Text(id.resource.to_string())),
                    named: named(&id),
                    from,
                    until,
                });
            }
        }
        all
    }
}

/// A person over time.
#[derive(Debug, Default)]
pub struct PersonStory {
    member: Spans<Membership>,
    seat: Spans<String>,
    two_factor: Spans<bool>,
    email: Spans<String>,
    name: Spans<String>,
    roles: Grants,
    /// Whether the person was in the member list when last seen.
    was_listed: bool,
}

impl PersonStory {
    /// Takes what the run captured at `at` shows of the person: the person, if it has one, and the roles held. Runs must be in
    /// the order of their captures.
    pub fn observe(
        &mut self,
        at: Timestamp,
        reach: Reach,
        person: Option<&PersonSeen>,
        roles: &[GrantSeen],
    ) {
        let member = match person {
            Some(person) if person.is_listed => Seen::Present {
                value: person.membership_id.clone(),
                since: person.joined_at,
            },
            _ => not_there(reach.is_complete),
        };
        self.member.observe(at, member, is_same_membership);
        // People who are not in the member list are only known by their roles.
        let is_gone = reach.is_complete && reach.knows_roles;
        let seat = match person {
            Some(person) if person.is_listed || person.seat.is_some() => {
                Seen::known(person.seat.clone())
            }
            Some(_) => not_there(reach.is_complete),
            None => not_there(is_gone || reach.is_complete && self.was_listed),
        };
        self.seat.observe(at, seat, is_equal);
        self.was_listed = person.map_or(self.was_listed, |person| person.is_listed);
        fn fact<T>(
            person: Option<&PersonSeen>,
            is_gone: bool,
            of: impl Fn(&PersonSeen) -> Option<T>,
        ) -> Seen<T> {
            match person {
                Some(person) => Seen::known(of(person)),
                None => not_there(is_gone),
            }
        }
        let two_factor = fact(person, is_gone, |person| person.two_factor);
        self.two_factor.observe(at, two_factor, is_equal);
        let email = fact(person, is_gone, |person| person.email.clone());
        self.email.observe(at, email, is_equal);
        let name = fact(person, is_gone, |person| person.name.clone());
        self.name.observe(at, name, is_equal);
        self.roles.observe(at, reach, roles);
    }

    /// Returns the spans in the order of their starts. `named` says what a role is called.
    pub fn finish(self, named: impl Fn(&ResourceId) -> Named) -> Vec<Span> {
        fn spans<T>(
            of: SpanOf,
            spans: Spans<T>,
            value: impl Fn(T) -> Option<SpanValue>,
        ) -> impl Iterator<Item = Span> {
            let finished = spans.finish().into_iter();
            finished.map(move |(found, from, until)| Span {
                of,
                value: value(found),
                named: Named::default(),
                from,
                until,
            })
        }
        let text = |text| Some(SpanValue::Text(text));
        let mut all: Vec<Span> = spans(SpanOf::Member, self.member, |id| id.map(SpanValue::Text))
            .chain(spans(SpanOf::Seat, self.seat, text))
            .chain(spans(SpanOf::TwoFactor, self.two_factor, |on| {
                Some(SpanValue::Flag(on))
            }))
            .chain(spans(SpanOf::Email, self.email, text))
            .chain(spans(SpanOf::Name, self.name, text))
            .chain(self.roles.finish(SpanOf::Role, named))
            .collect();
        sort(&mut all);
        all
    }
}

fn is_equal<T: PartialEq>(so_far: &mut T, now: &T) -> bool {
    *so_far == *now
}

/// What a run shows of a fact about something that it does not have.
fn not_there<T>(is_proof: bool) -> Seen<T> {
    if is_proof {
        Seen::Absent
    } else {
        Seen::Unknown
    }
}

/// A role over time.
#[derive(Debug, Default)]
pub struct RoleStory {
    holders: Grants,
}

impl RoleStory {
    /// Takes the holders of the role in the run captured at `at`. Runs must be in the order of their captures.
    pub fn observe(&mut self, at: Timestamp, reach: Reach, holders: &[GrantSeen]) {
        self.holders.observe(at, reach, holders);
    }

    /// Returns the spans in the order of their starts. `named` says what a holder is called.
    pub fn finish(self, named: impl Fn(&ResourceId) -> Named) -> Vec<Span> {
        let mut all = self.holders.finish(SpanOf::Holder, named);
        sort(&mut all);
        all
    }
}

fn sort(spans: &mut [Span]) {
    spans.sort_by(|a, b| {
        let key = |span: &Span| (span.from.by, span.from.after, span.of, span.until);
        (key(a), &a.value).cmp(&(key(b), &b.value))
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ResourceTypeId;

    fn unnamed(_: &ResourceId) -> Named {
        Named::default()
    }

    fn capture(night: usize) -> Timestamp {
        Timestamp::from_unix(1_780_000_000 + night as i64 * 86_400, 0).unwrap()
    }

    const FULL: Reach = Reach {
        knows_roles: true,
        is_complete: true,
    };

    fn grant(id: u8, membership: Option<u8>) -> GrantSeen {
        GrantSeen {
            id: ResourceId::new(&ResourceTypeId::new("role"), id.to_string()),
            membership_id: membership.map(|id| id.to_string()),
            joined_at: None,
        }
    }

    /// One night: whether roles were read, whether it is complete, and the holders with their memberships.
    type Night = (bool, bool, BTreeMap<u8, u8>);

    fn nights() -> impl Strategy<Value = Vec<Night>> {
        let holders = proptest::collection::btree_map(0..4_u8, 0..2_u8, 0..4);
        let night = (
            proptest::bool::weighted(0.8),
            proptest::bool::weighted(0.8),
            holders,
        );
        proptest::collection::vec(night, 0..14)
    }

    proptest! {
        #[test]
        fn every_night_has_exactly_the_holders_whose_spans_cover_it(nights in nights()) {
            let mut story = RoleStory::default();
            for (at, (knows_roles, is_complete, holders)) in nights.iter().enumerate() {
                let reach = Reach { knows_roles: *knows_roles, is_complete: *is_complete };
                let seen: Vec<_> = holders.iter().map(|(id, membership)| grant(*id, Some(*membership))).collect();
                story.observe(capture(at), reach, &seen);
            }
            let spans = story.finish(unnamed);
            for (at, (knows_roles, is_complete, holders)) in nights.iter().enumerate() {
                for id in 0..4_u8 {
                    let value = Some(SpanValue::Text(id.to_string()));
                    let covering = spans.iter().filter(|span| {
                        span.value == value
                            && span.from.by <= capture(at)
                            && span.until.is_none_or(|until| capture(at) < until.by)
                    });
                    let covering = covering.count();
                    match (knows_roles, holders.contains_key(&id)) {
                        (true, true) => prop_assert_eq!(covering, 1, "night {} holder {}", at, id),
                        (true, false) if *is_complete => prop_assert_eq!(covering, 0, "night {} holder {}", at, id),
                        // What was not read says nothing.
                        _ => prop_assert!(covering <= 1),
                    }
                }
            }
            for span in &spans {
                prop_assert!(span.from.after.is_none_or(|after| after < span.from.by));
                if let Some(until) = span.until {
                    prop_assert!(until.after.is_some_and(|after| after < until.by));
                    prop_assert!(span.from.by <= until.by);
                }
            }
        }
    }

    #[test]
    fn night_without_roles_or_one_that_may_be_incomplete_ends_nothing() {
        let person = PersonSeen {
            is_listed: true,
            membership_id: None,
            joined_at: None,
            seat: Some("member".to_owned()),
            two_factor: Some(true),
            email: Some("ada@example.com".to_owned()),
            name: Some("Ada".to_owned()),
        };
        let mut story = PersonStory::default();
        story.observe(capture(0), FULL, Some(&person), &[grant(1, None)]);
        let incomplete = Reach {
            is_complete: false,
            ..FULL
        };
        story.observe(capture(1), incomplete, None, &[]);
        let without_roles = Reach {
            knows_roles: false,
            ..FULL
        };
        story.observe(capture(2), without_roles, Some(&person), &[]);
        story.observe(capture(3), FULL, Some(&person), &[grant(1, None)]);
        let spans = story.finish(unnamed);
        assert_eq!(spans.len(), 6, "{spans:?}");
        assert!(spans.iter().all(|span| span.until.is_none()), "{spans:?}");
    }

    #[test]
    fn new_membership_id_starts_a_new_span_and_the_old_one_ends_before_it() {
        let joined = Timestamp::from_unix(capture(1).unix_seconds() - 3_600, 0);
        let rejoined = GrantSeen {
            joined_at: joined,
            ..grant(1, Some(2))
        };
        let mut story = RoleStory::default();
        story.observe(capture(0), FULL, &[grant(1, Some(1))]);
        story.observe(capture(1), FULL, &[rejoined]);
        let spans = story.finish(unnamed);
        let until = spans[0].until.unwrap();
        assert_eq!((until.after, Some(until.by)), (Some(capture(0)), joined));
        assert!(spans[1].from.is_exact());
        assert_eq!(Some(spans[1].from.by), joined);
    }
}
