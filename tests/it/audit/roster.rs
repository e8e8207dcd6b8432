//! The roster: as HR systems write it, who is in it, who has left, and that nothing of it shows.

use super::{Audited, found, not_judged, reported};

const EVERYBODY: &str =
    "email\nann@example.com\nbob@example.com\ncem@example.com\ndee@example.com\neve@example.com\n";

/// The lines of the roster for everybody but Ann.
const OTHERS: [&str; 4] = [
    "bob@example.com",
    "cem@example.com",
    "dee@example.com",
    "eve@example.com",
];

fn with_roster(roster: impl AsRef<[u8]>) -> Audited {
    Audited::after(|_| {}).with("hr.csv", roster)
}

const ROSTER: [&str; 2] = ["--roster", "./hr.csv"];

fn and<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&ROSTER[..], args].concat()
}

#[test]
fn heads_are_found_in_any_case_and_spelling() {
    for head in [
        "email",
        "EMAIL",
        "E-mail",
        "e_mail",
        "Email Address",
        "email-address",
        "WORK_EMAIL",
        "Work  Email",
        "Mail",
        "User Principal Name",
        "user-principal_name",
        " email ",
    ] {
        let roster = EVERYBODY.replacen("email", head, 1);
        let document = with_roster(roster).json(&ROSTER);
        assert_eq!(found(&document), [""; 0], "{head}");
        let why = "the roster has neither a status nor an end date";
        assert_eq!(not_judged(&document)["left-but-present"], why, "{head}");
    }
    for head in ["Status", "Employment Status", "account_status"] {
        let rows: String = OTHERS
            .iter()
            .map(|address| format!("{address},active\n"))
            .collect();
        let roster = format!("email,{head}\nann@example.com,Terminated\n{rows}");
        assert_eq!(
            with_roster(roster).found(&ROSTER),
            ["left-but-present user:ann"],
            "{head}"
        );
    }
    for head in [
        "left",
        "Left At",
        "end_date",
        "Termination Date",
        "LAST-DAY",
    ] {
        let rows: String = OTHERS
            .iter()
            .map(|address| format!("{address},\n"))
            .collect();
        let roster = format!("email,{head}\nann@example.com,2026-09-01\n{rows}");
        assert_eq!(
            with_roster(roster).found(&ROSTER),
            ["left-but-present user:ann"],
            "{head}"
        );
    }
    // Named by options.
    let rows: String = OTHERS
        .iter()
        .map(|address| format!("x,{address},no,\n"))
        .collect();
    let roster = format!("email,Login,Gone,Until\nx,ann@example.com,former,\n{rows}");
    let options = [
        "--roster-email",
        "LOGIN",
        "--roster-status",
        "gone",
        "--roster-left",
        "until",
    ];
    assert_eq!(
        with_roster(roster).found(&and(&options)),
        ["left-but-present user:ann"]
    );
}

#[test]
fn files_are_read_as_spreadsheets_write_them() {
    for roster in [
        EVERYBODY.to_owned(),
        format!("\u{feff}{EVERYBODY}"),
        EVERYBODY.replace('\n', "\r\n"),
        EVERYBODY
            .replace("email", "Name;email")
            .replace("\n", "\n\"A;,\n B\";")
            .trim_end_matches("\"A;,\n B\";")
            .to_owned(),
        EVERYBODY
            .replace("email", "Name\temail")
            .replace("\n", "\nA, B;\t")
            .trim_end_matches("A, B;\t")
            .to_owned(),
        EVERYBODY.replace("ann@example.com", "\"  ANN@Example.Com \""),
        format!("{EVERYBODY}\n\n"),
        EVERYBODY.trim_end().to_owned(),
    ] {
        let audited = with_roster(&roster);
        assert_eq!(audited.found(&ROSTER), [""; 0], "{roster:?}");
        assert_eq!(reported(&audited.answer(&ROSTER)), "", "{roster:?}");
    }
}

