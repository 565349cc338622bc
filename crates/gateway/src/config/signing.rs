//! The secret that signs what a webhook is told, as
//! [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks) write it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{error, fmt};

/// What follows `whsec_` is no base64. Nothing of it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidSecret;

/// The key in a secret: what follows `whsec_` is the key in base64; any other secret is the key
/// itself.
pub(crate) fn signing_key(secret: &str) -> Result<Vec<u8>, InvalidSecret> {
    let key = match secret.strip_prefix("whsec_") {
        Some(coded) => STANDARD.decode(coded).map_err(|_| InvalidSecret)?,
        None => secret.as_bytes().to_vec(),
    };
    match key.is_empty() {
        true => Err(InvalidSecret),
        false => Ok(key),
    }
}

impl fmt::Display for InvalidSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not whsec_ with a key in base64 behind it")
    }
}

impl error::Error for InvalidSecret {}
