//! Each rule: what it finds, what is just not a finding, what is not known, and what cannot be judged.

use serde_json::{Value, json};

use super::{Audited, SYNC_ID, add, before, found, invitation, login, not_judged, unknown, unread};
use crate::diff::{ORGANIZATION_ID, Organization};

type Change = fn(&mut Organization);

/// What a rule says.
enum Says {
    /// Exactly these subjects, and for how many the fact is not known.
    Found(&'static [&'static str], u64),
    /// That it could not be judged, for this reason.
    NotJudged(&'static str),
}

use Says::{Found, NotJudged};

const PEOPLE: [&str; 5] = ["Ann", "Bob", "Cem", "Dee", "Eve"];
const ORGANIZATION: &[&str] = &["organization:019a1b2c-0000-7000-8000-00000000aaaa"];
const SNAPSHOT: &[&str] = &["snapshot:0ujsszwN8NRY24YaXiTIE2VWDTS"];

fn everybody(o: &mut Organization, change: impl Fn(&mut Organization, &str)) {
    for name in PEOPLE {
        change(o, name);
    }
}

fn key(o: &mut Organization) -> &mut posthog_c1z::model::CrawlKey {
    o.evidence.as_mut().unwrap().key.as_mut().unwrap()
}

fn domain(o: &mut Organization) -> &mut Value {
    &mut o.document["domains"][0]
}

/// Takes an address and everything that could stand for it away.
fn without_address(o: &mut Organization, name: &str) {
    let user = o.user(name);
    user.emails.clear();
    user.login = "".into();
    o.set(name, "email", None);
}

#[track_caller]
fn check(rows: &[(&str, Change, &str, Says)]) {
    for (what, change, code, says) in rows {
        let document = Audited::after(change).json(&[]);
        let of_code = |line: &String| {
            line.strip_prefix(&format!("{code} "))
                .map(ToOwned::to_owned)
        };
        let ids: Vec<String> = found(&document).iter().filter_map(of_code).collect();
        let unjudged = not_judged(&document).remove(*code);
        match says {
            Found(wanted, unknowns) => {
                assert_eq!(unjudged, None, "{what}: {code}");
                assert_eq!(ids, *wanted, "{what}: {code}");
                assert_eq!(unknown(&document, code), *unknowns, "{what}: {code}");
            }
            NotJudged(reason) => {
                assert_eq!(ids, [""; 0], "{what}: {code}");
                assert_eq!(unjudged.as_deref(), Some(*reason), "{what}: {code}");
            }
        }
    }
}

#[test]
fn a_tidy_organization_has_no_finding_and_only_the_roster_is_missing() {
    let document = Audited::after(|_| {}).json(&[]);
    assert_eq!(found(&document), [""; 0]);
    let missing = not_judged(&document);
    let codes: Vec<_> = missing.keys().collect();
    assert_eq!(codes, ["left-but-present", "not-in-roster"]);
    assert!(
        missing
            .values()
            .all(|why| why == "no roster was given (--roster)")
    );
    assert_eq!(document["rules"].as_array().unwrap().len(), 19);
}

