//! Leavers: when they lost access, and whether that was in time.

use std::fs;

use super::{Archive, captured};
use crate::diff::Organization;

const ROSTER: &str = "email,status,end date
ann@example.com,left,2026-09-02
BOB@example.com,active,
cem@example.com,terminated,
dee@example.com,active,2026-09-02
eve@example.com,active,2026-09-02
zoe@example.com,left,2026-09-02
";

/// Five nights: Ann is gone on the 3rd, Dee on the 4th, Eve on the 3rd and back on the 5th; Cem stays.
fn archive() -> Archive {
    let archive = Archive::new();
    let mut o = Organization::new();
    o.join("Eve", 1);
    let all = o.clone();
    for day in 1..=5 {
        match day {
            3 => {
                o.leave("Ann");
                o.leave("Eve");
            }
            4 => o.leave("Dee"),
            5 => {
                let eve = all.resources.iter().find(|row| &*row.id.resource == "eve");
                o.resources.push(eve.unwrap().clone());
            }
            _ => {}
        }
        archive.capture(day, &o);
    }
    fs::write(archive.shelf.path("left.csv"), ROSTER).unwrap();
    archive
}

#[test]
fn every_leaver_has_the_captures_around_the_loss_and_the_time_it_took() {
    let archive = archive();
    let json = archive.json(&["--left", "left.csv", "--within", "24h"]);
    let told: Vec<_> = json["left"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| {
            let text = |name: &str| of[name].as_str().unwrap_or("-").to_owned();
            let day = |name: &str| {
                of[name]
                    .as_str()
                    .map_or("-".to_owned(), |at| at[8..10].to_owned())
            };
            format!(
                "{} {} {}-{} back {}, {}..{} {}",
                text("email"),
                text("id"),
                day("last_with"),
                day("first_without"),
                day("back_at"),
                of["at_least_seconds"],
                of["at_most_seconds"],
                text("verdict"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            // The end of the 2nd is 2 hours and 5 seconds before the capture of the 3rd.
            "ann@example.com ann 02-03 back -, 0..7205 in-time",
            // No date, and still there.
            "cem@example.com cem 05-- back -, null..null not-proved",
            "dee@example.com dee 03-04 back -, 7205..93605 not-proved",
            "eve@example.com eve 02-03 back 05, 0..7205 late",
            "zoe@example.com - --- back -, null..null in-time",
        ]
    );
    let run = archive.run(&["--left", "left.csv", "--within", "24h"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(text.contains("lost access between 2026-09-02 02:00:05 and 2026-09-03 02:00:05, at most 2 h 00 min after leaving"), "{text}");
    assert!(
        text.contains("has access again in the capture of 2026-09-05 02:00:05"),
        "{text}"
    );
    // Without a limit nothing fails.
    archive.run(&["--left", "left.csv"]).succeeds();
}

#[test]
fn gate_passes_if_everyone_was_in_time_and_says_nothing_when_quiet() {
    let archive = archive();
    fs::write(
        archive.shelf.path("left.csv"),
        "mail;left\nann@example.com;2.9.2026\n",
    )
    .unwrap();
    let options = [
        "--left",
        "left.csv",
        "--roster-date-format",
        "dd.mm.yyyy",
        "--within",
        "2h1m",
        "-q",
    ];
    archive.run(&options).succeeds_silently();
    let tight = [
        "--left",
        "left.csv",
        "--roster-date-format",
        "dd.mm.yyyy",
        "--within",
        "2h",
        "-q",
    ];
    let run = archive.run(&tight);
    assert_eq!((run.code, run.stdout.len()), (1, 0));
    // Ambiguous dates are an error of the roster.
    archive.run(&["--left", "left.csv"]).fails(3, &["left.csv"]);
}

#[test]
fn somebody_who_leaves_after_the_newest_capture_is_not_a_leaver_yet() {
    let archive = archive();
    fs::write(
        archive.shelf.path("left.csv"),
        "mail,left\ncem@example.com,2026-09-05\n",
    )
    .unwrap();
    let json = archive.json(&["--left", "left.csv", "--within", "1s"]);
    assert_eq!(json["left"].as_array().unwrap().len(), 0);
    assert_eq!(json["runs"][4]["captured_at"], captured(5));
    let text = archive.text(&["--left", "left.csv"]);
    assert!(text.starts_with("nobody in the roster had left"), "{text}");
}

#[test]
fn what_the_newest_runs_did_not_read_is_never_in_time() {
    let archive = Archive::new();
    let mut o = Organization::new();
    archive.capture(1, &o);
    archive.capture(2, &o);
    o.leave("Ann");
    let without = super::without_roles(&o);
    fs::write(archive.shelf.path("left.csv"), ROSTER).unwrap();
    let verdict = |email: &str| {
        let json = archive.json(&["--left", "left.csv", "--within", "24h"]);
        let leavers = json["left"].as_array().unwrap();
        let of = leavers.iter().find(|of| of["email"] == email).unwrap();
        of["verdict"].as_str().unwrap().to_owned()
    };
    // Ann may still hold a role without being in the member list.
    archive.capture(3, &without);
    assert_eq!(verdict("ann@example.com"), "pending");
    for day in 4..=8 {
        archive.capture(day, &without);
    }
    assert_eq!(verdict("ann@example.com"), "not-proved");
    // Nor could these runs show an address that is only that of a holder.
    assert_eq!(verdict("zoe@example.com"), "not-proved");
    archive.capture(9, &o);
    assert_eq!(verdict("zoe@example.com"), "in-time");
}

#[test]
fn roster_that_does_not_say_who_left_is_refused() {
    let archive = archive();
    fs::write(archive.shelf.path("left.csv"), "email\nann@example.com\n").unwrap();
    let run = archive.run(&["--left", "left.csv", "--within", "24h"]);
    run.fails(3, &["none of its columns says who has left"]);
}
