//! What a machine can check of how the source is laid out: who imports whom, and which crate is used where. The pictures
//! are in `src/lib.rs` and `src/snapshot/mod.rs`; this keeps them true.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the crate, from those that may use all below them to those that use nothing. Neighbours on one line
/// do not know each other.
const LAYERS: [&[&str]; 6] = [
    &["main"],
    // Told by the command line how much to say.
    &["terminal"],
    &["cli"],
    &["commands"],
    &[
        "crawl", "demo", "snapshot", "diff", "audit", "history", "report",
    ],
    &["model", "progress", "files"],
];

/// The rooms of `src/snapshot/`, and which of them each may import. All may import [`BASE`].
const ROOMS: [(&str, &[&str]); 11] = [
    (
        "tests",
        &["verify", "write", "read", "table", "message", "container"],
    ),
    ("verify", &["read", "table", "message", "container"]),
    ("write", &["table", "message", "container"]),
    ("read", &["table", "message", "container"]),
    ("table", &["message"]),
    ("message", &[]),
    ("container", &[]),
    ("format", &[]),
    ("limits", &[]),
    ("error", &[]),
    ("hex", &[]),
];

/// What every room of `src/snapshot/` may import; of these, each may import those before it.
const BASE: [&str; 3] = ["hex", "error", "limits"];

/// Where each crate that we depend on may be used: the beginnings of paths below `src/`.
const DOORS: [(&str, &[&str]); 47] = [
    ("anstyle", &["report/"]),
    ("anstyle-query", &["terminal.rs"]),
    ("anyhow", &["commands/", "main.rs", "cli/"]),
    ("arcstr", &["model/"]),
    ("askama", &["report/access/page/"]),
    ("base64", &["snapshot/message/", "report/access/page/"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("clap_mangen", &["cli/"]),
    ("crc32c", &["snapshot/container/v3/"]),
    ("csv", &["report/", "model/sheet.rs"]),
    ("fastrand", &["crawl/"]),
    ("flate2", &["crawl/"]),
    ("glob", &["commands/history/"]),
    ("httpdate", &["crawl/"]),
    ("humantime", &["cli/"]),
    ("icu_casemap", &["model/folded.rs"]),
    ("icu_normalizer", &["model/folded.rs"]),
    ("idna", &["model/folded.rs"]),
    ("indicatif", &["terminal.rs", "terminal/"]),
    ("jiff", &["model/time.rs"]),
    ("memchr", &["crawl/", "commands/cache.rs"]),
    ("prost", &["snapshot/message/", "snapshot/tests/"]),
    (
        "rusqlite",
        &[
            "snapshot/write/",
            "snapshot/tests/",
            "snapshot/error.rs",
            "report/flat.rs",
        ],
    ),
    ("rust_xlsxwriter", &["report/access/workbook.rs"]),
    ("rustix", &["files/", "snapshot/container/"]),
    ("serde", &[""]),
    ("serde_json", &[""]),
    ("serde_path_to_error", &["crawl/"]),
    (
        "sha2",
        &[
            "files/",
            "snapshot/container/",
            "snapshot/table/",
            "report/access/page/",
        ],
    ),
    ("signal-hook", &["main.rs"]),
    ("smallvec", &["snapshot/message/"]),
    ("snap", &["snapshot/container/v3/"]),
    ("strsim", &["commands/search.rs"]),
    ("svix-ksuid", &["snapshot/verify/", "snapshot/write/"]),
    (
        "tempfile",
        &[
            "files/",
            "snapshot/container/",
            "snapshot/read/",
            "snapshot/tests/",
        ],
    ),
    ("terminal_size", &["terminal.rs", "terminal/"]),
    ("textwrap", &["report/"]),
    ("thiserror", &[""]),
    ("toml", &["audit/settings.rs"]),
    ("tracing", &["terminal.rs", "terminal/"]),
    ("tracing-subscriber", &["terminal/"]),
    (
        "twox-hash",
        &["snapshot/container/v3/", "snapshot/read/blocks.rs"],
    ),
    ("unicode-width", &["report/"]),
    ("ureq", &["crawl/"]),
    ("uuid", &["model/"]),
    (
        "zstd",
        &[
            "snapshot/container/",
            "snapshot/tests/",
            "snapshot/error.rs",
        ],
    ),
];

/// A source file.
struct Source {
    /// Below `src/`, with slashes.
    path: String,
    text: String,
}

impl Source {
    /// The path of its module, such as `["crawl", "posthog", "map"]`; empty for the crate itself.
    fn module(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs");
        let mut parts: Vec<&str> = path.split('/').collect();
        if ["mod", "lib"].contains(parts.last().unwrap()) {
            parts.pop();
        }
        parts
    }

    /// Its lines without comments.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.text
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default())
    }

    /// Every path that it names by way of `crate::` or `super::`, from the root of the crate.
    fn uses(&self) -> BTreeSet<Vec<String>> {
        let code: String = self.code().collect::<Vec<_>>().join("\n");
        let mut found = BTreeSet::new();
        for (at, _) in code.match_indices("crate::") {
            if is_word_start(&code, at) {
                found.extend(paths(&code[at + "crate::".len()..]));
            }
        }
        for (at, _) in code.match_indices("super::") {
            // Of several in a row, the first one covers the others.
            if !is_word_start(&code, at) || code[..at].ends_with("super::") {
                continue;
            }
            let mut rest = &code[at..];
            let mut module = self.module();
            while let Some(after) = rest.strip_prefix("super::") {
                module.pop();
                rest = after;
            }
            let absolute = |path: Vec<String>| {
                let parents = module.iter().map(|name| (*name).to_owned());
                parents.chain(path).collect()
            };
            found.extend(paths(rest).into_iter().map(absolute));
        }
        found
    }

    /// The modules that it names, each as the first part of its path in the crate.
    fn modules(&self) -> BTreeSet<String> {
        let paths = self.uses().into_iter();
        paths.filter_map(|path| path.into_iter().next()).collect()
    }
}