#[test]
fn second_factors() {
    let admin = "admin-without-2fa";
    let member = "member-without-2fa";
    check(&[
        (
            "an owner",
            |o| o.second_factor("Bob", Some(false)),
            admin,
            Found(&["user:bob"], 0),
        ),
        (
            "an owner is not another member",
            |o| o.second_factor("Bob", Some(false)),
            member,
            Found(&[], 0),
        ),
        (
            "an administrator",
            |o| o.second_factor("Eve", Some(false)),
            admin,
            Found(&["user:eve"], 0),
        ),
        (
            "a member",
            |o| o.second_factor("Ann", Some(false)),
            member,
            Found(&["user:ann"], 0),
        ),
        (
            "a member is not an administrator",
            |o| o.second_factor("Ann", Some(false)),
            admin,
            Found(&[], 0),
        ),
        (
            "a level without a name",
            |o| {
                o.seat("Ann", 3);
                o.second_factor("Ann", Some(false));
            },
            member,
            Found(&["user:ann"], 0),
        ),
        (
            "an unlisted owner",
            |o| {
                o.second_factor("Bob", Some(false));
                o.unlist("Bob");
            },
            admin,
            Found(&["user:bob"], 0),
        ),
        (
            "an unlisted member",
            |o| {
                o.second_factor("Ann", Some(false));
                o.unlist("Ann");
            },
            member,
            Found(&[], 0),
        ),
        (
            "an unlisted person without a seat",
            |o| {
                o.second_factor("Bob", Some(false));
                o.unlist("Bob");
                o.set("Bob", "organization_level", None);
                o.set("Bob", "organization_role", None);
            },
            admin,
            Found(&[], 0),
        ),
        (
            "not known for an owner",
            |o| o.second_factor("Bob", None),
            admin,
            Found(&[], 1),
        ),
        (
            "not known for a member",
            |o| o.second_factor("Ann", None),
            member,
            Found(&[], 1),
        ),
        (
            "not known for anybody",
            |o| everybody(o, |o, name| o.second_factor(name, None)),
            member,
            NotJudged("2FA is not known for any listed member"),
        ),
        (
            "known for unlisted people alone",
            |o| {
                everybody(o, |o, name| o.second_factor(name, None));
                o.second_factor("Bob", Some(false));
                o.unlist("Bob");
            },
            admin,
            NotJudged("2FA is not known for any listed member"),
        ),
        (
            "no seats",
            |o| {
                everybody(o, |o, name| {
                    o.set(name, "organization_level", None);
                    o.set(name, "organization_role", None);
                });
            },
            admin,
            NotJudged("the seat is not known for any listed member"),
        ),
    ]);
}

#[test]
fn settings_of_the_organization() {
    let enforced = "2fa-not-enforced";
    let invite = "members-can-invite";
    const NO_DOCUMENT: &str = "the snapshot has no organization document: it was made by a version of this program that \
                               did not read one";
    check(&[
        (
            "off",
            |o| o.document["settings"]["enforce_2fa"] = json!(false),
            enforced,
            Found(ORGANIZATION, 0),
        ),
        (
            "never set",
            |o| o.document["settings"]["enforce_2fa"] = Value::Null,
            enforced,
            Found(ORGANIZATION, 0),
        ),
        (
            "not sent",
            |o| o.document["settings"] = json!({}),
            enforced,
            NotJudged("the server did not send `enforce_2fa`"),
        ),
        (
            "settings not read",
            |o| unread(o, "settings"),
            enforced,
            NotJudged("the settings were not read: the key may not read it"),
        ),
        (
            "no document",
            |o| o.document = Value::Null,
            enforced,
            NotJudged(NO_DOCUMENT),
        ),
        (
            "left out",
            |o| {
                o.document = Value::Null;
                o.evidence.as_mut().unwrap().not_read = vec!["organization".to_owned()];
            },
            enforced,
            NotJudged(
                "the snapshot has no organization document: it was made with --without-organization",
            ),
        ),
        (
            "on",
            |o| o.document["settings"]["members_can_invite"] = json!(true),
            invite,
            Found(ORGANIZATION, 0),
        ),
        (
            "null is not on",
            |o| o.document["settings"]["members_can_invite"] = Value::Null,
            invite,
            Found(&[], 0),
        ),
        (
            "not sent",
            |o| o.document["settings"] = json!({}),
            invite,
            NotJudged("the server did not send `members_can_invite`"),
        ),
        (
            "no document",
            |o| o.document = Value::Null,
            invite,
            NotJudged(NO_DOCUMENT),
        ),
    ]);
}

