//! Reads a list in overlapping pages, without the network: decides which page to request next, and how it joins what was
//! read before.
//!
//! The overlap proves that a reading is complete. Each page begins with a row that is already known, so no row can be
//! missed between two pages, whoever joined or left in the meantime:
//!
//! - A person leaves: later rows move toward the front, and a page may begin after the last known row. The gap is read, and
//!   the page is joined to it.
//! - A person joins: in a list that is sorted by the time of joining, the new row is at the end.
//!
//! In a list that is sorted by that time, the times prove it too: a page that begins with a person who joined before the
//! last known row has everybody in between, even if rows of the same time change places. For that, pages overlap by two
//! rows, or by all rows of the last time. If they cannot, the overlap alone says nothing about the order of the rows.

mod window;

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use self::window::{Times, Window};
use super::list::ListRow;
use crate::model::{Text, Timestamp};

/// How many rows before the last known row to start when a page did not overlap. Four times as many with each attempt.
const FIRST_STEP_BACK: u64 = 16;
/// By how many rows the page that fills a gap overlaps the page after it.
const GAP_OVERLAP: u64 = 8;
/// Smaller pages overlap by only one row: with two they would hardly make progress.
const SMALLEST_TIME_PROVED_PAGE: u64 = 4;
/// How many pages without new rows are accepted.
const MAX_PAGES_WITHOUT_PROGRESS: u32 = 50;

/// A page to request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageRequest {
    /// Rows before it in the server's list.
    pub offset: u64,
    /// How many rows are needed; `None` for a full page.
    pub rows: Option<u64>,
}

/// What to do after a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Request another page.
    Request(PageRequest),
    /// The list was read to its end, and its pages overlap.
    Complete,
    /// The pages do not fit together.
    Inconsistent,
}

/// Why a list is considered complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It arrived in one response, as it was at one moment.
    OneResponse,
    /// It is sorted by the time of joining, and the times prove that no row is missing between its pages.
    OldestFirst,
    /// Its pages overlap, but the order of its rows may have changed in between.
    Overlap,
}

/// A page that begins after rows that were not read yet.
struct PageAfterGap<T> {
    page: Vec<T>,
    is_last: bool,
}

/// Whether the times prove that no row is missing between the last known row and a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeProof {
    /// They do.
    Proved,
    /// They would for a page that begins earlier.
    TooLate,
    /// They cannot: the list is not sorted, or too many rows have the same time.
    Unknown,
}

/// How a page fits what was read before.
#[derive(Debug, PartialEq, Eq)]
enum Join<T> {
    /// It overlaps and has new rows.
    Extended,
    /// It overlaps and has no new rows.
    Unchanged,
    /// It has none of the known rows.
    Disjoint(Vec<T>),
    /// Its rows are in a different order than before.
    Reordered,
}

/// A reading of a list from its first page to its last.
pub(super) struct Walk<T> {
    /// In the server's order. Rows that disappeared or moved stay here, but `places` no longer refers to them.
    rows: Vec<T>,
    /// The index in the server's list at which each of them was last seen.
    indexes: Vec<u64>,
    /// Every row ever seen, with its index in `rows` unless it disappeared.
    places: HashMap<Text, Option<usize>>,
    /// Rows that appeared between rows that were already read.
    late: HashMap<Text, T>,
    /// Rows of failed readings.
    unplaced: Vec<T>,
    /// Index of the last row in the server's list.
    at: u64,
    /// How many rows before the last one the next page begins. Grows with the rate at which people leave.
    overlap: u64,
    /// How many rows before the last one the requested page begins.
    reach: u64,
    after_gap: Option<PageAfterGap<T>>,
    pages_without_progress: u32,
    pages: u32,
    /// Length of the shortest page that was not the last.
    page_size: u64,
    /// Whether all rows so far have a time of joining and are sorted by it.
    is_sorted: bool,
    /// Whether the times prove every page after the first.
    is_time_proved: bool,
    shifted: u64,
    repeats: u64,
}

