//! Accepted findings: which entry accepts what, until when, and what is reported of entries that accept nothing.

use serde_json::{Value, json};

use super::Audited;

/// Ann and Dee have no second factor, and Bob has none as an owner.
fn three() -> Audited {
    Audited::after(|o| {
        for name in ["Ann", "Bob", "Dee"] {
            o.second_factor(name, Some(false));
        }
    })
}

fn entry(code: &str, subject: &str, reason: &str, until: &str) -> String {
    let mut text = format!("[[accept]]\ncode = \"{code}\"\nreason = \"{reason}\"\n");
    if !subject.is_empty() {
        text += &format!("subject = \"{subject}\"\n");
    }
    if !until.is_empty() {
        text += &format!("until = {until}\n");
    }
    text
}

/// The ids of accepted findings, each with its reason.
fn accepted(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    let accepted = findings.filter(|finding| !finding["accepted"].is_null());
    accepted
        .map(|finding| {
            let reason = finding["accepted"]["reason"].as_str().unwrap();
            format!("{} {reason}", finding["subject"]["id"].as_str().unwrap())
        })
        .collect()
}

const MEMBER: &str = "member-without-2fa";

#[test]
fn an_entry_names_an_id_an_address_or_nobody() {
    for (subject, ids) in [
        ("ann", &["ann r"][..]),
        ("user:ann", &["ann r"]),
        ("ANN@Example.COM", &["ann r"]),
        ("", &["ann r", "dee r"]),
        ("An", &[]),
        ("role:ann", &[]),
        ("bob", &[]),
    ] {
        let audited = three().with("rules.toml", entry(MEMBER, subject, "r", ""));
        let document = audited.json(&["--rules", "./rules.toml"]);
        assert_eq!(accepted(&document), ids, "{subject}");
        let n = ids.len();
        let summary = json!({"high": 1, "medium": 2 - n, "low": 0, "accepted": n});
        assert_eq!(document["summary"], summary, "{subject}");
        // Accepted findings stay in the list and in the count of their rule.
        assert_eq!(document["findings"].as_array().unwrap().len(), 3);
        let mut rules = document["rules"].as_array().unwrap().iter();
        assert_eq!(
            rules.find(|rule| rule["code"] == MEMBER).unwrap()["findings"],
            2
        );
        let unmatched = document["unmatched_acceptances"].as_array().unwrap();
        assert_eq!(unmatched.len(), usize::from(n == 0), "{subject}");
    }
}

#[test]
fn the_first_entry_that_fits_wins() {
    let rules = [
        entry(MEMBER, "ann@example.com", "first", "2027-01-01"),
        entry(MEMBER, "", "second", ""),
    ];
    let audited = three().with("rules.toml", rules.concat());
    let document = audited.json(&["--rules", "./rules.toml"]);
    assert_eq!(accepted(&document), ["ann first", "dee second"]);
    let finding = &document["findings"][1];
    assert_eq!(
        finding["accepted"],
        json!({"reason": "first", "until": "2027-01-01"})
    );
    let [one, two] = rules;
    let audited = three().with("rules.toml", two + &one);
    let document = audited.json(&["--rules", "./rules.toml"]);
    assert_eq!(accepted(&document), ["ann second", "dee second"]);
}

