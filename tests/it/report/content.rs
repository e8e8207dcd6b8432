//! What the page says: the same as the other commands, section by section.

use super::{ANCHORS, Reported, audited, known, section};
use crate::diff::Organization;
use crate::many;
use crate::support::Shelf;

#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
}

#[test]
fn every_section_has_its_anchor_and_a_link() {
    let page = Reported::of(&known()).page(&[]);
    for anchor in ANCHORS {
        assert!(
            page.contains(&format!("<section id=\"{anchor}\"")),
            "{anchor}"
        );
        assert!(page.contains(&format!("href=\"#{anchor}\"")), "{anchor}");
    }
}

#[test]
fn evidence_identifies_the_file_and_its_content() {
    let reported = Reported::of(&known());
    let evidence = section(&reported.page(&[]), "evidence");
    let stats = reported.shelf.json(&["stats", "sync.c1z", "-o", "json"]);
    contains(
        &evidence,
        &[
            "Acme & Sons",
            "2026-09-07 02:00:00 UTC",
            "https://eu.posthog.com/api/organizations/",
            stats["content_digest"].as_str().unwrap(),
            "sha256sum sync.c1z",
            "posthog-c1z verify sync.c1z",
            "members/",
            "Nothing: every list was read to its end",
        ],
    );
    let words: Vec<&str> = evidence.split(' ').collect();
    let sha256 = words
        .iter()
        .find(|word| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let sha256 = sha256.expect("a SHA-256");
    reported
        .shelf
        .run(&["verify", "sync.c1z", "--expect-sha256", sha256])
        .succeeds();
}

#[test]
fn what_is_not_proved_is_said() {
    let reported = Reported::after(|o| {
        let evidence = o.evidence.as_mut().unwrap();
        evidence
            .unproved
            .push("the member list may lack people".to_owned());
        evidence.warnings.push("a seat has no name".to_owned());
    });
    contains(
        &section(&reported.page(&[]), "evidence"),
        &["the member list may lack people", "a seat has no name"],
    );
}

#[test]
fn numbers_count_listed_members_and_unknown_is_not_without() {
    let reported = Reported::after(|o| {
        o.join("Eve", 8);
        o.unlist("Eve");
        o.second_factor("Ann", Some(false));
        o.second_factor("Dee", None);
        o.second_factor("Eve", Some(false));
    });
    let glance = section(&reported.page(&[]), "glance");
    contains(
        &glance,
        &[
            "Members 4",
            "Not in the member list 1",
            "Owners 1",
            "Administrators 1",
            "Without 2FA 1 not known for 1",
            "No login for 90 days 1",
            "Roles 2",
            "Role memberships 3",
            "Pending invitations 1",
        ],
    );
    let audit = audited(&reported.shelf, &[]);
    for severity in ["high", "medium", "low"] {
        let n = &audit["summary"][severity];
        contains(&glance, &[&format!("Findings: {severity} {n}")]);
    }
}

#[test]
fn charts_have_their_numbers_as_text() {
    let page = Reported::of(&known()).page(&[]);
    for text in [
        "Seats: owner 1, administrator 1, member 2",
        "Holders per role: Engineering 2, Support 1",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(
        page.matches("<svg ").count(),
        page.matches("<desc ").count()
    );
}

#[test]
fn findings_are_those_of_the_audit_with_acceptances_and_reasons() {
    let rules = "[[accept]]\ncode = \"2fa-not-enforced\"\nreason = \"SSO covers it\"\n\n\
                 [[accept]]\ncode = \"single-owner\"\nsubject = \"nobody\"\nreason = \"r\"\n";
    let reported = Reported::of(&known()).with("rules.toml", rules);
    let findings = section(&reported.page(&["--rules", "rules.toml"]), "findings");
    let audit = audited(&reported.shelf, &["--rules", "rules.toml"]);
    for finding in audit["findings"].as_array().unwrap() {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        contains(
            &findings,
            &[&text(&finding["code"]), &text(&finding["message"])],
        );
    }
    contains(
        &findings,
        &["Accepted (1)", "SSO covers it", "there is no such finding"],
    );
}

#[test]
fn people_and_holders_say_who_has_what_since_when() {
    let page = Reported::of(&known()).page(&[]);
    contains(
        &section(&page, "people"),
        &[
            "Ann Archer ann@example.com member yes",
            "Engineering; Support",
        ],
    );
    let roles = section(&page, "roles");
    contains(
        &roles,
        &[
            "Engineering 2",
            "vercel: Developers",
            "Engineering 2 holders Engineering Name Since Ann Archer 2026-01-05 Dee Archer 2026-01-05",
        ],
    );
    assert!(page.contains("id=people-ann"));
    contains(
        &section(&page, "invitations"),
        &[
            "fay@example.com Fay administrator pending 2026-09-06 10:00:00 Cem Archer",
            "example.com yes saml",
            "Every member must have 2FA no",
            "Role that new members get Support",
            "Engineering vercel Developers",
        ],
    );
}

#[test]
fn people_of_the_same_name_are_told_apart() {
    let reported = Reported::after(|o| {
        o.person("Dee").display_name = "Ann Archer".into();
    });
    contains(
        &section(&reported.page(&[]), "roles"),
        &["Ann Archer (ann) ", "Ann Archer (dee) "],
    );
}

#[test]
fn changes_since_an_older_snapshot_are_in_the_words_of_diff() {
    let old = known();
    let mut new = old.a_week_later();
    new.seat("Ann", 15);
    new.revoke("eng", "Dee");
    new.second_factor("Dee", Some(false));
    let reported = Reported::of(&new);
    old.write(&reported.shelf.path("old.c1z"));
    let page = reported.page(&["--since", "old.c1z"]);
    let changes = section(&page, "changes");
    let diff = reported.shelf.run(&["diff", "old.c1z", "sync.c1z"]);
    let diff = String::from_utf8(diff.stdout).unwrap();
    let told = diff.lines().filter_map(|line| line.strip_prefix("  "));
    let told: Vec<_> = told.filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(told.len(), 3, "{diff}");
    for line in told {
        contains(&changes, &[&line.replace(">: ", "> : ")]);
    }
    contains(&changes, &["Seats raised", "Grants revoked", "old.c1z"]);
    contains(&section(&page, "findings"), &["New", "yes"]);
    let without = section(&reported.page(&[]), "changes");
    contains(&without, &["without an older snapshot"]);
}

#[test]
fn an_older_snapshot_of_another_organization_is_refused() {
    let reported = Reported::of(&known());
    let mut other = known();
    other.evidence.as_mut().unwrap().organization.id = "another".to_owned();
    other.write(&reported.shelf.path("old.c1z"));
    reported
        .run(&["--since", "old.c1z"])
        .fails(2, &["different organizations"]);
    assert!(!reported.shelf.path("sync.html").exists());
}

#[test]
fn title_and_reviewer_fill_the_cover() {
    let page = Reported::of(&known()).page(&["--title", "Review Q3", "--reviewer", "Ada Byron"]);
    assert!(page.contains("<h1>Review Q3</h1>"));
    assert!(page.contains("Reviewer: <bdi>Ada Byron</bdi>"));
    assert!(page.contains("value=\"Ada Byron\""));
    assert!(page.contains("<title>Review Q3 · Acme &#38; Sons"));
}

#[test]
fn what_was_not_read_is_not_shown_as_none() {
    let shelf = Shelf::new();
    let bare = [
        "sync",
        "--demo",
        "-q",
        "--without-roles",
        "--without-organization",
        "-f",
        "sync.c1z",
    ];
    shelf.run(&bare).succeeds();
    let page = Reported { shelf }.page(&[]);
    let why = "roles were not read (--without-roles)";
    contains(&section(&page, "roles"), &[why]);
    contains(&section(&page, "matrix"), &["are not known"]);
    contains(
        &section(&page, "invitations"),
        &["it was made with --without-organization"],
    );
    let glance = section(&page, "glance");
    assert!(!glance.contains("Role memberships"), "{glance}");
}

#[test]
fn other_connectors_have_no_columns_for_what_they_do_not_know() {
    let shelf = Shelf::new().with_golden("connector-sqlite.c1z");
    shelf
        .run(&["report", "connector-sqlite.c1z", "--out", "page.html"])
        .succeeds();
    let page = std::fs::read_to_string(shelf.path("page.html")).unwrap();
    let people = section(&page, "people");
    for head in ["Seat", "Listed", "Job"] {
        assert!(!people.contains(head), "{head} in {people}");
    }
    contains(
        &section(&page, "evidence"),
        &["Another program wrote the snapshot"],
    );
    contains(&section(&page, "glance"), &["Users 25", "Grants 40"]);
}

#[test]
fn matrix_says_who_holds_which_role_if_it_fits() {
    let page = Reported::of(&known()).page(&[]);
    contains(
        &section(&page, "matrix"),
        &["Name Engineering Support Ann Archer ● Bob Archer"],
    );
    let mut o = Organization::new();
    o.evidence = None;
    o.resources.clear();
    o.grants.clear();
    o.entitlements.clear();
    contains(
        &section(&Reported::of(&o).page(&[]), "matrix"),
        &["There are no people or no roles."],
    );
}

#[test]
fn long_tables_are_cut_and_say_what_has_the_rest() {
    let shelf = Shelf::new();
    many::write(&shelf.path("sync.c1z"), 9_000);
    let reported = Reported { shelf };
    let page = reported.page(&[]);
    let people = section(&page, "people");
    contains(
        &people,
        &[
            "4000 more rows are not shown here.",
            "export csv --table users sync.c1z",
        ],
    );
    assert_eq!(page.matches("id=people-").count(), 5_000);
    let roles = section(&page, "roles");
    contains(
        &roles,
        &["4000 more rows are not shown here.", "--table grants"],
    );
    assert_eq!(roles.matches("4000 more rows").count(), 3);
    contains(
        &section(&page, "matrix"),
        &["4000 more rows are not shown here."],
    );
}