impl<T: ListRow> Walk<T> {
    pub(super) fn new() -> Self {
        Self {
            rows: Vec::new(),
            indexes: Vec::new(),
            places: HashMap::new(),
            late: HashMap::new(),
            unplaced: Vec::new(),
            at: 0,
            overlap: 0,
            reach: 0,
            after_gap: None,
            pages_without_progress: 0,
            pages: 0,
            page_size: u64::MAX,
            is_sorted: true,
            is_time_proved: true,
            shifted: 0,
            repeats: 0,
        }
    }

    /// Starts again at the first page. Rows that were seen still count as seen.
    pub(super) fn restart(&mut self) -> PageRequest {
        let mut before = std::mem::replace(self, Self::new());
        before.unplaced.append(&mut before.rows);
        let late = before.late.drain().map(|(_, row)| row);
        before.unplaced.extend(late);
        before.keep_page_after_gap();
        before.places.values_mut().for_each(|place| *place = None);
        self.places = before.places;
        self.unplaced = before.unplaced;
        self.shifted = before.shifted;
        PageRequest {
            offset: 0,
            rows: None,
        }
    }

    /// Reads the end of the list again, which now has about `expected` rows.
    pub(super) fn resume(&mut self, expected: u64) -> PageRequest {
        if self.rows.is_empty() {
            return self.restart();
        }
        let left = self.length().saturating_sub(expected);
        let joined = expected.saturating_sub(self.length());
        self.pages_without_progress = 0;
        let reach = self.overlap.max(left.saturating_mul(2));
        self.reach = reach
            .max(self.rows_of_last_time().unwrap_or(0))
            .min(self.at);
        let rows = [self.reach, joined.saturating_mul(2), FIRST_STEP_BACK];
        PageRequest {
            offset: self.at - self.reach,
            rows: Some(rows.into_iter().fold(0, u64::saturating_add)),
        }
    }

    /// Returns the length of the server's list when its end was read.
    pub(super) fn length(&self) -> u64 {
        if self.rows.is_empty() { 0 } else { self.at + 1 }
    }

    /// Returns how many rows of the server's list repeat a person.
    pub(super) fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Returns by how many rows pages moved toward the front.
    pub(super) fn shifted(&self) -> u64 {
        self.shifted
    }

    /// Returns the number of different rows in the list.
    pub(super) fn kept(&self) -> u64 {
        let live = self.places.values().flatten().count();
        (live + self.late.len()) as u64
    }

    /// Returns the length of the shortest page that was not the last.
    pub(super) fn page_size(&self) -> u64 {
        self.page_size
    }

    /// Returns the number of different rows ever seen, including those of failed readings.
    pub(super) fn distinct(&self) -> u64 {
        self.places.len() as u64
    }

    /// Returns why the list is considered complete, once it was read to its end.
    pub(super) fn proof(&self) -> Proof {
        if self.pages == 1 {
            Proof::OneResponse
        } else if self.is_sorted && self.is_time_proved {
            Proof::OldestFirst
        } else {
            Proof::Overlap
        }
    }

    /// Returns a number that is equal for equal rows in any order.
    pub(super) fn fingerprint(&self) -> u64 {
        let hash = |row: &T| {
            let mut hasher = DefaultHasher::new();
            (row.key(), row.joined_at()).hash(&mut hasher);
            hasher.finish()
        };
        let rows = self.rows.iter().enumerate();
        let live = rows.filter(|(at, _)| self.is_live(*at)).map(|(_, row)| row);
        live.chain(self.late.values())
            .map(hash)
            .fold(0, u64::wrapping_add)
    }

