//! Reads a list completely, although its rows may change while it is read.
//!
//! Counts prove nothing: one person leaves, another joins, all sums agree and a row is missing. What proves that a list is
//! complete is one response with all of it, or pages that overlap ([`super::walk`]). Unordered lists are read until two
//! readings agree.

use std::collections::{HashMap, HashSet};

use super::api::{self, Envelope, HeapSize, MAX_ROWS};
use super::recount::{Listed, Span};
use super::walk::{PageRequest, Proof, Step, Walk};
use crate::crawl::error::{Error, Problem};
use crate::crawl::http::{Http, Tries};
use crate::crawl::json::{JsonError, JsonStream};
use crate::model::{ListEvidence, Text, Timestamp};
use crate::progress::{Event, Phase, Reporter};

/// How often one list is read before giving up.
const MAX_WALKS: u32 = 5;
/// The smallest page size that an overloaded server is asked for. It is then retried as often as the settings say.
const SMALLEST_PAGE: u64 = 25;
/// How many rows a list may have beyond twice its count. People do not join that fast.
const MAX_UNCOUNTED: u64 = 1_000;
/// How many rows more than announced to request when a whole list is requested in one response.
const MORE_THAN_COUNTED: u64 = 100;
/// Why a reading proves nothing: the pages do not overlap.
const NO_OVERLAP: &str = "its pages did not fit together";
/// Why a reading proves nothing although the pages overlap.
const LIST_CHANGED: &str =
    "people joined or left, and its order does not show whether all of them were read";
/// PostHog's default page size.
pub(super) const DEFAULT_PAGE: u64 = 100;

/// A row of a list.
pub(super) trait ListRow: HeapSize {
    /// Returns the id of the row.
    fn key(&self) -> &Text;

    /// Returns when the person joined, if the list is sorted by that: people who join then appear at its end.
    fn joined_at(&self) -> Option<Timestamp> {
        None
    }
}

/// Reads one row.
pub(super) type ReadRow<'a, T> = dyn Fn(&mut JsonStream<'_>) -> Result<T, JsonError> + 'a;

/// The result of reading a list.
pub(super) struct ListRead<T> {
    pub rows: Vec<T>,
    pub evidence: ListEvidence,
    /// Why it may be incomplete; `None` if it is known to be complete.
    pub doubt: Option<String>,
    /// Whether it arrived in one response, as it was at one moment.
    pub is_one_response: bool,
}

impl<T> ListRead<T> {
    /// Returns the list if it is known to be complete.
    ///
    /// # Errors
    /// When it may be incomplete.
    pub(super) fn proved(self, source: &ListSource<'_>) -> Result<Self, Error> {
        match &self.doubt {
            None => Ok(self),
            Some(doubt) => Err(source.error(Problem::MaybeIncomplete(doubt.clone()))),
        }
    }
}

/// Where a list is read from.
pub(super) struct ListSource<'a> {
    pub http: &'a Http<'a>,
    pub reporter: &'a dyn Reporter,
    /// What the list is called in messages.
    pub reading: &'static str,
    /// The phase to report progress of; `None` for one list of many.
    pub phase: Option<Phase>,
    /// The organization's path.
    pub base_path: &'a str,
    /// The list's path below it, with a slash at the end.
    pub path: String,
    /// Whether it comes in an envelope.
    pub envelope: Envelope,
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
struct FetchedPage<T> {
    rows: Vec<T>,
    count: Option<u64>,
    is_last: bool,
}

/// Requests the pages of one list and records them as evidence.
struct Pages<'a, T> {
    source: &'a ListSource<'a>,
    row: &'a ReadRow<'a, T>,
    evidence: ListEvidence,
    /// How often the list, or the end of it, was read.
    readings: u64,
}

impl<'a, T: HeapSize> Pages<'a, T> {
    fn new(source: &'a ListSource<'a>, row: &'a ReadRow<'a, T>) -> Self {
        Self {
            source,
            row,
            evidence: ListEvidence::new(source.path.clone()),
            readings: 0,
        }
    }

    /// Requests the list with `query`.
    fn fetch(&mut self, query: &str, tries: Tries) -> Result<FetchedPage<T>, Error> {
        let path = self.source.full_path(query);
        let envelope = self.source.envelope;
        let read = |json: &mut JsonStream<'_>| api::page(json, envelope, self.row);
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
        Ok(FetchedPage {
            rows: page.results,
            count: page.count,
            is_last: page.next.is_none(),
        })
    }

