//! The workbook, read back by a library that did not write it.

use std::fs::{self, File};
use std::io::Read;

use calamine::{Data, Range, Reader, Xlsx, open_workbook};
use posthog_c1z::model::ReviewColumn;

use super::{Reported, known};
use crate::many;
use crate::support::Shelf;

type Book = Xlsx<std::io::BufReader<File>>;

#[track_caller]
fn opened(reported: &Reported, args: &[&str]) -> Book {
    reported
        .run(&[&["--out", "book.xlsx"], args].concat())
        .succeeds();
    open_workbook(reported.shelf.path("book.xlsx")).unwrap()
}

#[track_caller]
fn sheet(book: &mut Book, name: &str) -> Range<Data> {
    book.worksheet_range(name).unwrap()
}

/// The cells of a column, by its head, as text.
#[track_caller]
fn column(range: &Range<Data>, head: &str) -> Vec<String> {
    let mut rows = range.rows();
    let heads = rows.next().unwrap();
    let at = heads.iter().position(|cell| *cell == head);
    let at = at.unwrap_or_else(|| panic!("no column {head} in {heads:?}"));
    rows.map(|row| row[at].to_string()).collect()
}

fn heads(range: &Range<Data>) -> Vec<String> {
    range
        .rows()
        .next()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// A part of the file, as text.
fn part(reported: &Reported, name: &str) -> String {
    let file = File::open(reported.shelf.path("book.xlsx")).unwrap();
    let mut archive = zip::ZipArchive::new(file).unwrap();
    let mut text = String::new();
    let mut part = archive.by_name(name).unwrap();
    part.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn sheets_have_every_person_role_and_grant() {
    let shelf = Shelf::with_demo();
    fs::rename(shelf.path("demo.c1z"), shelf.path("sync.c1z")).unwrap();
    let reported = Reported { shelf };
    let mut book = opened(&reported, &["--since", "sync.c1z"]);
    assert_eq!(
        book.sheet_names(),
        [
            "Evidence",
            "Findings",
            "People",
            "Roles",
            "Memberships",
            "Review",
            "Invitations",
            "Settings",
            "Changes"
        ]
    );
    for (name, rows) in [
        ("People", 43),
        ("Roles", 8),
        ("Memberships", 77),
        ("Review", 43 + 77),
        ("Invitations", 3),
    ] {
        assert_eq!(sheet(&mut book, name).height(), 1 + rows, "{name}");
    }
    let grants = reported.shelf.json(&["grants", "-o", "json", "sync.c1z"]);
    let ids = grants["grants"].as_array().unwrap().iter();
    let ids: Vec<_> = ids
        .map(|row| row["grant"]["id"].as_str().unwrap())
        .collect();
    let mut found = column(&sheet(&mut book, "Memberships"), "Grant ID");
    found.sort();
    assert_eq!(found, ids);
    let review = sheet(&mut book, "Review");
    let expected: Vec<_> = ReviewColumn::ALL
        .iter()
        .map(|column| column.head())
        .collect();
    assert_eq!(heads(&review), expected);
    let kinds = column(&review, "Kind");
    assert_eq!(kinds.iter().filter(|kind| *kind == "person").count(), 43);
    assert_eq!(kinds.iter().filter(|kind| *kind == "grant").count(), 77);
}

#[test]
fn sheets_that_have_nothing_to_say_are_absent() {
    let mut book = opened(&Reported::of(&known()), &[]);
    assert!(!book.sheet_names().contains(&"Changes".to_owned()));
    let shelf = Shelf::new().with_golden("connector-sqlite.c1z");
    fs::rename(shelf.path("connector-sqlite.c1z"), shelf.path("sync.c1z")).unwrap();
    let mut other = opened(&Reported { shelf }, &[]);
    assert!(!other.sheet_names().contains(&"Invitations".to_owned()));
    for (name, absent) in [("People", "Seat"), ("Review", "Seat"), ("People", "Job")] {
        let heads = heads(&sheet(&mut other, name));
        assert!(!heads.contains(&absent.to_owned()), "{name}: {heads:?}");
    }
    assert_eq!(column(&sheet(&mut book, "People"), "Seat").len(), 4);
}

#[test]
fn text_is_exact_and_nothing_runs() {
    let names = [
        "=HYPERLINK(\"https://example.org\",\"x\")",
        "+1-2",
        "@SUM(A1)",
        "_x0041_ & <b> 'quoted' \u{202e}",
        "  spaces  ",
    ];
    for name in names {
        let reported = Reported::after(|o| o.person("Ann").display_name = name.into());
        let mut book = opened(&reported, &[]);
        let people = sheet(&mut book, "People");
        assert!(column(&people, "Name").contains(&name.to_owned()), "{name}");
        let formulas = book.worksheet_formula("People").unwrap();
        assert!(formulas.cells().all(|(_, _, formula)| formula.is_empty()));
    }
    let reported =
        Reported::after(|o| o.person("Ann").display_name = "a\u{7}b\tc\r\nd\u{0}e".into());
    let people = sheet(&mut opened(&reported, &[]), "People");
    assert!(column(&people, "Name").contains(&"a b c  d e".to_owned()));
}

#[test]
fn times_are_dates_in_utc() {
    let reported = Reported::of(&known());
    let people = sheet(&mut opened(&reported, &[]), "People");
    let heads = heads(&people);
    let at = heads
        .iter()
        .position(|head| head == "Last login (UTC)")
        .unwrap();
    let bob = people.rows().find(|row| row[0] == "Bob Archer").unwrap();
    let Data::DateTime(at) = bob[at] else {
        panic!("{:?}", bob[at]);
    };
    let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
    assert_eq!(
        (year, month, day, hour, minute, second),
        (2026, 1, 2, 3, 4, 5)
    );
}

#[test]
fn sheets_have_a_frozen_head_a_filter_and_titles_on_every_printed_page() {
    let reported = Reported::of(&known());
    opened(&reported, &[]);
    for n in 2..=7 {
        let xml = part(&reported, &format!("xl/worksheets/sheet{n}.xml"));
        for found in ["<pane ", "state=\"frozen\"", "<autoFilter "] {
            assert!(xml.contains(found), "{found} in sheet {n}");
        }
    }
    let book = part(&reported, "xl/workbook.xml");
    assert_eq!(book.matches("_xlnm.Print_Titles").count(), 7);
    let review = part(&reported, "xl/worksheets/sheet6.xml");
    for found in ["type=\"list\"", "Keep,Revoke,Change"] {
        assert!(review.contains(found), "{found}");
    }
}

#[test]
fn export_xlsx_is_the_same_file_under_another_name() {
    let reported = Reported::of(&known());
    opened(&reported, &["--title", "T"]);
    let args = [
        "export",
        "xlsx",
        "sync.c1z",
        "--title",
        "T",
        "--out",
        "other.xlsx",
    ];
    reported.shelf.run(&args).succeeds();
    let read = |name| fs::read(reported.shelf.path(name)).unwrap();
    assert!(read("book.xlsx") == read("other.xlsx"));
}

#[test]
fn decisions_in_the_review_sheet_can_be_read_back() {
    let old = known();
    let reported = Reported::of(&old);
    let mut new = old.a_week_later();
    new.revoke("eng", "Ann");
    new.write(&reported.shelf.path("new.c1z"));
    let review = sheet(&mut opened(&reported, &[]), "Review");
    let at = ReviewColumn::ALL
        .iter()
        .position(|column| *column == ReviewColumn::Decision)
        .unwrap();
    let save = |decide: &dyn Fn(&str) -> &'static str| {
        let mut csv = String::new();
        for (n, row) in review.rows().enumerate() {
            let id = row.last().unwrap().to_string();
            let cells = row.iter().enumerate().map(|(column, cell)| {
                let cell = match column {
                    _ if n > 0 && column == at => decide(&id).to_owned(),
                    _ => cell.to_string(),
                };
                format!("\"{}\"", cell.replace('"', "\"\""))
            });
            csv += &(cells.collect::<Vec<_>>().join(";") + "\r\n");
        }
        fs::write(reported.shelf.path("review.csv"), csv).unwrap();
        let args = ["diff", "sync.c1z", "new.c1z", "--decisions", "review.csv"];
        reported.shelf.run(&args)
    };
    let done = save(&|id| match id {
        "role:eng:member:user:ann" => "Revoke",
        _ => "Keep",
    });
    assert_eq!(done.code, 0, "{}", done.stderr);
    let not_done = save(&|id| match id {
        "role:sup:member:user:dee" => "Revoke",
        _ => "",
    });
    assert_eq!(not_done.code, 1, "{}", not_done.stderr);
}

#[test]
fn a_large_snapshot_is_there_whole() {
    let shelf = Shelf::new();
    many::write(&shelf.path("sync.c1z"), 6_000);
    let mut book = opened(&Reported { shelf }, &[]);
    assert_eq!(sheet(&mut book, "People").height(), 6_001);
    assert_eq!(sheet(&mut book, "Memberships").height(), 18_001);
    assert_eq!(sheet(&mut book, "Review").height(), 24_001);
}