    /// Returns the list, each row once.
    pub(super) fn into_rows(self) -> Vec<T> {
        let Self {
            rows, places, late, ..
        } = self;
        let rows = rows.into_iter().enumerate();
        let rows = rows.filter(|(at, row)| places.get(row.key()) == Some(&Some(*at)));
        let mut rows: Vec<T> = rows.map(|(_, row)| row).collect();
        let is_late = |row: &T| places.get(row.key()) == Some(&None);
        rows.extend(late.into_values().filter(is_late));
        rows
    }

    /// Returns every row that any reading has seen, each once and as it was last seen.
    pub(super) fn everything_seen(mut self) -> Vec<T> {
        self.keep_page_after_gap();
        let mut rows = self.unplaced;
        rows.extend(self.rows.into_iter().chain(self.late.into_values()));
        newest(rows)
    }

    /// Processes the page that was requested, and returns what to do next.
    pub(super) fn take(&mut self, request: PageRequest, page: Vec<T>, is_last: bool) -> Step {
        self.pages += 1;
        if request.rows.is_none() && !is_last {
            self.page_size = self.page_size.min(page.len() as u64);
        }
        let (mut has_new_rows, mut is_last) = match self.join(request.offset, page, is_last) {
            Join::Extended => (true, is_last),
            Join::Unchanged => (false, is_last),
            Join::Reordered => return Step::Inconsistent,
            Join::Disjoint(page) => {
                return self.step_back(request.offset, PageAfterGap { page, is_last });
            }
        };
        if let Some(after_gap) = self.after_gap.take()
            && !is_last
        {
            is_last = after_gap.is_last;
            match self.join_after_gap(after_gap.page) {
                Some(rows) => has_new_rows |= rows > 0,
                None => is_last = false,
            }
        }
        if is_last {
            return Step::Complete;
        }
        // No new rows although the list continues. They must follow the known ones.
        if !has_new_rows && (self.reach == 0 || !self.accept_page_without_progress()) {
            return Step::Inconsistent;
        }
        self.reach = if has_new_rows {
            self.wanted_overlap()
        } else {
            0
        };
        Step::Request(PageRequest {
            offset: self.at - self.reach,
            rows: None,
        })
    }

    /// Returns how many rows before the last one the next page should begin.
    fn wanted_overlap(&self) -> u64 {
        // Most of a page must be new rows.
        let overlap = self.overlap.min(self.page_size / 4);
        let tied = self.rows_of_last_time().unwrap_or(0);
        overlap.max(tied).min(self.at)
    }

    /// Returns how many known rows have the latest time of joining. A page that begins before the first of them has all
    /// rows of that time. `None` if they are too many for a page, pages are too small, or no row has an earlier time.
    fn rows_of_last_time(&self) -> Option<u64> {
        let last = self
            .last_time()
            .filter(|_| self.page_size >= SMALLEST_TIME_PROVED_PAGE)?;
        let most = usize::try_from(self.page_size / 2).unwrap_or(usize::MAX);
        let rows = self.rows.iter().rev().take(most.saturating_add(1));
        let tied = rows.take_while(|row| row.joined_at() == Some(last)).count();
        (tied <= most && tied < self.rows.len()).then_some(tied as u64)
    }

    /// Returns the latest time of joining, if the list is sorted by it.
    fn last_time(&self) -> Option<Timestamp> {
        let last = self.rows.last().filter(|_| self.is_sorted)?;
        last.joined_at()
    }

    /// Requests the gap before the page at `offset`, which does not overlap.
    fn step_back(&mut self, offset: u64, after_gap: PageAfterGap<T>) -> Step {
        if offset == 0 || !self.accept_page_without_progress() {
            self.keep_unplaced(after_gap.page);
            return Step::Inconsistent;
        }
        // A page that does not fill the gap is dropped; the page after the gap is still useful.
        self.after_gap.get_or_insert(after_gap);
        let reach = self.reach.saturating_mul(4).max(FIRST_STEP_BACK);
        self.reach = reach.min(self.at);
        Step::Request(PageRequest {
            offset: self.at - self.reach,
            rows: Some(self.reach + GAP_OVERLAP),
        })
    }

