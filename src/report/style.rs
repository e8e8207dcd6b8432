//! Terminal styles: bold and colours.

use anstyle::{AnsiColor, Style};

/// Headings and column names.
pub const HEADING: Style = Style::new().bold();
/// The riskiest changes, and the word `warning:`.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Added items.
pub const ADDED: Style = AnsiColor::Green.on_default();
/// Removed items.
pub const REMOVED: Style = AnsiColor::Red.on_default();
/// Changed items.
pub const CHANGED: Style = AnsiColor::Cyan.on_default();
/// The word `error:`.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The word `hint:`.
pub const HINT: Style = Style::new().bold();

/// Returns `style` if `styled`, else a style without effect.
pub fn wanted(style: Style, styled: bool) -> Style {
    if styled { style } else { Style::new() }
}