#[test]
fn single_sign_on() {
    let sso = "sso-not-enforced";
    check(&[
        (
            "empty",
            |o| domain(o)["sso_enforcement"] = json!(""),
            sso,
            Found(&["domain:d1"], 0),
        ),
        (
            "null",
            |o| domain(o)["sso_enforcement"] = Value::Null,
            sso,
            Found(&["domain:d1"], 0),
        ),
        (
            "not sent",
            |o| *domain(o) = json!({"id": "d1", "domain": "example.com", "is_verified": true}),
            sso,
            Found(&[], 1),
        ),
        (
            "not verified",
            |o| *domain(o) = json!({"id": "d1", "domain": "example.com", "is_verified": false, "sso_enforcement": ""}),
            sso,
            Found(&[], 0),
        ),
        (
            "not known whether verified",
            |o| *domain(o) = json!({"id": "d1", "domain": "example.com", "sso_enforcement": ""}),
            sso,
            Found(&[], 1),
        ),
        (
            "no domain",
            |o| o.document["domains"] = json!([]),
            sso,
            Found(&[], 0),
        ),
        (
            "not read",
            |o| unread(o, "domains"),
            sso,
            NotJudged("the domains were not read: the key may not read it"),
        ),
    ]);
}

#[test]
fn dormant_people() {
    let admin = "dormant-admin";
    let member = "dormant-member";
    check(&[
        (
            "exactly 90 days",
            |o| login(o, "Ann", Some(before(90, 0))),
            member,
            Found(&[], 0),
        ),
        (
            "a second more",
            |o| login(o, "Ann", Some(before(90, 1))),
            member,
            Found(&["user:ann"], 0),
        ),
        (
            "an administrator",
            |o| login(o, "Eve", Some(before(90, 1))),
            admin,
            Found(&["user:eve"], 0),
        ),
        (
            "an administrator after exactly 90 days",
            |o| login(o, "Eve", Some(before(90, 0))),
            admin,
            Found(&[], 0),
        ),
        (
            "an administrator is not another member",
            |o| login(o, "Eve", Some(before(91, 0))),
            member,
            Found(&[], 0),
        ),
        (
            "never, joined in January",
            |o| login(o, "Ann", None),
            member,
            Found(&["user:ann"], 0),
        ),
        (
            "never, joined 90 days before",
            |o| {
                login(o, "Ann", None);
                o.person("Ann").created_at = Some(before(90, 0));
            },
            member,
            Found(&[], 0),
        ),
        (
            "never, joined at an unknown time",
            |o| {
                login(o, "Ann", None);
                o.person("Ann").created_at = None;
            },
            member,
            Found(&[], 1),
        ),
        (
            "an unlisted owner by a known login",
            |o| {
                login(o, "Bob", Some(before(91, 0)));
                o.unlist("Bob");
            },
            admin,
            Found(&["user:bob"], 0),
        ),
        (
            "an unlisted owner without one",
            |o| {
                login(o, "Bob", None);
                o.unlist("Bob");
            },
            admin,
            Found(&[], 1),
        ),
        (
            "an unlisted member",
            |o| {
                login(o, "Ann", Some(before(91, 0)));
                o.unlist("Ann");
            },
            member,
            Found(&[], 0),
        ),
        (
            "no login anywhere",
            |o| everybody(o, |o, name| login(o, name, None)),
            member,
            NotJudged("the last login is not known for any listed member"),
        ),
        (
            "no login of listed people",
            |o| {
                everybody(o, |o, name| login(o, name, None));
                login(o, "Bob", Some(before(91, 0)));
                o.unlist("Bob");
            },
            admin,
            NotJudged("the last login is not known for any listed member"),
        ),
    ]);
    // Never a wrong word for somebody whose seat is not known.
    let audited = Audited::after(|o| {
        login(o, "Ann", None);
        o.set("Ann", "organization_level", None);
        o.set("Ann", "organization_role", None);
    });
    let document = audited.json(&[]);
    assert_eq!(
        document["findings"][0]["message"],
        "user, never logged in, joined 2026-01-05 (244 days before)"
    );
}

