use crate::{CannotOpen, CannotSeal, Cipher};
use base64::{Engine as _, alphabet, engine};
use bytes::Bytes;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    rand::{SecureRandom, SystemRandom},
};
use std::{error, fmt};

/// Keeps things so that only those can read them who have the key.
///
/// Each is sealed with AES-256-GCM under a key of its own, which is drawn from the given one and
/// the name of the thing with HKDF-SHA256, so that no number of things wears a key out; the name is
/// its associated data besides. An envelope says which key it needs, so keys can be exchanged while
/// things are kept: the first seals, all of them open.
///
/// ```
/// use buttress_store::{Cipher, Seal};
///
/// // What `openssl rand -base64 32` prints, and the key that was used before.
/// let seal = Seal::parse("CTTHpqrmbXdAz3EGXALN6chb5S1LJ3vc3xbNQMu6L60=,\
///     9c0b5b0d8e5b4e9bafa67a1fd0e1dbd8b9d3a5a1c1c24f6fb6c4b8d2ab30b1c7")?;
///
/// let mut sealed = Vec::new();
/// seal.seal(b"task 1", b"a secret", &mut sealed)?;
/// assert_eq!(seal.open(b"task 1", &sealed)?, "a secret");
/// assert!(seal.open(b"task 2", &sealed).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Seal {
    /// The first one seals.
    keys: Vec<Key>,
    random: SystemRandom,
}

struct Key {
    id: [u8; ID],
    secret: Prk,
}

const SECRET: usize = 32;
/// Tells keys apart, not more.
const ID: usize = 4;

/// Not a key. Nothing of it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidKey;

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key is 32 bytes, as 64 hexadecimal digits or in base64; several are separated by commas")
    }
}

impl error::Error for InvalidKey {}

impl Seal {
    /// Seals with this key.
    #[must_use]
    pub fn new(key: &[u8; SECRET]) -> Self {
        let keys = vec![Key::new(key)];
        let random = SystemRandom::new();
        Self { keys, random }
    }

    /// Also opens what was sealed with this key.
    #[must_use]
    pub fn older(mut self, key: &[u8; SECRET]) -> Self {
        self.keys.push(Key::new(key));
        self
    }

    /// Reads keys as text: each in hexadecimal digits or in base64, of either alphabet, separated
    /// by commas. The first one seals, all of them open.
    ///
    /// # Errors
    /// There is none, or one is no key.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let mut keys = text.split(',').map(|key| read(key.trim()));
        let first = keys.next().ok_or(InvalidKey)??;
        keys.try_fold(Self::new(&first), |seal, key| Ok(seal.older(&key?)))
    }
}

fn read(text: &str) -> Result<[u8; SECRET], InvalidKey> {
    let bytes = match text.len() {
        64 => hex(text.as_bytes()),
        _ => {
            let config = engine::GeneralPurposeConfig::new()
                .with_decode_padding_mode(engine::DecodePaddingMode::Indifferent);
            let alphabet = match text.contains(['-', '_']) {
                true => &alphabet::URL_SAFE,
                false => &alphabet::STANDARD,
            };
            engine::GeneralPurpose::new(alphabet, config)
                .decode(text)
                .ok()
        }
    };
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(InvalidKey)
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    let byte = |pair: &[u8]| u8::try_from(digit(&pair[0])? << 4 | digit(&pair[1])?).ok();
    digits.chunks_exact(2).map(byte).collect()
}

/// How many bytes are drawn.
struct Bytes4;

impl KeyType for Bytes4 {
    fn len(&self) -> usize {
        ID
    }
}

impl Key {
    fn new(secret: &[u8; SECRET]) -> Self {
        let secret = Salt::new(HKDF_SHA256, b"buttress").extract(secret);
        let mut id = [0; ID];
        secret
            .expand(&[b"id"], Bytes4)
            .and_then(|drawn| drawn.fill(&mut id))
            .expect("as many bytes as are asked for");
        Self { id, secret }
    }

    /// The key of what has this name.
    fn of(&self, name: &[u8]) -> LessSafeKey {
        let info = [b"of", name];
        let key = self.secret.expand(&info, &AES_256_GCM);
        LessSafeKey::new(UnboundKey::from(
            key.expect("a key is shorter than what may be drawn"),
        ))
    }
}

