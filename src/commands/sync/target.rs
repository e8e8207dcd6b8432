//! The file name of a snapshot: a plain name, or a template with placeholders for date, time and organization; and the
//! files that were written under a template.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::files;
use crate::model::{RetentionRule, Timestamp};

/// The path of a snapshot, whose file name may contain `{date}`, `{time}` and `{organization}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    dir: PathBuf,
    name: String,
}

/// The mark of a snapshot that may be incomplete.
pub(in crate::commands) const INCOMPLETE: &str = "incomplete";
/// The mark of a snapshot that a guard refused.
pub(in crate::commands) const REJECTED: &str = "rejected";

/// Returns the mark in a file name, as in `sync.rejected.c1z`; `None` for a snapshot that was accepted.
pub(in crate::commands) fn mark(name: &str) -> Option<&'static str> {
    let stem = Path::new(name).file_stem()?.to_str()?;
    [INCOMPLETE, REJECTED].into_iter().find(|mark| {
        stem.strip_suffix(mark)
            .is_some_and(|rest| rest.ends_with('.'))
    })
}

/// A part of a file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    /// `2026-11-23`
    Date,
    /// `143000`
    Time,
    Organization,
}

/// Why a path cannot be a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder in the name of a folder.
    #[error("`{}` has a placeholder in the name of a folder", .0.display())]
    Folder(PathBuf),
    /// An unknown placeholder.
    #[error("`{{{}}}` is not a placeholder for file names", .0.escape_debug())]
    Unknown(String),
    /// A path that does not name a file.
    #[error("`{}` does not name a file", .0.display())]
    NoFile(PathBuf),
    /// A file name that is not UTF-8.
    #[error("the file name of `{}` is not UTF-8", .0.display())]
    NotUtf8(PathBuf),
    /// A time of day without a day.
    #[error("a file name with {{time}} but without {{date}} repeats every day")]
    TimeWithoutDate,
    /// An organization's id that cannot be part of a file name.
    #[error("the organization's id `{}` cannot be part of a file name", .0.escape_debug())]
    Organization(String),
    /// A rule of retention with a name that is the same in each run.
    #[error("--keep-{0} needs a file name that contains {{date}}")]
    NothingToPrune(RetentionRule),
}

impl TemplateError {
    pub(in crate::commands) fn hint(&self) -> &'static str {
        match self {
            Self::NothingToPrune(_) => {
                "use a name such as `posthog-{date}-{time}.c1z`; `posthog-c1z prune` removes old snapshots whatever their names"
            }
            Self::TimeWithoutDate => "add the date, as in `posthog-{date}-{time}.c1z`",
            Self::NotUtf8(_) => "use letters, digits, `-` and `_`",
            Self::Organization(_) => {
                "remove {organization} from the file name, or check the address: ids have letters, digits, `-` and `_`"
            }
            _ => {
                "a file name may contain {date}, {time} and {organization}, such as `posthog-{date}.c1z`"
            }
        }
    }
}

impl Template {
    /// Parses a path given by the user.
    ///
    /// # Errors
    /// When it does not name a file, or has a placeholder that is unknown or not allowed there.
    pub fn parse(path: &Path) -> Result<Self, TemplateError> {
        let no_file = || TemplateError::NoFile(path.to_owned());
        let name = path
            .file_name()
            .ok_or_else(no_file)?
            .to_str()
            .ok_or_else(|| TemplateError::NotUtf8(path.to_owned()))?
            .to_owned();
        let dir = files::folder(path).to_owned();
        if ["{date}", "{time}", "{organization}"]
            .iter()
            .any(|part| dir.to_string_lossy().contains(part))
        {
            return Err(TemplateError::Folder(path.to_owned()));
        }
        let pieces = pieces(&name)?;
        if pieces.contains(&Piece::Time) && !pieces.contains(&Piece::Date) {
            return Err(TemplateError::TimeWithoutDate);
        }
        Ok(Self { dir, name })
    }

    /// Whether runs on different days write different files.
    pub fn varies(&self) -> bool {
        self.pieces().contains(&Piece::Date)
    }

