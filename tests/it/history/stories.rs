//! One person and one role over time.

use posthog_c1z::model::Value as Field;

use super::{Archive, captured, spans};
use crate::diff::{Organization, time};

#[test]
fn person_has_a_span_for_each_seat_second_factor_address_name_and_role() {
    let archive = Archive::new();
    let mut o = Organization::new();
    archive.capture(1, &o);
    o.seat("Ann", 8);
    o.second_factor("Ann", Some(false));
    archive.capture(2, &o);
    o.email("Ann", "ann@example.org");
    o.person("Ann").display_name = "Ann Baker".into();
    o.revoke("eng", "Ann");
    archive.capture(3, &o);
    let json = archive.json(&["--person", "ann@example.com"]);
    let (one, two, three) = (captured(1), captured(2), captured(3));
    assert_eq!(
        spans(&json["person"]),
        [
            "member null: 2026-01-05T08:00:00Z - open".to_owned(),
            format!("role Engineering: 2026-01-05T08:00:00Z - {two}..{three}"),
            format!("seat member: by {one} - {one}..{two}"),
            format!("2fa true: by {one} - {one}..{two}"),
            format!("email ann@example.com: by {one} - {two}..{three}"),
            format!("name Ann Archer: by {one} - {two}..{three}"),
            format!("seat administrator: {one}..{two} - open"),
            format!("2fa false: {one}..{two} - open"),
            format!("email ann@example.org: {two}..{three} - open"),
            format!("name Ann Baker: {two}..{three} - open"),
        ]
    );
    assert_eq!(json["person"]["id"], "ann");
    assert_eq!(json["person"]["name"], "Ann Baker");
    let role = &json["person"]["spans"][1];
    assert_eq!(
        (role["value"].as_str(), role["name"].as_str()),
        (Some("eng"), Some("Engineering"))
    );
    for wanted in ["ann", "Ann Baker", "ANN@EXAMPLE.ORG", "user:ann"] {
        assert_eq!(
            archive.json(&["--person", wanted])["person"]["id"],
            "ann",
            "{wanted}"
        );
    }
}

#[test]
fn new_membership_starts_a_new_span_and_a_holder_who_is_not_listed_has_none() {
    let archive = Archive::new();
    let mut o = Organization::new();
    o.set("Ann", "membership_id", Some(Field::from("m1")));
    archive.capture(1, &o);
    // Out and in again between two captures.
    o.set("Ann", "membership_id", Some(Field::from("m2")));
    o.person("Ann").created_at = time("2026-09-01T20:00:00Z");
    archive.capture(2, &o);
    o.unlist("Ann");
    archive.capture(3, &o);
    let json = archive.json(&["--person", "ann"]);
    let member: Vec<_> = spans(&json["person"])
        .into_iter()
        .filter(|span| span.starts_with("member"))
        .collect();
    assert_eq!(
        member,
        [
            format!(
                "member m1: 2026-01-05T08:00:00Z - {}..2026-09-01T20:00:00Z",
                captured(1)
            ),
            format!(
                "member m2: 2026-09-01T20:00:00Z - {}..{}",
                captured(2),
                captured(3)
            ),
        ]
    );
    // The role is still held.
    let role = spans(&json["person"])
        .into_iter()
        .find(|span| span.starts_with("role"));
    assert!(role.unwrap().ends_with(" - open"));
}

#[test]
fn run_that_did_not_read_roles_or_may_be_incomplete_ends_nothing() {
    let archive = Archive::new();
    let o = Organization::new();
    archive.capture(1, &o);
    let mut without = o.clone();
    without.resources.retain(|row| row.user.is_some());
    without.entitlements.clear();
    without.grants.clear();
    without.evidence.as_mut().unwrap().not_read = vec!["roles".to_owned()];
    archive.capture(2, &without);
    let mut doubtful = o.clone();
    doubtful.leave("Ann");
    doubtful
        .evidence
        .as_mut()
        .unwrap()
        .doubt("the list of members", "it kept changing");
    archive.capture(3, &doubtful);
    archive.capture(4, &o);
    for args in [["--person", "ann"], ["--role", "eng"]] {
        let json = archive.json(&args);
        let story = json.get("person").or(json.get("role")).unwrap();
        let all = spans(story);
        assert!(
            !all.is_empty() && all.iter().all(|span| span.ends_with(" - open")),
            "{all:?}"
        );
    }
}

#[test]
fn role_shows_who_gained_and_lost_it() {
    let archive = Archive::new();
    let mut o = Organization::new();
    archive.capture(1, &o);
    o.give("eng", "Bob");
    o.grant("eng", "Bob").joined_at = time("2026-09-01T12:00:00Z");
    o.revoke("eng", "Dee");
    archive.capture(2, &o);
    o.remove_role("eng");
    archive.capture(3, &o);
    let json = archive.json(&["--role", "Engineering"]);
    let (one, two, three) = (captured(1), captured(2), captured(3));
    assert_eq!(
        spans(&json["role"]),
        [
            format!("holder Dee Archer: 2026-01-05T08:00:00Z - {one}..{two}"),
            format!("holder Ann Archer: 2026-01-05T08:00:00Z - {two}..{three}"),
            format!("holder Bob Archer: 2026-09-01T12:00:00Z - {two}..{three}"),
        ]
    );
    assert_eq!(json["role"]["spans"][0]["value"], "dee");
    assert_eq!(json["role"]["spans"][0]["email"], "dee@example.com");
    let text = archive.text(&["--role", "eng"]);
    assert!(text.contains("Former holders\n"), "{text}");
    assert!(!text.contains("\nHolders\n"), "{text}");
}