#[test]
fn seats_and_owners() {
    let many = "too-many-owners";
    let single = "single-owner";
    let unnamed = "unknown-seat";
    fn no_seat(o: &mut Organization, name: &str) {
        o.set(name, "organization_level", None);
        o.set(name, "organization_role", None);
    }
    check(&[
        ("three owners", |o| o.seat("Eve", 15), many, Found(&[], 0)),
        (
            "four owners",
            |o| {
                o.seat("Eve", 15);
                o.seat("Ann", 15);
            },
            many,
            Found(ORGANIZATION, 0),
        ),
        (
            "a fourth who is not listed",
            |o| {
                o.seat("Eve", 15);
                o.seat("Ann", 15);
                o.unlist("Ann");
            },
            many,
            Found(&[], 0),
        ),
        (
            "one owner",
            |o| o.seat("Bob", 8),
            single,
            Found(ORGANIZATION, 0),
        ),
        (
            "no owner",
            |o| {
                o.seat("Bob", 8);
                o.seat("Cem", 8);
            },
            single,
            Found(&[], 0),
        ),
        (
            "another who is not listed",
            |o| o.unlist("Bob"),
            single,
            Found(ORGANIZATION, 0),
        ),
        (
            "a seat is not known",
            |o| {
                o.seat("Bob", 8);
                no_seat(o, "Ann");
            },
            single,
            Found(ORGANIZATION, 1),
        ),
        (
            "no seat is known",
            |o| everybody(o, no_seat),
            single,
            NotJudged("the seat is not known for any listed member"),
        ),
        (
            "no seat is known",
            |o| everybody(o, no_seat),
            many,
            NotJudged("the seat is not known for any listed member"),
        ),
        (
            "no seat is known",
            |o| everybody(o, no_seat),
            unnamed,
            NotJudged("the seat is not known for any listed member"),
        ),
        (
            "level 3",
            |o| o.seat("Ann", 3),
            unnamed,
            Found(&["user:ann"], 0),
        ),
        (
            "level 3 of somebody who is not listed",
            |o| {
                o.seat("Ann", 3);
                o.unlist("Ann");
            },
            unnamed,
            Found(&["user:ann"], 0),
        ),
        (
            "not known for a member",
            |o| no_seat(o, "Ann"),
            unnamed,
            Found(&[], 1),
        ),
    ]);
    let messages =
        |change: Change| Audited::after(change).json(&[])["findings"][0]["message"].clone();
    assert_eq!(messages(|o| o.seat("Bob", 8)), "there is a single owner");
    assert_eq!(
        messages(|o| {
            o.seat("Bob", 8);
            no_seat(o, "Ann");
        }),
        "a single owner is known"
    );
}

