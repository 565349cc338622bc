use crate::{CannotOpen, CannotSeal, Cipher, Digest, Key};
use bytes::Bytes;

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
        (Some(&SEALED), None) => Err(CannotOpen::NoKey),
        _ => Err(CannotOpen::Damaged),
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
