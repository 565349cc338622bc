//! What is taken out of an array or object to make it JSON.

use super::{
    Repair,
    scan::{DEEPEST, comment_end, string_end},
};

/// An array or object, as far as it goes.
pub(super) struct Mended {
    pub(super) json: String,
    pub(super) repairs: Vec<Repair>,
    /// What is not closed, outermost first.
    pub(super) open: Vec<Bracket>,
    /// What it ends with.
    last: Token,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bracket {
    Brace,
    Square,
}

impl Bracket {
    pub(super) const fn opening(byte: u8) -> Option<Self> {
        match byte {
            b'{' => Some(Self::Brace),
            b'[' => Some(Self::Square),
            _ => None,
        }
    }

    pub(super) const fn closing(self) -> char {
        match self {
            Self::Brace => '}',
            Self::Square => ']',
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Opening,
    Closing,
    Comma,
    Colon,
    /// A string, the first one behind a colon or in an array.
    Value,
    /// The name of a field.
    Name,
    Literal,
    Number,
}

/// Takes out of a text that begins with a bracket what has no meaning. `None` when there are parts
/// in it that JSON does not have, or a string that does not end.
pub(super) fn mend(text: &str) -> Option<Mended> {
    let bytes = text.as_bytes();
    let mut mended = Mended {
        json: String::with_capacity(text.len()),
        repairs: Vec::new(),
        open: Vec::new(),
        last: Token::Opening,
    };
    // Where the comma stands in what is written that has nothing behind it yet.
    let mut comma = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at += 1;
        let token = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                mended.json.push(char::from(byte));
                continue;
            }
            b'/' => {
                at = comment_end(bytes, at)?;
                // It parts what stands on either side of it.
                mended.json.push(' ');
                mended.did(Repair::Comments);
                continue;
            }
            b'{' | b'[' => {
                if mended.open.len() == DEEPEST {
                    return None;
                }
                mended.open.extend(Bracket::opening(byte));
                Token::Opening
            }
            b'}' | b']' => {
                let bracket = mended.open.pop()?;
                if bracket.closing() != char::from(byte) {
                    return None;
                }
                if let Some(comma) = comma.take() {
                    // Behind it there are only blanks.
                    mended.json.remove(comma);
                    mended.did(Repair::Commas);
                }
                Token::Closing
            }
            b',' => {
                // One that follows nothing is not the last of too many.
                if matches!(mended.last, Token::Opening | Token::Comma | Token::Colon) {
                    return None;
                }
                comma = Some(mended.json.len());
                mended.json.push(',');
                mended.last = Token::Comma;
                continue;
            }
            b':' => Token::Colon,
            b'"' => {
                at = string_end(bytes, at)?;
                let in_object = mended.open.last() == Some(&Bracket::Brace);
                match in_object && mended.last != Token::Colon {
                    true => Token::Name,
                    false => Token::Value,
                }
            }
            _ => {
                let rest = bytes.get(start..).unwrap_or_default();
                let word = rest.iter().take_while(|byte| is_of_word(**byte)).count();
                let word = text.get(start..start + word)?;
                at = start + word.len();
                let token = literal(word)?;
                if let Literal::Python(json) = token {
                    mended.json.push_str(json);
                    mended.did(Repair::Literals);
                    mended.last = Token::Literal;
                    comma = None;
                    continue;
                }
                match token {
                    Literal::Number => Token::Number,
                    Literal::Json | Literal::Python(_) => Token::Literal,
                }
            }
        };
        comma = None;
        mended.json.push_str(text.get(start..at)?);
        mended.last = token;
    }
    Some(mended)
}

enum Literal {
    Json,
    Python(&'static str),
    Number,
}

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_')
}

fn literal(word: &str) -> Option<Literal> {
    Some(match word {
        "true" | "false" | "null" => Literal::Json,
        "True" => Literal::Python("true"),
        "False" => Literal::Python("false"),
        "None" => Literal::Python("null"),
        // Whether it is one is seen when all of it is read.
        _ if word.starts_with(|first: char| first.is_ascii_digit() || first == '-') => {
            Literal::Number
        }
        _ => return None,
    })
}

impl Mended {
    fn did(&mut self, repair: Repair) {
        if !self.repairs.contains(&repair) {
            self.repairs.push(repair);
        }
    }

    /// Whether what is not closed may be closed behind what it ends with. See [`repair`](super::repair()).
    pub(super) fn may_be_closed(&self, cut: bool) -> bool {
        let is_whole = matches!(self.last, Token::Closing | Token::Value | Token::Literal);
        is_whole && !(cut && self.open.contains(&Bracket::Square))
    }

    /// Whether it is JSON as far as it goes.
    pub(super) fn looks_like_json(&self) -> bool {
        !self.open.is_empty() || super::is_json(&self.json)
    }
}