    /// Whether another page without progress is acceptable.
    fn accept_page_without_progress(&mut self) -> bool {
        self.pages_without_progress += 1;
        self.pages_without_progress <= MAX_PAGES_WITHOUT_PROGRESS
    }

    /// Joins the page at `offset` to what was read before.
    fn join(&mut self, offset: u64, page: Vec<T>, is_last: bool) -> Join<T> {
        let end = offset + page.len() as u64;
        self.note_order(&page);
        let mut page = Window::new(offset, page);
        let time_proof = self.time_proof(offset, &page);
        let is_time_proved = time_proof == TimeProof::Proved;
        if is_time_proved {
            // Rows of the same time have no order. Known ones go first, so that they form one overlap.
            page.rows
                .sort_by_key(|(_, row)| (row.joined_at(), self.place(row).unwrap_or(usize::MAX)));
        }
        let places: Vec<Option<usize>> = page.rows.iter().map(|(_, row)| self.place(row)).collect();
        let known = places.iter().enumerate();
        let overlap = known.filter_map(|(index, place)| Some(((*place)?, index)));
        let Some((place, index)) = overlap.max() else {
            // Nothing precedes the first page: if rows are sorted, all known ones are gone.
            let is_beginning = self.rows.is_empty() || offset == 0 && self.is_sorted;
            if !is_beginning {
                return Join::Disjoint(page.into_rows());
            }
            self.places.values_mut().for_each(|place| *place = None);
            self.at = end.saturating_sub(1);
            self.repeats = page.repeats;
            return self.add(page.rows);
        };
        if time_proof == TimeProof::TooLate {
            return Join::Disjoint(page.into_rows());
        }
        self.is_time_proved &= is_time_proved;
        let (before, after) = (&places[..index], &places[index + 1..]);
        if !is_time_proved && before.contains(&None) || after.iter().any(Option::is_some) {
            // Rows appeared between known ones or changed places, and perhaps elsewhere too.
            self.keep_unplaced(page.into_rows());
            return Join::Reordered;
        }

        let reaches_on = is_last || !after.is_empty();
        let (then, now) = (self.indexes[place], page.rows[index].0);
        let shift = then.saturating_sub(now);
        self.shifted += shift;
        if shift > 0 {
            self.overlap = self.overlap.max(shift.saturating_mul(4).saturating_add(4));
        }
        // A row that moved toward the end shows that others were added, but not that missing ones are gone.
        if is_time_proved || !self.is_sorted && now <= then {
            let times = is_time_proved.then(|| page.times(is_last));
            self.drop_gone(&places, place, reaches_on, times);
        }
        if reaches_on {
            self.at = end - 1;
            self.repeats += page.repeats;
        } else {
            self.at = self.at.saturating_sub(shift).max(now);
        }
        let mut page = page.rows;
        let new = page.split_off(index + 1);
        for ((index, row), place) in page.into_iter().zip(places) {
            match place {
                Some(place) => self.indexes[place] = index,
                None => {
                    self.places.insert(row.key().clone(), None);
                    self.late.insert(row.key().clone(), row);
                }
            }
        }
        self.add(new)
    }

    /// Returns what the times say about a page that begins at `offset`.
    fn time_proof(&self, offset: u64, page: &Window<T>) -> TimeProof {
        let Some(last) = self.last_time() else {
            return TimeProof::Unknown;
        };
        if offset == 0 || page.first_time() < Some(last) {
            return TimeProof::Proved;
        }
        let rows = page.rows.iter();
        let tied = rows.take_while(|(_, row)| row.joined_at() == Some(last));
        let fits = tied.count() as u64 <= self.page_size / 2;
        if fits && self.rows_of_last_time().is_some() {
            TimeProof::TooLate
        } else {
            TimeProof::Unknown
        }
    }

