//! What a machine can check of how the source is laid out: who imports whom, and which crate is used where. The picture
//! is in `src/lib.rs`; this keeps it true.

use std::collections::BTreeSet;
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
    &["crawl", "demo", "snapshot", "diff", "report"],
    &["model", "progress", "files"],
];

/// Where each crate that we depend on may be used: the beginnings of paths below `src/`.
const DOORS: [(&str, &[&str]); 29] = [
    ("anyhow", &["commands/", "main.rs", "cli.rs"]),
    ("arcstr", &["model/"]),
    ("base64", &["snapshot/"]),
    ("clap", &["cli.rs"]),
    ("clap_complete", &["cli.rs"]),
    ("clap_mangen", &["cli.rs"]),
    ("csv", &["report/"]),
    ("flate2", &["crawl/"]),
    ("httpdate", &["crawl/"]),
    ("indicatif", &["terminal.rs"]),
    ("jiff", &["model/time.rs"]),
    ("memchr", &["crawl/"]),
    ("prost", &["snapshot/"]),
    ("rusqlite", &["snapshot/"]),
    ("rustix", &["files/", "snapshot/container/"]),
    ("serde", &[""]),
    ("serde_json", &[""]),
    ("serde_path_to_error", &["crawl/"]),
    ("sha2", &["snapshot/"]),
    ("signal-hook", &["main.rs"]),
    ("smallvec", &["snapshot/"]),
    ("svix-ksuid", &["snapshot/"]),
    ("tempfile", &["files/", "snapshot/"]),
    ("terminal_size", &["terminal.rs"]),
    ("tracing", &["terminal.rs"]),
    ("tracing-subscriber", &["terminal.rs"]),
    ("unicode-width", &["report/"]),
    ("ureq", &["crawl/"]),
    ("zstd", &["snapshot/"]),
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

    /// Every module that it names by way of `crate::` or `super::`, as the first part of its path in the crate.
    fn uses(&self) -> BTreeSet<String> {
        let code: String = self.code().collect::<Vec<_>>().join("\n");
        let mut found = BTreeSet::new();
        for (at, _) in code.match_indices("crate::") {
            if is_word_start(&code, at) {
                found.extend(first_names(&code[at + "crate::".len()..]));
            }
        }
        for (at, _) in code.match_indices("super::") {
            // Of several in a row the first one tells them all.
            if !is_word_start(&code, at) || code[..at].ends_with("super::") {
                continue;
            }
            let mut rest = &code[at..];
            let mut module = self.module();
            while let Some(after) = rest.strip_prefix("super::") {
                module.pop();
                rest = after;
            }
            match module.first() {
                Some(first) => found.extend([(*first).to_owned()]),
                None => found.extend(first_names(rest)),
            }
        }
        found
    }
}

/// Whether what stands at `at` is not the end of a longer name.
fn is_word_start(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
}

/// The name that a path begins with, or each one that a list in braces begins its paths with.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let text = text.trim_start();
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(list) = path.trim_start().strip_prefix('{') else {
        return vec![name(path)];
    };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(&list[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&list[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
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
                    files.push(path)
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
        for used in source.uses() {
            // A name that is no module is one of the crate's own, which there are none of, or of a `use super::*`.
            if used != own && layer(&used).is_some_and(|to| to <= from) {
                wrong.push(format!("src/{} uses `{used}`", source.path));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn what_is_looked_for_is_found_where_it_is_known_to_be() {
    let uses = |path: &str, text: &str| {
        let source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        source.uses().into_iter().collect::<Vec<_>>().join(" ")
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
    assert_eq!(uses("a/b/c.rs", "use super::super::d::X;"), "a");
    assert_eq!(uses("a/b/c.rs", "use super::super::super::d::X;"), "d");
    assert_eq!(
        uses("a/mod.rs", "use super::d::X; use my_crate::e::F;"),
        "d"
    );
    let all: Vec<_> = sources().iter().map(Source::uses).collect();
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
        let is_told_elsewhere =
            source.path.ends_with("mod.rs") && first.starts_with("#![doc = include_str!(");
        assert!(
            is_told || is_told_elsewhere,
            "src/{} begins with: {first}",
            source.path
        );
    }
}
