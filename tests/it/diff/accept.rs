//! `--accept` and `--print-accept`: changes that were expected are set apart, and nothing else is.

use std::fs;

use super::Pair;

fn many_changes() -> Pair {
    Pair::after(|o| {
        o.seat("Ann", 8);
        o.second_factor("Bob", Some(false));
        o.leave("Dee");
        o.join("Eve", 15);
        o.give("sup", "Eve");
        o.give("sup", "Bob");
        o.rename_role("eng", "Builders # 1");
        o.add_role("ops", "Operations");
        o.email("Cem", "cem@example.org");
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
}

#[test]
fn what_print_accept_writes_accepts_everything() {
    let pair = many_changes();
    let lines = pair.text(1, &["--print-accept"]);
    let text = pair.accepting(0, &lines, &[]);
    let json = pair.json(&[]);
    let changes = json["changes"].as_array().unwrap().len();
    assert!(
        text.starts_with(&format!("nothing but {changes} accepted changes\n")),
        "{text}"
    );
    assert!(!text.contains("warning"), "{text}");
    let apart = text.split("\nAccepted\n").nth(1).unwrap();
    assert_eq!(apart.lines().count(), changes);

    let json = pair.json(&["--accept", "accept.txt"]);
    assert_eq!(json["changes"].as_array().unwrap().len(), 0);
    assert_eq!(json["accepted"].as_array().unwrap().len(), changes);
    assert_eq!(json["summary"]["seat-raised"], 0);
    let events = pair.accepting(0, &lines, &["-o", "ndjson"]);
    assert_eq!(events.lines().count(), changes);
    assert!(
        events
            .lines()
            .all(|line| line.contains(r#""accepted":true"#))
    );
    // Printed again, they are the same lines.
    let again = pair.accepting(0, &lines, &["--print-accept"]);
    assert_eq!(again, lines);
    // From an editor on Windows.
    let lines = format!("\u{feff}{}", lines.replace('\n', "\r\n"));
    pair.accepting(0, &lines, &[]);
}

#[test]
fn comments_and_blank_lines_are_passed_over() {
    let pair = Pair::after(|o| o.give("sup", "Ann"));
    let text = pair.accepting(
        0,
        "# expected this week\n\n   \n\t grant-added \t role:sup:member:user:ann\t# Ann helps out\n",
        &[],
    );
    assert!(
        text.starts_with("nothing but 1 accepted change\n"),
        "{text}"
    );
    assert!(!text.contains("warning"), "{text}");
    // Behind an id without a blank it is part of the id.
    let text = pair.accepting(1, "grant-added role:sup:member:user:ann#\n", &[]);
    assert!(
        text.contains(
            "line 1 of `accept.txt` matches nothing: grant-added role:sup:member:user:ann#\n"
        ),
        "{text}"
    );
}

#[test]
fn what_is_not_accepted_fails_and_comes_first() {
    let pair = many_changes();
    let text = pair.accepting(1, "grant-added role:sup:member:user:bob\n", &[]);
    let (told, apart) = text.split_once("\nAccepted\n").unwrap();
    assert!(told.contains(", 1 accepted\n"), "{text}");
    assert!(!told.contains("Bob Archer <bob@example.com>: is now member"));
    assert_eq!(
        apart,
        "  + Bob Archer <bob@example.com>: is now member of Support\n"
    );
}

#[test]
fn line_that_matches_nothing_is_reported() {
    let pair = Pair::after(|o| o.give("sup", "Ann"));
    let text = pair.accepting(
        1,
        "member-added user:nobody\ngrant-revoked role:sup:member:user:ann\n",
        &[],
    );
    for line in [
        "warning: line 1 of `accept.txt` matches nothing: member-added user:nobody",
        "warning: line 2 of `accept.txt` matches nothing: grant-revoked role:sup:member:user:ann",
    ] {
        assert!(text.contains(line), "{text}");
    }
    // Even when there is nothing left to accept.
    let pair = Pair::after(|_| {});
    let text = pair.accepting(0, "member-added user:nobody\n", &[]);
    assert!(
        text.starts_with("no differences\n\nwarning: line 1"),
        "{text}"
    );
}

#[test]
fn every_meaning_must_be_accepted() {
    let pair = Pair::after(|o| o.seat("Ann", 15));
    let text = pair.accepting(1, "seat-raised user:ann\n", &[]);
    assert!(
        text.contains(
            "warning: line 1 of `accept.txt` does not accept `user:ann`, which is also `owner-added`"
        ),
        "{text}"
    );
    let text = pair.accepting(0, "seat-raised user:ann\nowner-added user:ann\n", &[]);
    assert!(!text.contains("warning"), "{text}");
}

#[test]
fn accepted_person_does_not_cover_the_grants_they_came_with() {
    let pair = Pair::after(|o| {
        o.join("Eve", 1);
        o.give("sup", "Eve");
        o.give("eng", "Eve");
    });
    let text = pair.accepting(1, "member-added user:eve\n", &[]);
    assert!(
        text.starts_with("2 role grants added, 1 accepted\n"),
        "{text}"
    );
    assert!(text.contains("\nGrants of new people\n"), "{text}");
    // The other way round the person is told with all they came with.
    let text = pair.accepting(1, "grant-added role:sup:member:user:eve\n", &[]);
    assert!(text.starts_with("+1 member, 1 accepted\n"), "{text}");
    assert!(
        text.contains("Eve Archer <eve@example.com>: member, came with Engineering, Support"),
        "{text}"
    );
}

#[test]
fn bad_line_is_refused_with_its_number() {
    let pair = Pair::after(|_| {});
    for (line, part) in [
        ("granted user:ann", "`granted` is no kind of change"),
        ("grant-added", "expected a kind and an id"),
        ("grant-added # Ann", "expected a kind and an id"),
        (
            "grant-added user:ann user:bob",
            "expected nothing behind the id",
        ),
        ("grant-added \"user:ann", "no JSON string"),
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
