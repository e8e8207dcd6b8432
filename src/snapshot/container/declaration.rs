//! A parser for `CREATE TABLE` and `CREATE INDEX` statements, as far as a c1z needs them. The statements come from the
//! file; they are parsed here and never run.

use std::collections::HashSet;
use std::iter::Peekable;
use std::vec::IntoIter;

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct Column {
    pub name: String,
    /// Everything after the name, normalized: words in lower case, separated by one space.
    pub declaration: String,
}

/// A plain table. Its columns are in the order in which rows store their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::snapshot) struct TableDeclaration {
    pub name: String,
    pub columns: Vec<Column>,
    /// Table constraints. They do not change how rows are stored.
    pub constraints: Vec<String>,
}

/// An index on columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct IndexDeclaration {
    pub name: String,
    pub is_unique: bool,
    pub table: String,
    pub columns: Vec<String>,
    /// The condition of a partial index, normalized.
    pub condition: Option<String>,
}

/// Why a declaration is neither a plain table nor an index on columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Unusual {
    /// The statement cannot be parsed.
    Unreadable,
    /// A virtual table, or one that stores its rows differently.
    NotPlain,
    /// A table with a computed column; an index on anything but the values of columns in ascending order.
    Computes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A word without quotes, in lower case.
    Word(String),
    /// A name in quotes.
    Name(String),
    /// A text or number.
    Literal(String),
    Symbol(char),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }

    /// The token as a name, if it can be one.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Name(name) => Some(name),
            _ => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Word(text) | Self::Literal(text) => text.clone(),
            Self::Name(name) => format!("\"{name}\""),
            Self::Symbol(symbol) => symbol.to_string(),
        }
    }
}

/// The normalized text of tokens.
fn normalized(tokens: &[Token]) -> String {
    let texts: Vec<_> = tokens.iter().map(Token::text).collect();
    texts.join(" ")
}

/// Longest declaration that is parsed, in bytes. The SDK's have at most a thousand.
const MAX_DECLARATION: usize = 64 << 10;

/// Parses a `CREATE TABLE` statement.
///
/// # Errors
/// When it does not declare a plain table.
pub(in crate::snapshot) fn table(sql: &str) -> Result<TableDeclaration, Unusual> {
    let mut tokens = tokens(sql)?.into_iter().peekable();
    expect(&mut tokens, "create")?;
    expect(&mut tokens, "table").map_err(|_| Unusual::NotPlain)?;
    skip_if_not_exists(&mut tokens)?;
    let name = name(&mut tokens)?;
    let items = items(&mut tokens)?;
    // What may follow, such as `without rowid`, changes how rows are stored.
    if tokens.next().is_some() {
        return Err(Unusual::NotPlain);
    }
    let mut found = TableDeclaration {
        name,
        ..TableDeclaration::default()
    };
    let mut names = HashSet::new();
    for item in items {
        const CONSTRAINTS: [&str; 5] = ["constraint", "primary", "unique", "check", "foreign"];
        let [first, rest @ ..] = item.as_slice() else {
            return Err(Unusual::Unreadable);
        };
        if CONSTRAINTS.iter().any(|word| first.is(word)) {
            found.constraints.push(normalized(&item));
            continue;
        }
        if !is_plausible(rest) {
            return Err(Unusual::Unreadable);
        }
        // The values of a computed column may not be stored.
        if rest
            .iter()
            .any(|token| token.is("as") || token.is("generated"))
        {
            return Err(Unusual::Computes);
        }
        let name = first
            .name()
            .ok_or(Unusual::Unreadable)?
            .to_ascii_lowercase();
        if !names.insert(name.clone()) {
            return Err(Unusual::Unreadable);
        }
        found.columns.push(Column {
            name,
            declaration: normalized(rest),
        });
    }
    Ok(found)
}

