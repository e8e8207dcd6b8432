//! Every way in which one person can change: in the member list or not, with any seat, with a second factor or not, and
//! all of them turned into each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use posthog_c1z::model::Value;

use super::{Organization, Pair};
use crate::support::{Run, Shelf};

/// What a snapshot says of a person.
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    listed: bool,
    /// A place in [`LEVELS`].
    seat: usize,
    said_by: SaidBy,
    second_factor: Option<bool>,
}

/// What states the seat.
#[derive(Clone, Copy, Debug, PartialEq)]
enum SaidBy {
    LevelAndWord,
    Level,
    Word,
}

/// The seats in their order, the unknown one first. Nobody is above an owner, whatever the number.
const LEVELS: [Option<u32>; 6] = [None, Some(1), Some(3), Some(8), Some(99), Some(15)];

/// What becomes of a seat, from the row to the column: raised, lowered, changed otherwise, or the same.
const MOVES: [[char; 6]; 6] = [
    ['=', '~', '^', '^', '^', '^'],
    ['~', '=', '^', '^', '^', '^'],
    ['~', 'v', '=', '^', '^', '^'],
    ['~', 'v', 'v', '=', '^', '^'],
    ['~', 'v', 'v', 'v', '=', '^'],
    ['~', 'v', 'v', 'v', 'v', '='],
];

fn states() -> Vec<Option<State>> {
    let mut states = vec![None];
    for listed in [true, false] {
        for (seat, level) in LEVELS.iter().enumerate() {
            let said = match level {
                None => &[SaidBy::LevelAndWord][..],
                Some(_) => &[SaidBy::LevelAndWord, SaidBy::Level, SaidBy::Word],
            };
            for said_by in said {
                for second_factor in [Some(true), Some(false), None] {
                    states.push(Some(State {
                        listed,
                        seat,
                        said_by: *said_by,
                        second_factor,
                    }));
                }
            }
        }
    }
    states
}

impl State {
    fn join(self, organization: &mut Organization, name: &str) {
        organization.join(name, LEVELS[self.seat].unwrap_or(1));
        let (level, word) = match (LEVELS[self.seat], self.said_by) {
            (None, _) => (false, false),
            (_, SaidBy::LevelAndWord) => (true, true),
            (_, SaidBy::Level) => (true, false),
            (_, SaidBy::Word) => (false, true),
        };
        for (key, is_kept) in [("organization_level", level), ("organization_role", word)] {
            if !is_kept {
                organization.set(name, key, None);
            }
        }
        organization.second_factor(name, self.second_factor);
        if !self.listed {
            organization.unlist(name);
        }
    }
}

/// What the table of kinds in the README calls the change.
fn expected(old: Option<State>, new: Option<State>) -> BTreeSet<&'static str> {
    let is = |state: State, level| LEVELS[state.seat] == Some(level);
    let mut kinds = BTreeSet::new();
    match (old, new) {
        (None, None) => {}
        (Some(_), None) => {
            kinds.insert("member-removed");
        }
        (None, Some(new)) => {
            kinds.insert("member-added");
            kinds.extend(is(new, 15).then_some("owner-added"));
            kinds.extend(is(new, 8).then_some("admin-added"));
        }
        (Some(old), Some(new)) => {
            kinds.extend((!old.listed && new.listed).then_some("member-added"));
            kinds.extend((old.listed && !new.listed).then_some("member-removed"));
            kinds.extend((is(new, 15) && !is(old, 15)).then_some("owner-added"));
            kinds.extend((is(new, 8) && !is(old, 8)).then_some("admin-added"));
            let seat = MOVES[old.seat][new.seat];
            kinds.extend((seat == '^').then_some("seat-raised"));
            kinds.extend((seat == 'v').then_some("seat-lowered"));
            let factors = (old.second_factor, new.second_factor);
            let is_off = factors == (Some(true), Some(false));
            kinds.extend(is_off.then_some("2fa-disabled"));
            // What became known or unknown with a place in the list belongs to that.
            let is_other = if old.listed == new.listed {
                seat == '~'
                    || seat == '=' && old.said_by != new.said_by
                    || factors.0 != factors.1 && !is_off
            } else {
                factors == (Some(false), Some(true))
            };
            kinds.extend(is_other.then_some("other-changed"));
        }
    }
    kinds
}

