//! Rules about people against an oracle of their own, written from the contract, over people of every kind.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Audited, before, found, login, not_judged, tidy};
use crate::diff::{ORGANIZATION_ID, Organization};

#[derive(Clone, Debug)]
struct Someone {
    level: Option<u32>,
    two_factor: Option<bool>,
    /// Seconds before the capture.
    last_login: Option<i64>,
    joined: Option<i64>,
    is_listed: bool,
    has_role: bool,
    verified: Option<bool>,
    email: Option<&'static str>,
}

const DAY: i64 = 86_400;

fn any_time() -> impl Strategy<Value = Option<i64>> {
    prop::sample::select(vec![
        None,
        Some(0),
        Some(DAY),
        Some(90 * DAY - 1),
        Some(90 * DAY),
        Some(90 * DAY + 1),
        Some(400 * DAY),
    ])
}

fn someone() -> impl Strategy<Value = Someone> {
    let level = prop::sample::select(vec![None, Some(1), Some(3), Some(8), Some(15), Some(99)]);
    let flag = || prop::sample::select(vec![None, Some(false), Some(true)]);
    let email = prop::sample::select(vec![
        None,
        Some("a@example.com"),
        Some("A@EXAMPLE.COM"),
        Some("a@example.com."),
        Some("a@eu.example.com"),
        Some("a@example.org"),
        Some("nobody"),
    ]);
    (
        level,
        flag(),
        any_time(),
        any_time(),
        any::<bool>(),
        any::<bool>(),
        flag(),
        email,
    )
        .prop_map(
            |(level, two_factor, last_login, joined, is_listed, has_role, verified, email)| {
                Someone {
                    level,
                    two_factor,
                    last_login,
                    joined,
                    is_listed,
                    has_role,
                    verified,
                    email,
                }
            },
        )
}

fn organization(people: &[Someone]) -> Organization {
    let mut o = tidy();
    for name in ["Ann", "Bob", "Cem", "Dee", "Eve"] {
        o.leave(name);
    }
    for (at, one) in people.iter().enumerate() {
        let name = format!("P{at}");
        o.join(&name, one.level.unwrap_or(1));
        if one.level.is_none() {
            o.set(&name, "organization_level", None);
            o.set(&name, "organization_role", None);
        }
        o.second_factor(&name, one.two_factor);
        login(
            &mut o,
            &name,
            one.last_login.map(|seconds| before(0, seconds)),
        );
        o.person(&name).created_at = one.joined.map(|seconds| before(0, seconds));
        o.set(&name, "email_verified", one.verified.map(Into::into));
        match one.email {
            Some(email) => o.email(&name, email),
            None => {
                o.user(&name).emails.clear();
                o.user(&name).login = "".into();
                o.set(&name, "email", None);
            }
        }
        if !one.is_listed {
            o.unlist(&name);
        }
        if one.has_role {
            o.give("eng", &name);
        }
    }
    o
}

/// The findings and the rules that cannot be judged, by the contract.
fn expected(people: &[Someone]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut findings, mut unjudged) = (BTreeSet::new(), BTreeSet::new());
    let listed = || people.iter().filter(|one| one.is_listed);
    let seats_known = listed().any(|one| one.level.is_some());
    let mut rule = |code: &str, is_judged: bool, finds: &dyn Fn(&Someone) -> bool| {
        if !is_judged {
            unjudged.insert(code.to_owned());
            return;
        }
        for (at, one) in people.iter().enumerate() {
            if finds(one) {
                findings.insert(format!("{code} user:p{at}"));
            }
        }
    };
    let is_admin = |one: &Someone| matches!(one.level, Some(8 | 15));
    let is_other = |one: &Someone| one.is_listed && !is_admin(one);
    let is_dormant = |one: &Someone| match (one.last_login, one.joined) {
        (Some(ago), _) => ago > 90 * DAY,
        (None, Some(ago)) => one.is_listed && ago > 90 * DAY,
        (None, None) => false,
    };
    let knows_2fa = listed().any(|one| one.two_factor.is_some());
    let knows_logins = listed().any(|one| one.last_login.is_some());
    let lacks_2fa = |one: &Someone| one.two_factor == Some(false);
    rule("admin-without-2fa", seats_known && knows_2fa, &|one| {
        is_admin(one) && lacks_2fa(one)
    });
    rule("member-without-2fa", knows_2fa, &|one| {
        is_other(one) && lacks_2fa(one)
    });
    rule("dormant-admin", seats_known && knows_logins, &|one| {
        is_admin(one) && is_dormant(one)
    });
    rule("dormant-member", knows_logins, &|one| {
        is_other(one) && is_dormant(one)
    });
    rule("holder-not-listed", true, &|one| {
        !one.is_listed && one.has_role
    });
    rule("unknown-seat", seats_known, &|one| {
        matches!(one.level, Some(3 | 99))
    });
    let knows_verified = listed().any(|one| one.verified.is_some());
    rule("unverified-email", knows_verified, &|one| {
        one.is_listed && one.verified == Some(false)
    });
    let is_outside = |one: &Someone| {
        let email = one.email.map(|email| email.to_lowercase());
        email.is_some_and(|email| !email.trim_end_matches('.').ends_with("@example.com"))
    };
    let knows_addresses = listed().any(|one| one.email.is_some());
    rule("outside-domain", knows_addresses, &|one| {
        one.is_listed && is_outside(one)
    });
    let owners = listed().filter(|one| one.level == Some(15)).count();
    for (code, is_found) in [
        ("too-many-owners", owners > 3),
        ("single-owner", owners == 1),
    ] {
        if !seats_known {
            unjudged.insert(code.to_owned());
        } else if is_found {
            findings.insert(format!("{code} organization:{ORGANIZATION_ID}"));
        }
    }
    (findings, unjudged)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn people_are_judged_as_the_contract_says(people in prop::collection::vec(someone(), 0..8)) {
        let document = Audited::of(&organization(&people)).json(&[]);
        let (findings, unjudged) = expected(&people);
        let ours: BTreeSet<String> = found(&document).into_iter().filter(|line| !line.starts_with("role-without-holders")).collect();
        prop_assert_eq!(ours, findings);
        let roster = ["left-but-present", "not-in-roster"].map(ToOwned::to_owned);
        let missing: BTreeSet<String> = not_judged(&document).into_keys().collect();
        prop_assert_eq!(missing, unjudged.into_iter().chain(roster).collect());
    }
}
