//! Errors of reading and writing snapshots. `commands/failure.rs` adds the hints.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;

use crate::files;
use crate::model::TimestampError;

/// Actions in the folder for temporary files, as they appear in messages.
pub(super) const UNPACKING: &str = "unpacking the snapshot into";
pub(super) const BUILDING: &str = "building the database in";
pub(super) const READING_UNPACKED: &str = "reading the unpacked copy of";

/// Why a snapshot could not be read or written.
#[derive(Debug)]
pub enum Error {
    /// An I/O error.
    Io {
        /// The action that failed, such as "writing".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The database could not be built.
    Building {
        /// The folder it was built in.
        dir: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// The file does not start like a c1z.
    NotC1z {
        /// The file.
        path: PathBuf,
        /// The type of file it looks like.
        looks_like: Option<&'static str>,
    },
    /// Format v3 with something that this program does not know.
    UnknownV3 {
        /// The file.
        path: PathBuf,
        /// The unknown version or feature, such as "table format 8; this program knows 7".
        what: String,
    },
    /// The decoded file would be larger than allowed.
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in MiB.
        max_decoded_mib: u64,
    },
    /// A damaged c1z.
    Damaged {
        /// The file.
        path: PathBuf,
        /// The kind of damage.
        damage: Damage,
    },
    /// There is no finished sync run.
    NoFinishedSync {
        /// The file.
        path: PathBuf,
        /// The number of unfinished sync runs.
        unfinished: usize,
    },
    /// There is no finished sync run with this id.
    NoSuchSync {
        /// The file.
        path: PathBuf,
        /// The id that was asked for.
        id: String,
    },
}

/// The ways in which a c1z can be damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Nothing follows the magic.
    #[error("nothing follows the first five bytes")]
    Empty,
    /// It is cut short.
    #[error("it is cut short")]
    Truncated,
    /// The checksum does not match the content.
    #[error("its checksum does not match its content")]
    Checksum,
    /// The data after the magic is not zstd.
    #[error("what follows the first five bytes is not zstd data")]
    NotZstd,
    /// Something other than a frame follows the last frame.
    #[error("data that is not a zstd frame follows the database")]
    TrailingBytes,
    /// Its zstd window is larger than allowed.
    #[error("its zstd window is larger than allowed")]
    Window,
    /// Any other error of zstd.
    #[error("zstd: {0}")]
    Zstd(String),
    /// It decodes to more than a thousand times its size.
    #[error("it decodes to more than 1,000 times its size")]
    Bomb,
    /// The database is not a SQLite database, or its pages are inconsistent.
    #[error("its SQLite database cannot be read: {0}")]
    Database(String),
    /// A part of a v3 file is inconsistent.
    #[error("{problem}")]
    V3 {
        /// The part.
        part: V3Part,
        /// What is wrong with it.
        problem: String,
    },
    /// It exceeds a limit on what is read.
    #[error("{0}")]
    Limit(String),
    /// A table is missing or not a plain table.
    #[error("{0}")]
    Schema(String),
    /// A time that cannot be parsed.
    #[error("`{column}`: {source}")]
    Time {
        /// The column.
        column: &'static str,
        /// Why not.
        source: TimestampError,
    },
    /// A row with an invalid blob or column.
    #[error("row `{}` of `{table}`: {problem}", id.escape_debug())]
    Row {
        /// The table.
        table: &'static str,
        /// The row's id.
        id: String,
        /// What is wrong.
        problem: String,
    },
}

/// The parts of a v3 file that `verify` tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum V3Part {
    /// What surrounds the files inside.
    Envelope,
    /// The index of the files inside.
    Index,
    /// Any checksum.
    Checksum,
    /// The list of tables.
    Manifest,
    /// A table as a whole.
    Table,
    /// A block of a table.
    Block,
    /// The order of the keys.
    KeyOrder,
    /// The key or value of a row.
    Record,
}

impl V3Part {
    fn code(self) -> &'static str {
        match self {
            Self::Envelope => "v3-envelope",
            Self::Index => "v3-index",
            Self::Checksum => "v3-checksum",
            Self::Manifest => "v3-manifest",
            Self::Table => "v3-table",
            Self::Block => "v3-block",
            Self::KeyOrder => "v3-key-order",
            Self::Record => "v3-record",
        }
    }
}

/// Whether zstd ran out of memory, which is not the file's fault.
pub(super) fn is_out_of_memory(error: &io::Error) -> bool {
    let zstd = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<zstd::Error>());
    zstd.is_some_and(|zstd| zstd.is(ZSTD_ErrorCode::ZSTD_error_memory_allocation))
}

impl Damage {
    /// Classifies an error of zstd after `decoded` bytes.
    pub(super) fn of_zstd(error: &io::Error, decoded: u64) -> Self {
        use ZSTD_ErrorCode as Code;
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Truncated;
        }
        let Some(zstd) = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<zstd::Error>())
        else {
            return Self::Zstd(error.to_string());
        };
        match () {
            () if zstd.is(Code::ZSTD_error_checksum_wrong) => Self::Checksum,
            () if zstd.is(Code::ZSTD_error_prefix_unknown) && decoded == 0 => Self::NotZstd,
            () if zstd.is(Code::ZSTD_error_prefix_unknown) => Self::TrailingBytes,
            () if zstd.is(Code::ZSTD_error_frameParameter_windowTooLarge) => Self::Window,
            () => Self::Zstd(zstd.to_string()),
        }
    }
}