#[test]
fn every_state_of_a_person_turned_into_every_other_means_what_the_table_says() {
    let states = states();
    let mut old = Organization::new();
    let mut new = old.a_week_later();
    let mut pairs = BTreeMap::new();
    for (from, before) in states.iter().enumerate() {
        for (to, after) in states.iter().enumerate() {
            let name = format!("P{from}x{to}");
            if let Some(before) = before {
                before.join(&mut old, &name);
            }
            if let Some(after) = after {
                after.join(&mut new, &name);
            }
            pairs.insert(format!("user:{}", name.to_lowercase()), (*before, *after));
        }
    }
    let document = Pair::of(&old, &new).json(&[]);
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for change in document["changes"].as_array().unwrap() {
        let kinds = found.entry(change["id"].as_str().unwrap()).or_default();
        for kind in change["means"].as_array().unwrap() {
            let kind = kind.as_str().unwrap();
            // Each meaning belongs to one change of the person.
            assert!(kinds.insert(kind), "{change}");
        }
    }
    assert_eq!(pairs.len(), 97 * 97);
    for (id, (before, after)) in &pairs {
        let found = found.remove(id.as_str()).unwrap_or_default();
        assert_eq!(found, expected(*before, *after), "{before:?} to {after:?}");
    }
    assert!(found.is_empty(), "{found:?}");
}

#[track_caller]
fn diff_of_samples(old: &str, new: &str, args: &[&str]) -> Run {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/people");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    Shelf::new().run(&[&["diff", &path(old), &path(new)], args].concat())
}

#[test]
fn a_job_fails_on_each_meaning_of_a_change_and_on_no_other() {
    const KINDS: [&str; 9] = [
        "seat-raised",
        "seat-lowered",
        "owner-added",
        "admin-added",
        "member-added",
        "member-removed",
        "2fa-disabled",
        "other-changed",
        "grant-revoked",
    ];
    for (old, new, kinds) in [
        (
            "member.c1z",
            "unlisted-owner-2fa-off.c1z",
            &[
                "member-removed",
                "seat-raised",
                "owner-added",
                "2fa-disabled",
            ][..],
        ),
        (
            "unlisted-owner-2fa-off.c1z",
            "member.c1z",
            &["member-added", "seat-lowered", "other-changed"],
        ),
        (
            "member.c1z",
            "level-15-without-word.c1z",
            &["seat-raised", "owner-added"],
        ),
        ("owner.c1z", "level-15-without-word.c1z", &["other-changed"]),
        (
            "owner.c1z",
            "administrator.c1z",
            &["seat-lowered", "admin-added"],
        ),
        (
            "administrator.c1z",
            "owner.c1z",
            &["seat-raised", "owner-added"],
        ),
        ("owner.c1z", "member.c1z", &["seat-lowered"]),
        ("owner.c1z", "owner.c1z", &[]),
    ] {
        for kind in KINDS {
            let run = diff_of_samples(old, new, &["--fail-on", kind, "-q"]);
            let expected = i32::from(kinds.contains(&kind));
            assert_eq!(run.code, expected, "{old} {new} {kind}: {}", run.stderr);
        }
    }
}

/// What is said of a person, without name and address.
#[track_caller]
fn said(old: Option<State>, new: Option<State>) -> Vec<String> {
    let (mut before, mut after) = (Organization::new(), Organization::new().a_week_later());
    for (state, organization) in [(old, &mut before), (new, &mut after)] {
        if let Some(state) = state {
            state.join(organization, "Eve");
        }
    }
    let lines = Pair::of(&before, &after).told(&[]);
    let who = "Eve Archer <eve@example.com>: ";
    let said = lines[1..].iter().map(|line| line.replace(who, ""));
    [lines[0].clone()].into_iter().chain(said).collect()
}

