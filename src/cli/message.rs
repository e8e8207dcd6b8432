//! What is printed instead of doing anything.

use clap::builder::StyledStr;
use clap::error::ContextValue;

use crate::crawl::mask_secrets;
use crate::report::printable;

/// What is printed instead of doing anything: help, the version, or what is wrong with the command line.
#[derive(Debug)]
pub struct Message {
    /// Whether the command line is wrong.
    pub is_error: bool,
    text: StyledStr,
}

impl Message {
    /// Takes the message from clap. It quotes arguments, which may hold anything: each is kept on one line, and what looks
    /// like a key or a password is masked.
    pub(super) fn of(mut error: clap::Error) -> Self {
        let one = |text: &str| printable(text).into_owned();
        let quoted: Vec<_> = error
            .context()
            .filter_map(|(kind, value)| match value {
                ContextValue::String(text) => Some((kind, ContextValue::String(one(text)))),
                ContextValue::Strings(texts) => {
                    let texts = texts.iter().map(|text| one(text)).collect();
                    Some((kind, ContextValue::Strings(texts)))
                }
                _ => None,
            })
            .collect();
        for (kind, value) in quoted {
            error.insert(kind, value);
        }
        let mut text = error.render();
        let plain = text.to_string();
        let masked = mask_secrets(&plain);
        if masked != plain {
            text = masked.into();
        }
        Self {
            is_error: error.use_stderr(),
            text,
        }
    }

    /// The text, ending with a line end.
    pub fn text(&self, styled: bool) -> String {
        if styled {
            self.text.ansi().to_string()
        } else {
            self.text.to_string()
        }
    }
}