#[test]
fn addresses_and_domains() {
    let unverified = "unverified-email";
    let outside = "outside-domain";
    check(&[
        (
            "false",
            |o| o.set("Ann", "email_verified", Some(false.into())),
            unverified,
            Found(&["user:ann"], 0),
        ),
        (
            "not known",
            |o| o.set("Ann", "email_verified", None),
            unverified,
            Found(&[], 1),
        ),
        (
            "not listed",
            |o| {
                o.set("Ann", "email_verified", Some(false.into()));
                o.unlist("Ann");
            },
            unverified,
            Found(&[], 0),
        ),
        (
            "not known for anybody",
            |o| everybody(o, |o, name| o.set(name, "email_verified", None)),
            unverified,
            NotJudged("whether the address is verified is not known for any listed member"),
        ),
        (
            "another domain",
            |o| o.email("Ann", "ann@example.org"),
            outside,
            Found(&["user:ann"], 0),
        ),
        (
            "a subdomain",
            |o| o.email("Ann", "ann@eu.example.com"),
            outside,
            Found(&["user:ann"], 0),
        ),
        (
            "a longer name",
            |o| o.email("Ann", "ann@notexample.com"),
            outside,
            Found(&["user:ann"], 0),
        ),
        (
            "other case",
            |o| o.email("Ann", "ANN@EXAMPLE.COM"),
            outside,
            Found(&[], 0),
        ),
        (
            "no domain at all",
            |o| o.email("Ann", "ann"),
            outside,
            Found(&["user:ann"], 0),
        ),
        (
            "not listed",
            |o| {
                o.email("Ann", "ann@example.org");
                o.unlist("Ann");
            },
            outside,
            Found(&[], 0),
        ),
        (
            "no address",
            |o| without_address(o, "Ann"),
            outside,
            Found(&[], 1),
        ),
        (
            "no address anywhere",
            |o| everybody(o, without_address),
            outside,
            NotJudged("the e-mail address is not known for any listed member"),
        ),
        (
            "no verified domain",
            |o| domain(o)["is_verified"] = json!(false),
            outside,
            NotJudged("the rules name no `domains`, and the organization has no verified domain"),
        ),
        (
            "domains not read",
            |o| unread(o, "domains"),
            outside,
            NotJudged(
                "the rules name no `domains`, and the domains were not read: the key may not read it",
            ),
        ),
        (
            "one form of a domain",
            |o| {
                domain(o)["domain"] = json!("Bücher.example");
                everybody(o, |o, name| o.email(name, "a@xn--bcher-kva.example"));
            },
            outside,
            Found(&[], 0),
        ),
    ]);
    // Domains of the rules take the place of the verified ones.
    let audited = Audited::after(|o| o.email("Ann", "ann@EXAMPLE.org"));
    let audited = audited.with("rules.toml", "domains = [\"@Example.Org\"]");
    let outside = audited.found(&["--rules", "./rules.toml"]);
    let others = ["bob", "cem", "dee", "eve"].map(|id| format!("outside-domain user:{id}"));
    assert_eq!(outside, others);
    // They are enough where domains were not read.
    let audited =
        Audited::after(|o| unread(o, "domains")).with("rules.toml", "domains = [\"example.com\"]");
    let document = audited.json(&["--rules", "./rules.toml"]);
    assert!(!not_judged(&document).contains_key("outside-domain"));
}

#[test]
fn invitations() {
    let privileged = "pending-privileged-invitation";
    let stale = "stale-invitation";
    const RECENT: &str = "2026-09-06T00:00:00Z";
    check(&[
        (
            "administrator",
            |o| add(o, "invitations", invitation("i1", 8, RECENT, false)),
            privileged,
            Found(&["invitation:i1"], 0),
        ),
        (
            "owner",
            |o| add(o, "invitations", invitation("i1", 15, RECENT, false)),
            privileged,
            Found(&["invitation:i1"], 0),
        ),
        (
            "member",
            |o| add(o, "invitations", invitation("i1", 1, RECENT, false)),
            privileged,
            Found(&[], 0),
        ),
        (
            "expired",
            |o| add(o, "invitations", invitation("i1", 15, RECENT, true)),
            privileged,
            Found(&[], 0),
        ),
        (
            "not known whether expired",
            |o| {
                let mut row = invitation("i1", 15, RECENT, false);
                row["is_expired"] = Value::Null;
                add(o, "invitations", row);
            },
            privileged,
            Found(&["invitation:i1"], 0),
        ),
        (
            "level not known",
            |o| add(o, "invitations", json!({"id": "i1", "is_expired": false})),
            privileged,
            Found(&[], 1),
        ),
        (
            "not read",
            |o| unread(o, "invitations"),
            privileged,
            NotJudged("the invitations were not read: the key may not read it"),
        ),
        (
            "exactly 14 days",
            |o| {
                add(
                    o,
                    "invitations",
                    invitation("i1", 1, "2026-08-24T02:00:00Z", false),
                );
            },
            stale,
            Found(&[], 0),
        ),
        (
            "a second more",
            |o| {
                add(
                    o,
                    "invitations",
                    invitation("i1", 1, "2026-08-24T01:59:59Z", false),
                );
            },
            stale,
            Found(&["invitation:i1"], 0),
        ),
        (
            "expired",
            |o| {
                add(
                    o,
                    "invitations",
                    invitation("i1", 1, "2026-08-24T01:59:59Z", true),
                );
            },
            stale,
            Found(&["invitation:i1"], 0),
        ),
        (
            "time not known",
            |o| {
                add(
                    o,
                    "invitations",
                    json!({"id": "i1", "level": 1, "seat": "member"}),
                );
            },
            stale,
            Found(&[], 1),
        ),
        (
            "not read",
            |o| unread(o, "invitations"),
            stale,
            NotJudged("the invitations were not read: the key may not read it"),
        ),
    ]);
    let audited = Audited::after(|o| {
        add(
            o,
            "invitations",
            invitation("i1", 8, "2026-08-01T00:00:00Z", false),
        );
    });
    let document = audited.json(&[]);
    let subject =
        json!({"kind": "invitation", "id": "i1", "name": null, "email": "i1@example.com"});
    assert_eq!(document["findings"][0]["subject"], subject);
    let messages: Vec<_> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["message"].clone())
        .collect();
    assert_eq!(
        messages,
        [
            "invited as administrator by Cem Archer on 2026-08-01",
            "invited as administrator by Cem Archer on 2026-08-01 (37 days before)",
        ]
    );
}

