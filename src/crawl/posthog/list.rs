//! Reading a list so that it is surely whole, although rows move while it is read.
//!
//! Counts prove nothing: one leaves, one joins, all sums agree and one is lost. What proves a list is one answer that
//! holds all of it, or pages that overlap ([`super::walk`]). Lists without any order are read until two walks agree.

use std::collections::{HashMap, HashSet};

use super::api::{self, Kept, MAX_ROWS};
use super::recount::{Listed, Span};
use super::walk::{Ask, Proof, Step, Walk};
use crate::crawl::error::{Error, Problem};
use crate::crawl::http::{Http, Tries};
use crate::crawl::json::{JsonError, JsonStream};
use crate::model::{ListEvidence, Text, Timestamp};
use crate::progress::{Event, Phase, Reporter};

/// Walks over one list before it is given up.
const MAX_WALKS: u32 = 5;
/// Page size below which a list is not halved any more, but asked for with all patience.
const SMALLEST_PAGE: u64 = 25;
/// Rows that may come beyond twice what a list counts: nobody joins as fast as that.
const MAX_UNCOUNTED: u64 = 1_000;
/// Rows beyond those that a list announced, to ask for when all of it is wanted in one answer.
const MORE_THAN_COUNTED: u64 = 100;
/// Why a walk over an ordered list shows nothing: its pages do not overlap.
const TANGLED: &str = "its pages did not fit together";
/// Why it shows nothing although they do.
const RESTLESS: &str = "people came or went, and its order does not show whether all were read";
/// Rows in a page if no number is asked for.
pub(super) const DEFAULT_PAGE: u64 = 100;

/// A row of a list.
pub(super) trait ListRow: Kept {
    /// What identifies it.
    fn key(&self) -> &Text;

    /// What its list is sorted by, if that is the time of joining: people who join then come last.
    fn joined_at(&self) -> Option<Timestamp> {
        None
    }
}

/// Makes a row of what is next in an answer.
pub(super) type ReadRow<'a, T> = dyn Fn(&mut JsonStream<'_>) -> Result<T, JsonError> + 'a;

/// A list as it was read.
pub(super) struct ListRead<T> {
    pub rows: Vec<T>,
    pub evidence: ListEvidence,
    /// Why it may not be whole; `None` if it surely is.
    pub doubt: Option<String>,
    /// Whether all of it came in one answer, at one moment.
    pub is_one_answer: bool,
}

impl<T> ListRead<T> {
    /// The list, if it is surely whole.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn proved(self, source: &ListSource<'_>) -> Result<Self, Error> {
        match &self.doubt {
            None => Ok(self),
            Some(doubt) => Err(source.error(Problem::NotProved(doubt.clone()))),
        }
    }
}

/// Where a list is read from.
pub(super) struct ListSource<'a> {
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

impl ListSource<'_> {
    fn full_path(&self, query: &str) -> String {
        format!("{}{}{query}", self.base_path, self.path)
    }

    pub(super) fn error(&self, problem: Problem) -> Error {
        self.http.error(self.reading, &self.full_path(""), problem)
    }
}

/// One page.
struct Fetched<T> {
    rows: Vec<T>,
    count: Option<u64>,
    is_last: bool,
}

/// Asks for pages of one list, and keeps account of them.
struct Pages<'a, T> {
    source: &'a ListSource<'a>,
    row: &'a ReadRow<'a, T>,
    evidence: ListEvidence,
    /// Times that the list, or the end of it, was read.
    readings: u64,
}

impl<'a, T: Kept> Pages<'a, T> {
    fn new(source: &'a ListSource<'a>, row: &'a ReadRow<'a, T>) -> Self {
        Self {
            source,
            row,
            evidence: ListEvidence::new(source.path.clone()),
            readings: 0,
        }
    }

