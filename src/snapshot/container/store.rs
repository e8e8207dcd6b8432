//! The pages of a database: kept by the thread that unpacks them, and read by others, also while more arrive.
//!
//! They stay in memory if they fit into [`MEMORY`], which all open snapshots share, and otherwise go to an unnamed temporary
//! file, which is gone however the process ends. A reader that needs every page only once releases them as it goes; then
//! the unpacking waits for it, and the rest of the database takes neither memory nor disk.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::fault::Fault;
use super::header::DATABASE_HEADER;
use super::spool::Spool;

/// Bytes of pages that are kept, moved and released together. A multiple of every page size.
pub(super) const SEGMENT: usize = 256 << 10;
/// Bytes of unpacked pages that this process keeps in memory, for all snapshots together. Pages that are set aside come on top.
const MEMORY: usize = 64 << 20;
/// Bytes that are unpacked ahead of a reader that releases its pages.
const WINDOW: usize = 8 << 20;
/// Bytes of pages that such a reader sets aside.
const ASIDE: usize = 16 << 20;
/// Bytes written to the file between two checks of the free space.
const SPACE_INTERVAL: usize = 64 << 20;
/// Segments that stay in memory for the reader after they were written to the file.
const RECENT: usize = 16;
/// Pages whose numbers the reader takes at a time.
const PAGES_AT_ONCE: usize = 64;
/// The place of a page that was left out.
pub(super) const LEFT_OUT: u32 = u32::MAX;

/// The bytes taken from [`MEMORY`].
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// A share of [`MEMORY`], which is given back at the end.
#[derive(Default)]
struct Share(usize);

impl Share {
    /// Takes more, if there is as much left.
    fn grow(&mut self, bytes: usize) -> bool {
        let taken = TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
            Some(taken + bytes).filter(|taken| *taken <= MEMORY)
        });
        if taken.is_ok() {
            self.0 += bytes;
        }
        taken.is_ok()
    }

    fn shrink(&mut self, bytes: usize) {
        self.0 -= bytes;
        TAKEN.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink(self.0);
    }
}

/// Pages that are kept together.
enum Segment {
    Memory(Arc<Vec<u8>>),
    /// In the file, and for a while also in memory.
    File(Option<Arc<Vec<u8>>>),
    /// Every page has been released.
    Released,
}

/// The pages that were kept.
pub(super) struct Kept {
    page_size: usize,
    /// The places of the pages, by number; none if all are kept in order.
    places: Option<Vec<u32>>,
    segments: Vec<Segment>,
    pages_per_segment: usize,
    /// Copies of pages whose segments may be released, by place.
    aside: HashMap<u32, Arc<Vec<u8>>>,
    file: Option<Arc<File>>,
    share: Share,
}

/// Where a page is.
pub(super) enum Found<'k> {
    /// In these bytes.
    Memory(&'k Arc<Vec<u8>>, usize),
    /// At this place in the file.
    File(u32),
    LeftOut,
    Released,
}

impl Kept {
    fn new(page_size: usize) -> Self {
        Self {
            page_size,
            places: Some(Vec::new()),
            segments: Vec::new(),
            pages_per_segment: SEGMENT / page_size,
            aside: HashMap::new(),
            file: None,
            share: Share::default(),
        }
    }

    /// All pages of a database that was built in order.
    pub(super) fn whole(spool: Spool, page_size: usize) -> Self {
        let (segment, file) = match spool {
            Spool::Memory(bytes) => (Segment::Memory(Arc::new(bytes)), None),
            Spool::File(file) => (Segment::File(None), Some(Arc::new(file))),
        };
        Self {
            places: None,
            segments: vec![segment],
            pages_per_segment: usize::MAX,
            file,
            ..Self::new(page_size)
        }
    }

    /// The place of a page that exists; `None` if it was left out.
    fn place(&self, number: u32) -> Option<u32> {
        let place = match &self.places {
            None => number - 1,
            Some(places) => places[number as usize - 1],
        };
        (place != LEFT_OUT).then_some(place)
    }