impl Error {
    pub(super) fn io(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path: path.clone(),
            source: files::bare(source),
        }
    }

    /// SQLite only says that it cannot open a file. Creating another file in the same folder fails for the same reason,
    /// and the operating system names it.
    /// Returns the error of SQLite while a database is built in `dir`.
    pub fn building(dir: &Path) -> impl Fn(rusqlite::Error) -> Self {
        let dir = dir.to_owned();
        move |source| {
            let refused = match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::CannotOpen) => files::Temporary::create_in(&dir).err(),
                _ => None,
            };
            match refused {
                Some(reason) => Self::io(BUILDING, &dir)(reason),
                None => Self::Building {
                    dir: dir.clone(),
                    source,
                },
            }
        }
    }

    pub(super) fn damaged(path: &Path, damage: Damage) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            damage,
        }
    }

    /// Whether the machine is at fault and not the snapshot: no space, no permission, no memory.
    pub fn is_of_machine(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Building { .. })
    }

    /// Whether the path does not lead to a file: it does not exist, or is a folder.
    pub fn is_about_path(&self) -> bool {
        use io::ErrorKind as Kind;
        match self {
            Self::Io {
                action: "reading",
                source,
                ..
            } => matches!(source.kind(), Kind::NotFound | Kind::IsADirectory),
            _ => false,
        }
    }

    /// Whether a different folder for temporary files could help.
    pub fn is_about_temporary(&self) -> bool {
        match self {
            Self::Building { source, .. } => source.sqlite_error_code().is_some(),
            Self::Io { action, .. } => [UNPACKING, BUILDING, READING_UNPACKED].contains(action),
            _ => false,
        }
    }

    /// The code that `verify` reports for a file that cannot be read. Codes never change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } | Self::Building { .. } => "unreadable",
            Self::NotC1z { .. } => "not-c1z",
            Self::UnknownV3 { .. } => "format-v3",
            Self::TooLarge { .. } => "too-large",
            Self::NoFinishedSync { .. } | Self::NoSuchSync { .. } => "no-finished-sync",
            Self::Damaged { damage, .. } => match damage {
                Damage::Empty => "empty",
                Damage::Truncated => "truncated",
                Damage::Checksum => "checksum",
                Damage::NotZstd => "not-zstd",
                Damage::TrailingBytes => "trailing-bytes",
                Damage::Window => "window",
                Damage::Zstd(_) => "zstd",
                Damage::V3 { part, .. } => part.code(),
                Damage::Bomb | Damage::Limit(_) => "too-large",
                Damage::Database(_) => "sqlite",
                Damage::Schema(_) => "schema",
                Damage::Time { .. } => "time-text",
                Damage::Row { .. } => "row",
            },
        }
    }

    /// The file or folder concerned.
    pub fn path(&self) -> &Path {
        match self {
            Self::Building { dir: path, .. }
            | Self::Io { path, .. }
            | Self::NotC1z { path, .. }
            | Self::UnknownV3 { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Damaged { path, .. }
            | Self::NoFinishedSync { path, .. }
            | Self::NoSuchSync { path, .. } => path,
        }
    }

    /// The problem without the path, as a predicate: "is not a c1z".
    pub fn predicate(&self) -> String {
        match self {
            Self::Io { action, source, .. } => format!("failed while {action}: {source}"),
            Self::Building { dir, source } => {
                format!("{BUILDING} `{}`: {source}", dir.display())
            }
            Self::NotC1z {
                looks_like: Some(other),
                ..
            } => format!("is not a c1z: it looks like {other}"),
            Self::NotC1z {
                looks_like: None, ..
            } => "is not a c1z".to_owned(),
            Self::UnknownV3 { what, .. } => format!("is a c1z of format v3 with {what}"),
            Self::TooLarge {
                max_decoded_mib, ..
            } => format!("decodes to more than {max_decoded_mib} MiB"),
            Self::Damaged { damage, .. } => format!("is damaged: {damage}"),
            Self::NoFinishedSync { unfinished: 0, .. } => "has no sync runs".to_owned(),
            Self::NoFinishedSync { unfinished, .. } => {
                format!("has no finished sync run, only {unfinished} unfinished")
            }
            Self::NoSuchSync { id, .. } => {
                format!("has no finished sync run `{}`", id.escape_debug())
            }
        }
    }

    /// The problem without the path, as a sentence: "it is not a c1z".
    pub fn sentence(&self) -> String {
        match self {
            Self::Io {
                action,
                path,
                source,
            } => format!("{action} `{}` failed: {source}", path.display()),
            Self::Building { .. } => self.predicate(),
            _ => format!("it {}", self.predicate()),
        }
    }
}

/// The start of a text from the file, for a message.
pub(super) fn shortened(text: &[u8]) -> String {
    const LONGEST: usize = 200;
    match text.get(..LONGEST) {
        Some(beginning) => format!("{}…", String::from_utf8_lossy(beginning)),
        None => String::from_utf8_lossy(text).into_owned(),
    }
}

impl From<files::Error> for Error {
    fn from(error: files::Error) -> Self {
        let files::Error {
            action,
            path,
            source,
        } = error;
        Self::Io {
            action,
            path,
            source,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, path, .. } => write!(f, "{action} `{}`", path.display()),
            Self::Building { dir, .. } => {
                write!(f, "{BUILDING} `{}`", dir.display())
            }
            _ => {
                write!(f, "`{}` {}", self.path().display(), self.predicate())
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Building { source, .. } => Some(source),
            _ => None,
        }
    }
}
