//! The characters that are harmful in displayed text: they move a cursor, end or reverse a line, or are invisible. `report`
//! decides how to escape them in a terminal, in JSON or in a spreadsheet.

/// Whether `c` is a control character, a line or paragraph separator, a mark that changes the direction of text, or
/// invisible.
///
/// The last group is Unicode's `Default_Ignorable_Code_Point`, except those that scripts and emoji need: the joiners
/// (U+200C, U+200D, U+034F), variation selectors and the fillers of Hangul syllables. They only change the look of the
/// characters next to them.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e00ff}'
                | '\u{e01f0}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_direction_and_invisible_characters_are_harmful() {
        for (what, harmful) in [
            ("C0 controls", '\0'..='\u{1f}'),
            ("DEL and C1 controls", '\u{7f}'..='\u{9f}'),
            ("soft hyphen", '\u{ad}'..='\u{ad}'),
            ("Arabic letter mark", '\u{61c}'..='\u{61c}'),
            ("zero-width space", '\u{200b}'..='\u{200b}'),
            ("direction marks", '\u{200e}'..='\u{200f}'),
            (
                "separators, embeddings and overrides",
                '\u{2028}'..='\u{202e}',
            ),
            (
                "word joiner, invisible operators, isolates",
                '\u{2060}'..='\u{206f}',
            ),
            ("byte order mark", '\u{feff}'..='\u{feff}'),
            ("interlinear annotations", '\u{fff9}'..='\u{fffb}'),
            ("tags", '\u{e0000}'..='\u{e007f}'),
        ] {
            assert!(harmful.clone().all(is_harmful), "{what}");
        }
    }

    #[test]
    fn characters_of_names_are_not_harmful() {
        for name in [
            "Zoë O'Neil-van Dijk",
            "王小明",
            "שלום",
            // A zero-width non-joiner, as Persian needs it.
            "می\u{200c}خواهم",
            // An emoji with a joiner and a variation selector.
            "👩\u{200d}⚕\u{fe0f}",
            // An ideographic variation, as Japanese names have it.
            "葛\u{e0100}",
            "\u{a0}\u{3000}\u{202f}",
        ] {
            assert!(!name.chars().any(is_harmful), "{name:?}");
        }
    }
}
