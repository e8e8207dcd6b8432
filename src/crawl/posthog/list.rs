//! Reading a list so that it is surely whole, although rows move while it is read.
//!
//! Counts prove nothing: one leaves, one joins, all sums agree and one is lost. What proves a list is one answer that
//! holds all of it, or pages that overlap: each begins with the last row of the one before. Lists without any order
//! are read until two walks agree.

use std::collections::{HashMap, HashSet};

use super::api::{self, Kept, MAX_ROWS};
use crate::crawl::error::{Error, Problem};
use crate::crawl::http::{Http, Tries};
use crate::crawl::json::{JsonError, JsonStream};
use crate::model::{ListEvidence, Text};
use crate::progress::{Event, Phase, Reporter};

/// Walks over one list before it is given up.
const MAX_WALKS: u32 = 5;
/// Page size below which a list is not halved any more, but asked for with all patience.
const SMALLEST_PAGE: u64 = 25;
/// Steps back within one walk before it is begun anew.
const MAX_STEPS_BACK: u32 = 50;
/// Rows that may come beyond twice what a list counts: nobody joins as fast as that.
const MAX_UNCOUNTED: u64 = 1_000;
/// Rows in a page if no number is asked for.
pub const DEFAULT_PAGE: u64 = 100;

/// A list as it was read.
pub struct ListRead<T> {
    pub rows: Vec<T>,
    pub evidence: ListEvidence,
    /// Why it is not surely whole; `None` if it is.
    pub doubt: Option<String>,
    /// Whether all of it came in one answer, at one moment.
    pub is_one_answer: bool,
}

impl<T> ListRead<T> {
    /// The list, if it is surely whole.
    ///
    /// # Errors
    /// If it is not.
    pub fn proved(self, source: &ListSource<'_>) -> Result<Self, Error> {
        match &self.doubt {
            None => Ok(self),
            Some(doubt) => Err(source.error(Problem::NotProved(doubt.clone()))),
        }
    }
}

/// Where a list is read from.
pub struct ListSource<'a> {
    pub http: &'a Http<'a>,
    pub reporter: &'a dyn Reporter,
    /// What the list is called in messages.
    pub reading: &'static str,
    /// Whose progress it is; `None` for one list of many.
    pub phase: Option<Phase>,
    /// The organization's path.
    pub base_path: &'a str,
    /// The list's path below it, with a slash at the end.
    pub path: String,
}

/// One page, and what is to be known of it.
struct Fetched<T> {
    rows: Vec<T>,
    count: Option<u64>,
    is_last: bool,
}

