//! Hostile names in every output of an audit, and the size of its Markdown.

use serde_json::json;

use super::{Audited, add, invitation};
use crate::export::records;
use crate::support::{assert_harmless_markdown, assert_no_harm};

/// A name that is a formula, escape sequence, line end, reversed text, markup, mention, link and end of a cell.
const NASTY: &str = "=cmd|' /C calc'!A0\u{1b}[31m\u{202e}x\r\n<img src=x onerror=a()> \
                     @octocat [l](http://e.example) www.e.example `c` #7 $x$";

fn nasty() -> Audited {
    let audited = Audited::after(|o| {
        o.person("Bob").display_name = NASTY.into();
        o.second_factor("Bob", Some(false));
        o.email("Ann", &format!("{NASTY}@example.org"));
        o.add_role("ops", NASTY);
        o.rename_role("sup", NASTY);
        let evidence = o.evidence.as_mut().unwrap();
        evidence.organization.name = Some(NASTY.to_owned());
        evidence.unproved.push(NASTY.to_owned());
        evidence.key.as_mut().unwrap().scopes = vec![format!("{NASTY}:write")];
        o.document["settings"]["enforce_2fa"] = json!(false);
        let domain =
            json!({"id": "d0", "domain": NASTY, "is_verified": true, "sso_enforcement": ""});
        o.document["domains"] = json!([domain, o.document["domains"][0]]);
        let mut row = invitation("i1", 8, "2026-01-01T00:00:00Z", false);
        row["target_email"] = json!(NASTY);
        row["first_name"] = json!(NASTY);
        row["created_by"]["display_name"] = json!(NASTY);
        add(o, "invitations", row);
    });
    let text = serde_json::to_string(NASTY).unwrap();
    let entry = |code: &str, until: &str| {
        format!("[[accept]]\ncode = \"{code}\"\nreason = {text}\n{until}\n")
    };
    let rules = entry("role-without-holders", "")
        + &entry("2fa-not-enforced", "until = 2020-01-01")
        + &entry("single-owner", "");
    let rules =
        rules + &format!("[[accept]]\ncode = \"single-owner\"\nsubject = {text}\nreason = \"r\"\n");
    audited.with("rules.toml", rules)
}

const RULES: [&str; 2] = ["--rules", "./rules.toml"];

#[test]
fn names_do_nothing_to_a_terminal() {
    let audited = nasty();
    let text = audited.text(&RULES);
    assert_no_harm(&text);
    assert!(text.contains("\\u{1b}[31m\\u{202e}x\\r\\n<img"), "{text}");
    assert_no_harm(&audited.text(&[&RULES[..], &["--print-accept"]].concat()));
    for format in ["console", "json", "ndjson", "csv", "markdown"] {
        let args = [
            "audit",
            "sync.c1z",
            "--rules",
            "rules.toml",
            "-o",
            format,
            "--color",
            "never",
        ];
        let (code, sent) = audited.shelf.sandbox.program(&args).run_on_terminal();
        assert_eq!(code, 1, "{sent}");
        assert_no_harm(&sent.replace("\r\n", "\n"));
    }
    // Programs get the exact name.
    let document = audited.json(&RULES);
    let mut findings = document["findings"].as_array().unwrap().iter();
    assert!(findings.any(|finding| finding["subject"]["name"] == NASTY));
}

#[test]
fn no_cell_runs_in_a_spreadsheet() {
    let csv = nasty().text(&[&RULES[..], &["-o", "csv"]].concat());
    let csv = csv.trim_start_matches('\u{feff}');
    let rows = records(csv);
    let heads = rows[0].len();
    for row in &rows[1..] {
        assert_eq!(row.len(), heads);
        for cell in row {
            for separator in [',', ';', '\t', '|'] {
                for part in cell.split(separator) {
                    let part = part.trim_start_matches([' ', '"']);
                    assert!(!part.starts_with(['=', '+', '-', '@']), "{cell}");
                }
            }
            assert_no_harm(cell);
        }
    }
    assert_eq!(csv.matches("\r\n").count(), rows.len());
}

#[test]
fn names_in_markdown_mention_nobody_link_nowhere_and_are_no_markup() {
    let text = nasty().text(&[&RULES[..], &["-o", "markdown"]].concat());
    assert_harmless_markdown(&text);
    for part in [
        "### High (",
        "Accepted (1)",
        "Acceptances that accept nothing (",
        "&lt;img",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn markdown_is_never_longer_than_asked_and_counts_what_it_leaves_out() {
    let long = format!("{NASTY} {}", "long name ".repeat(60));
    let audited = Audited::after(|o| {
        o.evidence.as_mut().unwrap().organization.name = Some(long.clone());
        for n in 0..120 {
            let name = format!("P{n}");
            o.join(&name, [1, 8, 15][n % 3]);
            o.second_factor(&name, Some(false));
            o.person(&name).display_name = format!("{n} {long}").as_str().into();
            o.set(&name, "email_verified", Some(false.into()));
        }
    });
    let rules = "[[accept]]\ncode = \"unverified-email\"\nsubject = \"p7\"\nreason = \"r\"\n\
                 [[accept]]\ncode = \"single-owner\"\nreason = \"r\"\n";
    let audited = audited.with("rules.toml", rules);
    let codes = "high,medium,low,admin-without-2fa,member-without-2fa,2fa-not-enforced,sso-not-enforced,dormant-admin,\
                 dormant-member,holder-not-listed,too-many-owners,unknown-seat,unverified-email,outside-domain";
    let all = audited.found(&RULES).len();
    for max_bytes in [2048, 3000, 10_000, 1_000_000] {
        for more in [&[][..], &["--fail-on", codes]] {
            let bytes = max_bytes.to_string();
            let args = [&RULES[..], &["-o", "markdown", "--max-bytes", &bytes], more].concat();
            let text = audited.text(&args);
            assert!(
                text.len() <= max_bytes,
                "{max_bytes}: {}\n{text}",
                text.len()
            );
            assert_harmless_markdown(&text);
            let left_out = text.lines().find_map(|line| line.strip_prefix("… and "));
            let left_out = left_out.map_or(0, |rest| {
                rest.split(' ').next().unwrap().parse::<usize>().unwrap()
            });
            // Headings and what is shown agree, whatever is left out. The two rules about the roster and the entry that
            // accepts nothing have rows of their own.
            let is_row = |line: &&str| {
                line.starts_with("| ")
                    && !line.starts_with("| Rule ")
                    && !line.starts_with("| Snapshot")
            };
            let rows = text.lines().filter(is_row).count() - 1;
            assert_eq!(rows + left_out, all + 3, "{max_bytes}: {text}");
            for part in [
                "### High (80)",
                "### Medium (41)",
                "### Low (119)",
                "Accepted (1)",
                "or only in part (2)",
            ] {
                assert!(text.contains(part), "{max_bytes}: {part}: {text}");
            }
            assert_eq!(left_out == 0, max_bytes == 1_000_000);
        }
    }
}
