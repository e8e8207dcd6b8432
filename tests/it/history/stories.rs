//! One person and one role over time.

use posthog_c1z::model::{ResourceId, ResourceTypeId, Value as Field};

use super::{Archive, captured, spans, without_roles};
use crate::diff::{Organization, time, user_id};

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
    archive.capture(2, &without_roles(&o));
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

#[test]
fn holder_who_is_not_listed_is_named_as_such_and_a_run_without_roles_ends_no_seat() {
    let archive = Archive::new();
    let mut o = Organization::new();
    o.unlist("Dee");
    archive.capture(1, &o);
    archive.capture(
        2,
        &without_roles(&{
            let mut listed = o.clone();
            listed.leave("Dee");
            listed
        }),
    );
    archive.capture(3, &o);
    let json = archive.json(&["--person", "dee"]);
    let seats: Vec<_> = spans(&json["person"])
        .into_iter()
        .filter(|span| span.starts_with("seat"))
        .collect();
    assert_eq!(seats, [format!("seat member: by {} - open", captured(1))]);
    let person = archive.run(&["--person", "dee"]).succeeds();
    let person = String::from_utf8(person.stdout).unwrap();
    assert!(
        person.contains("no snapshot has this person in its member list"),
        "{person}"
    );
    let role = archive.run(&["--role", "eng"]).succeeds();
    let role = String::from_utf8(role.stdout).unwrap();
    assert!(
        role.contains("Dee Archer <dee@example.com> (not in the member list): from"),
        "{role}"
    );
}

#[test]
fn night_without_a_membership_id_does_not_join_two_memberships() {
    let archive = Archive::new();
    let mut o = Organization::new();
    for (day, id) in [(1, Some("a")), (2, None), (3, Some("b"))] {
        o.set("Ann", "membership_id", id.map(Field::from));
        archive.capture(day, &o);
    }
    let json = archive.json(&["--person", "ann"]);
    let member: Vec<_> = spans(&json["person"])
        .into_iter()
        .filter(|span| span.starts_with("member"))
        .collect();
    assert_eq!(member.len(), 2, "{member:?}");
    assert!(
        member[0].starts_with("member a:") && member[1].starts_with("member b:"),
        "{member:?}"
    );
}

#[test]
fn holder_that_is_a_group_is_not_taken_for_the_person_with_the_same_id() {
    let archive = Archive::new();
    let mut o = Organization::new();
    o.add_other("group", "ann", "Group of Ann", "member");
    let mut grant = o.grants[0].clone();
    grant.principal = ResourceId::new(&ResourceTypeId::new("group"), "ann");
    o.grants.retain(|grant| grant.principal != user_id("Ann"));
    o.grants.push(grant);
    archive.capture(1, &o);
    let json = archive.json(&["--role", "eng"]);
    let names: Vec<_> = spans(&json["role"]);
    assert!(
        names
            .iter()
            .any(|span| span.starts_with("holder Group of Ann:")),
        "{names:?}"
    );
    assert!(
        !names.iter().any(|span| span.contains("Ann Archer")),
        "{names:?}"
    );
}