#[test]
fn who_is_not_in_the_roster_is_found_if_listed_or_a_holder() {
    let roster = EVERYBODY
        .replace("ann@example.com\n", "")
        .replace("eve@example.com\n", "");
    let audited = Audited::after(|o| {
        o.unlist("Ann");
        o.unlist("Eve");
    });
    let found = audited.with("hr.csv", &roster).found(&ROSTER);
    // Eve holds no role and is not listed.
    assert_eq!(
        found,
        ["holder-not-listed user:ann", "not-in-roster user:ann"]
    );
    assert_eq!(
        with_roster(&roster).found(&ROSTER),
        ["not-in-roster user:ann", "not-in-roster user:eve"]
    );
    // Another address of the same person will do.
    let audited = Audited::after(|o| {
        o.user("Ann").login_aliases = Vec::new();
        o.user("Ann").login = "eve@example.com".into();
    });
    let roster = EVERYBODY.replace("ann@example.com\n", "");
    assert_eq!(audited.with("hr.csv", roster).found(&ROSTER), [""; 0]);
    // Without any address, nobody can tell.
    let audited = Audited::after(|o| {
        o.user("Ann").emails.clear();
        o.user("Ann").login = "".into();
        o.set("Ann", "email", None);
    });
    let document = audited
        .with(
            "hr.csv",
            EVERYBODY
                .replacen("email", "status,email", 1)
                .replace("\na", "\n,a"),
        )
        .json(&ROSTER);
    assert_eq!(super::unknown(&document, "not-in-roster"), 1);
    assert_eq!(super::unknown(&document, "left-but-present"), 1);
}

#[test]
fn the_end_date_decides_and_a_status_only_without_one() {
    for (rows, is_gone) in [
        ("active,2026-09-06", true),
        ("active,2026-09-07", false),
        ("terminated,2026-12-31", false),
        ("terminated,", true),
        ("LEFT,", true),
        (" Inactive ,", true),
        ("offboarded,", true),
        ("Former,", true),
        ("on leave,", false),
        (",", false),
        (",2026-09-07T01:59:59Z", true),
        (",2026-09-07T02:00:00Z", false),
        (",2026-09-07T03:59:59+02:00", true),
        (",2026-09-07 01:59", true),
        ("left,\nAnn@example.com,active,", false),
        ("left,\nann@example.com,,2026-01-01", true),
    ] {
        let others: String = OTHERS
            .iter()
            .map(|address| format!("{address},,\n"))
            .collect();
        let roster = format!("email,status,last day\nann@example.com,{rows}\n{others}");
        let wanted: &[&str] = if is_gone {
            &["left-but-present user:ann"]
        } else {
            &[]
        };
        assert_eq!(with_roster(&roster).found(&ROSTER), wanted, "{rows}");
    }
    // The moment as of which is judged counts.
    let others: String = OTHERS
        .iter()
        .map(|address| format!("{address},\n"))
        .collect();
    let audited = with_roster(format!("email,left\nann@example.com,2026-09-07\n{others}"));
    assert_eq!(audited.found(&and(&["--as-of", "2026-09-07"])), [""; 0]);
    assert_eq!(
        audited.found(&and(&["--as-of", "2026-09-08T00:00:00Z"])),
        ["left-but-present user:ann"]
    );
    let document = audited.json(&and(&["--as-of", "2026-09-09"]));
    assert_eq!(
        document["findings"][0]["message"],
        "left on 2026-09-07 according to the roster"
    );
}

#[test]
fn dates_of_other_forms_are_read_if_their_form_is_named() {
    let others: String = OTHERS
        .iter()
        .map(|address| format!("{address};\n"))
        .collect();
    for (form, text, is_gone) in [
        ("dd.mm.yyyy", "6.9.2026", true),
        ("dd.mm.yyyy", "09.10.2026", false),
        ("dd/mm/yyyy", "05/10/2026", false),
        ("mm/dd/yyyy", "05/10/2026", true),
        ("dd/mm/yyyy", "2026-09-06", true),
    ] {
        let audited = with_roster(format!("email;left\nann@example.com;{text}\n{others}"));
        let found = audited.found(&and(&["--roster-date-format", form]));
        assert_eq!(found.len(), usize::from(is_gone), "{form} {text}");
    }
}