impl ListSource<'_> {
    fn full_path(&self, query: &str) -> String {
        format!("{}{}{query}", self.base_path, self.path)
    }

    pub fn error(&self, problem: Problem) -> Error {
        self.http.error(self.reading, &self.full_path(""), problem)
    }

    fn evidence(&self) -> ListEvidence {
        ListEvidence {
            path: self.path.clone(),
            pages: 0,
            count: None,
            received: 0,
            kept: 0,
        }
    }

    /// Fails if far more rows came than the list counts: it would go on for ever.
    fn check_length(&self, rows: usize, count: Option<u64>) -> Result<(), Error> {
        let most = count.map_or(MAX_ROWS, |count| {
            count
                .saturating_mul(2)
                .saturating_add(MAX_UNCOUNTED)
                .min(MAX_ROWS)
        });
        if rows as u64 <= most {
            return Ok(());
        }
        let counted = count.map_or("does not count them".to_owned(), |count| {
            format!("counts {count}")
        });
        Err(self.error(Problem::Shape(format!(
            "the list goes on after {rows} rows, and {counted}"
        ))))
    }

    /// Asks once for `query`.
    fn fetch<T, S>(
        &self,
        query: &str,
        tries: Tries,
        row: &S,
        evidence: &mut ListEvidence,
    ) -> Result<Fetched<T>, Error>
    where
        T: Kept,
        S: Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    {
        let page = self
            .http
            .get(self.reading, &self.full_path(query), tries, |json| {
                api::page(json, row)
            })?;
        evidence.pages += 1;
        evidence.count = page.count;
        evidence.received += page.results.len() as u64;
        if let Some(phase) = self.phase {
            let steps = page.results.len() as u64;
            self.reporter.report(Event::Advanced {
                phase,
                steps,
                of: page.count,
            });
        }
        Ok(Fetched {
            rows: page.results,
            count: page.count,
            is_last: page.next.is_none(),
        })
    }

    /// Asks for a page, and for half as much each time the server has too much to do.
    fn fetch_page<T, S>(
        &self,
        offset: u64,
        limit: &mut u64,
        order: &str,
        row: &S,
        evidence: &mut ListEvidence,
    ) -> Result<Fetched<T>, Error>
    where
        T: Kept,
        S: Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    {
        loop {
            let offset = if offset == 0 {
                String::new()
            } else {
                format!("&offset={offset}")
            };
            let query = format!("?limit={limit}{offset}{order}");
            let tries = if *limit > SMALLEST_PAGE {
                Tries::Few
            } else {
                Tries::All
            };
            match self.fetch(&query, tries, row, evidence) {
                Err(error) if *limit > SMALLEST_PAGE && error.problem.is_overload() => {
                    *limit = (*limit / 2).max(SMALLEST_PAGE);
                }
                result => return result,
            }
        }
    }

    /// Reads a list that has an order, in pages that overlap by one row, at most `max_walks` times. `key` tells rows
    /// apart.
    pub fn read_ordered<T, S>(
        &self,
        limit: u64,
        order: &str,
        row: &S,
        key: impl Fn(&T) -> &Text,
        max_walks: u32,
    ) -> Result<ListRead<T>, Error>
    where
        T: Kept,
        S: Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    {
        let mut evidence = self.evidence();
        let mut limit = limit;
        let mut seen: Vec<T> = Vec::new();
        let max_walks = max_walks.min(MAX_WALKS);
        for _ in 0..max_walks {
            let mut walk = Walk {
                rows: Vec::new(),
                aside: Vec::new(),
                position: HashMap::new(),
                at: 0,
                key: &key,
            };
            if self.walk(&mut walk, &mut limit, order, row, &mut evidence)? {
                evidence.kept = walk.rows.len() as u64;
                return Ok(ListRead {
                    rows: walk.rows,
                    evidence,
                    doubt: None,
                    is_one_answer: false,
                });
            }
            seen.append(&mut walk.aside);
            seen.append(&mut walk.rows);
        }
        // What any walk has seen, each row once, the newest account of it.
        let mut known = HashSet::new();
        let mut rows: Vec<T> = seen
            .into_iter()
            .rev()
            .filter(|row| known.insert(key(row).clone()))
            .collect();
        rows.reverse();
        evidence.kept = rows.len() as u64;
        let times = if max_walks == 1 {
            "once".to_owned()
        } else {
            format!("{max_walks} times")
        };
        let doubt = Some(format!(
            "it was read {times}, and each time its pages did not fit together"
        ));
        Ok(ListRead {
            rows,
            evidence,
            doubt,
            is_one_answer: false,
        })
    }

    /// One walk from the first page to the last; false if it cannot be told whether rows were missed.
    fn walk<T, S, K: Fn(&T) -> &Text>(
        &self,
        walk: &mut Walk<'_, T, K>,
        limit: &mut u64,
        order: &str,
        row: &S,
        evidence: &mut ListEvidence,
    ) -> Result<bool, Error>
    where
        T: Kept,
        S: Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    {
        let mut page = self.fetch_page(0, limit, order, row, evidence)?;
        let mut offset = 0;
        // How far before the last known row the page is asked for: not at all, until it does not show up.
        let mut back: u64 = 0;
        let mut steps_back = 0;
        loop {
            let (is_last, count) = (page.is_last, page.count);
            match walk.join(offset, page.rows) {
                Join::Grown => back = 0,
                Join::Same if is_last => {}
                // The overlap is found again, before rows that are known already.
                Join::Same if back > 0 => back = 0,
                // Nothing new, and yet more is said to come: the offsets lead nowhere.
                Join::Same | Join::Tangled => return Ok(false),
                Join::Apart if offset == 0 || steps_back == MAX_STEPS_BACK => return Ok(false),
                Join::Apart => {
                    steps_back += 1;
                    back = back.saturating_mul(4).max(8);
                    offset = walk.at.saturating_sub(back);
                    page = self.fetch_page(offset, limit, order, row, evidence)?;
                    continue;
                }
            }
            if is_last {
                return Ok(true);
            }
            self.check_length(walk.rows.len(), count)?;
            offset = walk.at;
            // A page of one row would hold the overlap alone.
            *limit = (*limit).max(2);
            page = self.fetch_page(offset, limit, order, row, evidence)?;
        }
    }

    /// Reads a list that has no order at all. Without parameters first, since servers before 2026 answer 500 to any; if
    /// that is not all, everything in one answer; if the server cannot, pages, until two walks agree.
    pub fn read_unordered<T, S>(
        &self,
        row: &S,
        key: impl Fn(&T) -> &Text,
    ) -> Result<ListRead<T>, Error>
    where
        T: Kept,
        S: Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    {
        let mut evidence = self.evidence();
        let first = match self.fetch("", Tries::All, row, &mut evidence) {
            Ok(first) => first,
            Err(error) if error.problem.is_overload() => {
                return match self.agreeing_walks(DEFAULT_PAGE / 2, row, &key, evidence) {
                    // A server before 2026 answers so to any parameter: what it said to none counts.
                    Err(again) if again.problem.is_overload() => Err(error),
                    result => result,
                };
            }
            Err(error) => return Err(error),
        };
        if first.is_last {
            return Ok(whole(first.rows, &key, evidence));
        }
        let everything = first
            .count
            .unwrap_or(first.rows.len() as u64)
            .saturating_add(100);
        drop(first);
        let mut limit = everything;
        match self.fetch(
            &format!("?limit={everything}"),
            Tries::One,
            row,
            &mut evidence,
        ) {
            Ok(page) if page.is_last => return Ok(whole(page.rows, &key, evidence)),
            // The server has a cap of its own, which is the page size then.
            Ok(page) => limit = (page.rows.len() as u64).max(1),
            Err(error) if error.problem.is_overload() => {
                if matches!(error.problem, Problem::Status { status: 500, .. }) {
                    self.probe_parameters(row, &mut evidence)?;
                }
                limit /= 2;
            }
            Err(error) => return Err(error),
        }
        self.agreeing_walks(limit, row, &key, evidence)
    }

    /// Whether the server takes parameters at all: one that answers 500 to the smallest page is from before 2026.
    fn probe_parameters<T, S>(&self, row: &S, evidence: &mut ListEvidence) -> Result<(), Error>
    where
        T: Kept,
        S: Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    {
        match self.fetch::<T, S>("?limit=1", Tries::One, row, evidence) {
            Err(error) if matches!(error.problem, Problem::Status { status: 500, .. }) => {
                Err(self.error(Problem::OldServer))
            }
            _ => Ok(()),
        }
    }

    fn agreeing_walks<T, S>(
        &self,
        limit: u64,
        row: &S,
        key: &impl Fn(&T) -> &Text,
        mut evidence: ListEvidence,
    ) -> Result<ListRead<T>, Error>
    where
        T: Kept,
        S: Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    {
        let mut limit = limit;
        let mut before: Option<HashSet<Text>> = None;
        let mut seen: HashMap<Text, T> = HashMap::new();
        for _ in 0..MAX_WALKS {
            let mut keys = HashSet::new();
            let mut offset = 0;
            let mut repeats = false;
            loop {
                let page = self.fetch_page(offset, &mut limit, "", row, &mut evidence)?;
                if page.is_last && offset == 0 {
                    return Ok(whole(page.rows, key, evidence));
                }
                offset += page.rows.len() as u64;
                let known = keys.len();
                for row in page.rows {
                    repeats |= !keys.insert(key(&row).clone());
                    seen.insert(key(&row).clone(), row);
                }
                // A page without anything new leads nowhere, whatever it says is to come.
                if page.is_last || keys.len() == known {
                    repeats |= !page.is_last;
                    break;
                }
                self.check_length(seen.len(), page.count)?;
            }
            if !repeats && before.as_ref() == Some(&keys) {
                seen.retain(|key, _| keys.contains(key));
                evidence.kept = seen.len() as u64;
                return Ok(ListRead {
                    rows: seen.into_values().collect(),
                    evidence,
                    doubt: None,
                    is_one_answer: false,
                });
            }
            before = Some(keys);
        }
        evidence.kept = seen.len() as u64;
        let doubt = Some(format!(
            "it was read {MAX_WALKS} times, and no two readings agreed"
        ));
        Ok(ListRead {
            rows: seen.into_values().collect(),
            evidence,
            doubt,
            is_one_answer: false,
        })
    }
}