#[test]
fn an_entry_holds_until_the_end_of_its_day_and_then_shows_its_reason() {
    let rules = entry(
        "admin-without-2fa",
        "bob@example.com",
        "on leave",
        "2026-09-07",
    );
    let audited = three().with("rules.toml", rules);
    for (as_of, code) in [
        ("2026-09-07", 0),
        ("2026-09-07T23:59:59Z", 0),
        ("2026-09-08T00:00:00Z", 1),
        ("2026-09-08T01:00:00+02:00", 0),
    ] {
        let answered = audited.answer(&["--rules", "./rules.toml", "--as-of", as_of]);
        assert_eq!(answered.code, code, "{as_of}");
    }
    let args = ["--rules", "./rules.toml", "--as-of", "2026-09-08"];
    let document = audited.json(&args);
    let finding = &document["findings"][0];
    assert_eq!(finding["accepted"], Value::Null);
    let expired = json!({"reason": "on leave", "until": "2026-09-07"});
    assert_eq!(finding["expired_acceptance"], expired);
    assert_eq!(document["unmatched_acceptances"][0]["problem"], "expired");
    for format in ["console", "markdown", "csv"] {
        let text = audited.text(&[&args[..], &["-o", format]].concat());
        assert!(
            text.contains("accepted until 2026-09-07: on leave"),
            "{format}: {text}"
        );
    }
    // One that has expired does not keep a later one from accepting.
    let rules = [
        entry("admin-without-2fa", "bob", "old", "2026-01-01"),
        entry("admin-without-2fa", "bob", "new", "2026-12-31"),
    ];
    let audited = three().with("rules.toml", rules.concat());
    let document = audited.json(&["--rules", "./rules.toml"]);
    assert_eq!(accepted(&document), ["bob new"]);
    assert!(document["findings"][0].get("expired_acceptance").is_none());
}

#[test]
fn entries_that_accept_nothing_are_listed_and_change_no_exit_code() {
    let rules = [
        "[rules]\nkey-can-write = \"off\"\n".to_owned(),
        entry("admin-without-2fa", "bob", "fine", ""),
        entry(MEMBER, "nobody@example.com", "mistyped", ""),
        entry(MEMBER, "ann", "over", "2026-09-06"),
        entry("key-can-write", "", "off", ""),
        entry("not-in-roster", "", "no roster", ""),
    ];
    let audited = three().with("rules.toml", rules.concat());
    let args = ["--rules", "./rules.toml"];
    assert_eq!(audited.answer(&args).code, 0);
    let document = audited.json(&args);
    let listed = json!([
        {"code": MEMBER, "subject": "nobody@example.com", "reason": "mistyped", "until": null, "problem": "unmatched"},
        {"code": MEMBER, "subject": "ann", "reason": "over", "until": "2026-09-06", "problem": "expired"},
        {"code": "key-can-write", "subject": null, "reason": "off", "until": null, "problem": "off"},
        {"code": "not-in-roster", "subject": null, "reason": "no roster", "until": null, "problem": "not_judged"},
    ]);
    assert_eq!(document["unmatched_acceptances"], listed);
    for format in ["console", "markdown"] {
        let text = audited.text(&[&args[..], &["-o", format]].concat());
        for part in [
            "mistyped",
            "there is no such finding",
            "expired after 2026-09-06",
            "the rule is off",
        ] {
            assert!(text.contains(part), "{format}: {part}: {text}");
        }
    }
}

