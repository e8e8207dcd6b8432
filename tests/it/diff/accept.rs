//! `--accept` and `--print-accept`: a line accepts the one change that was agreed on, and nothing else.

use std::fs;

use posthog_c1z::model::Value;
use proptest::prelude::*;
use serde_json::json;

use super::{Organization, Pair};

fn many_changes() -> Pair {
    Pair::after(|o| {
        o.seat("Ann", 8);
        o.second_factor("Bob", Some(false));
        o.leave("Dee");
        o.join("Eve", 15);
        o.give("sup", "Eve");
        o.give("sup", "Bob");
        o.rename_role("eng", "Builders, \"# 1\" → none");
        o.add_role("ops", "Operations");
        o.email("Cem", "cem@example.org");
        o.set("Cem", "team", Some("blue".into()));
        o.unlist("Bob");
        // Another connector's ids may hold anything.
        o.add_other("group", "a b # c", "Odd", "member");
        o.add_other("group", "\"quoted\"\nlines", "Odd", "member");
    })
}

impl Pair {
    #[track_caller]
    fn accepting(&self, code: i32, lines: &str, args: &[&str]) -> String {
        fs::write(self.shelf.path("accept.txt"), lines).unwrap();
        self.text(code, &[&["--accept", "accept.txt"], args].concat())
    }

    /// The lines that accept every change, without reasons.
    #[track_caller]
    fn lines(&self) -> Vec<String> {
        let text = self.text(1, &["--print-accept"]);
        let lines = text.lines().map(|line| line.split("  # ").next().unwrap());
        lines.map(ToOwned::to_owned).collect()
    }
}

/// What the first organization becomes when both changes are made to it, one after the other.
#[track_caller]
fn changed(
    first: impl FnOnce(&mut Organization),
    then: impl FnOnce(&mut Organization),
) -> (Pair, Pair) {
    let old = Organization::new();
    let mut new = old.a_week_later();
    first(&mut new);
    let mut later = new.clone();
    then(&mut later);
    std::mem::swap(&mut later.sync_run, &mut new.sync_run);
    let mut earlier = new.clone();
    std::mem::swap(&mut earlier.sync_run, &mut later.sync_run);
    (Pair::of(&old, &earlier), Pair::of(&new, &later))
}

