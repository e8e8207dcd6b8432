//! Tests reading lists that change between two pages, with examples and at random.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// A row that is its own key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    key: Text,
    joined_at: Option<Timestamp>,
}

impl super::super::api::HeapSize for Row {
    fn heap_size(&self) -> usize {
        0
    }
}

impl ListRow for Row {
    fn key(&self) -> &Text {
        &self.key
    }

    fn joined_at(&self) -> Option<Timestamp> {
        self.joined_at
    }
}

fn time(seconds: usize) -> Option<Timestamp> {
    Timestamp::from_unix(i64::try_from(seconds).ok()?, 0)
}

/// One row for each letter. The times of joining have the order of the alphabet.
fn dated(letters: &str) -> Vec<Row> {
    let rows = letters.chars();
    rows.map(|letter| Row {
        key: Text::from(letter.to_string().as_str()),
        joined_at: time(letter as usize),
    })
    .collect()
}

/// The same without times.
fn undated(letters: &str) -> Vec<Row> {
    let mut rows = dated(letters);
    rows.iter_mut().for_each(|row| row.joined_at = None);
    rows
}

fn letters(walk: Walk<Row>) -> String {
    walk.into_rows().iter().map(|row| &*row.key).collect()
}

fn page(offset: u64) -> PageRequest {
    PageRequest { offset, rows: None }
}

fn gap(offset: u64, rows: u64) -> Step {
    Step::Request(PageRequest {
        offset,
        rows: Some(rows),
    })
}

/// Processes pages, each at its offset, and returns the step after the last one.
fn take(pages: &[(u64, Vec<Row>)]) -> (Walk<Row>, Step) {
    let mut walk = Walk::new();
    let mut step = Step::Inconsistent;
    for (offset, rows) in pages {
        step = walk.take(page(*offset), rows.clone(), false);
    }
    (walk, step)
}

#[test]
fn page_that_begins_with_the_last_row_extends_the_list() {
    for rows in [dated, undated] {
        let (walk, step) = take(&[(0, rows("abc")), (2, rows("cde"))]);
        assert_eq!(step, Step::Request(page(4)));
        assert_eq!(letters(walk), "abcde");
    }
}

#[test]
fn page_without_known_rows_is_kept_until_the_gap_before_it_was_read() {
    for rows in [dated, undated] {
        let (mut walk, step) = take(&[(0, rows("abc")), (2, rows("efg"))]);
        assert_eq!(step, gap(0, 2 + GAP_OVERLAP));
        let request = PageRequest {
            offset: 0,
            rows: Some(10),
        };
        // Two people left, so the next page begins two rows earlier, and a few more.
        assert_eq!(walk.take(request, rows("cdef"), false), Step::Request(page(4)));
        assert_eq!(walk.shifted(), 2);
        assert!(letters(walk).ends_with("cdefg"));
    }
}

#[test]
fn row_that_left_at_the_end_is_removed() {
    for rows in [dated, undated] {
        let (walk, _) = take(&[(0, rows("abc")), (1, rows("bd"))]);
        assert_eq!(letters(walk), "abd");
    }
}

#[test]
fn row_added_before_the_overlap_loses_nothing() {
    let (walk, _) = take(&[(0, undated("abc")), (2, undated("bcd"))]);
    assert_eq!(walk.proof(), Proof::Overlap);
    assert_eq!(letters(walk), "abcd");
}

#[test]
fn unknown_row_before_known_ones_may_mean_that_more_were_missed() {
    let (_, step) = take(&[(0, undated("abc")), (1, undated("bxcd"))]);
    assert_eq!(step, Step::Inconsistent);
}

/// A person who was deactivated and is active again has the same position as before.
#[test]
fn unknown_row_between_known_times_is_another_member() {
    let (walk, step) = take(&[(0, dated("acd")), (1, dated("abde"))]);
    assert!(matches!(step, Step::Request(_)));
    assert_eq!(letters(walk), "acdeb".replace('c', ""));
}

#[test]
fn known_row_after_new_ones_shows_that_the_list_is_unordered() {
    let (_, step) = take(&[(0, undated("abc")), (2, undated("cdb"))]);
    assert_eq!(step, Step::Inconsistent);
}

#[test]
fn person_who_is_on_a_page_twice_is_kept_once() {
    for rows in [dated, undated] {
        let mut page_of_four = rows("abc");
        page_of_four.insert(1, rows("a").remove(0));
        let mut walk = Walk::new();
        assert_eq!(walk.take(page(0), page_of_four, true), Step::Complete);
        assert_eq!((walk.length(), walk.repeats()), (4, 1));
        assert_eq!(letters(walk), "abc");
    }
}

#[test]
fn person_who_left_and_joined_again_is_at_the_end() {
    let mut last = dated("cd");
    last.push(Row {
        key: Text::from("a"),
        joined_at: time(1000),
    });
    let (walk, step) = take(&[(0, dated("abc")), (1, last)]);
    assert!(matches!(step, Step::Request(_)));
    assert_eq!(letters(walk), "bcda");
}

/// What happens between two requests.
#[derive(Clone, Debug)]
enum Change {
    Joins,
    Leaves(Index),
    /// A person leaves, and joins again at the end.
    Rejoins(Index),
}

/// A list sorted by the time of joining. With `shuffles_ties`, each request gets rows of the same time in a new order.
struct Server {
    rows: Vec<Row>,
    next: usize,
    shuffles_ties: bool,
    requests: usize,
}