/// A list that came in one answer.
fn whole<T>(rows: Vec<T>, key: &impl Fn(&T) -> &Text, mut evidence: ListEvidence) -> ListRead<T> {
    let mut known = HashSet::new();
    let rows: Vec<T> = rows
        .into_iter()
        .filter(|row| known.insert(key(row).clone()))
        .collect();
    evidence.kept = rows.len() as u64;
    ListRead {
        rows,
        evidence,
        doubt: None,
        is_one_answer: true,
    }
}

/// What one walk has read so far.
struct Walk<'k, T, K> {
    rows: Vec<T>,
    /// Rows of pages that did not fit: they are there, but nobody knows where.
    aside: Vec<T>,
    /// Where a row stands in `rows`.
    position: HashMap<Text, usize>,
    /// Where the last row stands in the server's list.
    at: u64,
    key: &'k K,
}

/// How a page fits to what was read before.
#[derive(Debug, PartialEq, Eq)]
enum Join {
    /// It has the last row, and new ones behind it.
    Grown,
    /// It has the last row, and nothing new.
    Same,
    /// It has none of the rows that were read.
    Apart,
    /// Rows stand in another order than before.
    Tangled,
}

impl<T, K: Fn(&T) -> &Text> Walk<'_, T, K> {
    /// Adds a page that begins at `offset` of the server's list. Rows behind the overlap that are not on the page have
    /// gone in between, and go here too.
    fn join(&mut self, offset: u64, page: Vec<T>) -> Join {
        let known: Vec<Option<usize>> = page
            .iter()
            .map(|row| self.position.get((self.key)(row)).copied())
            .collect();
        // Of a row that stands twice on the page, the first.
        let overlap = known
            .iter()
            .enumerate()
            .rev()
            .filter_map(|(at, position)| Some((at, (*position)?)))
            .max_by_key(|(_, position)| *position);
        if overlap.is_some_and(|(at, _)| known[..at].contains(&None)) {
            // A row came in where others were read already; so may more have, further before.
            self.aside.extend(page);
            return Join::Tangled;
        }
        let first_new = match overlap {
            Some((at, position)) => {
                while self.rows.len() > position + 1 {
                    if let Some(gone) = self.rows.pop() {
                        self.position.remove((self.key)(&gone));
                    }
                }
                self.at = offset + at as u64;
                at + 1
            }
            None if self.rows.is_empty() => 0,
            None => return Join::Apart,
        };
        let mut grown = false;
        let mut page = page.into_iter().enumerate().skip(first_new);
        while let Some((at, row)) = page.next() {
            let key = (self.key)(&row).clone();
            if self.position.contains_key(&key) {
                self.aside.extend(page.map(|(_, row)| row));
                return Join::Tangled;
            }
            self.position.insert(key, self.rows.len());
            self.rows.push(row);
            self.at = offset + at as u64;
            grown = true;
        }
        if grown { Join::Grown } else { Join::Same }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(rows: &[&str]) -> Vec<Text> {
        rows.iter().map(|row| Text::from(*row)).collect()
    }

    fn walk(
        rows: &[&str],
        key: &'static impl Fn(&Text) -> &Text,
    ) -> Walk<'static, Text, impl Fn(&Text) -> &Text> {
        let mut walk = Walk {
            rows: Vec::new(),
            aside: Vec::new(),
            position: HashMap::new(),
            at: 0,
            key,
        };
        walk.join(0, texts(rows));
        walk
    }

    fn itself(row: &Text) -> &Text {
        row
    }

    #[test]
    fn page_that_begins_with_the_last_row_grows_the_list() {
        let mut walk = walk(&["a", "b", "c"], &itself);
        assert_eq!(walk.join(2, texts(&["c", "d", "e"])), Join::Grown);
        assert_eq!((walk.rows, walk.at), (texts(&["a", "b", "c", "d", "e"]), 4));
    }

    #[test]
    fn page_without_any_known_row_tells_that_rows_moved() {
        let mut walk = walk(&["a", "b", "c"], &itself);
        assert_eq!(walk.join(2, texts(&["e", "f"])), Join::Apart);
        assert_eq!(walk.rows, texts(&["a", "b", "c"]));
    }

    #[test]
    fn row_that_left_in_between_leaves_the_list_too() {
        let mut walk = walk(&["a", "b", "c"], &itself);
        assert_eq!(walk.join(1, texts(&["b", "d"])), Join::Grown);
        assert_eq!((walk.rows, walk.at), (texts(&["a", "b", "d"]), 2));
    }

    #[test]
    fn row_that_came_in_before_shifts_the_overlap_and_loses_nothing() {
        let mut walk = walk(&["a", "b", "c"], &itself);
        assert_eq!(walk.join(2, texts(&["b", "c", "d"])), Join::Grown);
        assert_eq!((walk.rows, walk.at), (texts(&["a", "b", "c", "d"]), 4));
    }

    #[test]
    fn unknown_row_before_known_ones_means_that_more_may_have_been_missed() {
        let mut walk = walk(&["a", "b", "c"], &itself);
        assert_eq!(walk.join(1, texts(&["b", "x", "c", "d"])), Join::Tangled);
    }

    #[test]
    fn known_row_behind_new_ones_means_that_there_is_no_order() {
        let mut walk = walk(&["a", "b", "c"], &itself);
        assert_eq!(walk.join(2, texts(&["c", "d", "c"])), Join::Tangled);
    }
}