    /// Where a page is that exists.
    pub(super) fn find(&self, number: u32) -> Found<'_> {
        let Some(place) = self.place(number) else {
            return Found::LeftOut;
        };
        if let Some(copy) = self.aside.get(&place) {
            return Found::Memory(copy, 0);
        }
        let (segment, at) = (
            place as usize / self.pages_per_segment,
            place as usize % self.pages_per_segment,
        );
        match &self.segments[segment] {
            Segment::Memory(bytes) | Segment::File(Some(bytes)) => {
                Found::Memory(bytes, at * self.page_size)
            }
            Segment::File(None) => Found::File(place),
            Segment::Released => Found::Released,
        }
    }

    /// Reads pages from the file into `buffer`, from this place on. Returns how many: fewer than fit at the end of the file, or
    /// of their segment, since the next one may not have been written yet.
    ///
    /// # Errors
    /// When the file cannot be read, or ends before the first page does.
    pub(super) fn read_file(&self, place: u32, buffer: &mut [u8]) -> io::Result<u32> {
        let Some(file) = &self.file else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let start = u64::from(place) * self.page_size as u64;
        let in_segment = self.pages_per_segment - place as usize % self.pages_per_segment;
        let most = in_segment.saturating_mul(self.page_size);
        let fits = buffer.len().min(most);
        let buffer = &mut buffer[..fits];
        let mut length = 0;
        while length < buffer.len() {
            match file.read_at(&mut buffer[length..], start + length as u64) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        match length / self.page_size {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            pages => Ok(pages as u32),
        }
    }

    /// Moves all segments in memory to the file.
    fn move_to_file(&mut self, file: &File) -> io::Result<()> {
        for (at, segment) in self.segments.iter_mut().enumerate() {
            if let Segment::Memory(bytes) = segment {
                file.write_all_at(bytes, (at * SEGMENT) as u64)?;
                *segment = Segment::File(None);
            }
        }
        self.share.shrink(self.share.0);
        Ok(())
    }
}

/// How often each page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Access {
    /// As often as needed.
    Repeated,
    /// Once, after which most pages are released.
    Once,
}

/// The pages of a database that is being unpacked. One thread adds them, and one other reads them.
pub(super) struct Growing {
    state: Mutex<State>,
    /// Signals that pages have arrived, or that no more will.
    arrived: Condvar,
    /// Signals that pages were released, or that the reader waits for later ones.
    room: Condvar,
    access: Access,
    /// The folder for the temporary file.
    dir: PathBuf,
    /// Size of the database in bytes, if it is declared; else 0.
    declared: u64,
}

struct State {
    /// The database header, once it has arrived.
    header: Option<[u8; DATABASE_HEADER]>,
    kept: Kept,
    /// Pages released in each segment.
    released: Vec<u32>,
    /// Segments in the file that are still in memory.
    recent: VecDeque<usize>,
    /// Buffers that nobody needs any more, except perhaps the reader for its current page.
    retired: Vec<Arc<Vec<u8>>>,
    is_reader_waiting: bool,
    is_writer_waiting: bool,
    /// Everything is unpacked before the reader starts.
    is_unpacked_first: bool,
    /// The reader needs no more pages.
    is_read: bool,
    /// Whatever is still to come is not wanted.
    is_abandoned: bool,
    /// Length of the database in bytes, once it is known.
    length: Option<u64>,
}

impl State {
    /// Counts the page at this place as released. A segment without other pages is dropped.
    fn release(&mut self, place: u32) {
        let segment = place as usize / self.kept.pages_per_segment;
        let Some(released) = self.released.get_mut(segment) else {
            return;
        };
        *released += 1;
        if *released as usize == self.kept.pages_per_segment {
            let old = std::mem::replace(&mut self.kept.segments[segment], Segment::Released);
            if let Segment::Memory(bytes) = old {
                self.kept.share.shrink(SEGMENT);
                self.retired.push(bytes);
            }
        }
    }
}

