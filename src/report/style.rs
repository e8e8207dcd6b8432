//! How a terminal shows what stands out.

use anstyle::{AnsiColor, Style};

/// Headings, and the names of columns.
pub const HEADING: Style = Style::new().bold();
/// What a reviewer should look at first, and the word `warning:`.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// What is new.
pub const ADDED: Style = AnsiColor::Green.on_default();
/// What is gone.
pub const REMOVED: Style = AnsiColor::Red.on_default();
/// What has changed.
pub const CHANGED: Style = AnsiColor::Cyan.on_default();
/// The word `error:`.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The word `hint:`.
pub const HINT: Style = Style::new().bold();

/// Returns `style` where styles are wanted, else one that changes nothing.
pub fn wanted(style: Style, styled: bool) -> Style {
    if styled { style } else { Style::new() }
}