    /// Requests a page, and halves its size each time the server is overloaded.
    fn fetch_page(
        &mut self,
        offset: u64,
        limit: &mut u64,
        order: &str,
    ) -> Result<FetchedPage<T>, Error> {
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

    /// Fails if far more rows arrive than the list announces, since it may never end.
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
        let announced = count.map_or("does not announce how many it has".to_owned(), |count| {
            format!("announces {count}")
        });
        Err(self.source.error(Problem::Shape(format!(
            "the list continues after {rows} rows, but {announced}"
        ))))
    }

    /// Returns the list, of which `distinct` different rows were seen.
    fn finish(mut self, rows: Vec<T>, distinct: u64, end: End) -> ListRead<T> {
        self.evidence.kept = rows.len() as u64;
        let repeated = self.evidence.received.saturating_sub(distinct);
        self.evidence.repeated = Some(repeated);
        self.evidence.readings = Some(self.readings);
        let (doubt, is_one_response) = match end {
            End::OneResponse => (None, true),
            End::Proved => (None, false),
            End::Doubtful(doubt) => (Some(doubt), false),
        };
        ListRead {
            rows,
            evidence: self.evidence,
            doubt,
            is_one_response,
        }
    }
}

/// How the reading of a list ended.
enum End {
    OneResponse,
    Proved,
    /// The list may be incomplete. Holds the reason.
    Doubtful(String),
}

/// Whether overlapping pages prove that a list is complete if nothing shows that its rows keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    /// They do: another source says who should be in it.
    Suffices,
    /// They do if every page announced the same number of rows, so that nobody joined or left meanwhile.
    NeedsStableCount,
}

/// An ordered list that is read in overlapping pages.
pub(super) struct OrderedList<'a, T> {
    pages: Pages<'a, T>,
    walk: Walk<T>,
    limit: u64,
    order: &'a str,
    overlap: Overlap,
    /// How often the list was read so far.
    walks: u32,
    /// Whether all rows were requested in one response.
    requested_everything: bool,
    /// The range of row counts that the pages of the last reading announced.
    announced: Option<Span>,
    doubt: Option<String>,
}

