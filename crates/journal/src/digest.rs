use crate::canonical::canonical;
use ring::digest::{Context, SHA256};
use std::fmt;

/// What tells requests apart: the SHA-256 of all that matters of one.
///
/// It is kept beside the record, so no key may go into it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; Self::BYTES]);

impl Digest {
    /// How long it is.
    pub const BYTES: usize = 32;

    /// Of these parts, in this order.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            // So that no two lists of parts are alike.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut bytes = [0; Self::BYTES];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }

    /// Of these parts, and of a body that is JSON: however it is laid out, in whatever order the
    /// fields of its objects stand. Of one that is not JSON, byte by byte.
    ///
    /// ```
    /// use buttress_journal::Digest;
    ///
    /// let one = Digest::of_json(&[b"v1"], br#"{"a": 1, "b": [true, "\u00e9"]}"#);
    /// let same = Digest::of_json(&[b"v1"], r#"{"b":[true,"é"],"a":1}"#.as_bytes());
    /// assert_eq!(one, same);
    /// ```
    #[must_use]
    pub fn of_json(parts: &[&[u8]], body: &[u8]) -> Self {
        let canonical = canonical(body);
        let (form, body): (&[u8], &[u8]) = match &canonical {
            Some(canonical) => (b"json", canonical),
            None => (b"raw", body),
        };
        let head = Self::of(parts);
        Self::of(&[&head.0, form, body])
    }

    /// These bytes, which are one.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// In hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(Digest::of(&[b"ab", b"c"]), Digest::of(&[b"a", b"bc"]));
        assert_ne!(Digest::of(&[b"ab"]), Digest::of(&[b"ab", b""]));
        assert_ne!(
            Digest::of_json(&[b"a"], b"{}"),
            Digest::of_json(&[b"b"], b"{}")
        );
    }

    #[test]
    fn what_is_no_json_has_a_digest_too() {
        assert_ne!(Digest::of_json(&[], b"{"), Digest::of_json(&[], b"{ "));
        assert_ne!(
            Digest::of_json(&[], b"{} "),
            Digest::of_json(&[], b"{} trailing")
        );
    }
}
