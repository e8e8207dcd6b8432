//! Who had what at one moment.

use serde_json::Value;

use super::{Archive, captured, without_roles};
use crate::diff::Organization;

fn people(json: &Value) -> Vec<String> {
    let people = json["as_of"]["people"].as_array().unwrap().iter();
    people
        .map(|person| {
            let roles = match person["roles"].as_array() {
                None => "unknown".to_owned(),
                Some(roles) => {
                    let names: Vec<_> = roles
                        .iter()
                        .map(|role| role["name"].as_str().unwrap())
                        .collect();
                    names.join("+")
                }
            };
            format!(
                "{} {} {roles}",
                person["id"].as_str().unwrap(),
                person["seat"].as_str().unwrap_or("-")
            )
        })
        .collect()
}

#[test]
fn answer_is_the_last_run_at_or_before_the_moment() {
    let archive = Archive::new();
    let mut o = Organization::new();
    archive.capture(1, &o);
    o.leave("Ann");
    o.seat("Dee", 8);
    archive.capture(2, &o);
    let before = [
        "ann member Engineering",
        "bob administrator ",
        "cem owner ",
        "dee member Engineering+Support",
    ];
    let after = [
        "bob administrator ",
        "cem owner ",
        "dee administrator Engineering+Support",
    ];
    for (at, expected, day) in [
        ("2026-09-01", &before[..], 1),
        ("2026-09-02T02:00:04Z", &before, 1),
        ("2026-09-02T02:00:05Z", &after, 2),
        ("2026-09-02", &after, 2),
        ("2027-01-01", &after, 2),
    ] {
        let json = archive.json(&["--as-of", at]);
        assert_eq!(people(&json), expected, "{at}");
        assert_eq!(json["as_of"]["captured_at"], captured(day), "{at}");
        assert_eq!(
            json["as_of"]["file"],
            format!("nights/posthog-{day:02}.c1z")
        );
    }
    let one = archive.json(&["--as-of", "2026-09-01", "--person", "ann@example.com"]);
    assert_eq!(people(&one), ["ann member Engineering"]);
    let gone = archive.json(&["--as-of", "2026-09-02", "--person", "ann@example.com"]);
    assert!(people(&gone).is_empty());
    let role = archive.json(&["--as-of", "2026-09-01", "--role", "Support"]);
    assert_eq!(people(&role), ["dee member Support"]);
    assert_eq!(
        archive
            .text(&["--as-of", "2026-09-01", "-o", "csv"])
            .lines()
            .count(),
        6
    );
    let text = archive.text(&["--as-of", "2026-09-01"]);
    assert!(
        text.contains("as of         2026-09-01 23:59:59 UTC"),
        "{text}"
    );
}

#[test]
fn run_that_did_not_read_roles_says_so_instead_of_nobody() {
    let archive = Archive::new();
    let o = Organization::new();
    archive.capture(1, &o);
    archive.capture(2, &without_roles(&o));
    let json = archive.json(&["--as-of", "2026-09-02"]);
    assert_eq!(people(&json)[0], "ann member unknown");
    assert_eq!(json["as_of"]["not_read"][0], "roles");
    let run = archive.run(&["--as-of", "2026-09-02", "--role", "eng"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("did not read roles, so who held the role then is not known")
    );
    let csv = archive
        .run(&["--as-of", "2026-09-02", "-o", "csv"])
        .succeeds();
    assert!(
        String::from_utf8(csv.stdout)
            .unwrap()
            .lines()
            .skip(1)
            .all(|line| line.ends_with("\"false\""))
    );
}