#[test]
fn errors_have_a_place_and_nothing_of_the_roster() {
    let secret = "SecretName,secret@example.net";
    for (roster, options, parts) in [
        ("", &[][..], &["line 1, column 1", "the file is empty"][..]),
        (
            &format!("Name,Login\n{secret}\n"),
            &[],
            &["line 1, column 1", "none of the 2 columns"],
        ),
        ("email,mail\n", &[], &["line 1, column 2", "--roster-email"]),
        (
            "email,left,end date\n",
            &[],
            &["line 1, column 3", "--roster-left"],
        ),
        (
            "email\n",
            &["--roster-status", "Secret"],
            &["no column has the head that --roster-status names"],
        ),
        (
            &format!("name,email,left\n{secret},06/05/2026\n"),
            &[],
            &["line 2, column 3", "ambiguous", "--roster-date-format"],
        ),
        (
            &format!("name,email,left\n\n{secret},SecretDate\n"),
            &[],
            &["line 3, column 3", "not ISO 8601"],
        ),
        (
            &format!("name,email,left\n{secret},2026-02-30\n"),
            &[],
            &["line 2, column 3", "not ISO 8601"],
        ),
        (
            &format!("name,email,left\n{secret},31.12.2026\n"),
            &["--roster-date-format", "mm/dd/yyyy"],
            &["line 2, column 3"],
        ),
        (
            &format!("name,email\n\"{secret}\nx,y@example.com\n"),
            &[],
            &["line 2, column 1", "quotation mark"],
        ),
    ] {
        let run = with_roster(roster).run(&[&["--roster", "hr.csv"], options].concat());
        let run = run.fails(3, &["the roster `hr.csv`"]);
        for part in parts {
            assert!(
                run.stderr.contains(part),
                "{roster}: {part}: {}",
                run.stderr
            );
        }
        assert!(
            !run.stderr.to_lowercase().contains("secret"),
            "{roster}: {}",
            run.stderr
        );
    }
    let run =
        with_roster(b"email\nsecret\xf6@example.net\n".as_slice()).run(&["--roster", "hr.csv"]);
    assert!(
        !run.fails(3, &["line 2, column 1", "UTF-8"])
            .stderr
            .contains("secret")
    );
    Audited::after(|_| {})
        .run(&["--roster", "hr.csv"])
        .fails(3, &["the roster `hr.csv`: it does not exist"]);
}

#[test]
fn nothing_of_the_roster_shows_but_of_people_with_a_finding() {
    let others: String = OTHERS
        .iter()
        .map(|address| format!("Marker,{address},markerstatus,\n"))
        .collect();
    let strangers: String = (0..50)
        .map(|n| format!("Marker {n},marker{n}@example.com,terminated,2026-01-01\n"))
        .collect();
    let roster = format!(
        "Marker,email,status,left\nMarker Ann,ann@example.com,markerstatus,2026-09-01\n{others}{strangers}Marker,,marker,\n"
    );
    let audited = with_roster(roster);
    for args in [
        &["-o", "console"][..],
        &["-o", "json"],
        &["-o", "ndjson"],
        &["-o", "csv"],
        &["-o", "markdown"],
        &["--print-accept"],
        &["-q"],
    ] {
        let run = audited.run(&[&["--roster", "hr.csv"], args].concat());
        assert_eq!(run.code, 1, "{}", run.stderr);
        let text =
            String::from_utf8(run.stdout).unwrap().to_lowercase() + &run.stderr.to_lowercase();
        assert!(!text.contains("marker"), "{args:?}: {text}");
        assert_eq!(
            text.contains("ann@example.com"),
            args != ["-q"],
            "{args:?}: {text}"
        );
    }
    let answered = audited.answer(&ROSTER);
    let warning = reported(&answered);
    assert!(
        warning.starts_with("1 row of `") && warning.ends_with("` without an address match nobody"),
        "{warning}"
    );
}