    /// Asks for `query`.
    fn fetch(&mut self, query: &str, tries: Tries) -> Result<Fetched<T>, Error> {
        let path = self.source.full_path(query);
        let read = |json: &mut JsonStream<'_>| api::page(json, self.row);
        let page = self
            .source
            .http
            .get(self.source.reading, &path, tries, read)?;
        let rows = page.results.len() as u64;
        self.evidence.pages += 1;
        self.evidence.received += rows;
        self.evidence.count = page.count;
        if self.evidence.pages == 1 {
            self.evidence.first_count = page.count;
        }
        if let Some(phase) = self.source.phase {
            self.source.reporter.report(Event::Advanced {
                phase,
                steps: rows,
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
    fn fetch_page(
        &mut self,
        offset: u64,
        limit: &mut u64,
        order: &str,
    ) -> Result<Fetched<T>, Error> {
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
            match self.fetch(&query, tries) {
                Err(error) if *limit > SMALLEST_PAGE && error.problem.is_overload() => {
                    *limit = (*limit / 2).max(SMALLEST_PAGE);
                }
                result => return result,
            }
        }
    }

    /// Fails if far more rows came than the list counts: it would never end.
    fn check_length(&self, rows: u64, count: Option<u64>) -> Result<(), Error> {
        let most = count.map_or(MAX_ROWS, |count| {
            count
                .saturating_mul(2)
                .saturating_add(MAX_UNCOUNTED)
                .min(MAX_ROWS)
        });
        if rows <= most {
            return Ok(());
        }
        let counted = count.map_or("does not count them".to_owned(), |count| {
            format!("counts {count}")
        });
        Err(self.source.error(Problem::Shape(format!(
            "the list goes on after {rows} rows, and {counted}"
        ))))
    }

    /// The list, of which `distinct` rows were seen.
    fn finish(mut self, rows: Vec<T>, distinct: u64, end: End) -> ListRead<T> {
        self.evidence.kept = rows.len() as u64;
        let repeated = self.evidence.received.saturating_sub(distinct);
        self.evidence.repeated = Some(repeated);
        self.evidence.readings = Some(self.readings);
        let (doubt, is_one_answer) = match end {
            End::OneAnswer => (None, true),
            End::Proved => (None, false),
            End::Doubtful(doubt) => (Some(doubt), false),
        };
        ListRead {
            rows,
            evidence: self.evidence,
            doubt,
            is_one_answer,
        }
    }
}

/// How the reading of a list ended.
enum End {
    OneAnswer,
    Proved,
    /// It may not be whole, and why.
    Doubtful(String),
}

/// What becomes of a list whose pages overlap, where nothing shows that its rows keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    /// It is taken: another source says who should be in it.
    IsEnough,
    /// It is only taken if every page announced the same number of rows: nobody came or went while it was read.
    NeedsQuiet,
}

/// A list that has an order, read in pages that overlap.
pub(super) struct OrderedList<'a, T> {
    pages: Pages<'a, T>,
    walk: Walk<T>,
    limit: u64,
    order: &'a str,
    overlap: Overlap,
    /// Walks so far.
    walks: u32,
    /// Whether all rows in one answer were asked for.
    asked_for_everything: bool,
    /// The numbers of rows that the pages of the last walk announced.
    announced: Option<Span>,
    doubt: Option<String>,
}

impl<'a, T: ListRow> OrderedList<'a, T> {
    /// A list to read in pages of `limit` rows, with `order` as further parameters.
    pub(super) fn new(
        source: &'a ListSource<'a>,
        row: &'a ReadRow<'a, T>,
        limit: u64,
        order: &'a str,
        overlap: Overlap,
    ) -> Self {
        Self {
            pages: Pages::new(source, row),
            walk: Walk::new(),
            limit,
            order,
            overlap,
            walks: 0,
            asked_for_everything: false,
            announced: None,
            doubt: None,
        }
    }

    /// Reads all of it, again and again until it is surely whole, but not more than `max_walks` times in all.
    ///
    /// # Errors
    /// When a page cannot be read.
    pub(super) fn read(&mut self, max_walks: u32) -> Result<(), Error> {
        let max_walks = max_walks.min(MAX_WALKS);
        let mut why = TANGLED;
        while self.walks < max_walks {
            self.walks += 1;
            let first = self.walk.restart();
            match self.follow(first)? {
                None => return Ok(()),
                Some(doubt) => why = doubt,
            }
            if self.overlap == Overlap::NeedsQuiet && self.read_at_once()? {
                return Ok(());
            }
        }
        let times = match self.walks {
            1 => "once".to_owned(),
            walks => format!("{walks} times"),
        };
        self.doubt = Some(format!("it was read {times}, and each time {why}"));
        Ok(())
    }

