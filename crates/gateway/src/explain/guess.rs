//! Who gave an answer, by the headers that only one provider sends.

use buttress_llm::Provider;
use http::{HeaderMap, header};

/// How the names of such headers begin. The one that stands in another's place comes first:
/// Azure passes on what OpenAI's servers send.
const NAMES: &[(&str, Provider)] = &[
    ("apim-", Provider::Azure),
    ("x-ms-", Provider::Azure),
    ("azureml-", Provider::Azure),
    ("x-amzn-", Provider::Bedrock),
    ("anthropic-", Provider::Anthropic),
    ("openai-", Provider::OpenAi),
    ("x-groq-", Provider::Groq),
    ("mistral-", Provider::Mistral),
    ("x-goog-", Provider::Gemini),
    ("x-gemini-", Provider::Gemini),
    ("x-ds-", Provider::DeepSeek),
    ("fireworks-", Provider::Fireworks),
    ("x-together-", Provider::Together),
    ("x-trial-endpoint-call-", Provider::Cohere),
    ("x-endpoint-monthly-call-", Provider::Cohere),
    ("grpc-", Provider::Grpc),
    ("cf-error-", Provider::Cloudflare),
];

/// How the values of some others begin, in lower case.
const VALUES: &[(&str, &str, Provider)] = &[
    ("request-id", "req_", Provider::Anthropic),
    ("content-type", "application/grpc", Provider::Grpc),
    ("server", "scaffolding on httpserver", Provider::Gemini),
    ("server", "llama.cpp", Provider::LlamaCpp),
];

/// Who gave the answer, if its headers tell.
pub(super) fn provider(headers: &HeaderMap) -> Option<Provider> {
    let has_name = |prefix: &str| headers.keys().any(|name| name.as_str().starts_with(prefix));
    let has_value = |name: &str, prefix: &str| {
        let value = headers.get(name).map(|value| value.as_bytes());
        value.is_some_and(|value| value.to_ascii_lowercase().starts_with(prefix.as_bytes()))
    };
    let mut named = NAMES.iter().filter(|(prefix, _)| has_name(prefix));
    if let Some((_, provider)) = named.next() {
        return Some(*provider);
    }
    let mut valued = VALUES
        .iter()
        .filter(|(name, prefix, _)| has_value(name, prefix));
    if let Some((_, _, provider)) = valued.next() {
        return Some(*provider);
    }
    // Nearly all providers stand behind it, and send no pages themselves.
    let page = has_value(header::CONTENT_TYPE.as_str(), "text/html");
    (page && has_value(header::SERVER.as_str(), "cloudflare")).then_some(Provider::Cloudflare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(pairs: &[(&'static str, &'static str)]) -> Option<Provider> {
        let pairs = pairs.iter().copied();
        let pairs = pairs.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        provider(&pairs.collect::<HeaderMap>())
    }

    #[test]
    fn headers_tell_the_provider() {
        for (headers, expected) in [
            (&[("openai-processing-ms", "7")][..], Some(Provider::OpenAi)),
            (
                &[("openai-version", "1"), ("x-ms-region", "x")],
                Some(Provider::Azure),
            ),
            (
                &[("server", "cloudflare"), ("request-id", "req_1")],
                Some(Provider::Anthropic),
            ),
            (
                &[("Server", "scaffolding on HTTPServer2")],
                Some(Provider::Gemini),
            ),
            (
                &[
                    ("server", "cloudflare"),
                    ("content-type", "text/html; charset=UTF-8"),
                ],
                Some(Provider::Cloudflare),
            ),
            (
                &[
                    ("server", "cloudflare"),
                    ("content-type", "application/json"),
                ],
                None,
            ),
            (&[("request-id", "7")], None),
            (&[], None),
        ] {
            assert_eq!(guess(headers), expected, "{headers:?}");
        }
    }
}
