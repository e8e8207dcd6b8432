//! Caches of what rows refer to. A list of grants, for one, repeats the JSON of a principal for each of its grants.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fs::File;
use std::hash::Hash;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use memchr::memmem;

use crate::files::Temporary;
use crate::model::ResourceId;

/// Size limit of a cache, in bytes.
const CACHE_BYTES: usize = 96 << 20;
/// With these, the JSON of about 85,000 people is kept in memory, and that of 150,000 more in the file.
const JSON_LIMITS: JsonLimits = JsonLimits {
    in_memory: 84 << 20,
    entries_of_file: 24 << 20,
    in_file: 1 << 30,
};
/// Approximate size of an entry without its texts.
const ENTRY_BYTES: usize = 128;

/// A cache of what rows refer to. Once full it stays as it is: if it were cleared, every role would fill it again with
/// the same people.
pub(super) struct Cache<K, V> {
    entries: HashMap<K, V>,
    bytes: usize,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            bytes: 0,
        }
    }
}

impl<K: Eq + Hash, V> Cache<K, V> {
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key)
    }

    /// Adds a value unless the cache is full. `bytes` is the length of the texts in key and value.
    pub(super) fn keep(&mut self, key: K, value: V, bytes: usize) {
        if self.bytes < CACHE_BYTES && self.entries.insert(key, value).is_none() {
            self.bytes += ENTRY_BYTES + bytes;
        }
    }
}

/// A cache of the JSON of resources, shared by all threads that read a snapshot: in memory up to a limit, then in an unnamed
/// temporary file. Once full it stays as it is.
pub(super) struct JsonCache {
    /// The folder for the file; the system's folder for temporary files if `None`.
    dir: Option<PathBuf>,
    limits: JsonLimits,
    kept: RwLock<Kept>,
}

/// The sizes up to which a [`JsonCache`] grows, in bytes.
#[derive(Clone, Copy)]
struct JsonLimits {
    /// JSON in memory, with its entries.
    in_memory: usize,
    /// Entries of JSON in the file.
    entries_of_file: usize,
    in_file: u64,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<ResourceId, Entry>,
    bytes_in_memory: usize,
    file: CacheFile,
    bytes_of_file_entries: usize,
    bytes_in_file: u64,
}

/// The file of a [`JsonCache`].
#[derive(Default)]
enum CacheFile {
    #[default]
    NotYet,
    Open(File),
    /// It cannot be written. What is not in memory is rendered each time.
    Failed,
}

/// The JSON of a resource, without what it repeats.
struct Entry {
    repeat: Repeat,
    place: Place,
}

enum Place {
    Memory(Box<[u8]>),
    File { start: u64, length: usize },
}

impl Kept {
    fn is_full(&self, limits: JsonLimits) -> bool {
        self.bytes_in_memory >= limits.in_memory
            && (matches!(self.file, CacheFile::Failed)
                || self.bytes_of_file_entries >= limits.entries_of_file
                || self.bytes_in_file >= limits.in_file)
    }

    /// Puts JSON where there is room for it; `None` if the file cannot be written.
    fn put(&mut self, entry_bytes: usize, json: Vec<u8>, cache: &JsonCache) -> Option<Place> {
        if self.bytes_in_memory < cache.limits.in_memory {
            self.bytes_in_memory += entry_bytes + json.len();
            return Some(Place::Memory(json.into()));
        }
        if let CacheFile::NotYet = self.file {
            self.file = cache
                .create_file()
                .map_or(CacheFile::Failed, CacheFile::Open);
        }
        let CacheFile::Open(file) = &self.file else {
            return None;
        };
        let (start, length) = (self.bytes_in_file, json.len());
        if file.write_all_at(&json, start).is_err() {
            self.file = CacheFile::Failed;
            return None;
        }
        self.bytes_of_file_entries += entry_bytes;
        self.bytes_in_file += length as u64;
        Some(Place::File { start, length })
    }
}

impl JsonCache {
    pub(super) fn new(dir: Option<PathBuf>) -> Self {
        Self::with_limits(dir, JSON_LIMITS)
    }

    fn with_limits(dir: Option<PathBuf>, limits: JsonLimits) -> Self {
        Self {
            dir,
            limits,
            kept: RwLock::default(),
        }
    }

    /// Appends the resource's JSON if it is cached.
    pub(super) fn push(&self, id: &ResourceId, out: &mut Vec<u8>) -> bool {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Entry { repeat, place }) = kept.entries.get(id) else {
            return false;
        };
        match (place, &kept.file) {
            (Place::Memory(json), _) => {
                repeat.push_restored(json, out);
                true
            }
            (Place::File { start, length }, CacheFile::Open(file)) => {
                let mut json = vec![0; *length];
                let is_read = file.read_exact_at(&mut json, *start).is_ok();
                if is_read {
                    repeat.push_restored(&json, out);
                }
                is_read
            }
            _ => false,
        }
    }

    fn create_file(&self) -> io::Result<File> {
        let dir = self.dir.clone().unwrap_or_else(std::env::temp_dir);
        Ok(Temporary::create_in(&dir)?.into_unnamed())
    }

    fn is_full(&self) -> bool {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.is_full(self.limits)
    }

    /// Adds the resource's JSON unless the cache is full.
    pub(super) fn keep(&self, id: &ResourceId, json: &[u8]) {
        if self.is_full() {
            return;
        }
        let repeat = Repeat::of_profile(json);
        let json = repeat.removed_from(json);
        let entry_bytes = ENTRY_BYTES + id.resource.len();
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.put(entry_bytes, json, self) {
            kept.entries.insert(id.clone(), Entry { repeat, place });
        }
    }
}