#[test]
fn roles_and_their_holders() {
    let empty = "role-without-holders";
    let alike = "role-names-alike";
    let holder = "holder-not-listed";
    fn without_roles(o: &mut Organization) {
        o.evidence.as_mut().unwrap().not_read = vec!["roles".to_owned()];
    }
    check(&[
        (
            "nobody",
            |o| o.add_role("ops", "Operations"),
            empty,
            Found(&["role:ops"], 0),
        ),
        (
            "an unlisted holder",
            |o| {
                o.revoke("eng", "Dee");
                o.unlist("Ann");
            },
            empty,
            Found(&[], 0),
        ),
        (
            "not read",
            without_roles,
            empty,
            NotJudged("roles were not read (--without-roles)"),
        ),
        (
            "case",
            |o| o.rename_role("sup", "ENGINEERING"),
            alike,
            Found(&["role:eng", "role:sup"], 0),
        ),
        (
            "width and spaces",
            |o| o.rename_role("sup", " ｅｎｇｉｎ\u{a0}ｅｅｒｉｎｇ"),
            alike,
            Found(&["role:eng", "role:sup"], 0),
        ),
        (
            "the same",
            |o| o.rename_role("sup", "Engineering"),
            alike,
            Found(&["role:eng", "role:sup"], 0),
        ),
        (
            "another name",
            |o| o.rename_role("sup", "Engineerings"),
            alike,
            Found(&[], 0),
        ),
        (
            "not read",
            without_roles,
            alike,
            NotJudged("roles were not read (--without-roles)"),
        ),
        (
            "not listed",
            |o| o.unlist("Dee"),
            holder,
            Found(&["user:dee"], 0),
        ),
        (
            "not listed, and without a role",
            |o| o.unlist("Eve"),
            holder,
            Found(&[], 0),
        ),
        (
            "not read",
            without_roles,
            holder,
            NotJudged("roles were not read (--without-roles)"),
        ),
        (
            "another program's",
            |o| o.evidence = None,
            holder,
            NotJudged("the snapshot has no evidence document: it was written by another program"),
        ),
    ]);
    let document = Audited::after(|o| o.unlist("Dee")).json(&[]);
    assert_eq!(
        document["findings"][0]["message"],
        "holds 2 roles, not in the member list"
    );
}

