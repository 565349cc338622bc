//! The ids of tool calls, which each vendor wants in a form of its own.

use std::{
    borrow::Cow,
    hash::{BuildHasher, DefaultHasher, Hasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// What an id may look like somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdRule {
    /// At most this many bytes of anything.
    UpTo(usize),
    /// At most this many letters, digits, `_` and `-`.
    Word(usize),
    /// Exactly this many letters and digits: Mistral's nine.
    Exactly(usize),
}

impl IdRule {
    pub(crate) fn fits(self, id: &str) -> bool {
        let digits = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        match self {
            Self::UpTo(most) => !id.is_empty() && id.len() <= most,
            Self::Word(most) => !id.is_empty() && id.len() <= most && id.bytes().all(word),
            Self::Exactly(count) => id.len() == count && digits(id),
        }
    }

    /// The id itself, or one in its stead that fits: the same for a call and for its result,
    /// which are told apart from others by nothing else.
    pub(crate) fn fit<'a>(self, id: &'a str) -> Cow<'a, str> {
        if self.fits(id) {
            return Cow::Borrowed(id);
        }
        let count = match self {
            Self::UpTo(most) | Self::Word(most) => most.min(24),
            Self::Exactly(count) => count,
        };
        let mut hasher = DefaultHasher::new();
        hasher.write(id.as_bytes());
        Cow::Owned(letters(hasher, count))
    }
}

/// An id for a call that its vendor gave none, unlike that of any other call.
pub(crate) fn new_id() -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(MADE.fetch_add(1, Ordering::Relaxed));
    format!("call_{}", letters(hasher, 20))
}

/// So many letters and digits, out of what was hashed.
fn letters(mut hasher: DefaultHasher, count: usize) -> String {
    let mut rest = u128::from(hasher.finish());
    hasher.write_u8(0);
    rest = rest << 64 | u128::from(hasher.finish());
    let digit = |_| {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
        char::from(digit)
    };
    (0..count).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_as_it_is_if_it_may() {
        for (rule, id) in [
            (IdRule::UpTo(40), "call_PTLP8xhu3uwZk4l3nlnrrJha"),
            (IdRule::Word(64), "toolu_01-A"),
            (IdRule::Exactly(9), "D681PevKs"),
        ] {
            assert_eq!(rule.fit(id), id);
        }
    }

    #[test]
    fn a_new_one_is_like_no_other_and_fits_everywhere() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| new_id()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            assert!(
                IdRule::UpTo(40).fits(&id) && IdRule::Word(64).fits(&id),
                "{id}"
            );
        }
    }

    #[test]
    fn one_that_may_not_gets_another_each_time_the_same() {
        let long = "x".repeat(41);
        for (rule, id) in [
            (IdRule::UpTo(40), &*long),
            (IdRule::UpTo(40), ""),
            (IdRule::Word(64), "functions.f:0"),
            (IdRule::Exactly(9), "call_PTLP8xhu3uwZk4l3nlnrrJha"),
            (IdRule::Exactly(9), "call_a-_b"),
        ] {
            let fitted = rule.fit(id);
            assert!(rule.fits(&fitted), "{rule:?}: {fitted}");
            assert_eq!(rule.fit(id), fitted);
            assert_ne!(rule.fit(&format!("{id}.")), fitted);
        }
    }
}