#[test]
fn what_print_accept_writes_accepts_everything_once_it_has_reasons() {
    let audited = Audited::after(|o| {
        o.second_factor("Bob", Some(false));
        o.email("Ann", "ann@example.org");
        o.person("Ann").display_name = "\"A\" \\ \n[[accept]] \u{202e}\u{9b}2J # x".into();
        o.rename_role("sup", "engineering");
        o.document["settings"]["enforce_2fa"] = Value::Null;
        o.document["domains"][0]["sso_enforcement"] = json!("");
        o.evidence
            .as_mut()
            .unwrap()
            .key
            .as_mut()
            .unwrap()
            .scopes
            .clear();
        o.join("Odd\u{9b}2J\u{202e}\" \\ id", 8);
        o.second_factor("Odd\u{9b}2J\u{202e}\" \\ id", Some(false));
    });
    let printed = audited.text(&["--print-accept"]);
    let harm = printed
        .chars()
        .find(|c| *c != '\n' && (c.is_control() || *c == '\u{202e}'));
    assert_eq!(harm, None, "{printed:?}");
    let n = audited.found(&[]).len();
    assert_eq!(n, 8);
    assert_eq!(printed.matches("[[accept]] #").count(), n, "{printed}");
    // As printed, its reasons are missing.
    let audited = audited.with("rules.toml", &printed);
    let answered = audited.answer(&["--rules", "./rules.toml"]);
    assert_eq!(answered.code, 3);
    assert!(
        answered.message.contains("the reason is empty"),
        "{}",
        answered.message
    );
    assert!(answered.message.contains("line "), "{}", answered.message);
    let completed = printed.replace("reason = \"\"", "reason = \"fine\"");
    let completed = completed.replace("# until =", "until =");
    let audited = audited.with("rules.toml", &completed);
    let args = ["--rules", "./rules.toml", "--fail-on", "low"];
    assert_eq!(audited.answer(&args).code, 0);
    let document = audited.json(&args);
    assert_eq!(
        document["summary"],
        json!({"high": 0, "medium": 0, "low": 0, "accepted": n})
    );
    assert_eq!(document["unmatched_acceptances"], json!([]));
    let text = audited.text(&args);
    assert!(
        text.starts_with(&format!("no findings except {n} accepted\n")),
        "{text}"
    );
    // Nothing is left to print.
    assert_eq!(
        audited.text(&["--rules", "./rules.toml", "--print-accept"]),
        ""
    );
}

#[test]
fn print_rules_reads_back_as_the_defaults() {
    let audited = three();
    let printed = audited.shelf.text(&["audit", "--print-rules"]);
    let [without, with] = [&[][..], &["--rules", "./rules.toml"]]
        .map(|args| three().with("rules.toml", &printed).json(args));
    for key in ["findings", "rules", "not_judged", "summary"] {
        assert_eq!(without[key], with[key], "{key}");
    }
}

#[test]
fn what_is_wrong_with_the_rules_file_is_shown_with_its_place() {
    for (text, parts) in [
        (
            "dormant_day = 3\n",
            &["line 1, column 1", "unknown field `dormant_day`"][..],
        ),
        (
            "[rules]\nno-such-rule = \"low\"\n",
            &[
                "line 2, column 1",
                "`no-such-rule` is not the code of a rule",
            ],
        ),
        (
            "[rules]\nsingle-owner = \"urgent\"\n",
            &["line 2, column 16", "unknown variant `urgent`"],
        ),
        (
            "[[accept]]\ncode = \"single-owner\"\n",
            &["line 1, column 1", "missing field `reason`"],
        ),
        (
            "[[accept]]\ncode = \"single-owner\"\nreason = \"r\"\nuntil = \"2026-01-01\"\n",
            &["line 4, column 9", "expected a date"],
        ),
        (
            "[[accept]]\ncode = \"single-owner\"\nreason = \"r\"\nsubject = \"\"\n",
            &["line 4, column 11", "the subject is empty"],
        ),
        (
            "domains = [\n  \"example.com\", \"*.example.com\"]\n",
            &["line 2, column 18", "is not a domain"],
        ),
        ("max_owners = 3\nmax_owners = 4\n", &["line 2, column 1"]),
        ("= 1\n", &["line 1, column 1"]),
    ] {
        let audited = three().with("rules.toml", text);
        let run = audited
            .run(&["--rules", "rules.toml"])
            .fails(3, &["the rules file `rules.toml`"]);
        for part in parts {
            assert!(run.stderr.contains(part), "{text}: {part}: {}", run.stderr);
        }
    }
    three()
        .run(&["--rules", "missing.toml"])
        .fails(3, &["the rules file `missing.toml`: it does not exist"]);
    let run = three()
        .with("rules.toml", "x\u{1b}[2J\u{202e} = 1\n")
        .run(&["--rules", "rules.toml"]);
    assert_eq!(run.code, 3);
    assert!(
        !run.stderr.contains(['\u{1b}', '\u{202e}']),
        "{:?}",
        run.stderr
    );
}