    /// Asks for all rows in one answer, once; false if the server cannot give them.
    fn read_at_once(&mut self) -> Result<bool, Error> {
        let Some(count) = self.pages.evidence.count else {
            return Ok(false);
        };
        let everything = count.saturating_add(MORE_THAN_COUNTED);
        let gives_as_asked = self.walk.page_size() >= self.limit;
        if std::mem::replace(&mut self.asked_for_everything, true)
            || everything <= self.limit
            || !gives_as_asked
        {
            return Ok(false);
        }
        self.pages.readings += 1;
        let query = format!("?limit={everything}{}", self.order);
        match self.pages.fetch(&query, Tries::One) {
            Ok(page) if page.is_last => {
                // From now on it is read so at once.
                self.limit = everything;
                let ask = self.walk.restart();
                Ok(self.walk.take(ask, page.rows, true) == Step::Whole)
            }
            Ok(_) => Ok(false),
            Err(error) if error.problem.is_overload() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads again what may have changed, where the list has about `expected` rows by now: its end, where the times show
    /// that it leaves nobody out, and all of it otherwise.
    ///
    /// # Errors
    /// When a page cannot be read.
    pub(super) fn read_again(&mut self, expected: u64) -> Result<(), Error> {
        if self.walk.proof() == Proof::OldestFirst {
            let tail = self.walk.resume(expected);
            if self.follow(tail)?.is_none() {
                return Ok(());
            }
        }
        self.read(MAX_WALKS)
    }

    /// Asks for pages until the list ends. Returns why it may not be whole, if that is so.
    fn follow(&mut self, first: Ask) -> Result<Option<&'static str>, Error> {
        self.pages.readings += 1;
        self.announced = None;
        let mut ask = first;
        loop {
            // A page of one row would hold the overlap alone.
            self.limit = self.limit.max(2);
            let mut rows = ask
                .rows
                .map_or(self.limit, |rows| rows.clamp(2, self.limit));
            let page = self.pages.fetch_page(ask.offset, &mut rows, self.order)?;
            if ask.rows.is_none() {
                self.limit = rows;
            }
            let count = page.count;
            if let Some(count) = count {
                let span = self.announced.unwrap_or(count.into());
                self.announced = Some(span.including(count.into()));
            }
            match self.walk.take(ask, page.rows, page.is_last) {
                Step::Whole => break,
                Step::Broken => return Ok(Some(TANGLED)),
                Step::Ask(next) => ask = next,
            }
            self.pages.check_length(self.walk.distinct(), count)?;
        }
        let was_quiet = self.announced.is_none_or(Span::is_one_number);
        let is_doubtful = self.walk.proof() == Proof::Overlap
            && self.overlap == Overlap::NeedsQuiet
            && !was_quiet;
        Ok(is_doubtful.then_some(RESTLESS))
    }

    /// What was read; `None` if it may not be whole.
    pub(super) fn listed(&self) -> Option<Listed> {
        if self.doubt.is_some() {
            return None;
        }
        let repeats = self.walk.repeats();
        let most = match self.walk.proof() {
            // Where rows may have changed places, only those that were read count.
            Proof::Overlap => self.walk.kept().saturating_add(repeats),
            Proof::OneAnswer | Proof::OldestFirst => self.walk.length(),
        };
        Some(Listed {
            rows: Span {
                least: most.saturating_sub(repeats),
                most,
            },
            fingerprint: self.walk.fingerprint(),
        })
    }

    /// Rows that the list announced last.
    pub(super) fn announced(&self) -> Option<u64> {
        self.pages.evidence.count
    }

    /// The list as it was read.
    pub(super) fn finish(self) -> ListRead<T> {
        let Self {
            mut pages,
            walk,
            doubt,
            ..
        } = self;
        pages.evidence.shifted = Some(walk.shifted());
        let distinct = walk.distinct();
        let (rows, end) = match (doubt, walk.proof()) {
            (Some(doubt), _) => (walk.everything_seen(), End::Doubtful(doubt)),
            (None, Proof::OneAnswer) => (walk.into_rows(), End::OneAnswer),
            (None, _) => (walk.into_rows(), End::Proved),
        };
        pages.finish(rows, distinct, end)
    }
}

/// Reads a list that has no order at all. Without parameters first, since servers before 2026 answer 500 to any; if
/// that is not all, everything in one answer; if the server cannot, pages, until two walks agree.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read_unordered<T: ListRow>(
    source: &ListSource<'_>,
    row: &ReadRow<'_, T>,
) -> Result<ListRead<T>, Error> {
    let mut pages = Pages::new(source, row);
    pages.readings = 1;
    let mut seen = Seen::default();
    let first = match pages.fetch("", Tries::All) {
        Ok(first) => first,
        Err(error) if error.problem.is_overload() => {
            return match agreeing_walks(pages, seen, DEFAULT_PAGE / 2) {
                // A server before 2026 answers so to any parameter: what it said to none counts.
                Err(again) if again.problem.is_overload() => Err(error),
                result => result,
            };
        }
        Err(error) => return Err(error),
    };
    if first.is_last {
        return Ok(seen.whole(pages, first.rows));
    }
    let received = first.rows.len() as u64;
    let everything = first
        .count
        .unwrap_or(received)
        .saturating_add(MORE_THAN_COUNTED);
    seen.note(&first.rows);
    drop(first);
    let mut limit = everything;
    pages.readings += 1;
    match pages.fetch(&format!("?limit={everything}"), Tries::One) {
        Ok(page) if page.is_last => return Ok(seen.whole(pages, page.rows)),
        // The server has a limit of its own, which is the page size then.
        Ok(page) => {
            seen.note(&page.rows);
            limit = (page.rows.len() as u64).max(1);
        }
        Err(error) if error.problem.is_overload() => {
            if may_refuse_parameters(&error) {
                probe_parameters(&mut pages)?;
            }
            limit /= 2;
        }
        Err(error) => return Err(error),
    }
    agreeing_walks(pages, seen, limit)
}

/// Whether a server takes no parameters for a list without an order, or has another fault that looks the same.
fn may_refuse_parameters(error: &Error) -> bool {
    matches!(error.problem, Problem::Status { status: 500, .. })
}

/// Whether the server takes parameters at all: one that answers 500 to the smallest page is from before 2026.
fn probe_parameters<T: Kept>(pages: &mut Pages<'_, T>) -> Result<(), Error> {
    match pages.fetch("?limit=1", Tries::One) {
        Err(error) if may_refuse_parameters(&error) => Err(pages.source.error(Problem::OldServer)),
        _ => Ok(()),
    }
}

/// Asks a list for the number of its rows.
///
/// # Errors
/// When it cannot be read.
pub(super) fn count(source: &ListSource<'_>) -> Result<Option<u64>, Error> {
    let page = Pages::new(source, &skip).fetch("?limit=1", Tries::All)?;
    Ok(page.count)
}

/// Asks a list that has no order for the number of its rows. A server from before 2026 must be asked for all of it, and
/// cannot give more than its first page.
///
/// # Errors
/// When it cannot be read whole, as far as that shows.
pub(super) fn count_unordered(source: &ListSource<'_>) -> Result<Option<u64>, Error> {
    let mut pages = Pages::new(source, &skip);
    match pages.fetch("?limit=1", Tries::One) {
        Ok(page) => return Ok(page.count),
        Err(error) if may_refuse_parameters(&error) => {}
        Err(error) => return Err(error),
    }
    let first = pages.fetch("", Tries::All)?;
    if !first.is_last {
        probe_parameters(&mut pages)?;
    }
    Ok(first.count)
}

/// Passes over a row that is only counted.
fn skip(json: &mut JsonStream<'_>) -> Result<(), JsonError> {
    json.skip()
}

/// Reads pages in whatever order they come, until two walks have the same rows.
fn agreeing_walks<T: ListRow>(
    mut pages: Pages<'_, T>,
    mut known: Seen,
    limit: u64,
) -> Result<ListRead<T>, Error> {
    let mut limit = limit;
    let mut before: Option<HashSet<Text>> = None;
    let mut seen: HashMap<Text, T> = HashMap::new();
    for _ in 0..MAX_WALKS {
        pages.readings += 1;
        let mut keys = HashSet::new();
        let mut offset = 0;
        let mut repeats = false;
        loop {
            let page = pages.fetch_page(offset, &mut limit, "")?;
            if page.is_last && offset == 0 {
                return Ok(known.whole(pages, page.rows));
            }
            offset += page.rows.len() as u64;
            known.note(&page.rows);
            let before = keys.len();
            for row in page.rows {
                repeats |= !keys.insert(row.key().clone());
                seen.insert(row.key().clone(), row);
            }
            // A page without anything new leads nowhere, whatever it says is to come.
            if page.is_last || keys.len() == before {
                repeats |= !page.is_last;
                break;
            }
            pages.check_length(seen.len() as u64, page.count)?;
        }
        if !repeats && before.as_ref() == Some(&keys) {
            seen.retain(|key, _| keys.contains(key));
            return Ok(pages.finish(seen.into_values().collect(), known.rows(), End::Proved));
        }
        before = Some(keys);
    }
    let doubt = format!("it was read {MAX_WALKS} times, and no two readings agreed");
    Ok(pages.finish(
        seen.into_values().collect(),
        known.rows(),
        End::Doubtful(doubt),
    ))
}

/// The rows of an unordered list that any page had.
#[derive(Default)]
struct Seen(HashSet<Text>);

impl Seen {
    fn note<T: ListRow>(&mut self, rows: &[T]) {
        self.0.extend(rows.iter().map(|row| row.key().clone()));
    }

    fn rows(&self) -> u64 {
        self.0.len() as u64
    }

    /// A list that came in one answer.
    fn whole<T: ListRow>(mut self, pages: Pages<'_, T>, rows: Vec<T>) -> ListRead<T> {
        self.note(&rows);
        let mut known = HashSet::new();
        let mut rows = rows;
        rows.retain(|row| known.insert(row.key().clone()));
        pages.finish(rows, self.rows(), End::OneAnswer)
    }
}