    /// Whether the name has no placeholders.
    pub fn is_plain(&self) -> bool {
        let pieces = self.pieces();
        pieces.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    /// Returns the folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the lock file, which all runs with the same template share. Names of the same file share it too.
    ///
    /// # Errors
    /// When links cannot be followed.
    pub fn lock_path(&self) -> Result<PathBuf, files::Error> {
        let path = self.dir.join(&self.name);
        if self.is_plain() {
            lock_path(&path)
        } else {
            Ok(lock_beside(&path))
        }
    }

    /// Fills in the path of a snapshot of `organization` taken at `at`, in UTC.
    ///
    /// # Errors
    /// When the organization's id, which may come from a server, cannot be part of a file name.
    pub fn path(&self, at: Timestamp, organization: &str) -> Result<PathBuf, TemplateError> {
        if self.pieces().contains(&Piece::Organization) && !is_plain_id(organization) {
            return Err(TemplateError::Organization(organization.to_owned()));
        }
        let text = at.to_seconds();
        let (date, time) = text.split_once(' ').unwrap_or((&text, ""));
        let name: String = self
            .pieces()
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.to_owned(),
                Piece::Date => date.to_owned(),
                Piece::Time => time.replace(':', ""),
                Piece::Organization => organization.to_owned(),
            })
            .collect();
        // Without `./`, so that messages show what the user wrote.
        Ok(if self.dir == Path::new(".") {
            PathBuf::from(name)
        } else {
            self.dir.join(name)
        })
    }

    /// Lists regular files whose names fit this template and `organization`, with `mark` if there is one, and the date and
    /// time in the name, latest first. What they contain is not known yet.
    ///
    /// # Errors
    /// When the folder cannot be read. A missing folder has no files.
    pub fn candidates(
        &self,
        organization: &str,
        mark: Option<&str>,
    ) -> Result<Vec<(String, PathBuf)>> {
        let reading = || format!("reading the folder `{}`", self.dir.display());
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(reading)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.with_context(reading)?;
            let name = entry.file_name();
            let Some(key) = name.to_str().and_then(|name| match mark {
                None => self.moment(name, organization),
                Some(mark) => self.moment_of_marked(name, organization, mark),
            }) else {
                continue;
            };
            if entry.file_type().with_context(reading)?.is_file() {
                found.push((key, entry.path()));
            }
        }
        found.sort_by(|a, b| b.cmp(a));
        Ok(found)
    }

    /// Whether a snapshot of `organization`, marked or not, that was written under this template can have this name.
    pub(super) fn fits(&self, name: &str, organization: &str) -> bool {
        let marks = [INCOMPLETE, REJECTED];
        self.moment(name, organization).is_some()
            || (marks.iter()).any(|mark| self.moment_of_marked(name, organization, mark).is_some())
    }

    /// Returns the date and time in a name that fits this template apart from its mark.
    fn moment_of_marked(&self, name: &str, organization: &str, mark: &str) -> Option<String> {
        let marked = Path::new(name);
        let extension = marked.extension()?.to_str()?;
        let stem = marked.file_stem()?.to_str()?;
        let stem = stem.strip_suffix(mark)?.strip_suffix('.')?;
        // A name without an extension gets one when it is marked.
        [&format!("{stem}.{extension}"), stem]
            .into_iter()
            .filter(|unmarked| Self::marked(Path::new(unmarked), mark) == marked)
            .find_map(|unmarked| self.moment(unmarked, organization))
    }

    /// Returns the date and time in a name that fits this template, as in `2026-11-23 04:05:06`; `None` for other names.
    fn moment(&self, name: &str, organization: &str) -> Option<String> {
        let mut rest = name;
        let mut date = String::new();
        let mut time = String::new();
        for piece in self.pieces() {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(text)?,
                Piece::Organization => rest = rest.strip_prefix(organization)?,
                Piece::Date => date = take(&mut rest, "dddd-dd-dd")?.to_owned(),
                Piece::Time => {
                    let digits = take(&mut rest, "dddddd")?;
                    time = format!(" {}:{}:{}", &digits[..2], &digits[2..4], &digits[4..]);
                }
            }
        }
        rest.is_empty().then(|| format!("{date}{time}"))
    }

    fn pieces(&self) -> Vec<Piece<'_>> {
        pieces(&self.name).unwrap_or_default()
    }

    /// Adds a mark to a file name, as in `sync.rejected.c1z`.
    pub fn marked(path: &Path, mark: &str) -> PathBuf {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let extension = path
            .extension()
            .map_or("c1z".into(), |extension| extension.to_string_lossy());
        path.with_file_name(format!("{stem}.{mark}.{extension}"))
    }
}

/// Returns the lock file of the file that `path` leads to.
///
/// # Errors
/// When links cannot be followed.
pub(super) fn lock_path(path: &Path) -> Result<PathBuf, files::Error> {
    Ok(lock_beside(&files::resolve(path)?))
}

fn lock_beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".lock");
    path.with_file_name(name)
}

/// Whether an organization's id is safe in a file name: it cannot lead to another folder or be mistaken for another part.
fn is_plain_id(id: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=64).contains(&id.len()) && id.bytes().all(is_plain)
}

