//! A defect and its code.

/// One defect of a readable file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind of defect. Codes never change.
    pub code: &'static str,
    /// The problem and its place, in words.
    pub message: String,
}

impl Finding {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}
