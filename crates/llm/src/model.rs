//! What the name of a model tells of what it can do.
//!
//! Used only where a request has to be written in another dialect and nothing is said of the
//! model that it goes to. A name that is not known is taken for one of the newest models': they
//! are what new names are given to.

use crate::cross::Sampling;

/// The version of one of Anthropic's models: `(4, 5)` of `claude-sonnet-4-5-20250929`, `(3, 7)` of
/// `claude-3-7-sonnet-latest`, with or without what a reseller puts in front.
pub(crate) fn claude(name: &str) -> Option<(u32, u32)> {
    let (_, rest) = name.split_once("claude-")?;
    let number = |part: &str| part.parse().ok().filter(|number| *number < 100);
    let parts = rest.split(['-', '.', '@', ':']);
    let mut numbers = parts.skip_while(|part| number(part).is_none());
    let major = numbers.next().and_then(number)?;
    let minor = numbers.next().and_then(number).unwrap_or(0);
    Some((major, minor))
}

/// The version of one of Google's models: `(2, 5)` of `gemini-2.5-flash`, with or without what a
/// reseller puts in front. None of those that have no number in their names.
pub(crate) fn gemini(name: &str) -> Option<(u32, u32)> {
    let (_, rest) = name.split_once("gemini-")?;
    let version = rest.split('-').next()?;
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Whether a model of this name thinks before it answers, if it is told to.
pub(crate) fn reasons(name: &str) -> bool {
    if let Some(version) = claude(name) {
        return version >= (3, 7);
    }
    let last = name.rsplit(['/', ':']).next().unwrap_or(name);
    let old = [
        "gpt-3",
        "gpt-4",
        "chatgpt",
        "claude",
        "gemini-1",
        "gemini-2.0",
        "gemma",
        "mistral",
        "llama",
    ];
    !old.iter().any(|old| last.starts_with(old))
}

/// What a model of this name refuses of a request that says how to sample: it is made to do that
/// in its own way.
pub(crate) fn refuses(name: &str) -> &'static [Sampling] {
    use Sampling::{Penalties, Stop, Temperature, TopK, TopP};
    if claude(name).is_some_and(|version| version >= (4, 7)) {
        return &[Temperature, TopP, TopK];
    }
    // Some of them take some of it while they do not think, which is for OpenAI to say.
    if name.split(['/', ':']).any(always_reasons) {
        return &[Temperature, TopP, Penalties, Stop];
    }
    &[]
}

/// Whether this is one of OpenAI's models that think: `o3` and `o4-mini`, `gpt-5` and `gpt-5.1`,
/// but not `gpt-5-chat-latest`, and not the `gpt-35` that Azure has.
fn always_reasons(name: &str) -> bool {
    let numbered = |rest: &'static str| {
        let rest = name.strip_prefix(rest)?;
        let number = rest.chars().next()?.to_digit(10)?;
        Some((number, &rest[1..]))
    };
    if let Some((_, rest)) = numbered("o") {
        return rest.is_empty() || rest.starts_with('-');
    }
    numbered("gpt-").is_some_and(|(number, rest)| {
        let whole = rest.is_empty() || rest.starts_with(['-', '.']);
        number >= 5 && whole && !rest.starts_with("-chat")
    })
}

/// Whether one of Anthropic's models follows a JSON schema by itself.
pub(crate) fn claude_follows_schemas(name: &str) -> bool {
    let least = if name.contains("opus") {
        (4, 1)
    } else {
        (4, 5)
    };
    match claude(name) {
        Some(version) => version >= least,
        // Before there were numbers: `claude-instant`.
        None => !name.contains("claude-instant"),
    }
}

/// Whether one of Anthropic's models goes on from an answer that stands last. Those from 4.6 on
/// refuse such a request.
pub(crate) fn claude_takes_prefill(name: &str) -> bool {
    claude(name).is_some_and(|version| version < (4, 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_claude_is_in_its_name() {
        for (name, version) in [
            ("claude-sonnet-4-5-20250929", Some((4, 5))),
            ("claude-opus-4-20250514", Some((4, 0))),
            ("claude-3-7-sonnet-latest", Some((3, 7))),
            ("claude-3-opus-20240229", Some((3, 0))),
            ("claude-3.5-sonnet", Some((3, 5))),
            ("claude-2.1", Some((2, 1))),
            ("anthropic.claude-haiku-4-5-20251001-v1:0", Some((4, 5))),
            ("anthropic/claude-sonnet-5", Some((5, 0))),
            ("claude-instant", None),
            ("gpt-5", None),
        ] {
            assert_eq!(claude(name), version, "{name}");
        }
    }

    #[test]
    fn the_version_of_a_gemini_is_in_its_name() {
        for (name, version) in [
            ("gemini-2.5-flash", Some((2, 5))),
            ("google/gemini-3-pro-preview", Some((3, 0))),
            ("gemini-3.1-pro", Some((3, 1))),
            ("gemini-1.5-pro-002", Some((1, 5))),
            ("gemini-flash-latest", None),
            ("gpt-5", None),
        ] {
            assert_eq!(gemini(name), version, "{name}");
        }
    }

    #[test]
    fn models_that_think_sample_in_their_own_way() {
        for name in [
            "o1",
            "o3-2025-04-16",
            "ft:o4-mini:org",
            "gpt-5",
            "gpt-5-mini",
            "openai/gpt-5.1:online",
            "gpt-6",
        ] {
            assert!(refuses(name).contains(&Sampling::Stop), "{name}");
            assert!(!refuses(name).contains(&Sampling::Seed), "{name}");
        }
        for name in ["claude-opus-4-7", "anthropic/claude-sonnet-5"] {
            assert!(refuses(name).contains(&Sampling::TopK), "{name}");
            assert!(!refuses(name).contains(&Sampling::Stop), "{name}");
        }
        for name in [
            "gpt-5-chat-latest",
            "gpt-4o",
            "gpt-4.1",
            "gpt-35-turbo",
            "gpt-50",
            "gpt-oss-120b",
            "olmo-3",
            "o1lm",
            "claude-opus-4-6",
            "smart",
            "",
        ] {
            assert!(refuses(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn new_models_go_on_from_nothing() {
        for name in [
            "claude-sonnet-4-5-20250929",
            "claude-3-opus",
            "claude-haiku-4-5",
        ] {
            assert!(claude_takes_prefill(name), "{name}");
        }
        for name in [
            "claude-opus-4-6",
            "anthropic/claude-sonnet-5",
            "smart",
            "gpt-5",
        ] {
            assert!(!claude_takes_prefill(name), "{name}");
        }
    }

    #[test]
    fn old_models_can_do_less() {
        for name in [
            "gpt-5",
            "o3",
            "claude-sonnet-4-5",
            "claude-3-7-sonnet",
            "smart",
            "qwen/qwq",
        ] {
            assert!(reasons(name), "{name}");
        }
        for name in [
            "gpt-4o",
            "claude-3-5-haiku",
            "openai/gpt-4.1",
            "mistral-large",
        ] {
            assert!(!reasons(name), "{name}");
        }
        for name in [
            "claude-sonnet-4-5",
            "claude-opus-4-1",
            "claude-haiku-4-5",
            "smart",
        ] {
            assert!(claude_follows_schemas(name), "{name}");
        }
        for name in [
            "claude-sonnet-4-0",
            "claude-opus-4-20250514",
            "claude-3-7-sonnet",
        ] {
            assert!(!claude_follows_schemas(name), "{name}");
        }
    }
}
