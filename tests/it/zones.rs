//! Times in a c1z state no zone: ours are in UTC, those of other connectors are the wall clock of the machine that wrote
//! them. No age is wrong by a zone, and no time is shown as UTC that may not be.

use std::path::Path;

use posthog_c1z::model::Timestamp;
use posthog_c1z::progress::Event;
use serde_json::{Value, json};

use crate::support::{Edited, Shelf, answer_at, golden};

const OWN: &str = "demo.c1z";
const OTHER: &str = "small.c1z";
/// A file of another connector whose times state their offset.
const STATING: &str = "stating.c1z";
/// Our file, to which another connector has added a sync run.
const MIXED: &str = "mixed.c1z";

fn dated(from: &Path, to: &Path, at: &str) {
    let sql = format!("update v1_sync_runs set started_at = '{at}', ended_at = '{at}'");
    Edited::of(from).sql(&sql).pack(to);
}

/// One file of each kind, all taken when the clock of their machine showed 10:00 on 2026-01-05.
fn shelf() -> Shelf {
    const TEN: &str = "2026-01-05 10:00:00";
    let shelf = Shelf::with_demo();
    dated(&shelf.path(OWN), &shelf.path(OWN), TEN);
    dated(&golden(OTHER), &shelf.path(OTHER), TEN);
    let stated = "2026-01-05T10:00:00+09:00";
    dated(&golden(OTHER), &shelf.path(STATING), stated);
    Edited::of(&shelf.path(OWN))
        .sql(
            "insert into v1_sync_runs (sync_id, started_at, ended_at, sync_token, sync_type)
             select 'of another', '2026-01-05 18:00:00', '2026-01-05 18:00:00', sync_token, 'full' from v1_sync_runs",
        )
        .pack(&shelf.path(MIXED));
    shelf
}

/// What was reported, one line each.
fn told(events: &[Event]) -> Vec<String> {
    let told = events.iter().map(|event| match event {
        Event::Noted { message } | Event::Found { message } => message.clone(),
        Event::Limited { message } => format!("note: {message}"),
        other => panic!("{other:?}"),
    });
    told.collect()
}

