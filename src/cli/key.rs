//! Where the API key is taken from.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::heading;
use super::values::environment;
use crate::crawl::{ApiKey, KeyError};

#[derive(Args)]
pub(super) struct KeyOptions {
    /// Personal API key; visible to other users of this machine, so prefer BATON_API_TOKEN or a file
    #[arg(
        long,
        value_name = "KEY",
        hide_env_values = true,
        help_heading = heading::KEY
    )]
    api_token: Option<String>,
    /// File that holds the key; `-` for standard input
    #[arg(
        long,
        env = "BATON_API_TOKEN_FILE",
        value_name = "PATH",
        help_heading = heading::KEY
    )]
    api_token_file: Option<PathBuf>,
}

/// Where a key is.
enum KeySource {
    /// In a text, which came from the option or the variable of this name.
    Text(String, &'static str),
    File(PathBuf),
    StandardInput,
}

/// Longest key file that is read, in bytes; a key is far shorter.
const MAX_KEY_FILE: u64 = 4096;

impl KeyOptions {
    /// Returns the first place that has a key.
    fn source(&self) -> Option<KeySource> {
        let variable = |name| Some(KeySource::Text(environment(name)?, name));
        if let Some(key) = &self.api_token {
            return Some(KeySource::Text(key.clone(), "--api-token"));
        }
        if let Some(path) = &self.api_token_file {
            return Some(if path.as_os_str() == "-" {
                KeySource::StandardInput
            } else {
                KeySource::File(path.clone())
            });
        }
        let credential = || {
            let path = Path::new(&environment("CREDENTIALS_DIRECTORY")?).join("api-token");
            path.exists().then_some(KeySource::File(path))
        };
        variable("BATON_API_TOKEN")
            .or_else(credential)
            .or_else(|| variable("POSTHOG_API_KEY"))
    }

    /// Whether any place for the key is set.
    pub(super) fn is_given(&self) -> bool {
        self.source().is_some()
    }

    /// Returns the file that the key would be read from, if it is in a file.
    pub(super) fn file(&self) -> Option<PathBuf> {
        match self.source()? {
            KeySource::File(path) => Some(path),
            KeySource::Text(..) | KeySource::StandardInput => None,
        }
    }

    /// Reads the key.
    pub(super) fn read(&self) -> Result<ApiKey> {
        match self.source().ok_or(KeyError::Missing)? {
            KeySource::Text(key, name) => parse(&key, &format!("`{name}`")),
            KeySource::StandardInput => {
                let text = beginning(io::stdin()).context("reading the key from standard input")?;
                parse(&text, "standard input")
            }
            KeySource::File(path) => {
                let text = File::open(&path)
                    .and_then(beginning)
                    .with_context(|| format!("reading the key from `{}`", path.display()))?;
                parse(&text, &format!("the file `{}`", path.display()))
            }
        }
    }
}

/// Reads as much as a key may take.
fn beginning(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(MAX_KEY_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// Parses a key; an error says where it was found.
fn parse(text: &str, source: &str) -> Result<ApiKey> {
    ApiKey::parse(text, source).with_context(|| source.to_owned())
}