impl<'a, T: ListRow> OrderedList<'a, T> {
    /// Creates a list to read in pages of `limit` rows, with `order` as additional parameters.
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
            requested_everything: false,
            announced: None,
            doubt: None,
        }
    }

    /// Reads the list until it is known to be complete, but at most `max_walks` times.
    ///
    /// # Errors
    /// When a page cannot be read.
    pub(super) fn read(&mut self, max_walks: u32) -> Result<(), Error> {
        let max_walks = max_walks.min(MAX_WALKS);
        let mut why = NO_OVERLAP;
        while self.walks < max_walks {
            self.walks += 1;
            let first = self.walk.restart();
            match self.follow(first)? {
                None => return Ok(()),
                Some(doubt) => why = doubt,
            }
            if self.overlap == Overlap::NeedsStableCount && self.read_at_once()? {
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

    /// Requests all rows in one response, once; false if the server cannot return them.
    fn read_at_once(&mut self) -> Result<bool, Error> {
        let Some(count) = self.pages.evidence.count else {
            return Ok(false);
        };
        let everything = count.saturating_add(MORE_THAN_COUNTED);
        let honors_limit = self.walk.page_size() >= self.limit;
        if std::mem::replace(&mut self.requested_everything, true)
            || everything <= self.limit
            || !honors_limit
        {
            return Ok(false);
        }
        self.pages.readings += 1;
        let query = format!("?limit={everything}{}", self.order);
        match self.pages.fetch(&query, Tries::One) {
            Ok(page) if page.is_last => {
                // Later readings request everything at once too.
                self.limit = everything;
                let request = self.walk.restart();
                Ok(self.walk.take(request, page.rows, true) == Step::Complete)
            }
            Ok(_) => Ok(false),
            Err(error) if error.problem.is_overload() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads what may have changed in a list that now has about `expected` rows: only its end, if the times prove that no
    /// row is missing, and otherwise all of it.
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

    /// Requests pages until the list ends. Returns why it may be incomplete, if so.
    fn follow(&mut self, first: PageRequest) -> Result<Option<&'static str>, Error> {
        self.pages.readings += 1;
        self.announced = None;
        let mut request = first;
        loop {
            // A page of one row would contain only the overlap.
            self.limit = self.limit.max(2);
            let mut rows = request
                .rows
                .map_or(self.limit, |rows| rows.clamp(2, self.limit));
            let page = self
                .pages
                .fetch_page(request.offset, &mut rows, self.order)?;
            if request.rows.is_none() {
                self.limit = rows;
            }
            let count = page.count;
            if let Some(count) = count {
                let span = self.announced.unwrap_or(count.into());
                self.announced = Some(span.including(count.into()));
            }
            match self.walk.take(request, page.rows, page.is_last) {
                Step::Complete => break,
                Step::Inconsistent => return Ok(Some(NO_OVERLAP)),
                Step::Request(next) => request = next,
            }
            self.pages.check_length(self.walk.distinct(), count)?;
        }
        let was_stable = self.announced.is_none_or(Span::is_one_number);
        let is_doubtful = self.walk.proof() == Proof::Overlap
            && self.overlap == Overlap::NeedsStableCount
            && !was_stable;
        Ok(is_doubtful.then_some(LIST_CHANGED))
    }

    /// Returns what was read; `None` if it may be incomplete.
    pub(super) fn listed(&self) -> Option<Listed> {
        if self.doubt.is_some() {
            return None;
        }
        let repeats = self.walk.repeats();
        let most = match self.walk.proof() {
            // If rows may have moved, only those that were read count.
            Proof::Overlap => self.walk.kept().saturating_add(repeats),
            Proof::OneResponse | Proof::OldestFirst => self.walk.length(),
        };
        Some(Listed {
            rows: Span {
                least: most.saturating_sub(repeats),
                most,
            },
            fingerprint: self.walk.fingerprint(),
        })
    }

    /// Returns the row count that the list announced last.
    pub(super) fn announced(&self) -> Option<u64> {
        self.pages.evidence.count
    }

    /// Returns the result of reading the list.
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
            (None, Proof::OneResponse) => (walk.into_rows(), End::OneResponse),
            (None, _) => (walk.into_rows(), End::Proved),
        };
        pages.finish(rows, distinct, end)
    }
}

/// Reads an unordered list. First without parameters, since servers from before 2026 answer 500 to any; if there is more,
/// all rows in one response; if the server cannot do that, in pages, until two readings agree.
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
                // Perhaps a server from before 2026, which refuses all parameters: report its first answer.
                Err(again) if again.problem.is_overload() => Err(error),
                result => result,
            };
        }
        Err(error) => return Err(error),
    };
    if first.is_last {
        return Ok(seen.complete(pages, first.rows));
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
        Ok(page) if page.is_last => return Ok(seen.complete(pages, page.rows)),
        // The server limits its pages, and this is their size.
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

/// Whether a server may not support parameters for an unordered list. Other faults look the same.
fn may_refuse_parameters(error: &Error) -> bool {
    matches!(error.problem, Problem::Status { status: 500, .. })
}

/// Fails if the server does not support parameters: one that answers 500 to the smallest page is from before 2026.
fn probe_parameters<T: HeapSize>(pages: &mut Pages<'_, T>) -> Result<(), Error> {
    match pages.fetch("?limit=1", Tries::One) {
        Err(error) if may_refuse_parameters(&error) => Err(pages.source.error(Problem::OldServer)),
        _ => Ok(()),
    }
}

/// Requests the row count of a list.
///
/// # Errors
/// When it cannot be read.
pub(super) fn count(source: &ListSource<'_>) -> Result<Option<u64>, Error> {
    let page = Pages::new(source, &skip).fetch("?limit=1", Tries::All)?;
    Ok(page.count)
}

/// Requests the row count of an unordered list. A server from before 2026 only returns it with the first page, and has no
/// further pages.
///
/// # Errors
/// When it cannot be read, or has pages that the server does not return.
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

/// Skips a row that is only counted.
fn skip(json: &mut JsonStream<'_>) -> Result<(), JsonError> {
    json.skip()
}

/// Reads pages in any order until two readings have the same rows.
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
                return Ok(known.complete(pages, page.rows));
            }
            offset += page.rows.len() as u64;
            known.note(&page.rows);
            let before = keys.len();
            for row in page.rows {
                repeats |= !keys.insert(row.key().clone());
                seen.insert(row.key().clone(), row);
            }
            // A page without new rows ends the reading, even if it announces more.
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
    let doubt = format!("it was read {MAX_WALKS} times, and no two readings were the same");
    Ok(pages.finish(
        seen.into_values().collect(),
        known.rows(),
        End::Doubtful(doubt),
    ))
}

/// The ids of all rows of an unordered list that were in any page.
#[derive(Default)]
struct Seen(HashSet<Text>);

impl Seen {
    fn note<T: ListRow>(&mut self, rows: &[T]) {
        self.0.extend(rows.iter().map(|row| row.key().clone()));
    }

    fn rows(&self) -> u64 {
        self.0.len() as u64
    }

    /// Returns a list that arrived in one response.
    fn complete<T: ListRow>(mut self, pages: Pages<'_, T>, rows: Vec<T>) -> ListRead<T> {
        self.note(&rows);
        let mut known = HashSet::new();
        let mut rows = rows;
        rows.retain(|row| known.insert(row.key().clone()));
        pages.finish(rows, self.rows(), End::OneResponse)
    }
}