#[test]
fn what_is_said_of_a_person_is_what_is_known() {
    let state = |listed, level, second_factor| {
        let seat = LEVELS.iter().position(|known| *known == level).unwrap();
        let said_by = SaidBy::LevelAndWord;
        Some(State {
            listed,
            seat,
            said_by,
            second_factor,
        })
    };
    let on = Some(true);
    let off = Some(false);
    for (old, new, expected) in [
        // A person who appears.
        (
            None,
            state(true, Some(15), on),
            &["1 new owner, +1 member", "+ owner"][..],
        ),
        (
            None,
            state(true, Some(1), off),
            &["+1 member", "+ member without 2FA"],
        ),
        (
            None,
            state(true, None, None),
            &["+1 member", "+ seat unknown"],
        ),
        (
            None,
            state(false, Some(15), off),
            &[
                "1 new owner, +1 person not in the member list",
                "+ owner without 2FA, not in the member list",
            ],
        ),
        (
            None,
            state(false, None, None),
            &[
                "+1 person not in the member list",
                "+ seat unknown, not in the member list",
            ],
        ),
        // A person who no longer appears.
        (
            state(true, Some(15), on),
            None,
            &[
                "−1 member",
                "− is no longer in the member list (was owner), held no roles",
            ],
        ),
        (
            state(true, None, on),
            None,
            &[
                "−1 member",
                "− is no longer in the member list, held no roles",
            ],
        ),
        (
            state(false, Some(8), on),
            None,
            &[
                "−1 person not in the member list",
                "− no longer appears, was not in the member list (was administrator), held no roles",
            ],
        ),
        // A person who enters or leaves the member list.
        (
            state(true, Some(15), on),
            state(false, Some(15), on),
            &["−1 member", "− is no longer in the member list (is owner)"],
        ),
        (
            state(true, Some(15), on),
            state(false, None, None),
            &["−1 member", "− is no longer in the member list (was owner)"],
        ),
        (
            state(true, Some(1), on),
            state(false, Some(15), off),
            &[
                "1 new owner, −1 member, 1 seat raised, 2FA switched off for 1 person",
                "↑ member → owner (not in the member list)",
                "! 2FA switched off (not in the member list)",
                "− is no longer in the member list (is owner)",
            ],
        ),
        (
            state(false, Some(15), off),
            state(true, Some(15), off),
            &[
                "+1 member",
                "+ owner without 2FA, was not in the member list before",
            ],
        ),
        (
            state(false, None, None),
            state(true, Some(8), on),
            &[
                "1 new admin, +1 member, 1 seat raised",
                "↑ unknown → administrator",
                "+ administrator, was not in the member list before",
            ],
        ),
        (
            state(true, Some(1), on),
            state(true, Some(1), None),
            &["1 other change", "~ two_factor: on → unknown"],
        ),
        // A seat that has changed.
        (
            state(true, Some(15), on),
            state(true, Some(8), on),
            &["1 new admin, 1 seat lowered", "↓ owner → administrator"],
        ),
        (
            state(true, Some(99), on),
            state(true, Some(15), on),
            &["1 new owner, 1 seat raised", "↑ unknown (99) → owner"],
        ),
        (
            state(true, Some(15), on),
            state(true, None, on),
            &["1 other change", "~ seat: owner → unknown"],
        ),
        (
            state(false, Some(15), on),
            state(false, Some(1), on),
            &[
                "1 seat lowered",
                "↓ owner → member (not in the member list)",
            ],
        ),
    ] {
        assert_eq!(said(old, new), expected, "{old:?} to {new:?}");
    }
}

/// Lines that accept that a person appears, no longer appears, or enters or leaves the member list are tried on
/// everybody: each accepts only the change it was printed for.
#[test]
fn a_line_for_entering_or_leaving_the_list_accepts_one_state_turned_into_one_other() {
    let seats = [0, 1, 5];
    let mut states = vec![None];
    for listed in [true, false] {
        for seat in seats {
            for second_factor in [Some(true), Some(false), None] {
                states.push(Some(State {
                    listed,
                    seat,
                    said_by: SaidBy::LevelAndWord,
                    second_factor,
                }));
            }
        }
    }
    let mut old = Organization::new();
    let mut new = old.a_week_later();
    let mut people = Vec::new();
    for (from, before) in states.iter().enumerate() {
        for (to, after) in states.iter().enumerate() {
            let is_listed = |state: &Option<State>| state.map(|state| state.listed);
            if is_listed(before) == is_listed(after) {
                continue;
            }
            let name = format!("P{from}x{to}");
            for (state, organization) in [(before, &mut old), (after, &mut new)] {
                if let Some(state) = state {
                    state.join(organization, &name);
                }
            }
            people.push(format!("user:{}", name.to_lowercase()));
        }
    }
    assert_eq!(people.len(), 198);
    let pair = Pair::of(&old, &new);
    let lines = pair.text(1, &["--print-accept"]);
    let is_of_list = |line: &&str| line.split(' ').next().unwrap().contains("member-");
    let lines = lines.lines().filter(is_of_list);
    let lines: Vec<_> = lines
        .map(|line| line.split_once("  # ").unwrap().0)
        .collect();
    assert_eq!(lines.len(), people.len());
    for line in lines.into_iter().step_by(9) {
        let [kinds, id, terms] = line.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
        let everybody: String = people
            .iter()
            .map(|person| format!("{kinds} {person} {terms}\n"))
            .collect();
        fs::write(pair.shelf.path("accept.txt"), everybody).unwrap();
        let document = pair.json(&["--accept", "accept.txt"]);
        let accepted = document["accepted"].as_array().unwrap();
        let accepted: Vec<_> = accepted.iter().map(|change| &change["id"]).collect();
        assert_eq!(accepted, [id], "{line}");
    }
}