impl Server {
    fn change(&mut self, change: &Change) {
        self.next += 1;
        let joined_at = time(self.next);
        let key = |n: usize| Text::from(format!("{n}").as_str());
        match change {
            Change::Joins => self.rows.push(Row {
                key: key(self.next),
                joined_at,
            }),
            Change::Leaves(index) if !self.rows.is_empty() => {
                self.rows.remove(index.index(self.rows.len()));
            }
            Change::Rejoins(index) if !self.rows.is_empty() => {
                let row = self.rows.remove(index.index(self.rows.len()));
                self.rows.push(Row { joined_at, ..row });
            }
            Change::Leaves(_) | Change::Rejoins(_) => {}
        }
    }

    fn page(&mut self, request: PageRequest, limit: u64) -> (Vec<Row>, bool) {
        self.requests += 1;
        let mut rows = self.rows.clone();
        if self.shuffles_ties {
            let salt = self.requests * 7919;
            let mixed = |row: &Row| row.key.parse::<usize>().unwrap_or(0).wrapping_mul(salt) % 101;
            rows.sort_by_key(|row| (row.joined_at, mixed(row)));
        }
        let limit = request.rows.unwrap_or(limit).min(limit);
        let end = request.offset + limit;
        let is_last = end >= rows.len() as u64;
        let page = rows.into_iter().skip(request.offset as usize);
        (page.take(limit as usize).collect(), is_last)
    }
}

fn changes(most: usize) -> impl Strategy<Value = Vec<Vec<Change>>> {
    let change = prop_oneof![
        3 => Just(Change::Joins),
        4 => any::<Index>().prop_map(Change::Leaves),
        1 => any::<Index>().prop_map(Change::Rejoins),
    ];
    prop::collection::vec(prop::collection::vec(change, 0..=most), 1..80)
}

/// Reads a list that changes between the requests, and then its end twice more. Returns the rows, and those that were in
/// the list all the time, or `None` if the pages did not fit together.
fn walk_over(
    server: &mut Server,
    changes: &[Vec<Change>],
    limit: u64,
) -> Option<(Vec<Row>, Vec<Row>, Proof)> {
    let before = server.rows.clone();
    let mut ever: HashSet<Text> = before.iter().map(|row| row.key.clone()).collect();
    let mut between = changes.iter();
    let mut walk = Walk::new();
    let mut request = walk.restart();
    for again in 0..3 {
        loop {
            let (page, is_last) = server.page(request, limit);
            ever.extend(server.rows.iter().map(|row| row.key.clone()));
            let step = walk.take(request, page, is_last);
            for change in between.next().into_iter().flatten() {
                server.change(change);
            }
            match step {
                Step::Request(next) => request = next,
                Step::Complete => break,
                Step::Inconsistent => return None,
            }
        }
        if again < 2 {
            request = match walk.proof() {
                Proof::OldestFirst => walk.resume(server.rows.len() as u64),
                Proof::OneResponse | Proof::Overlap => walk.restart(),
            };
        }
    }
    let proof = walk.proof();
    let rows = walk.into_rows();
    assert!(rows.iter().all(|row| ever.contains(&row.key)), "invented");
    let still = before.into_iter().filter(|row| server.rows.contains(row));
    Some((rows, still.collect(), proof))
}

/// A list of `rows`, of which about `together` joined at the same time.
fn server(rows: usize, together: usize, shuffles_ties: bool) -> Server {
    Server {
        rows: (0..rows)
            .map(|n| Row {
                key: Text::from(format!("{n}").as_str()),
                joined_at: time(n / together),
            })
            .collect(),
        next: rows,
        shuffles_ties,
        requests: 0,
    }
}

proptest! {
    #[test]
    fn nobody_who_stays_is_missed_while_others_join_and_leave(
        rows in 0_usize..400,
        limit in 20_u64..80,
        changes in changes(3),
    ) {
        let mut server = server(rows, 1, false);
        let read = walk_over(&mut server, &changes, limit);
        let (rows, still, proof) = read.expect("pages that fit together");
        prop_assert_ne!(proof, Proof::Overlap);
        for row in still {
            prop_assert!(rows.contains(&row), "{row:?} is missing");
        }
        // One request for each page, at most one more for each change, and twice the end.
        let pages = 4 + (server.next as u64).div_ceil(limit / 4) as usize;
        prop_assert!(server.requests <= pages + changes.len(), "{}", server.requests);
    }

    /// If they are too many for a page, or include the first row, the reading does not claim to be complete.
    #[test]
    fn nobody_is_missed_when_rows_of_the_same_time_change_places(
        rows in 0_usize..400,
        together in 2_usize..60,
        changes in changes(2),
    ) {
        let mut server = server(rows, together, true);
        if let Some((rows, still, proof)) = walk_over(&mut server, &changes, 40)
            && proof != Proof::Overlap
        {
            for row in still {
                prop_assert!(rows.contains(&row), "{row:?} is missing");
            }
        }
    }

    /// All were imported at the same time, which says nothing about their order.
    #[test]
    fn pages_of_people_who_all_joined_at_the_same_time_prove_nothing(
        rows in 41_usize..400,
        changes in changes(2),
    ) {
        let mut server = server(rows, usize::MAX, false);
        let mut walk = Walk::new();
        let mut request = walk.restart();
        for change in changes.iter().flatten() {
            let (page, is_last) = server.page(request, 40);
            match walk.take(request, page, is_last) {
                Step::Request(next) => request = next,
                Step::Complete => break,
                Step::Inconsistent => return Ok(()),
            }
            server.change(change);
        }
        if walk.length() > 40 {
            prop_assert_eq!(walk.proof(), Proof::Overlap);
        }
    }
}
