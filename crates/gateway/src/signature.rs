//! Signatures of webhooks, by the specification of
//! [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks).

use crate::config::{InvalidSecret, signing_key};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use std::fmt;

/// Signs what is sent, so that the receiver knows whom it is from.
#[derive(Clone)]
pub(crate) struct Signer(hmac::Key);

impl Signer {
    pub(crate) fn new(secret: &str) -> Result<Self, InvalidSecret> {
        let key = signing_key(secret)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The value of `webhook-signature` for this message, sent at this time in seconds since 1970.
    pub(crate) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

/// Without the key.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one in the tests of the specification's own libraries.
    #[test]
    fn the_published_example_comes_out_as_published() {
        let signer = Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_is_base64_only_where_it_says_so() {
        let plain = Signer::new("secret").unwrap();
        let coded = Signer::new("whsec_c2VjcmV0").unwrap();
        assert_eq!(plain.sign("a", 1, b"{}"), coded.sign("a", 1, b"{}"));
        assert_ne!(plain.sign("a", 1, b"{}"), plain.sign("a", 2, b"{}"));
        assert_ne!(plain.sign("a", 1, b"{}"), plain.sign("b", 1, b"{}"));
        assert_ne!(plain.sign("a", 1, b"{}"), plain.sign("a", 1, b"{ }"));
        for no in ["whsec_", "whsec_?", "whsec_c2VjcmV", ""] {
            assert_eq!(Signer::new(no).unwrap_err(), InvalidSecret, "{no}");
        }
        assert!(!format!("{plain:?}").contains("secret"));
    }
}
