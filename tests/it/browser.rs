//! The page of `report` in a real browser, opened as a reader opens it: from a file. The tests need Chromium, chromedriver
//! and pdftotext, so `cargo test` ignores them; `scripts/browser.sh` runs them.

/// Prints a figure, for those who run the tests with `--nocapture`.
macro_rules! measured {
    ($($words:tt)*) => {{
        #[allow(clippy::print_stdout, reason = "the harness holds it back")]
        {
            println!($($words)*);
        }
    }};
}

mod client;
mod looks;
mod names;
mod pages;
mod paper;
mod places;
mod sizes;
mod tables;

use client::Browser;