    fn add(&mut self, rows: Vec<(u64, T)>) -> Join<T> {
        let join = if rows.is_empty() {
            Join::Unchanged
        } else {
            Join::Extended
        };
        for (index, row) in rows {
            self.places.insert(row.key().clone(), Some(self.rows.len()));
            self.indexes.push(index);
            self.rows.push(row);
        }
        join
    }

    /// Joins a page that was read before the gap in front of it was filled. Returns how many rows it adds, or `None` if it
    /// may not fit and must be read again.
    fn join_after_gap(&mut self, page: Vec<T>) -> Option<usize> {
        let new: Vec<T> = match self.last_time() {
            Some(last) if page.first()?.joined_at() < Some(last) => {
                // Unknown rows with an earlier time are gone by now.
                let rows = page.into_iter();
                rows.filter(|row| row.joined_at() >= Some(last) && self.place(row).is_none())
                    .collect()
            }
            Some(_) => return None,
            None => {
                let mut rows = self.rows.iter().enumerate().rev();
                let last = rows.find_map(|(at, row)| self.is_live(at).then(|| row.key()))?;
                let overlap = page.iter().position(|row| row.key() == last)?;
                let mut page = page;
                let new = page.split_off(overlap + 1);
                let is_known = |row: &T| self.place(row).is_some();
                if !page.iter().all(is_known) || new.iter().any(is_known) {
                    return None;
                }
                new
            }
        };
        let count = new.len();
        // Some may be gone by now, which the next page shows.
        self.add((self.at + 1..).zip(new).collect());
        self.at += count as u64;
        Some(count)
    }

    /// Returns the index of a row in `rows`, unless it is new. A person who left and joined again is a new row.
    fn place(&self, row: &T) -> Option<usize> {
        let place = self.places.get(row.key()).copied().flatten()?;
        let is_same = !self.is_sorted || self.rows[place].joined_at() == row.joined_at();
        is_same.then_some(place)
    }

    fn is_live(&self, place: usize) -> bool {
        self.places.get(self.rows[place].key()) == Some(&Some(place))
    }

    /// Forgets known rows that are missing on a page although it would have them if they still existed. The page's known
    /// rows are at `places` and end at `overlap`; of the span `times` it has every row.
    fn drop_gone(
        &mut self,
        places: &[Option<usize>],
        overlap: usize,
        reaches_on: bool,
        times: Option<Times>,
    ) {
        let on_page: HashSet<usize> = places.iter().flatten().copied().collect();
        let from = match times {
            Some(_) => on_page.iter().min().copied().unwrap_or(overlap),
            None => overlap + 1,
        };
        let to = if reaches_on { self.rows.len() } else { overlap };
        for place in from..to.max(from) {
            let row = &self.rows[place];
            let is_expected = times.is_none_or(|times| times.include(row.joined_at()));
            if is_expected && !on_page.contains(&place) && self.is_live(place) {
                let key = row.key().clone();
                self.places.insert(key, None);
            }
        }
    }

    /// Records whether the rows are sorted by the time of joining.
    fn note_order(&mut self, page: &[T]) {
        self.is_sorted &= page.iter().all(|row| row.joined_at().is_some())
            && page.is_sorted_by_key(ListRow::joined_at);
    }

    fn keep_page_after_gap(&mut self) {
        if let Some(after_gap) = self.after_gap.take() {
            self.keep_unplaced(after_gap.page);
        }
    }

    /// Keeps rows whose position in the list is not known.
    fn keep_unplaced(&mut self, rows: Vec<T>) {
        for row in rows {
            self.places.entry(row.key().clone()).or_insert(None);
            self.unplaced.push(row);
        }
    }
}

/// Keeps the last occurrence of each row.
fn newest<T: ListRow>(rows: Vec<T>) -> Vec<T> {
    let mut known = HashSet::new();
    let rows = rows.into_iter().rev();
    let mut rows: Vec<T> = rows.filter(|row| known.insert(row.key().clone())).collect();
    rows.reverse();
    rows
}
