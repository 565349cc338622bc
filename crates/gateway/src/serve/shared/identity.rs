use crate::config::Provider;
use buttress_client::Secret;
use ring::hmac;
use std::fmt::Write;

/// What is the same in all gateways has the same name there, and what is not has another one: a
/// route is the same when it is called the same, and asks for the same model at the same place
/// with the same key.
///
/// The server is told no name, no address and no key, and no hash of any of them alone.
pub(super) fn of(kind: &str, name: &str, provider: &Provider, model: Option<&str>) -> Box<str> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"buttress: what gateways share");
    let mut hash = hmac::Context::with_key(&key);
    let url = provider.base_url.as_ref().map(ToString::to_string);
    let parts = [
        Some(name),
        url.as_deref(),
        model,
        provider.key.as_ref().map(Secret::expose),
    ];
    for part in parts {
        // With its length, so that no part can be taken for the end of the one before.
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        hash.update(&length.to_be_bytes());
        hash.update(part.unwrap_or_default().as_bytes());
    }
    let mut identity = format!("{kind}:");
    for byte in &hash.sign().as_ref()[..16] {
        let _ = write!(identity, "{byte:02x}");
    }
    identity.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use buttress_llm as llm;

    fn provider(url: &str, key: Option<&str>) -> Provider {
        let mut provider = Provider::new("one", llm::Provider::OpenAi);
        provider.base_url = Some(url.parse().unwrap());
        provider.key = key.map(Secret::new);
        provider
    }

    #[test]
    fn only_what_is_the_same_has_the_same_name() {
        let here = "https://a.example/v1";
        let one = provider(here, Some("sk-1"));
        let names = [
            of("circuit", "r", &one, Some("m")),
            of("gate", "r", &one, Some("m")),
            of("circuit", "s", &one, Some("m")),
            of("circuit", "r", &one, Some("n")),
            of("circuit", "r", &one, Some("")),
            of("circuit", "r", &one, None),
            of("circuit", "r", &provider(here, Some("sk-2")), Some("m")),
            of("circuit", "r", &provider(here, None), Some("m")),
            of(
                "circuit",
                "r",
                &provider("https://b.example/v1", Some("sk-1")),
                Some("m"),
            ),
            // The same letters, otherwise divided.
            of(
                "circuit",
                "r",
                &provider("https://a.example/v", Some("sk-1")),
                Some("1m"),
            ),
        ];
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{at}");
            assert!(!name.contains("sk-"), "{name}");
        }
        let again = of("circuit", "r", &provider(here, Some("sk-1")), Some("m"));
        assert_eq!(names[0], again);
        // It is the same in all versions, and so it must not change.
        assert_eq!(names[0].len(), "circuit:".len() + 32);
    }
}