/// Whether what stands at `at` is not the end of a longer name.
fn is_word_start(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
}

/// The path that `text` begins with, or each of those that a list in braces makes of it.
fn paths(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if let Some(list) = text.strip_prefix('{') {
        return items(list).into_iter().flat_map(paths).collect();
    }
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return Vec::new();
    }
    let Some(rest) = rest.strip_prefix("::") else {
        return vec![vec![name.to_owned()]];
    };
    let mut tails = paths(rest);
    if tails.is_empty() {
        tails.push(Vec::new());
    }
    tails
        .into_iter()
        .map(|tail| std::iter::once(name.to_owned()).chain(tail).collect())
        .collect()
}

/// The items of a list, whose opening brace comes before `list`.
fn items(list: &str) -> Vec<&str> {
    let (mut found, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&list[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut folders = vec![root().join("src")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => {
                    files.push(path);
                }
                false => {}
            }
        }
    }
    files.sort();
    assert!(files.len() > 20, "{files:?}");
    let below_src = |file: &PathBuf| {
        file.strip_prefix(root().join("src"))
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    files
        .iter()
        .map(|file| Source {
            path: below_src(file),
            text: fs::read_to_string(file).unwrap(),
        })
        .collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn imports_go_one_way_and_neighbours_do_not_know_each_other() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.path != "lib.rs") {
        let module = source.module();
        let own = module[0];
        let Some(from) = layer(own) else {
            panic!(
                "`{own}` has no place in LAYERS: give it one, and tell it in the docs of src/lib.rs"
            );
        };
        for used in source.modules() {
            // A name that is no module is one of the crate's own, which there are none of, or of a `use super::*`.
            if used != own && layer(&used).is_some_and(|to| to <= from) {
                wrong.push(format!("src/{} uses `{used}`", source.path));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn rooms_of_the_snapshot_import_only_what_the_map_says() {
    let mut wrong = Vec::new();
    let mut known = BTreeSet::new();
    for source in sources() {
        let ["snapshot", own, ..] = source.module()[..] else {
            continue;
        };
        let Some((own, may_import)) = ROOMS.iter().find(|(room, _)| *room == own) else {
            panic!(
                "`{own}` has no place in ROOMS: give it one, and the docs of snapshot/mod.rs too"
            );
        };
        known.insert(*own);
        let base = match BASE.iter().position(|room| room == own) {
            Some(at) => &BASE[..at],
            None => &BASE[..],
        };
        for path in source.uses() {
            // What is imported from the door itself would make a circle: it comes from its room.
            if let ["snapshot", used, ..] = path.iter().map(String::as_str).collect::<Vec<_>>()[..]
                && used != *own
                && !may_import.contains(&used)
                && !base.contains(&used)
            {
                wrong.push(format!("src/{} uses `snapshot::{used}`", source.path));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(known, ROOMS.iter().map(|(room, _)| *room).collect());
}

#[test]
fn files_of_one_folder_form_no_circle() {
    let rooms = ROOMS.iter().map(|(room, _)| vec!["snapshot", room]);
    let others = [vec!["cli"], vec!["commands", "sync"]];
    for folder in rooms.chain(others) {
        let name = folder.join("/");
        let sources = sources();
        // Each file of the folder, and which others it uses.
        let mut left: BTreeMap<&str, BTreeSet<String>> = sources
            .iter()
            .filter_map(|source| match source.module().strip_prefix(&folder[..])? {
                [file] => Some((*file, source)),
                _ => None,
            })
            .map(|(file, source)| {
                let used = source
                    .uses()
                    .into_iter()
                    .filter(|path| path.iter().zip(&folder).all(|(own, folder)| own == folder))
                    .filter_map(|path| path.get(folder.len()).cloned());
                (file, used.filter(|used| used != file).collect())
            })
            .collect();
        for (file, used) in &left {
            for used in used {
                // The folder's own `mod.rs` imports its files.
                assert!(
                    left.contains_key(used.as_str()),
                    "src/{name}/{file}.rs uses `{used}` of the folder's mod.rs"
                );
            }
        }
        while let Some(file) = left
            .iter()
            .find(|(_, used)| used.iter().all(|used| !left.contains_key(used.as_str())))
            .map(|(file, _)| *file)
        {
            left.remove(file);
        }
        assert!(left.is_empty(), "a circle in src/{name}: {left:?}");
    }
}

#[test]
fn what_is_looked_for_is_found_where_it_is_known_to_be() {
    let uses = |path: &str, text: &str| {
        let source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        source.modules().into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(uses("a/b.rs", "use crate::model::{X, y::Z};"), "model");
    assert_eq!(
        uses("a/b.rs", "use crate::{model::{X, Y},\n report, cli::Z};"),
        "cli model report"
    );
    assert_eq!(
        uses(
            "a/b.rs",
            "let x = crate::report::printable(y); // crate::cli"
        ),
        "report"
    );
    assert_eq!(
        paths("a::{b::C, d, e::{f::*, G}};")
            .iter()
            .map(|path| path.join("::"))
            .collect::<Vec<_>>(),
        ["a::b::C", "a::d", "a::e::f", "a::e::G"]
    );
    assert_eq!(uses("a/b/c.rs", "use super::super::d::X;"), "a");
    assert_eq!(uses("a/b/c.rs", "use super::super::super::d::X;"), "d");
    assert_eq!(
        uses("a/mod.rs", "use super::d::X; use my_crate::e::F;"),
        "d"
    );
    let all: Vec<_> = sources().iter().map(Source::modules).collect();
    for module in [
        "commands", "crawl", "demo", "snapshot", "report", "model", "progress",
    ] {
        assert!(
            all.iter().any(|uses| uses.contains(module)),
            "nobody seems to use `{module}`"
        );
    }
}

#[test]
fn every_crate_stays_behind_its_door() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, doors) in DOORS {
            let name = name.replace('-', "_");
            let path = format!("{name}::");
            let is_used = source.code().any(|line| {
                let mut hits = line.match_indices(&path).map(|(at, _)| at);
                hits.any(|at| is_word_start(line, at))
                    || line.trim_start().starts_with(&format!("use {name};"))
            });
            if is_used && !doors.iter().any(|door| source.path.starts_with(door)) {
                wrong.push(format!("src/{} uses `{name}`", source.path));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_dependency_has_a_door() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let lines = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1);
    let mut names: Vec<&str> = lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('=')?.0.trim()))
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        DOORS.map(|(name, _)| name),
        "DOORS says where each dependency may be used"
    );
}

#[test]
fn every_file_begins_by_saying_what_it_is_for() {
    for source in sources() {
        let first = source.text.lines().next().unwrap_or_default();
        let is_told = first.starts_with("//! ") && first.len() > 20;
        let is_told_elsewhere = first.starts_with("#![doc = include_str!(");
        assert!(
            is_told || is_told_elsewhere,
            "src/{} begins with: {first}",
            source.path
        );
    }
}
