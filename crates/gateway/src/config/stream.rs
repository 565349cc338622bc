use super::{
    documented::documented,
    fields::Fields,
    kind::Kind,
    settings::{Contradiction, Settings},
    value::{Read, Wrong, reader, size},
};
use serde_json::Value;
use toml::de::DeValue;

documented! {
    /// `[stream]`: how streamed answers are given out.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Stream {
        /// When an answer is given out: with its first content, with its first call of a tool, when
        /// it is complete, or with about so many tokens.
        pub commit: Commit,
        /// How much of it is held back until then, in bytes.
        pub max_held: usize,
    }
}

/// When a streamed answer is given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Commit {
    /// With its first content.
    Content,
    /// With about so many tokens.
    Tokens(u32),
    /// With its first call of a tool.
    ToolCall,
    /// When it is complete.
    Complete,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            commit: Commit::Content,
            max_held: 256 << 10,
        }
    }
}

impl Settings for Stream {
    const TABLE: &'static str = "stream";

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.of::<Self>();
        fields.set("commit", &mut self.commit, commit());
        fields.set("max_held", &mut self.max_held, size(1 << 10..=64 << 20));
    }

    fn contradictions(&self) -> Vec<Contradiction> {
        Vec::new()
    }
}

/// The commit points that have names.
const COMMITS: [(&str, Commit); 3] = [
    ("content", Commit::Content),
    ("tool_call", Commit::ToolCall),
    ("complete", Commit::Complete),
];

const MOST_TOKENS: u32 = 100_000;

fn commit() -> impl Read<Commit> {
    let names = Kind::Names(COMMITS.iter().map(|(name, _)| *name).collect());
    let tokens = Kind::Number(1, u64::from(MOST_TOKENS));
    let kind = Kind::Either(Box::new([names, tokens]));
    let read = |value: &DeValue<'_>| {
        let help = "write \"content\", \"tool_call\", \"complete\", or a number of tokens";
        let wrong = || Wrong::new("is no commit point", help);
        match value {
            DeValue::Integer(tokens) => {
                let tokens = u32::from_str_radix(tokens.as_str(), tokens.radix()).ok();
                let tokens = tokens.filter(|tokens| (1..=MOST_TOKENS).contains(tokens));
                tokens.map(Commit::Tokens).ok_or_else(wrong)
            }
            value => {
                let name = value.as_str();
                let named = COMMITS.iter().find(|(known, _)| name == Some(known));
                named.map(|(_, commit)| *commit).ok_or_else(wrong)
            }
        }
    };
    reader(kind, read, |commit| match commit {
        Commit::Tokens(tokens) => Value::from(*tokens),
        named => {
            let name = COMMITS.iter().find(|(_, commit)| commit == named);
            name.map_or(Value::Null, |(name, _)| Value::from(*name))
        }
    })
}