/// Removes a prefix of the form `form` (`d` is a digit) and returns it.
fn take<'a>(rest: &mut &'a str, form: &str) -> Option<&'a str> {
    let (taken, after) = rest.split_at_checked(form.len())?;
    let fits = |(c, form): (u8, u8)| {
        if form == b'd' {
            c.is_ascii_digit()
        } else {
            c == form
        }
    };
    if !taken.bytes().zip(form.bytes()).all(fits) {
        return None;
    }
    *rest = after;
    Some(taken)
}

fn pieces(name: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while let Some((text, after)) = rest.split_once('{') {
        let Some((inside, after)) = after.split_once('}') else {
            break;
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        pieces.push(match inside {
            "date" => Piece::Date,
            "time" => Piece::Time,
            "organization" => Piece::Organization,
            other => return Err(TemplateError::Unknown(other.to_owned())),
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(path: &str) -> Template {
        Template::parse(Path::new(path)).unwrap()
    }

    #[test]
    fn date_time_and_organization_are_filled_in() {
        let at = Timestamp::parse("2026-11-23T04:05:06.7Z").unwrap();
        for (name, expected) in [
            (
                "out/posthog-{organization}-{date}T{time}.c1z",
                "out/posthog-org-1-2026-11-23T040506.c1z",
            ),
            ("sync.c1z", "sync.c1z"),
        ] {
            let path = template(name).path(at, "org-1").unwrap();
            assert_eq!(path, Path::new(expected));
        }
    }

    #[test]
    fn id_that_leads_to_another_folder_is_refused() {
        let at = Timestamp::parse("2026-11-23T04:05:06Z").unwrap();
        for id in [
            "",
            "..",
            "../x",
            "a/b",
            "a.b",
            "a b",
            "a\nb",
            "é",
            &"a".repeat(65),
        ] {
            let made = template("{organization}.c1z").path(at, id);
            assert_eq!(made, Err(TemplateError::Organization(id.to_owned())));
            assert!(template("sync.c1z").path(at, id).is_ok());
        }
    }

    #[test]
    fn only_names_that_fit_the_template_are_found() {
        let template = template("p-{organization}-{date}.c1z");
        assert_eq!(
            template.moment("p-o-2026-11-23.c1z", "o").unwrap(),
            "2026-11-23"
        );
        for other in [
            "p-x-2026-11-23.c1z",
            "p-o-2026-11-23.c1z.bak",
            "p-o-20261123.c1z",
            "p-o-2026-11-2x.c1z",
            "p-o-.c1z",
        ] {
            assert_eq!(template.moment(other, "o"), None, "{other}");
        }
    }

    #[test]
    fn marked_names_fit_apart_from_the_mark() {
        for (path, name, expected) in [
            ("p-{date}.c1z", "p-2026-11-23.rejected.c1z", true),
            ("p-{date}.c1z", "p-2026-11-23.incomplete.c1z", false),
            ("p-{date}.c1z", "p-2026-11-23.c1z", false),
            ("p-{date}.c1z", "p-2026-11-23rejected.c1z", false),
            ("p-{date}.c1z", "p-2026-11-23.rejected", false),
            ("p-{date}", "p-2026-11-23.rejected.c1z", true),
            ("p-{date}.bak", "p-2026-11-23.rejected.bak", true),
            ("{date}.x.c1z", "2026-11-23.x.rejected.c1z", true),
            ("{date}.x.c1z", "2026-11-23.rejected.x.c1z", false),
        ] {
            let moment = template(path).moment_of_marked(name, "o", REJECTED);
            assert_eq!(moment.is_some(), expected, "{path} {name}");
        }
        assert_eq!(mark("a.rejected.c1z"), Some(REJECTED));
        assert_eq!(mark("a.b.incomplete.c1z"), Some(INCOMPLETE));
        for name in ["a.c1z", "rejected.c1z", "a.rejected.b.c1z", "arejected.c1z"] {
            assert_eq!(mark(name), None, "{name}");
        }
    }

    #[test]
    fn names_that_cannot_be_templates_are_refused() {
        assert_eq!(
            Template::parse(Path::new("p-{time}.c1z")),
            Err(TemplateError::TimeWithoutDate)
        );
        assert_eq!(
            Template::parse(Path::new("{day}.c1z")),
            Err(TemplateError::Unknown("day".to_owned()))
        );
        assert!(matches!(
            Template::parse(Path::new("{date}/a.c1z")),
            Err(TemplateError::Folder(_))
        ));
        assert!(matches!(
            Template::parse(Path::new("/")),
            Err(TemplateError::NoFile(_))
        ));
    }

    #[test]
    fn marked_file_is_in_the_same_folder_and_keeps_its_extension() {
        assert_eq!(
            Template::marked(Path::new("a/sync.c1z"), "rejected"),
            Path::new("a/sync.rejected.c1z")
        );
        assert_eq!(
            Template::marked(Path::new("sync"), "rejected"),
            Path::new("sync.rejected.c1z")
        );
    }
}