#[test]
fn what_print_accept_writes_accepts_everything() {
    let pair = many_changes();
    let lines = pair.text(1, &["--print-accept"]);
    let n = lines.lines().count();
    let text = pair.accepting(0, &lines, &[]);
    let changes = pair.json(&[])["changes"].as_array().unwrap().len();
    assert!(
        text.starts_with(&format!(
            "no differences except {changes} accepted changes\n"
        )),
        "{text}"
    );
    assert!(!text.contains("warning"), "{text}");
    let apart = text.split("\nAccepted\n").nth(1).unwrap();
    assert_eq!(apart.lines().count(), n);

    let json = pair.json(&["--accept", "accept.txt"]);
    assert_eq!(json["changes"], json!([]));
    assert_eq!(json["accepted"].as_array().unwrap().len(), n);
    assert_eq!(json["summary"]["seat-raised"], 0);
    let events = pair.accepting(0, &lines, &["-o", "ndjson"]);
    assert_eq!(events.lines().count(), n);
    assert!(
        events
            .lines()
            .all(|line| line.contains(r#""accepted":true"#))
    );
    // Printed again, they are the same lines.
    assert_eq!(pair.accepting(0, &lines, &["--print-accept"]), lines);
    // From an editor on Windows.
    let windows = format!("\u{feff}{}", lines.replace('\n', "\r\n"));
    pair.accepting(0, &windows, &[]);
    // With arrows that a keyboard has.
    let pair = Pair::after(|o| o.seat("Ann", 8));
    let lines = pair.text(1, &["--print-accept"]);
    pair.accepting(0, &lines.replace(" → ", " -> "), &[]);
}

#[test]
fn each_line_is_needed_and_accepts_one_change() {
    let pair = many_changes();
    let lines = pair.lines();
    for (at, line) in lines.iter().enumerate() {
        let others: Vec<_> = lines.iter().filter(|other| *other != line).collect();
        assert_eq!(others.len(), lines.len() - 1, "{line}");
        let others: String = others.iter().map(|line| format!("{line}\n")).collect();
        pair.accepting(1, &others, &["--stat"]);
        let json = pair.json(&["--accept", "accept.txt"]);
        assert_eq!(json["changes"].as_array().unwrap().len(), 1, "{line}");
        assert_eq!(json["accepted"].as_array().unwrap().len(), lines.len() - 1);
        // One line twice accepts no more than once.
        let text = pair.accepting(1, &format!("{line}\n{line}\n"), &["--stat"]);
        let unused = format!("warning: line 2 of `accept.txt` matches nothing: {line}\n");
        assert!(text.contains(&unused), "{at}: {text}");
    }
}

#[test]
fn a_line_does_not_accept_another_change_of_the_same_kind() {
    type Step = fn(&mut Organization);
    let table: [(&str, Step, Step); 9] = [
        (
            "an e-mail that changes back",
            |o| o.email("Ann", "ann@example.org"),
            |o| o.email("Ann", "ann@example.com"),
        ),
        (
            "an e-mail that changes again",
            |o| o.email("Ann", "ann@example.org"),
            |o| o.email("Ann", "ann@example.net"),
        ),
        (
            "another field",
            |o| o.email("Ann", "ann@example.org"),
            |o| o.set("Ann", "team", Some("blue".into())),
        ),
        (
            "a seat that is raised again",
            |o| o.seat("Ann", 3),
            |o| o.seat("Ann", 4),
        ),
        (
            "an owner from another seat",
            |o| o.seat("Ann", 15),
            |o| {
                o.seat("Ann", 8);
                o.seat("Cem", 8);
            },
        ),
        (
            "a name of a role that changes again",
            |o| o.rename_role("eng", "Builders"),
            |o| o.rename_role("eng", "Makers"),
        ),
        (
            "a grant that was revoked and given anew",
            |o| o.give("sup", "Ann"),
            |o| {
                o.revoke("sup", "Ann");
                o.give("eng", "Cem");
            },
        ),
        (
            "text and number",
            |o| o.set("Ann", "x", Some("1".into())),
            |o| o.set("Ann", "x", Some(Value::Number(1.0))),
        ),
        (
            "nothing and a text that says so",
            |o| o.set("Ann", "x", Some("none".into())),
            |o| o.set("Ann", "x", None),
        ),
    ];
    for (what, first, then) in table {
        let (before, after) = changed(first, then);
        let lines = before.text(1, &["--print-accept"]);
        before.accepting(0, &lines, &["--stat"]);
        let text = after.accepting(1, &lines, &[]);
        assert!(text.contains("matches nothing"), "{what}: {text}");
        assert!(!text.contains("Accepted"), "{what}: {text}");
    }
}

#[test]
fn a_person_who_joins_anew_needs_a_line_anew() {
    let pair = |joined: &str| {
        Pair::after(|o| {
            o.join("Eve", 1);
            o.person("Eve").created_at = super::organization::time(joined);
            o.give("sup", "Eve");
            o.grant("sup", "Eve").joined_at = super::organization::time(joined);
        })
    };
    let lines = pair("2026-09-10T00:00:00Z").text(1, &["--print-accept"]);
    assert_eq!(
        lines,
        "member-added user:eve joined_at none → 2026-09-10T00:00:00Z, listed_as_member none → true, \
         seat none → member, two_factor none → true  # Eve Archer <eve@example.com>: member\n\
         grant-added role:sup:member:user:eve joined_at none → 2026-09-10T00:00:00Z  \
         # Eve Archer <eve@example.com>: is now member of Support\n"
    );
    pair("2026-09-10T00:00:00Z").accepting(0, &lines, &[]);
    let text = pair("2026-09-11T00:00:00Z").accepting(1, &lines, &[]);
    assert_eq!(text.matches("matches nothing").count(), 2, "{text}");
}

#[test]
fn fields_of_one_object_are_agreed_on_one_by_one_or_together() {
    let pair = Pair::after(|o| {
        o.email("Ann", "ann@example.org");
        o.set("Ann", "team", Some("blue".into()));
    });
    let (email, team) = (
        "email ann@example.com → ann@example.org",
        "profile.team none → blue",
    );
    assert_eq!(
        pair.lines(),
        [
            format!("other-changed user:ann {email}"),
            format!("other-changed user:ann {team}")
        ]
    );
    for lines in [
        format!("other-changed user:ann {email}, {team}\n"),
        format!("other-changed user:ann {team},{email}\n"),
        format!("other-changed user:ann {team}\nother-changed user:ann {email} # both\n"),
    ] {
        pair.accepting(0, &lines, &[]);
    }
    let text = pair.accepting(1, &format!("other-changed user:ann {email}\n"), &[]);
    assert!(
        text.contains(
            "  ~ Ann Archer <ann@example.org>: profile.team: (none) → blue\n\nAccepted\n"
        ),
        "{text}"
    );
    // Whatever the order of the lines, the wider one goes first.
    let both = format!("other-changed user:ann {email}, {team}\n");
    for lines in [
        format!("other-changed user:ann {email}\n{both}"),
        format!("{both}other-changed user:ann {email}\n"),
    ] {
        let text = pair.accepting(0, &lines, &[]);
        assert_eq!(text.matches("matches nothing").count(), 1, "{text}");
    }
    // Not in part.
    let text = pair.accepting(
        1,
        &format!("other-changed user:ann {email}, profile.team none → red\n"),
        &[],
    );
    assert!(!text.contains("Accepted"), "{text}");
}

#[test]
fn every_meaning_must_be_in_the_line() {
    let pair = Pair::after(|o| o.seat("Ann", 15));
    for kinds in ["seat-raised", "owner-added"] {
        let other = match kinds {
            "seat-raised" => "owner-added",
            _ => "seat-raised",
        };
        let text = pair.accepting(1, &format!("{kinds} user:ann seat member → owner\n"), &[]);
        assert!(
            text.contains(&format!(
                "warning: line 1 of `accept.txt` does not accept the change to `user:ann`, which is also `{other}`\n"
            )),
            "{text}"
        );
    }
    for kinds in ["seat-raised+owner-added", "owner-added+seat-raised"] {
        let text = pair.accepting(0, &format!("{kinds} user:ann seat member → owner\n"), &[]);
        assert!(!text.contains("warning"), "{text}");
    }
}

#[test]
fn a_line_of_the_older_form_accepts_nothing_and_says_what_would() {
    let pair = Pair::after(|o| {
        o.seat("Ann", 15);
        o.email("Bob", "bob@example.org");
        o.set("Bob", "team", Some("blue".into()));
        o.give("sup", "Ann");
    });
    let older = "seat-raised user:ann # agreed in March\n\
                 owner-added user:ann until 2030-01-01\n\
                 other-changed user:bob\n\
                 grant-added role:sup:member:user:ann\n\
                 member-added user:eve\n";
    let text = pair.accepting(1, older, &[]);
    let headline = "1 new owner, 1 seat raised, 1 role membership added, 1 other change\n";
    assert!(text.starts_with(headline), "{text}");
    let instead: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("warning: line "))
        .collect();
    let ann = "seat-raised+owner-added user:ann seat member → owner";
    assert_eq!(
        instead,
        [
            format!(
                "1 of `accept.txt` is too broad and is ignored; replace it with: {ann}  # agreed in March"
            ),
            format!(
                "2 of `accept.txt` is too broad and is ignored; replace it with: {ann} until 2030-01-01  \
                 # Ann Archer <ann@example.com>: member → owner"
            ),
            "3 of `accept.txt` is too broad and is ignored; replace it with: \
             other-changed user:bob email bob@example.com → bob@example.org  \
             # Bob Archer <bob@example.org>: email: bob@example.com → bob@example.org"
                .to_owned(),
            "3 of `accept.txt` is too broad and is ignored; replace it with: \
             other-changed user:bob profile.team none → blue  \
             # Bob Archer <bob@example.org>: profile.team: (none) → blue"
                .to_owned(),
            "4 of `accept.txt` is too broad and is ignored; replace it with: \
             grant-added role:sup:member:user:ann joined_at none → 2026-01-05T08:00:00Z  \
             # Ann Archer <ann@example.com>: is now member of Support"
                .to_owned(),
            "5 of `accept.txt` is too broad and matches nothing: member-added user:eve".to_owned(),
        ]
    );
    let without = pair.text(1, &["--stat"]);
    assert!(without.starts_with(headline), "{without}");
    for kind in ["seat-raised", "grant-added", "other-changed"] {
        pair.accepting(1, older, &["--fail-on", kind]);
    }
    pair.accepting(0, older, &["--fail-on", "member-added"]);
    // What it says is what it takes.
    let lines: String = instead
        .iter()
        .filter_map(|line| line.split("replace it with: ").nth(1))
        .map(|line| format!("{line}\n"))
        .collect();
    pair.accepting(0, &lines, &[]);
}

#[test]
fn a_line_holds_until_the_end_of_its_day() {
    // The new snapshot is of 2026-09-14, 02:00 UTC.
    let pair = Pair::after(|o| o.give("sup", "Ann"));
    let line = "grant-added role:sup:member:user:ann joined_at none → 2026-01-05T08:00:00Z";
    for (until, holds) in [
        ("2026-09-15", true),
        ("2026-09-14", true),
        ("2026-09-13", false),
        ("2025-12-31", false),
        ("9999-12-31", true),
    ] {
        let lines = format!("{line} until {until}  # Ann helps out\n");
        let text = pair.accepting(i32::from(!holds), &lines, &[]);
        let expired = format!(
            "warning: line 1 of `accept.txt` expired after {until} and is ignored: {}",
            lines.trim()
        );
        assert_eq!(text.contains(&expired), !holds, "{text}");
        if holds {
            let shown = format!("is now member of Support (Ann helps out, until {until})\n");
            assert!(text.ends_with(&shown), "{text}");
            let json = &pair.json(&["--accept", "accept.txt"])["accepted"][0];
            assert_eq!(json["reason"], "Ann helps out");
            assert_eq!(json["until"], until);
            // Kept as it was agreed on.
            assert_eq!(pair.accepting(0, &lines, &["--print-accept"]), lines);
        }
    }
}

#[test]
fn comments_and_blank_lines_are_passed_over() {
    let pair = Pair::after(|o| o.give("sup", "Ann"));
    let text = pair.accepting(
        0,
        "# expected this week\n\n   \n\t grant-added \t role:sup:member:user:ann\tjoined_at  none →\t2026-01-05T08:00:00Z \t# Ann\n",
        &[],
    );
    assert!(
        text.starts_with("no differences except 1 accepted change\n"),
        "{text}"
    );
    assert!(!text.contains("warning"), "{text}");
}

#[test]
fn what_is_not_accepted_fails_and_comes_first() {
    let pair = many_changes();
    let lines = pair.lines();
    let line = lines
        .iter()
        .find(|line| line.contains(" role:sup:member:user:bob "));
    let text = pair.accepting(1, line.unwrap(), &[]);
    let (told, apart) = text.split_once("\nAccepted\n").unwrap();
    assert!(told.contains(", 1 accepted\n"), "{text}");
    assert!(!told.contains("Bob Archer <bob@example.com>: is now member"));
    assert_eq!(
        apart,
        "  + Bob Archer <bob@example.com>: is now member of Support\n"
    );
}

#[test]
fn a_line_that_matches_nothing_is_reported() {
    let lines = "member-added user:nobody seat none → member\n\
                 grant-revoked role:sup:member:user:ann entitlement member → none\n";
    for pair in [Pair::after(|o| o.give("sup", "Ann")), Pair::after(|_| {})] {
        let code = pair.diff(&[]).code;
        let text = pair.accepting(code, lines, &[]);
        for line in [
            "warning: line 1 of `accept.txt` matches nothing: member-added user:nobody seat none → member\n",
            "warning: line 2 of `accept.txt` matches nothing: \
             grant-revoked role:sup:member:user:ann entitlement member → none\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}

#[test]
fn an_accepted_person_does_not_cover_the_grants_they_came_with() {
    let pair = Pair::after(|o| {
        o.join("Eve", 1);
        o.give("sup", "Eve");
        o.give("eng", "Eve");
    });
    let [person, _, support] = pair.lines().try_into().unwrap();
    let text = pair.accepting(1, &person, &[]);
    assert!(
        text.starts_with("2 role memberships added, 1 accepted\n"),
        "{text}"
    );
    assert!(text.contains("\nGrants to new people\n"), "{text}");
    // The other way round the person is shown with all they came with.
    let text = pair.accepting(1, &support, &[]);
    assert!(text.starts_with("+1 member, 1 accepted\n"), "{text}");
    assert!(
        text.contains("Eve Archer <eve@example.com>: member, roles: Engineering, Support"),
        "{text}"
    );
}

#[test]
fn a_bad_line_is_refused_with_its_number() {
    let pair = Pair::after(|_| {});
    for (line, part) in [
        ("granted user:ann", "`granted` is not a kind of change"),
        ("seat-raised+ user:ann", "`` is not a kind of change"),
        ("grant-added", "expected a kind and an id"),
        ("grant-added # Ann", "expected a kind and an id"),
        ("grant-added \"user:ann", "reading the id"),
        (
            "grant-added user:ann user:bob",
            "expected `user:bob OLD → NEW`",
        ),
        (
            "other-changed user:ann email a",
            "expected `email OLD → NEW`",
        ),
        (
            "other-changed user:ann email a →",
            "expected `email OLD → NEW`",
        ),
        (
            "other-changed user:ann email → b",
            "expected `email OLD → NEW`",
        ),
        (
            "other-changed user:ann email a b",
            "expected `email OLD → NEW`",
        ),
        ("other-changed user:ann email a → b c", "expected a comma"),
        ("other-changed user:ann email a → b,", "a field name"),
        (
            "other-changed user:ann email [1 → b",
            "expected `email OLD → NEW`",
        ),
        (
            "other-changed user:ann email a → b until",
            "expected a date",
        ),
        (
            "other-changed user:ann email a → b until soon",
            "expected a date",
        ),
        (
            "other-changed user:ann email a → b until 2026-13-01",
            "expected a date",
        ),
        (
            "other-changed user:ann email a → b until 2026-02-30",
            "expected a date",
        ),
        (
            "other-changed user:ann email a → b until 26-02-03",
            "expected a date",
        ),
        (
            "other-changed user:ann email a → b until 2026-12-31 x",
            "expected nothing but `# REASON` after the date",
        ),
        ("member-added user:ann until", "expected a date"),
    ] {
        let lines = format!("# one\nmember-added user:x\n{line}\n");
        fs::write(pair.shelf.path("accept.txt"), lines).unwrap();
        pair.diff(&["--accept", "accept.txt"])
            .fails(2, &["line 3 of `accept.txt`", part]);
    }
    fs::write(pair.shelf.path("accept.txt"), b"\xff\n").unwrap();
    pair.diff(&["--accept", "accept.txt"])
        .fails(2, &["accept.txt"]);
    pair.diff(&["--accept", "nowhere.txt"])
        .fails(5, &["reading `nowhere.txt`"]);
}

/// Texts that could end a value, or pass for something else.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            " ",
            "none",
            "until",
            "→",
            "->",
            "true",
            "null",
            "15",
            "1e5",
            "[1]",
            "{",
            "\"",
            "#",
            " # ",
            ",",
            "a,b",
            "a→b",
            "until 2026-01-01",
            "\u{2028}",
            "\u{202e}",
            "\u{9b}",
            "\r\n",
            "é 王",
            "other fields",
        ])
        .prop_map(ToOwned::to_owned),
        "\\PC{0,12}",
        any::<String>().prop_map(|text| text.chars().take(20).collect()),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any_text().prop_map(|text| Value::Text(text.as_str().into())),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>()
            .prop_filter("JSON has no others", |number| number.is_finite())
            .prop_map(Value::Number),
        prop::collection::vec(any_text(), 0..3).prop_map(|texts| Value::List(
            texts
                .iter()
                .map(|text| Value::Text(text.as_str().into()))
                .collect()
        )),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn values_of_any_kind_are_written_and_read_back(
        keys in prop::collection::vec(any_text(), 6),
        values in prop::collection::vec(any_value(), 12),
    ) {
        let mut old = Organization::new();
        let mut new = old.a_week_later();
        for (key, pair) in keys.iter().zip(values.chunks(2)) {
            old.set("Ann", key, Some(pair[0].clone()));
            new.set("Ann", key, Some(pair[1].clone()));
        }
        new.seat("Bob", 15);
        let pair = Pair::of(&old, &new);
        let lines = pair.text(1, &["--print-accept"]);
        let text = pair.accepting(0, &lines, &[]);
        prop_assert!(!text.contains("warning"), "{}\n{}", lines, text);
    }
}