impl Growing {
    pub(super) fn new(access: Access, dir: PathBuf, declared: u64) -> Self {
        Self {
            state: Mutex::new(State {
                header: None,
                // Replaced when the header arrives, which states the size of a page.
                kept: Kept::new(SEGMENT),
                released: Vec::new(),
                recent: VecDeque::new(),
                retired: Vec::new(),
                is_reader_waiting: false,
                is_writer_waiting: false,
                is_unpacked_first: false,
                is_read: false,
                is_abandoned: false,
                length: None,
            }),
            arrived: Condvar::new(),
            room: Condvar::new(),
            access,
            dir,
            declared,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the database header. `page_size` is `None` if what follows cannot be divided into pages.
    pub(super) fn add_header(&self, header: [u8; DATABASE_HEADER], page_size: Option<usize>) {
        let mut state = self.lock();
        state.header = Some(header);
        if let Some(page_size) = page_size {
            state.kept = Kept::new(page_size);
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Adds a segment, which is only shorter than others if it is the last, and the places of the pages that have come since
    /// the one before. Returns a buffer of the size of a segment for the next one.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub(super) fn add(&self, segment: Vec<u8>, places: &mut Vec<u32>) -> io::Result<Vec<u8>> {
        let mut state = self.lock();
        let is_over = |state: &State| self.access == Access::Once && state.kept.share.0 >= WINDOW;
        let waits = |state: &State| {
            let goes_on = state.is_reader_waiting || state.is_read || state.is_abandoned;
            is_over(state) && !goes_on && !state.is_unpacked_first
        };
        while waits(&state) {
            state.is_writer_waiting = true;
            state = self
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.is_writer_waiting = false;
        }
        if self.access == Access::Once && state.is_read {
            // What follows the last page is never read.
            places.clear();
            return Ok(segment);
        }
        let at = state.kept.segments.len();
        let has_room = match self.access {
            Access::Once => !is_over(&state),
            Access::Repeated => state.kept.file.is_none() && !is_large(self.declared),
        };
        let bytes = Arc::new(segment);
        let added = if has_room && state.kept.share.grow(SEGMENT) {
            Segment::Memory(bytes)
        } else {
            let file = match &state.kept.file {
                Some(file) => file.clone(),
                None => {
                    let file = Arc::new(tempfile::tempfile_in(&self.dir)?);
                    if self.access == Access::Repeated {
                        check_space(&self.dir, self.declared.max(SPACE_INTERVAL as u64))?;
                        state.kept.move_to_file(&file)?;
                    }
                    state.kept.file = Some(file.clone());
                    file
                }
            };
            // Only this thread writes, so the reader need not wait.
            drop(state);
            if at.is_multiple_of(SPACE_INTERVAL / SEGMENT) {
                check_space(&self.dir, SPACE_INTERVAL as u64)?;
            }
            file.write_all_at(&bytes, (at * SEGMENT) as u64)?;
            state = self.lock();
            state.recent.push_back(at);
            if state.recent.len() > RECENT
                && let Some(oldest) = state.recent.pop_front()
                && let Segment::File(copy) = &mut state.kept.segments[oldest]
                && let Some(copy) = copy.take()
            {
                state.retired.push(copy);
            }
            Segment::File(Some(bytes))
        };
        state.kept.segments.push(added);
        state.released.push(0);
        // It looks again before it waits for more.
        let was_waiting = std::mem::take(&mut state.is_reader_waiting);
        if let Some(all) = &mut state.kept.places {
            all.append(places);
        }
        let free = state
            .retired
            .iter()
            .position(|old| Arc::strong_count(old) == 1);
        let free = free.and_then(|at| Arc::into_inner(state.retired.swap_remove(at)));
        drop(state);
        if was_waiting {
            self.arrived.notify_one();
        }
        Ok(free.unwrap_or_else(|| vec![0; SEGMENT]))
    }

    /// Ends the database, which has `length` bytes. Pages that follow the last segment have these places.
    pub(super) fn end(&self, length: u64, places: &mut Vec<u32>) {
        let mut state = self.lock();
        if let Some(all) = &mut state.kept.places {
            all.append(places);
        }
        state.length = Some(length);
        drop(state);
        self.arrived.notify_one();
    }

    /// Whether what is still to come is not wanted.
    pub(super) fn is_abandoned(&self) -> bool {
        self.lock().is_abandoned
    }

    /// Waits until `find` finds something, or all has arrived.
    fn wait<T>(&self, mut find: impl FnMut(&State) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        loop {
            let found = find(&state);
            if found.is_some() || state.length.is_some() {
                return found;
            }
            state.is_reader_waiting = true;
            if state.is_writer_waiting {
                self.room.notify_one();
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.is_reader_waiting = false;
        }
    }

    /// The database header; `None` if the database is shorter.
    pub(super) fn header(&self) -> Option<[u8; DATABASE_HEADER]> {
        self.wait(|state| state.header)
    }

    /// The length of the database, once all of it has arrived.
    pub(super) fn length(&self) -> u64 {
        self.wait(|state| state.length).unwrap_or_default()
    }

    /// Waits for a page. Calls `read` with the place where it is, and with everything that was kept so far; `None` if it never
    /// comes.
    pub(super) fn read<T>(
        &self,
        number: u32,
        mut read: impl FnMut(&Kept, Found<'_>) -> Result<T, Fault>,
    ) -> Option<Result<T, Fault>> {
        self.wait(|state| {
            let has_arrived = state.kept.places.as_ref()?.len() >= number as usize;
            has_arrived.then(|| read(&state.kept, state.kept.find(number)))
        })
    }

    /// Some of the next pages that were kept, from `number` on, in order; none at the end. Waits for one.
    pub(super) fn next_kept(&self, number: u32) -> Vec<u32> {
        let next = self.wait(|state| {
            let places = state.kept.places.as_ref()?.get(number as usize - 1..)?;
            let numbers = (number..).zip(places);
            let kept = numbers.filter(|(_, place)| **place != LEFT_OUT);
            let some: Vec<u32> = kept.map(|(number, _)| number).take(PAGES_AT_ONCE).collect();
            (!some.is_empty()).then_some(some)
        });
        next.unwrap_or_default()
    }

    /// Takes note that a page will not be read again. Without effect if pages are read repeatedly.
    pub(super) fn release(&self, number: u32) {
        if self.access == Access::Once {
            let mut state = self.lock();
            if let Some(place) = state.kept.place(number)
                && state.kept.aside.remove(&place).is_none()
            {
                self.release_place(state, place);
            }
        }
    }

    /// Copies a page and releases it, since it will only be read again later. Without effect if pages are read repeatedly.
    /// Returns whether there was room for it.
    pub(super) fn set_aside(&self, number: u32) -> bool {
        if self.access == Access::Repeated {
            return true;
        }
        let mut state = self.lock();
        let kept = &state.kept;
        let (Some(place), Found::Memory(bytes, start)) = (kept.place(number), kept.find(number))
        else {
            return false;
        };
        if kept.aside.len() * kept.page_size >= ASIDE {
            return false;
        }
        let page = bytes[start..start + kept.page_size].to_vec();
        state.kept.aside.insert(place, Arc::new(page));
        self.release_place(state, place);
        true
    }

    /// Lets the unpacking go on once half of the memory is free, so that the two threads do not wake each other all the time.
    fn release_place(&self, mut state: MutexGuard<'_, State>, place: u32) {
        state.release(place);
        let wakes = state.is_writer_waiting && state.kept.share.0 <= WINDOW / 2;
        drop(state);
        if wakes {
            self.room.notify_one();
        }
    }

    /// Takes note that the reader only starts when everything is unpacked.
    pub(super) fn unpack_first(&self) {
        self.lock().is_unpacked_first = true;
    }

    /// Takes note that the reader needs no more pages, so that the unpacking need not wait for it.
    pub(super) fn end_reading(&self) {
        self.lock().is_read = true;
        self.room.notify_one();
    }

    /// Takes note that whatever is still to come is not wanted.
    pub(super) fn abandon(&self) {
        self.lock().is_abandoned = true;
        self.room.notify_one();
    }

    /// Takes the pages that were kept, once all have arrived.
    pub(super) fn take_kept(&mut self) -> Kept {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut kept = std::mem::replace(&mut state.kept, Kept::new(SEGMENT));
        for segment in &mut kept.segments {
            if let Segment::File(copy) = segment {
                *copy = None;
            }
        }
        kept
    }
}

/// Whether a database of this size will not fit into memory even if two thirds of it are indexes.
pub(super) fn is_large(bytes: u64) -> bool {
    bytes > 3 * MEMORY as u64
}

/// Fails if a file of this size does not fit into `dir`, before it fills the file system.
///
/// # Errors
/// When there is not enough space.
pub(super) fn check_space(dir: &Path, needed: u64) -> io::Result<()> {
    // If the file system does not report its free space, the write itself decides.
    match rustix::fs::statvfs(dir) {
        Ok(found) if found.f_bavail.saturating_mul(found.f_frsize) < needed => {
            Err(io::ErrorKind::StorageFull.into())
        }
        _ => Ok(()),
    }
}
