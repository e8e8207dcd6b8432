//! A defect, and the code that it is reported under.

/// One defect of a readable file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of defect; these texts never change.
    pub code: &'static str,
    /// What is wrong where, in words.
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
