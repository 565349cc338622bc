//! As much of structured fields (RFC 9651) as `RateLimit` and `RateLimit-Policy` need.
//!
//! A list of strings or tokens with parameters (the current draft) and a dictionary of integers
//! (draft 07) share one shape here: named members, each perhaps with a value of its own, and with
//! parameters.

/// One member of a list or of a dictionary.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Member<'a> {
    /// The string or token that it is, or its key.
    pub(crate) name: &'a str,
    /// Its value, where it has one as a member of a dictionary.
    pub(crate) value: Option<Bare>,
    params: Vec<(&'a str, Bare)>,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bare {
    Integer(i64),
    /// Well formed, and of no interest.
    Other,
}

impl Member<'_> {
    /// The parameter of this name; the last one, if there are several.
    pub(crate) fn param(&self, name: &str) -> Option<Bare> {
        let mut params = self.params.iter().rev();
        params.find(|(key, _)| *key == name).map(|(_, bare)| *bare)
    }
}

impl Bare {
    /// The integer, where it is one that is not negative.
    pub(crate) const fn count(self) -> Option<u64> {
        match self {
            Self::Integer(count @ 0..) => Some(count.unsigned_abs()),
            Self::Integer(_) | Self::Other => None,
        }
    }
}

/// Reads the members of a field. `None` where it is malformed: then nothing of it may be used.
pub(crate) fn members(field: &str) -> Option<Vec<Member<'_>>> {
    let mut rest = Rest(field.trim_matches(' '));
    let mut members = Vec::new();
    loop {
        members.push(rest.member()?);
        rest.skip(&[' ', '\t']);
        if rest.0.is_empty() {
            return Some(members);
        }
        rest.eat(',')?;
        rest.skip(&[' ', '\t']);
    }
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn member(&mut self) -> Option<Member<'a>> {
        let mut member = Member {
            name: match self.0.starts_with('"') {
                true => self.string()?,
                false => self.token()?,
            },
            ..Member::default()
        };
        if self.eat('=').is_some() {
            member.value = Some(self.bare()?);
        }
        while self.eat(';').is_some() {
            self.skip(&[' ']);
            let key = self.token()?;
            let value = match self.eat('=') {
                Some(()) => self.bare()?,
                None => Bare::Other,
            };
            member.params.push((key, value));
        }
        Some(member)
    }

    fn bare(&mut self) -> Option<Bare> {
        match self.0.as_bytes().first()? {
            b'-' | b'0'..=b'9' => return self.number(),
            b'"' => self.string().map(drop)?,
            b':' => {
                self.eat(':')?;
                self.take(|c| c.is_ascii_alphanumeric() || "+/=".contains(c));
                self.eat(':')?;
            }
            b'?' => {
                self.eat('?')?;
                self.eat('0').or_else(|| self.eat('1'))?;
            }
            b'@' => {
                self.eat('@')?;
                self.number()?;
            }
            _ => self.token().map(drop)?,
        }
        Some(Bare::Other)
    }

    fn number(&mut self) -> Option<Bare> {
        let negative = self.eat('-').is_some();
        let digits = self.take(|c| c.is_ascii_digit());
        // An integer has at most 15 digits.
        let whole = if digits.len() <= 15 {
            digits.parse::<i64>().ok()?
        } else {
            return None;
        };
        if self.eat('.').is_some() {
            let fraction = self.take(|c| c.is_ascii_digit());
            return (!fraction.is_empty()).then_some(Bare::Other);
        }
        Some(Bare::Integer(if negative { -whole } else { whole }))
    }

    /// The text between the quotes, escapes as they stand.
    fn string(&mut self) -> Option<&'a str> {
        self.eat('"')?;
        let mut escaped = false;
        let end = self.0.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        let text = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(text)
    }

    /// A token or a key: the few letters in which they differ do no harm here.
    fn token(&mut self) -> Option<&'a str> {
        let token = self.take(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(c));
        (!token.is_empty()).then_some(token)
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !wanted(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn skip(&mut self, blanks: &[char]) {
        self.0 = self.0.trim_start_matches(blanks);
    }

    fn eat(&mut self, c: char) -> Option<()> {
        self.0 = self.0.strip_prefix(c)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_with_parameters() {
        let field = r#" "a \" b";r=0; t=5;pk=:dHI=:;x, daily;q=-3;w=1.5;s="y";b=?1;d=@7 "#;
        let members = members(field).unwrap();
        assert_eq!(members[0].name, r#"a \" b"#);
        assert_eq!(members[0].param("r"), Some(Bare::Integer(0)));
        assert_eq!(members[0].param("t").unwrap().count(), Some(5));
        assert_eq!(members[0].param("pk"), Some(Bare::Other));
        assert_eq!(members[1].name, "daily");
        assert_eq!(members[1].param("q").unwrap().count(), None);
        assert_eq!(members[1].param("w"), Some(Bare::Other));
        assert_eq!(members[1].param("r"), None);
    }

    #[test]
    fn a_dictionary() {
        let members = members("limit=100, remaining=0,reset=50").unwrap();
        let values: Vec<_> = members.iter().map(|m| (m.name, m.value)).collect();
        let integer = |n| Some(Bare::Integer(n));
        let expected = [
            ("limit", integer(100)),
            ("remaining", integer(0)),
            ("reset", integer(50)),
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn malformed_fields_give_nothing() {
        for field in [
            "",
            ",",
            "a,",
            "a b",
            "\"a",
            "a;",
            "a;r=",
            "a;r=:x",
            "a;r=?2",
            "a;r=1234567890123456",
            "a;r=1.",
            "a;r=-",
            "(a b)",
            "é",
        ] {
            assert_eq!(members(field), None, "{field}");
        }
    }
}