/// Parses a `CREATE INDEX` statement.
///
/// # Errors
/// When it is not an index on the values of columns.
pub(in crate::snapshot) fn index(sql: &str) -> Result<IndexDeclaration, Unusual> {
    let mut tokens = tokens(sql)?.into_iter().peekable();
    expect(&mut tokens, "create")?;
    let is_unique = tokens.next_if(|token| token.is("unique")).is_some();
    expect(&mut tokens, "index")?;
    skip_if_not_exists(&mut tokens)?;
    let own_name = name(&mut tokens)?;
    expect(&mut tokens, "on")?;
    let table = name(&mut tokens)?;
    let mut columns = Vec::new();
    for item in items(&mut tokens)? {
        match item.as_slice() {
            [column] => columns.push(column_name(column)?),
            [column, order] if order.is("asc") => columns.push(column_name(column)?),
            // An expression, another order or another collation.
            _ => return Err(Unusual::Computes),
        }
    }
    let condition = match tokens.next() {
        None => None,
        Some(token) if token.is("where") => Some(normalized(&tokens.collect::<Vec<_>>())),
        Some(_) => return Err(Unusual::Unreadable),
    };
    Ok(IndexDeclaration {
        name: own_name,
        is_unique,
        table,
        columns,
        condition,
    })
}

fn column_name(token: &Token) -> Result<String, Unusual> {
    let name = token.name().ok_or(Unusual::Computes)?;
    Ok(name.to_ascii_lowercase())
}

/// Whether the tokens after a column's name can be its declaration: outside parentheses, only words, names and signed
/// values.
fn is_plausible(tokens: &[Token]) -> bool {
    let mut depth = 0;
    tokens.iter().all(|token| match token {
        Token::Symbol('(') => {
            depth += 1;
            true
        }
        Token::Symbol(')') => {
            depth -= 1;
            true
        }
        Token::Symbol(symbol) => depth > 0 || matches!(symbol, '+' | '-' | '.'),
        _ => true,
    })
}

type Tokens = Peekable<IntoIter<Token>>;

fn expect(tokens: &mut Tokens, word: &str) -> Result<(), Unusual> {
    match tokens.next_if(|token| token.is(word)) {
        Some(_) => Ok(()),
        None => Err(Unusual::Unreadable),
    }
}

fn skip_if_not_exists(tokens: &mut Tokens) -> Result<(), Unusual> {
    if tokens.next_if(|token| token.is("if")).is_some() {
        expect(tokens, "not")?;
        expect(tokens, "exists")?;
    }
    Ok(())
}

fn name(tokens: &mut Tokens) -> Result<String, Unusual> {
    let token = tokens.next().ok_or(Unusual::Unreadable)?;
    Ok(token
        .name()
        .ok_or(Unusual::Unreadable)?
        .to_ascii_lowercase())
}

/// The comma-separated items between parentheses.
fn items(tokens: &mut Tokens) -> Result<Vec<Vec<Token>>, Unusual> {
    if tokens.next() != Some(Token::Symbol('(')) {
        return Err(Unusual::NotPlain);
    }
    let mut items = vec![Vec::new()];
    let mut depth = 0;
    for token in tokens {
        match token {
            Token::Symbol(')') if depth == 0 => return Ok(items),
            Token::Symbol(',') if depth == 0 => items.push(Vec::new()),
            token => {
                match token {
                    Token::Symbol('(') => depth += 1,
                    Token::Symbol(')') => depth -= 1,
                    _ => {}
                }
                if let Some(item) = items.last_mut() {
                    item.push(token);
                }
            }
        }
    }
    Err(Unusual::Unreadable)
}