/// Bytes that occur twice in a text, of which one copy is kept. In a resource this is its profile, which its trait repeats: a
/// third of a person's JSON.
#[derive(Clone, Copy, Default)]
struct Repeat {
    start: usize,
    /// 0 if nothing is repeated.
    length: usize,
    /// Start of the second copy, which is not before the end of the first.
    second_start: usize,
}

impl Repeat {
    /// Finds how many bytes are the same from the first and from the last profile on. Any text can be restored from what
    /// this finds, also one without profiles.
    fn of_profile(json: &[u8]) -> Self {
        const PROFILE: &[u8] = b"\"profile\":{";
        let first = memmem::find(json, PROFILE);
        let last = memmem::rfind(json, PROFILE);
        let (Some(start), Some(second_start)) = (first, last) else {
            return Self::default();
        };
        let pairs = json[start..second_start].iter().zip(&json[second_start..]);
        let length = pairs.take_while(|(first, last)| first == last).count();
        Self {
            start,
            length,
            second_start,
        }
    }

    /// The text without the second copy.
    fn removed_from(self, text: &[u8]) -> Vec<u8> {
        let second_end = self.second_start + self.length;
        [&text[..self.second_start], &text[second_end..]].concat()
    }

    /// Appends the text, given without the second copy.
    fn push_restored(self, text: &[u8], out: &mut Vec<u8>) {
        let (before, after) = text.split_at(self.second_start);
        out.reserve(text.len() + self.length);
        out.extend_from_slice(before);
        out.extend_from_slice(&text[self.start..][..self.length]);
        out.extend_from_slice(after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ResourceTypeId;

    const IN_FILE: JsonLimits = JsonLimits {
        in_memory: 0,
        ..JSON_LIMITS
    };

    fn user(n: usize) -> ResourceId {
        ResourceId::new(&ResourceTypeId::new("user"), n.to_string())
    }

    /// What the cache has for a user, if anything.
    fn cached(cache: &JsonCache, n: usize) -> Option<String> {
        let mut out = Vec::new();
        let is_cached = cache.push(&user(n), &mut out);
        assert!(is_cached || out.is_empty());
        is_cached.then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn json_comes_back_as_it_was_whatever_it_repeats() {
        let profile = r#""profile":{"a":"1"}"#;
        let repeated = format!(r#"{{"annotations":[{{{profile}}}],{profile},"createdAt":"x"}}"#);
        let cases = [
            ("", 0),
            ("null", 0),
            ("{}", 0),
            (r#"{"profile":{"a":"1"},"status":{}}"#, 0),
            (&repeated, profile.len()),
            // Only the beginning is repeated.
            (
                r#"{"x":{"profile":{"a":"1"}},"profile":{"a":"2"}}"#,
                r#""profile":{"a":""#.len(),
            ),
            // So is what follows it.
            (
                r#"{"x":{"profile":{}},"profile":{}}"#,
                r#""profile":{}}"#.len(),
            ),
            // Of three, the first and the last are compared.
            (
                r#"{"profile":{"profile":{"profile":{}}}}"#,
                r#""profile":{"#.len(),
            ),
            // The copies touch.
            (r#""profile":{"profile":{"#, r#""profile":{"#.len()),
            // A quotation mark in a text is not the start of a name.
            (r#"{"a":"\"profile\":{","b":"\"profile\":{"}"#, 0),
            // The repetition ends within a character.
            (
                r#"{"x":{"profile":{"é":1}},"profile":{"è":1}}"#,
                r#""profile":{""#.len() + 1,
            ),
        ];
        let caches = [JsonCache::new(None), JsonCache::with_limits(None, IN_FILE)];
        for (n, (json, repeated)) in cases.into_iter().enumerate() {
            let repeat = Repeat::of_profile(json.as_bytes());
            assert_eq!(repeat.length, repeated, "{json}");
            let kept = repeat.removed_from(json.as_bytes());
            assert_eq!(kept.len(), json.len() - repeated, "{json}");
            for cache in &caches {
                cache.keep(&user(n), json.as_bytes());
            }
        }
        for (n, (json, _)) in cases.into_iter().enumerate() {
            for cache in &caches {
                assert_eq!(cached(cache, n).as_deref(), Some(json));
            }
        }
    }

    #[test]
    fn full_cache_keeps_what_it_has_and_takes_nothing_more() {
        let entry = ENTRY_BYTES + 1;
        let limits = JsonLimits {
            // Room for two in memory and two in the file: one is added if the limit is not reached yet.
            in_memory: entry + 3,
            entries_of_file: entry + 1,
            in_file: 1 << 20,
        };
        let cache = JsonCache::with_limits(None, limits);
        for n in 0..6 {
            cache.keep(&user(n), b"{}");
        }
        let found: Vec<bool> = (0..6).map(|n| cached(&cache, n).is_some()).collect();
        assert_eq!(found, [true, true, true, true, false, false]);
    }

    #[test]
    fn without_a_folder_for_the_file_nothing_is_kept_there() {
        let missing = Some(PathBuf::from("/none/at/all"));
        let cache = JsonCache::with_limits(missing, IN_FILE);
        cache.keep(&user(1), b"{}");
        cache.keep(&user(1), b"{}");
        assert_eq!(cached(&cache, 1), None);
        assert!(cache.is_full());
    }
}
