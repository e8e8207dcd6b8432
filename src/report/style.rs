//! How a terminal shows what stands out.

use anstyle::{AnsiColor, Style};

/// Headings, and the names of columns.
pub const HEADING: Style = Style::new().bold();
/// The word `error:`.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The word `hint:`.
pub const HINT: Style = Style::new().bold();

/// Returns `style` where styles are wanted, else one that changes nothing.
pub fn wanted(style: Style, styled: bool) -> Style {
    if styled { style } else { Style::new() }
}