#[test]
fn the_snapshot_itself() {
    let incomplete = "incomplete-snapshot";
    let writes = "key-can-write";
    const NO_EVIDENCE: &str =
        "the snapshot has no evidence document: it was written by another program";
    check(&[
        (
            "unproved",
            |o| {
                o.evidence
                    .as_mut()
                    .unwrap()
                    .unproved
                    .push("something".to_owned());
            },
            incomplete,
            Found(SNAPSHOT, 0),
        ),
        (
            "not read is not unproved",
            |o| unread(o, "domains"),
            incomplete,
            Found(&[], 0),
        ),
        (
            "another program's",
            |o| o.evidence = None,
            incomplete,
            NotJudged(NO_EVIDENCE),
        ),
        (
            "a writing scope",
            |o| key(o).scopes.push("feature_flag:write".to_owned()),
            writes,
            Found(SNAPSHOT, 0),
        ),
        (
            "every scope",
            |o| key(o).scopes = vec!["*".to_owned()],
            writes,
            Found(SNAPSHOT, 0),
        ),
        (
            "no list of scopes",
            |o| key(o).scopes.clear(),
            writes,
            Found(SNAPSHOT, 0),
        ),
        (
            "no key",
            |o| o.evidence.as_mut().unwrap().key = None,
            writes,
            NotJudged("the crawl could not determine what its key may do"),
        ),
        (
            "another program's",
            |o| o.evidence = None,
            writes,
            NotJudged(NO_EVIDENCE),
        ),
    ]);
    assert_eq!(SNAPSHOT, [format!("snapshot:{SYNC_ID}")]);
    assert_eq!(ORGANIZATION, [format!("organization:{ORGANIZATION_ID}")]);
}

#[test]
fn thresholds_and_severities_come_from_the_rules() {
    let audited = Audited::after(|o| {
        login(o, "Ann", Some(before(30, 1)));
        add(
            o,
            "invitations",
            invitation("i1", 1, "2026-09-05T00:00:00Z", false),
        );
        o.add_role("ops", "Operations");
    });
    let rules = "dormant_days = 30\ninvitation_days = 2\nmax_owners = 1\n\
                 [rules]\nrole-without-holders = \"high\"\ndormant-member = \"low\"\nmember-without-2fa = \"off\"\n";
    let audited = audited.with("rules.toml", rules);
    let document = audited.json(&["--rules", "./rules.toml"]);
    assert_eq!(
        found(&document),
        [
            "role-without-holders role:ops",
            "too-many-owners organization:019a1b2c-0000-7000-8000-00000000aaaa",
            "dormant-member user:ann",
            "stale-invitation invitation:i1",
        ]
    );
    assert_eq!(
        document["summary"],
        json!({"high": 1, "medium": 1, "low": 2, "accepted": 0})
    );
    // A rule that is off appears nowhere.
    for format in ["console", "json", "ndjson", "markdown", "csv"] {
        let text = audited.text(&["--rules", "./rules.toml", "-o", format]);
        assert!(!text.contains("member-without-2fa"), "{format}: {text}");
    }
    assert_eq!(audited.found(&[]), ["role-without-holders role:ops"]);
}

#[test]
fn findings_are_sorted_by_severity_code_and_id() {
    let audited = Audited::after(|o| {
        for name in ["Ann", "Dee", "Bob", "Eve"] {
            o.second_factor(name, Some(false));
            login(o, name, Some(before(91, 0)));
        }
        o.document["settings"]["enforce_2fa"] = json!(false);
        o.document["settings"]["members_can_invite"] = json!(true);
        o.rename_role("sup", "engineering");
    });
    let organization = "organization:019a1b2c-0000-7000-8000-00000000aaaa";
    assert_eq!(
        audited.found(&[]),
        [
            "admin-without-2fa user:bob",
            "admin-without-2fa user:eve",
            "dormant-admin user:bob",
            "dormant-admin user:eve",
            &format!("2fa-not-enforced {organization}"),
            "dormant-member user:ann",
            "dormant-member user:dee",
            "member-without-2fa user:ann",
            "member-without-2fa user:dee",
            &format!("members-can-invite {organization}"),
            "role-names-alike role:eng",
            "role-names-alike role:sup",
        ]
    );
}