#[test]
fn age_is_counted_in_the_zone_of_the_file_or_from_its_oldest_reading() {
    let shelf = shelf();
    let temp_dir = tempfile::tempdir().unwrap();
    const TOO_OLD: &str = ", more than `--max-age` allows";
    const AHEAD: &str = ", which is in the future";
    // The file, the offset that is given, and the basis, the offset and the moment that its age is counted from.
    type Counted = (&'static str, &'static str, &'static str);
    // The clock in January 2026, the age allowed, the exit code, and a part of the verdict.
    type Case = (&'static str, &'static str, u8, &'static str);
    const CASES: [(&str, &str, Counted, &[Case]); 11] = [
        (
            OWN,
            "",
            ("recorded", "+00:00", "05T10:00:00"),
            &[
                ("05T10:00:01", "26h", 0, "10:00:00 UTC, 1.0 s ago"),
                ("06T12:00:00", "26h", 0, "1 d 02 h ago"),
                ("06T12:00:01", "26h", 1, TOO_OLD),
                ("31T10:00:00", "26h", 1, "26 d 00 h ago"),
                ("05T10:00:30", "30s", 0, ""),
                ("05T10:00:31", "30s", 1, TOO_OLD),
                ("07T10:00:00", "2d", 0, ""),
                ("07T10:00:01", "2d", 1, TOO_OLD),
                // Clocks may be ten minutes apart; beyond that, one of them is wrong.
                ("05T09:50:00", "1s", 0, ""),
                ("05T09:49:59", "1s", 1, AHEAD),
                ("04T21:00:00", "26h", 1, AHEAD),
                ("04T19:00:00", "26h", 1, AHEAD),
            ],
        ),
        (
            OWN,
            "Z",
            ("recorded", "+00:00", "05T10:00:00"),
            &[("06T12:00:00", "26h", 0, "10:00:00 UTC, ")],
        ),
        (
            STATING,
            "",
            ("recorded", "+00:00", "05T01:00:00"),
            &[
                ("06T03:00:00", "26h", 0, "01:00:00 UTC, "),
                ("06T03:00:01", "26h", 1, TOO_OLD),
            ],
        ),
        // Los Angeles.
        (
            OTHER,
            "-08:00",
            ("given", "-08:00", "05T18:00:00"),
            &[
                ("06T20:00:00", "26h", 0, "10:00:00 -08:00, 1 d 02 h ago"),
                ("06T20:00:01", "26h", 1, TOO_OLD),
                ("05T10:00:00", "26h", 1, AHEAD),
            ],
        ),
        // Tokyo.
        (
            OTHER,
            "+09:00",
            ("given", "+09:00", "05T01:00:00"),
            &[
                ("06T03:00:00", "26h", 0, "10:00:00 +09:00, 1 d 02 h ago"),
                ("06T03:00:01", "26h", 1, TOO_OLD),
                ("05T01:00:00", "26h", 0, "0.0 s ago"),
            ],
        ),
        (
            OTHER,
            "Z",
            ("given", "+00:00", "05T10:00:00"),
            &[
                ("06T12:00:00", "26h", 0, "10:00:00 +00:00, "),
                ("06T12:00:01", "26h", 1, TOO_OLD),
            ],
        ),
        (
            OTHER,
            "+14:00",
            ("given", "+14:00", "04T20:00:00"),
            &[
                ("05T22:00:00", "26h", 0, "10:00:00 +14:00, 1 d 02 h ago"),
                ("05T22:00:01", "26h", 1, TOO_OLD),
                ("04T19:00:00", "26h", 1, AHEAD),
            ],
        ),
        (
            OTHER,
            "",
            ("assumed", "+14:00", "04T20:00:00"),
            &[
                ("05T22:00:00", "26h", 0, "recorded), up to 1 d 02 h ago"),
                ("05T22:00:01", "26h", 1, TOO_OLD),
                // Its clock was 13 hours ahead, as one may be; none is 15 hours ahead.
                ("04T21:00:00", "26h", 0, "up to 1 h 00 min ago"),
                ("04T19:50:00", "26h", 0, ""),
                ("04T19:00:00", "26h", 1, "in the future in every time zone"),
            ],
        ),
        // Which of the two sync runs is newer depends on the zone of the one that has none.
        (
            MIXED,
            "",
            ("recorded", "+00:00", "05T10:00:00"),
            &[("06T12:00:00", "26h", 0, "10:00:00 UTC, ")],
        ),
        (
            MIXED,
            "+09:00",
            ("recorded", "+00:00", "05T10:00:00"),
            &[("06T12:00:01", "26h", 1, TOO_OLD)],
        ),
        (
            MIXED,
            "-08:00",
            ("given", "-08:00", "06T02:00:00"),
            &[("06T12:00:01", "26h", 0, "18:00:00 -08:00, ")],
        ),
    ];
    let cases = CASES.iter().flat_map(|(file, offset, counted, cases)| {
        cases
            .iter()
            .map(move |case| (*file, *offset, *counted, *case))
    });
    for (file, offset, counted, (now, max_age, code, says)) in cases {
        let what = format!("{file} {offset} at {now}, {max_age}");
        let now = Timestamp::parse(&format!("2026-01-{now}Z")).unwrap();
        let path = shelf.path(file);
        let path = path.to_str().unwrap();
        let option = format!("--utc-offset={offset}");
        let mut args = vec!["stats", path, "--max-age", max_age];
        if !offset.is_empty() {
            args.push(&option);
        }
        let answered = answer_at(now, temp_dir.path(), &args);
        assert_eq!((answered.code, &*answered.message), (code, ""), "{what}");
        let told = told(&answered.events);
        let (basis, utc_offset, ended_at) = counted;
        let note = format!(
            "note: `{path}` does not record the time zone of its times; its age is computed for UTC+14, which is the \
             greatest it can be; if you know the zone, pass `--utc-offset`"
        );
        let found = told.last().unwrap();
        let rests_on_assumption = offset.is_empty() && [OTHER, MIXED].contains(&file);
        assert_eq!(told.len(), if rests_on_assumption { 2 } else { 1 });
        assert!(
            found.contains("the newest full sync run ended at 2026-01-0"),
            "{found}"
        );
        assert!(found.contains(says), "{what}: {found}");
        assert!(!rests_on_assumption || told[0] == note, "{told:?}");
        // The answer itself is the same, with what was counted besides in JSON.
        let plain = answer_at(now, temp_dir.path(), &["stats", path]);
        assert_eq!(answered.stdout, plain.stdout, "{what}");
        assert_eq!((plain.code, plain.events), (0, Vec::new()));
        let json = |args: &[&str]| -> Value {
            let answered = answer_at(now, temp_dir.path(), &[args, &["-o", "json"]].concat());
            serde_json::from_slice(&answered.stdout).unwrap()
        };
        let mut document = json(&args);
        let age = document["age"].take();
        assert_eq!(age["ended_at"], format!("2026-01-{ended_at}Z"), "{what}");
        assert_eq!(age["utc_offset"], utc_offset, "{what}");
        assert_eq!(age["basis"], basis, "{what}");
        assert!(age["sync_id"].is_string());
        assert_eq!(document, json(&["stats", path]));
    }
}

#[test]
fn only_offsets_that_exist_and_that_the_file_leaves_open_are_taken() {
    let shelf = shelf();
    const FORM: &str = "expected +HH:MM or -HH:MM, such as +05:30 or -08:00, or Z";
    const RANGE: &str = "expected an offset from -12:00 to +14:00";
    const MINUTES: &str = "expected minutes from 00 to 59";
    for (file, offset, error) in [
        (OTHER, "9", FORM),
        (OTHER, "+9:00", FORM),
        (OTHER, "+0900", FORM),
        (OTHER, "JST", FORM),
        (OTHER, "−08:00", FORM),
        (OTHER, "", FORM),
        (OTHER, "+14:01", RANGE),
        (OTHER, "-12:30", RANGE),
        (OTHER, "+09:60", MINUTES),
        (
            OWN,
            "+09:00",
            "the evidence in `demo.c1z` shows that its times are in UTC: leave out `--utc-offset +09:00`",
        ),
        (
            STATING,
            "+09:00",
            "the times in `stating.c1z` state their own offset: leave out `--utc-offset +09:00`",
        ),
    ] {
        let run = shelf.run(&["stats", file, "--max-age", "26h", "--utc-offset", offset]);
        assert_eq!((run.code, run.stdout.len()), (2, 0), "{offset}");
        assert!(run.stderr.contains(error), "{offset}: {}", run.stderr);
    }
    // An age of its own is what it is for.
    let run = shelf.run(&["stats", OTHER, "--utc-offset", "-08:00"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--max-age"), "{}", run.stderr);
    // A value may begin like an option, and the note reaches whoever reads standard error.
    let args = [
        "stats",
        OTHER,
        "--utc-offset",
        "-08:00",
        "--max-age",
        "9999d",
    ];
    assert_eq!(shelf.run(&args).succeeds().stderr, "");
    let run = shelf
        .run(&["stats", OTHER, "--max-age", "9999d"])
        .succeeds();
    assert!(
        run.stderr.starts_with("note: `small.c1z` does not record"),
        "{}",
        run.stderr
    );
    assert_eq!(run.stderr.lines().count(), 1);
}

#[test]
fn times_without_a_zone_are_never_shown_as_utc() {
    let shelf = shelf();
    const ZONELESS: &str = "2026-01-05 10:00:00 (time zone not recorded)";
    let text = |args: &[&str]| {
        let run = shelf.run(args);
        assert!(run.code <= 1, "{args:?}: {}", run.stderr);
        String::from_utf8(run.stdout).unwrap()
    };
    // Which times are in UTC: those of our file and of the one that states an offset.
    for (file, heads, note) in [
        (OWN, "Started (UTC)        Ended (UTC) ", false),
        (STATING, "Started (UTC)        Ended (UTC) ", false),
        (OTHER, "Started              Ended       ", true),
        (MIXED, "Started                  Ended   ", true),
    ] {
        let stats = text(&["stats", file]);
        assert!(stats.contains(heads), "{stats}");
        assert_eq!(
            stats.contains("; its time zone is not recorded\n"),
            note,
            "{stats}"
        );
    }
    assert!(text(&["stats", MIXED]).contains("2026-01-05 10:00:00 UTC  2026-01-05 10:00:00 UTC  "));
    assert!(text(&["stats", MIXED]).contains("2026-01-05 18:00:00      2026-01-05 18:00:00      "));

    let forced = |old, new, args: &[&str]| text(&[&["diff", "--force", old, new], args].concat());
    let console = forced(OWN, OTHER, &[]);
    assert!(
        console.contains("Instruments, 2026-01-05 10:00:00 UTC\n"),
        "{console}"
    );
    assert!(
        console.contains(&format!("organization unknown, {ZONELESS}\n")),
        "{console}"
    );
    let markdown = forced(OWN, OTHER, &["-o", "markdown"]);
    assert!(
        markdown.contains("| Captured | Content digest |"),
        "{markdown}"
    );
    assert!(
        markdown.contains("| 2026-01-05 10:00:00 UTC | `v1:"),
        "{markdown}"
    );
    assert!(
        markdown.contains(&format!("| {ZONELESS} | `v1:")),
        "{markdown}"
    );

    // Where programs read, the form stays, and a member says so.
    let sides: Value = serde_json::from_str(&forced(OWN, OTHER, &["-o", "json"])).unwrap();
    for (side, known) in [("old", true), ("new", false)] {
        assert_eq!(sides[side]["captured_at"], "2026-01-05T10:00:00Z");
        assert_eq!(sides[side]["time_zone_known"], known);
    }
    for (old, new, expected) in [(OWN, OTHER, json!(false)), (OTHER, OWN, Value::Null)] {
        for line in forced(old, new, &["-o", "ndjson"]).lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["time_zone_known"], expected, "{line}");
        }
    }
    for (file, known) in [(OWN, true), (STATING, true), (OTHER, false)] {
        let stats: Value = serde_json::from_str(&text(&["stats", file, "-o", "json"])).unwrap();
        assert_eq!(stats["sync_runs"][0]["time_zone_known"], known, "{file}");
        assert_eq!(stats["age"], Value::Null);
        let snapshot: Value = serde_json::from_str(&text(&["export", "json", file])).unwrap();
        assert_eq!(snapshot["sync_run"], stats["sync_runs"][0]);
        let lines = text(&["export", "ndjson", file]);
        let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(line["data"], stats["sync_runs"][0]);
    }
}

#[test]
fn order_of_two_snapshots_is_in_doubt_while_zones_could_reverse_it() {
    const CERTAIN: &str =
        "warning: the old snapshot was taken after the new one: additions are reported as removals";
    const IN_DOUBT: &str = "warning: the old snapshot may have been taken after the new one (their time zones are not both \
                            recorded): if so, additions are reported as removals";
    let shelf = shelf();
    for (old, old_at, new, expected) in [
        (OWN, "2026-01-05 10:00:01", OWN, Some(CERTAIN)),
        (OWN, "2026-01-05 10:00:00", OWN, None),
        (OTHER, "2026-01-05 10:00:00", OTHER, None),
        (OTHER, "2026-01-05 10:00:01", OTHER, Some(IN_DOUBT)),
        (OTHER, "2026-01-06 12:00:00", OTHER, Some(IN_DOUBT)),
        (OTHER, "2026-01-06 12:00:01", OTHER, Some(CERTAIN)),
        (OTHER, "2026-01-06 00:00:00", OWN, Some(IN_DOUBT)),
        (OTHER, "2026-01-06 00:00:01", OWN, Some(CERTAIN)),
        (OWN, "2026-01-05 22:00:00", OTHER, Some(IN_DOUBT)),
        (OWN, "2026-01-05 22:00:01", OTHER, Some(CERTAIN)),
        (OWN, "2026-01-05 09:00:00", OTHER, None),
    ] {
        dated(&shelf.path(old), &shelf.path("old.c1z"), old_at);
        let run = shelf.run(&["diff", "--force", "old.c1z", new]);
        let text = String::from_utf8(run.stdout).unwrap();
        for warning in [CERTAIN, IN_DOUBT] {
            let is_expected = expected == Some(warning);
            assert_eq!(
                text.contains(warning),
                is_expected,
                "{old} of {old_at}, {new}: {text}"
            );
        }
    }
}

/// The clock of a machine in local time is set back for winter while the machine crawls.
#[test]
fn sync_run_without_a_zone_may_end_before_it_begins() {
    let shelf = shelf();
    for (file, started_at, findings) in [
        (OTHER, "2026-01-05 10:40:00", 0),
        (OTHER, "2026-01-06 12:00:00", 0),
        (OTHER, "2026-01-06 12:00:01", 1),
        (OWN, "2026-01-05 10:00:01", 1),
    ] {
        Edited::of(&shelf.path(file))
            .sql(&format!(
                "update v1_sync_runs set started_at = '{started_at}'"
            ))
            .pack(&shelf.path("a.c1z"));
        let run = shelf.run(&["verify", "a.c1z"]);
        let text = String::from_utf8(run.stdout).unwrap();
        assert_eq!(run.code, findings, "{text}");
        assert_eq!(text.contains(": sync-times: "), findings == 1, "{text}");
        // How long it took is then not known.
        let stats = shelf.text(&["stats", "a.c1z"]);
        assert!(
            stats.contains("  2026-01-05 10:00:00  unknown\n"),
            "{stats}"
        );
    }
}
