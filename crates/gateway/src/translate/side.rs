//! Whom a document comes from, and whom it is for.

use buttress_llm::{Dialect, Provider, Target};
use std::{error, fmt, str::FromStr};

/// One side of a translation, as the command line names it: a dialect, or whoever speaks one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side(Speaks);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Dialect(Speaker),
    /// Bedrock's own API, of which only the reasons for stopping are known.
    Converse,
}

/// Somebody who speaks a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Speaker {
    pub(super) dialect: Dialect,
    pub(super) provider: Provider,
    /// Whether its model thinks, where that is said.
    pub(super) thinks: Option<bool>,
}

impl Speaker {
    pub(super) const fn new(dialect: Dialect, provider: Provider) -> Self {
        Self {
            dialect,
            provider,
            thinks: None,
        }
    }

    /// How a request is written for it.
    pub(super) fn target(&self) -> Target {
        let own = self.provider.target();
        let own = own.filter(|target| target.dialect() == self.dialect);
        let target = own.unwrap_or_else(|| Target::new(self.dialect));
        match self.thinks {
            Some(thinks) => target.reasoning(thinks),
            None => target,
        }
    }
}

impl Side {
    pub(super) const fn speaks(self) -> Speaks {
        self.0
    }
}

impl FromStr for Side {
    type Err = InvalidSide;

    fn from_str(name: &str) -> Result<Self, InvalidSide> {
        Ok(Self(match name {
            "bedrock" => Speaks::Converse,
            "openai-compatible" => {
                Speaks::Dialect(Speaker::new(Dialect::OpenAiChat, Provider::Compatible))
            }
            "anthropic-thinking" => Speaks::Dialect(Speaker {
                thinks: Some(true),
                ..Speaker::new(Dialect::AnthropicMessages, Provider::Anthropic)
            }),
            name => Speaks::Dialect(dialect(name).or_else(|| provider(name)).ok_or_else(|| {
                InvalidSide {
                    name: name.to_owned(),
                }
            })?),
        }))
    }
}

/// A dialect by its name, or by its vendor's, whose first one it is.
fn dialect(name: &str) -> Option<Speaker> {
    let mut all = Dialect::ALL.into_iter();
    let dialect = all.find(|dialect| {
        let full = dialect.as_str();
        full == name || full.split('.').next() == Some(name)
    })?;
    Some(Speaker::new(dialect, dialect.usual_provider()))
}

/// Whoever is asked in one of the dialects.
fn provider(name: &str) -> Option<Speaker> {
    let provider: Provider = name.parse().ok()?;
    let dialect = provider.dialect()?;
    Some(Speaker::new(dialect, provider))
}

/// A name that is nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSide {
    name: String,
}

impl fmt::Display for InvalidSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a dialect (")?;
        for (i, dialect) in Dialect::ALL.into_iter().enumerate() {
            write!(f, "{}{dialect}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str(
            "), its vendor, a provider that speaks one (mistral, groq, openai-compatible, …), ",
        )?;
        f.write_str("anthropic-thinking, or bedrock")
    }
}

impl error::Error for InvalidSide {}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaker(name: &str) -> Speaker {
        match name.parse::<Side>().unwrap().speaks() {
            Speaks::Dialect(speaker) => speaker,
            Speaks::Converse => panic!("{name} speaks a dialect"),
        }
    }

    #[test]
    fn a_side_is_a_dialect_or_whoever_speaks_it() {
        for dialect in Dialect::ALL {
            assert_eq!(speaker(dialect.as_str()).dialect, dialect);
        }
        for (name, dialect, provider) in [
            ("openai", Dialect::OpenAiChat, Provider::OpenAi),
            ("mistral", Dialect::OpenAiChat, Provider::Mistral),
            (
                "openai-compatible",
                Dialect::OpenAiChat,
                Provider::Compatible,
            ),
            ("anthropic", Dialect::AnthropicMessages, Provider::Anthropic),
            (
                "anthropic-thinking",
                Dialect::AnthropicMessages,
                Provider::Anthropic,
            ),
        ] {
            let speaker = speaker(name);
            assert_eq!((speaker.dialect, speaker.provider), (dialect, provider));
        }
        assert_eq!("bedrock".parse(), Ok(Side(Speaks::Converse)));
        for name in ["", "nobody", "cloudflare", "openai.nothing"] {
            let error = name.parse::<Side>().unwrap_err().to_string();
            assert!(error.contains("anthropic.messages"), "{error}");
        }
    }
}