fn tokens(sql: &str) -> Result<Vec<Token>, Unusual> {
    if sql.len() > MAX_DECLARATION {
        return Err(Unusual::Unreadable);
    }
    let mut found = Vec::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            _ if c.is_ascii_whitespace() => after,
            '-' if after.starts_with('-') => after.split_once('\n').map_or("", |(_, rest)| rest),
            '/' if after.starts_with('*') => {
                after[1..].split_once("*/").map_or("", |(_, rest)| rest)
            }
            '"' | '`' => {
                let (name, rest) = quoted(after, c)?;
                found.push(Token::Name(name));
                rest
            }
            '[' => {
                let (name, rest) = after.split_once(']').ok_or(Unusual::Unreadable)?;
                found.push(Token::Name(name.to_owned()));
                rest
            }
            '\'' => {
                let (text, rest) = quoted(after, c)?;
                found.push(Token::Literal(format!("'{text}'")));
                rest
            }
            _ if is_word(c) => {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                found.push(if c.is_ascii_digit() {
                    Token::Literal(word.to_owned())
                } else {
                    Token::Word(word.to_ascii_lowercase())
                });
                after
            }
            _ => {
                found.push(Token::Symbol(c));
                after
            }
        };
    }
    Ok(found)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// Returns the text up to the closing quote, where a doubled quote means one, and the rest.
fn quoted(text: &str, quote: char) -> Result<(String, &str), Unusual> {
    let mut content = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once(quote).ok_or(Unusual::Unreadable)?;
        content.push_str(part);
        match after.strip_prefix(quote) {
            Some(after) => {
                content.push(quote);
                rest = after;
            }
            None => return Ok((content, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_tables_are_parsed_in_any_spelling() {
        for (sql, expected) in [
            (
                "CREATE TABLE t (id integer primary key, a text not null, b blob)",
                "id=integer primary key; a=text not null; b=blob",
            ),
            (
                "create table if not exists \"t\" (\n  `Id` INTEGER  Primary Key, -- first, of (all)\n [a] TEXT/* c, */NOT NULL)",
                "id=integer primary key; a=text not null",
            ),
            (
                "CREATE TABLE t (a text default 'it''s, (so)', b numeric(10, 2), c)",
                "a=text default 'it's, (so)'; b=numeric ( 10 , 2 ); c=",
            ),
            (
                "CREATE TABLE t (a, unique (a), primary key (a))",
                "a=; +unique ( a ); +primary key ( a )",
            ),
        ] {
            let found = table(sql).map(|found| {
                let columns = found.columns.iter();
                let columns =
                    columns.map(|column| format!("{}={}", column.name, column.declaration));
                let constraints = found.constraints.iter().map(|text| format!("+{text}"));
                columns.chain(constraints).collect::<Vec<_>>().join("; ")
            });
            assert_eq!(found.as_deref(), Ok(expected), "{sql}");
        }
    }

    #[test]
    fn tables_that_store_rows_in_another_way_are_not_plain() {
        for (sql, expected) in [
            (
                "create table t (a text primary key) without rowid",
                Unusual::NotPlain,
            ),
            ("create virtual table t using fts5 (a)", Unusual::NotPlain),
            ("create table t as select 1", Unusual::NotPlain),
            ("create table t (a, b as (a + 1))", Unusual::Computes),
            (
                "create table t (a, b text generated always as (a) stored)",
                Unusual::Computes,
            ),
            ("create table t (a", Unusual::Unreadable),
            ("create table t (a ! b)", Unusual::Unreadable),
            ("create table t (a, b, \"A\")", Unusual::Unreadable),
            ("create table t (a default 'x)", Unusual::Unreadable),
            ("", Unusual::Unreadable),
            ("drop table t", Unusual::Unreadable),
        ] {
            assert_eq!(table(sql), Err(expected), "{sql}");
        }
    }

    #[test]
    fn indexes_on_columns_are_distinguished_from_indexes_on_expressions() {
        let expected = IndexDeclaration {
            name: "i".to_owned(),
            is_unique: true,
            table: "t".to_owned(),
            columns: vec!["a".to_owned(), "b".to_owned()],
            condition: Some("c is not null".to_owned()),
        };
        let sql = "CREATE UNIQUE INDEX i ON t (a ASC, \"B\") WHERE c IS NOT NULL";
        assert_eq!(index(sql), Ok(expected));
        for sql in [
            "create index i on t (lower(a))",
            "create index i on t (a collate nocase)",
            "create index i on t (a desc)",
            "create index i on t (1)",
        ] {
            assert_eq!(index(sql), Err(Unusual::Computes), "{sql}");
        }
    }
}
