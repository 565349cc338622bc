use crate::{Digest, Key};
use bytes::Bytes;
use std::{error, fmt};

/// Seals what is kept in a store, and opens it again.
pub trait Cipher: fmt::Debug + Send + Sync + 'static {
    /// Seals this, so that it can be opened only under the same name, and appends it.
    ///
    /// # Errors
    /// It can't be sealed, for want of randomness perhaps.
    fn seal(&self, name: &[u8], plain: &[u8], sealed: &mut Vec<u8>) -> Result<(), CannotSeal>;

    /// Opens what was sealed under this name.
    ///
    /// # Errors
    /// It can't be opened.
    fn open(&self, name: &[u8], sealed: &[u8]) -> Result<Bytes, CannotOpen>;
}

/// It could not be sealed, so it was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CannotSeal;

/// It is sealed with a key that is not there, or is not what was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CannotOpen;

impl CannotSeal {
    /// Says so.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Default for CannotSeal {
    fn default() -> Self {
        Self::new()
    }
}

impl CannotOpen {
    /// Says so.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Default for CannotOpen {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for CannotSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it can't be sealed")
    }
}

impl fmt::Display for CannotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is sealed with a key that is not there, or damaged")
    }
}

impl error::Error for CannotSeal {}
impl error::Error for CannotOpen {}

/// What of a record is sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Request,
    Answer,
}

/// Says what follows.
const PLAIN: u8 = 0;
const SEALED: u8 = 1;

/// As it is stored.
pub(crate) fn close(
    cipher: Option<&dyn Cipher>,
    key: &Key,
    part: Part,
    plain: &[u8],
) -> Result<Bytes, CannotSeal> {
    let mut stored = Vec::with_capacity(plain.len() + 64);
    match cipher {
        None => {
            stored.push(PLAIN);
            stored.extend_from_slice(plain);
        }
        Some(cipher) => {
            stored.push(SEALED);
            cipher.seal(name(key, part).as_bytes(), plain, &mut stored)?;
        }
    }
    Ok(stored.into())
}

/// What was stored. What is not sealed can still be read when there is a key.
pub(crate) fn open(
    cipher: Option<&dyn Cipher>,
    key: &Key,
    part: Part,
    stored: &Bytes,
) -> Result<Bytes, CannotOpen> {
    match (stored.first(), cipher) {
        (Some(&PLAIN), _) => Ok(stored.slice(1..)),
        (Some(&SEALED), Some(cipher)) => cipher.open(name(key, part).as_bytes(), &stored[1..]),
        _ => Err(CannotOpen),
    }
}

/// One answer can't be passed off as another. Which of several to the same request it is, is not
/// known before it is stored.
fn name(key: &Key, part: Part) -> Digest {
    let part: &[u8] = match part {
        Part::Request => b"request",
        Part::Answer => b"answer",
    };
    Digest::of(&[
        b"buttress-journal",
        part,
        key.session.as_bytes(),
        &[u8::from(key.step.is_given())],
        &key.step.number().to_be_bytes(),
        key.digest.as_bytes(),
    ])
}