impl Cipher for Seal {
    fn seal(&self, name: &[u8], plain: &[u8], sealed: &mut Vec<u8>) -> Result<(), CannotSeal> {
        let key = &self.keys[0];
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| CannotSeal)?;
        sealed.reserve(ID + NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&nonce);
        let body = sealed.len();
        sealed.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key
            .of(name)
            .seal_in_place_separate_tag(nonce, Aad::from(name), &mut sealed[body..])
            .map_err(|_| CannotSeal)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(())
    }

    fn open(&self, name: &[u8], sealed: &[u8]) -> Result<Bytes, CannotOpen> {
        let parts = sealed
            .split_first_chunk::<ID>()
            .and_then(|(key, rest)| Some((key, rest.split_first_chunk::<NONCE_LEN>()?)));
        let (key_id, (nonce, body)) = parts.ok_or(CannotOpen::Damaged)?;
        let mut cause = CannotOpen::UnknownKey;
        // Two keys may have the same name.
        for key in self.keys.iter().filter(|key| key.id == *key_id) {
            cause = CannotOpen::Damaged;
            let mut body = body.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            if let Ok(plain) = key
                .of(name)
                .open_in_place(nonce, Aad::from(name), &mut body)
            {
                let length = plain.len();
                body.truncate(length);
                return Ok(body.into());
            }
        }
        Err(cause)
    }
}

/// Without the keys.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const NAME: &[u8] = b"one";

    fn sealed(seal: &Seal, plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        seal.seal(NAME, plain, &mut sealed).unwrap();
        sealed
    }

    #[test]
    fn what_is_sealed_is_opened_by_the_same_name_alone() {
        let seal = Seal::new(&[7; 32]);
        for plain in [&b""[..], b"{}", &[0x5a; 100_000]] {
            let sealed = self::sealed(&seal, plain);
            assert_eq!(seal.open(NAME, &sealed).unwrap(), plain);
            assert_eq!(seal.open(b"other", &sealed), Err(CannotOpen::Damaged));
            assert_eq!(
                Seal::new(&[8; 32]).open(NAME, &sealed),
                Err(CannotOpen::UnknownKey)
            );
            assert_ne!(sealed, self::sealed(&seal, plain));
        }
    }

    #[test]
    fn nothing_of_it_is_there_to_see_and_any_change_is_noticed() {
        let seal = Seal::new(&[7; 32]);
        let sealed = self::sealed(&seal, b"a secret");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        for at in 0..sealed.len() {
            let mut changed = sealed.to_vec();
            changed[at] ^= 1;
            assert!(seal.open(NAME, &changed).is_err(), "{at}");
            assert!(seal.open(NAME, &sealed[..at]).is_err(), "{at}");
        }
    }

    #[test]
    fn keys_are_exchanged_while_tasks_wait() {
        let (old, new) = (Seal::new(&[1; 32]), Seal::new(&[2; 32]).older(&[1; 32]));
        let before = sealed(&old, b"before");
        let after = sealed(&new, b"after");
        assert_eq!(new.open(NAME, &before).unwrap(), "before");
        assert_eq!(new.open(NAME, &after).unwrap(), "after");
        assert_eq!(old.open(NAME, &after), Err(CannotOpen::UnknownKey));
    }

    #[test]
    fn keys_are_read_in_each_of_their_forms() {
        let raw = [0xfb; 32];
        let sealed = self::sealed(&Seal::new(&raw), b"it");
        let base64 = "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=";
        let safe = base64.replace('+', "-").replace('/', "_");
        let other = "00".repeat(32);
        for text in [
            &"fb".repeat(32),
            &"FB".repeat(32),
            base64,
            base64.trim_end_matches('='),
            &safe,
            &format!(" {other}, {base64}\n"),
        ] {
            let seal = Seal::parse(text).unwrap();
            assert_eq!(seal.open(NAME, &sealed).unwrap(), "it", "{text}");
            assert!(!format!("{seal:?}").contains("fb"));
        }
        for no in [
            "",
            ",",
            "x",
            "fbfb",
            &"fg".repeat(32),
            &"ü".repeat(32),
            &format!("{other},"),
            &"A".repeat(42),
        ] {
            assert!(Seal::parse(no).is_err(), "{no}");
        }
    }
}
