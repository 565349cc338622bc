use super::repair::DEEPEST;

/// Hears a text piece by piece, and knows whether it can still become JSON.
///
/// It is syntax that is looked at, as strictly as `serde_json` does, and nothing is kept but
/// where in it the text stands.
///
/// ```
/// use buttress_correct::json::Prefix;
///
/// let mut prefix = Prefix::new();
/// assert!(prefix.push("{\"a\": [1,"));
/// assert!(!prefix.is_whole());
/// assert!(!prefix.push(" }"), "a bracket that was never opened");
/// ```
#[derive(Clone, Debug)]
pub struct Prefix {
    /// For what is open, whether it is an object.
    open: Vec<bool>,
    /// Nothing when it can't become JSON any more.
    state: Option<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A value has to come; or the end of the array that has just begun.
    Value {
        or_end: bool,
    },
    /// The name of a field has to come; or the end of the object that has just begun.
    Name {
        or_end: bool,
    },
    Colon,
    /// A comma or an end has to come; nothing, behind the outermost value.
    After,
    Text {
        is_name: bool,
        escape: Escape,
    },
    Number(Number),
    /// This has to come.
    Word(&'static [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    /// So many digits have to come.
    Hex(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

impl Prefix {
    /// Before the first piece.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            open: Vec::new(),
            state: Some(State::Value { or_end: false }),
        }
    }

    /// Hears the next piece, and says whether it can still become JSON.
    pub fn push(&mut self, piece: &str) -> bool {
        let mut rest = piece.as_bytes();
        while let [byte, behind @ ..] = rest {
            let Some(state) = self.state else {
                return false;
            };
            rest = behind;
            if let State::Text {
                escape: Escape::None,
                ..
            } = state
            {
                // Most of an answer is in texts, in which nearly nothing matters.
                let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | ..0x20);
                if plain(byte) {
                    let run = behind.iter().take_while(|byte| plain(byte)).count();
                    rest = behind.get(run..).unwrap_or_default();
                    continue;
                }
            }
            self.state = self.step(state, *byte);
        }
        self.state.is_some()
    }

    /// Whether it is JSON if nothing more comes.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        use Number::{Digits, Exponent, Fraction, Zero};
        let ends = match self.state {
            Some(State::After) => true,
            Some(State::Number(number)) => matches!(number, Zero | Digits | Fraction | Exponent),
            _ => false,
        };
        ends && self.open.is_empty()
    }

    fn step(&mut self, state: State, byte: u8) -> Option<State> {
        let is_blank = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        match state {
            State::Text { is_name, escape } => in_text(is_name, escape, byte),
            State::Word([next, rest @ ..]) if *next == byte => Some(match rest {
                [] => State::After,
                rest => State::Word(rest),
            }),
            State::Word(_) => None,
            State::Number(number) => match in_number(number, byte)? {
                Some(number) => Some(State::Number(number)),
                // It ended with the byte before.
                None => self.step(State::After, byte),
            },
            _ if is_blank => Some(state),
            State::Value { or_end } => match byte {
                b']' if or_end => self.close(false),
                b'{' => self.open(true),
                b'[' => self.open(false),
                _ => scalar(byte),
            },
            State::Name { or_end } => match byte {
                b'}' if or_end => self.close(true),
                b'"' => Some(State::Text {
                    is_name: true,
                    escape: Escape::None,
                }),
                _ => None,
            },
            State::Colon => (byte == b':').then_some(State::Value { or_end: false }),
            State::After => match (byte, self.open.last()?) {
                (b',', true) => Some(State::Name { or_end: false }),
                (b',', false) => Some(State::Value { or_end: false }),
                (b'}', true) => self.close(true),
                (b']', false) => self.close(false),
                _ => None,
            },
        }
    }

    fn open(&mut self, object: bool) -> Option<State> {
        if self.open.len() == DEEPEST {
            return None;
        }
        self.open.push(object);
        Some(match object {
            true => State::Name { or_end: true },
            false => State::Value { or_end: true },
        })
    }

    fn close(&mut self, object: bool) -> Option<State> {
        (self.open.pop()? == object).then_some(State::After)
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self::new()
    }
}

const fn scalar(byte: u8) -> Option<State> {
    Some(match byte {
        b'"' => State::Text {
            is_name: false,
            escape: Escape::None,
        },
        b't' => State::Word(b"rue"),
        b'f' => State::Word(b"alse"),
        b'n' => State::Word(b"ull"),
        b'-' => State::Number(Number::Minus),
        b'0' => State::Number(Number::Zero),
        b'1'..=b'9' => State::Number(Number::Digits),
        _ => return None,
    })
}

const fn in_text(is_name: bool, escape: Escape, byte: u8) -> Option<State> {
    let escape = match (escape, byte) {
        (Escape::None, b'"') => {
            return Some(match is_name {
                true => State::Colon,
                false => State::After,
            });
        }
        (Escape::None, b'\\') => Escape::Begun,
        // A line may not break in there.
        (Escape::None, ..0x20) => return None,
        (Escape::None, _) => Escape::None,
        (Escape::Begun, b'u') => Escape::Hex(4),
        (Escape::Begun, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Escape::None,
        (Escape::Begun, _) => return None,
        (Escape::Hex(left), byte) if byte.is_ascii_hexdigit() => match left {
            ..=1 => Escape::None,
            left => Escape::Hex(left - 1),
        },
        (Escape::Hex(_), _) => return None,
    };
    Some(State::Text { is_name, escape })
}

/// What the number is with this byte; `Some(None)` when it had ended before it.
const fn in_number(number: Number, byte: u8) -> Option<Option<Number>> {
    use Number::{Digits, E, Exponent, Fraction, Minus, Point, Sign, Zero};
    Some(Some(match (number, byte) {
        (Minus, b'0') => Zero,
        (Minus, b'1'..=b'9') | (Digits, b'0'..=b'9') => Digits,
        (Zero | Digits, b'.') => Point,
        (Point | Fraction, b'0'..=b'9') => Fraction,
        (Zero | Digits | Fraction, b'e' | b'E') => E,
        (E, b'+' | b'-') => Sign,
        (E | Sign | Exponent, b'0'..=b'9') => Exponent,
        (Zero | Digits | Fraction | Exponent, _) => return Some(None),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn is_json(text: &str) -> bool {
        serde_json::from_str::<IgnoredAny>(text).is_ok()
    }

    fn text() -> impl Strategy<Value = String> {
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"", "\\u00e4", "\\n", "\\", "1", "0", "-",
            ".5", "e", "+", "true", "nul", " ", "\n", "ö",
        ];
        let piece = prop::sample::select(pieces.to_vec());
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn it_is_whole_when_it_is_json(text in text()) {
            let mut prefix = Prefix::new();
            let heard = prefix.push(&text);
            prop_assert_eq!(heard && prefix.is_whole(), is_json(&text));
        }
    }

    #[test]
    fn it_says_no_as_soon_as_nothing_can_come_of_it() {
        for (text, good) in [
            ("Sure", 0),
            ("```json", 0),
            ("{'", 1),
            ("{\"a\":1,}", 7),
            ("[1,]", 3),
            ("[01", 2),
            ("{\"a\" 1", 5),
            ("{} {", 3),
            ("\"a\nb", 2),
            ("nulx", 3),
        ] {
            let mut prefix = Prefix::new();
            assert!(prefix.push(&text[..good]), "{text}");
            assert!(!prefix.push(&text[good..=good]), "{text}");
            assert!(!prefix.push("") && !prefix.is_whole());
        }
        assert!(!Prefix::new().push(&"[".repeat(DEEPEST + 1)));
    }
}