#[test]
fn a_name_that_changed_with_the_place_in_the_list_is_a_change_of_its_own() {
    let old = Organization::new();
    let mut new = old.a_week_later();
    new.unlist("Ann");
    new.email("Ann", "ann@example.org");
    new.set("Ann", "email_verified", None);
    assert_eq!(
        Pair::of(&old, &new).meanings(),
        ["member-removed user:ann", "other-changed user:ann"]
    );
    let ignored = Pair::of(&old, &new).told(&["--ignore", "listed_as_member,status"]);
    assert_eq!(ignored[0], "1 other change");
}

#[test]
fn where_the_level_is_not_a_whole_number_the_word_says_the_seat() {
    for level in [15.5, f64::NAN, 1e300] {
        let say = |o: &mut Organization, name: &str, word: Option<&str>| {
            o.set(name, "organization_level", Some(Value::Number(level)));
            o.set(name, "organization_role", word.map(Value::from));
        };
        let pair = Pair::after(|o| say(o, "Ann", None));
        assert_eq!(pair.meanings(), ["other-changed user:ann"], "{level}");
        let owners = [
            "seat-raised+owner-added user:ann",
            "member-added+owner-added user:eve",
        ];
        let pair = Pair::after(|o| {
            say(o, "Ann", Some("owner"));
            o.join("Eve", 1);
            say(o, "Eve", Some("owner"));
        });
        assert_eq!(pair.meanings(), owners, "{level}");
        let run = pair
            .shelf
            .run(&["access", "eve@example.com", "-f", "new.c1z"]);
        let said = String::from_utf8(run.stdout).unwrap();
        assert!(said.contains("seat          owner"), "{said}");
    }
}

#[test]
fn nothing_is_said_of_a_member_list_where_none_is_known() {
    let mut old = Organization::new();
    old.evidence = None;
    let mut new = old.a_week_later();
    for (name, level) in [("Eve", Some(15)), ("Fay", None)] {
        new.join(name, level.unwrap_or(1));
        new.second_factor(name, Some(false));
    }
    for key in ["organization_level", "organization_role"] {
        new.set("Fay", key, None);
    }
    new.leave("Ann");
    // Of a group's user no more than a name may be known.
    new.join("Gus", 1);
    let gus = new.person("Gus");
    (gus.created_at, gus.profile) = (None, Default::default());
    new.user("Gus").mfa_enabled = None;
    let pair = Pair::of(&old, &new);
    let lines = pair.text(1, &["--print-accept"]);
    fs::write(pair.shelf.path("accept.txt"), &lines).unwrap();
    let who = [
        ("Eve", "owner without 2FA"),
        ("Fay", "new user without 2FA"),
        ("Gus", "new user"),
        ("Ann", "no longer appears (was member)"),
    ];
    let accepted = pair.text(0, &["--accept", "accept.txt"]);
    let markdown = pair.text(1, &["-o", "markdown"]);
    for text in [&pair.text(1, &[]), &accepted, &lines, &markdown] {
        assert!(!text.contains("member list"), "{text}");
        assert!(!text.contains("listed_as_member"), "{text}");
        for (name, said) in who {
            let of_person = |line: &str| line.contains(&format!("{name} Archer"));
            let mut of_person = text.lines().filter(|line| of_person(line));
            assert!(of_person.any(|line| line.contains(said)), "{name}: {text}");
        }
    }
}
