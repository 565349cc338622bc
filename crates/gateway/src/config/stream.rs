use super::{
    fields::Fields,
    settings::{Contradiction, Settings},
    value::{Wrong, size},
};
use toml::de::DeValue;

/// `[stream]`: how streamed answers are given out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stream {
    /// When an answer is given out.
    pub commit: Commit,
    /// How much of it is held back until then, in bytes.
    pub max_held: usize,
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
        fields.set("commit", &mut self.commit, commit);
        fields.set("max_held", &mut self.max_held, size(1 << 10..=64 << 20));
    }

    fn contradictions(&self) -> Vec<Contradiction> {
        Vec::new()
    }
}

fn commit(value: &DeValue<'_>) -> Result<Commit, Wrong> {
    let help = "write \"content\", \"tool_call\", \"complete\", or a number of tokens";
    let wrong = || Wrong::new("is no commit point", help);
    match value {
        DeValue::Integer(tokens) => {
            let tokens = u32::from_str_radix(tokens.as_str(), tokens.radix()).ok();
            let tokens = tokens.filter(|tokens| (1..=100_000).contains(tokens));
            tokens.map(Commit::Tokens).ok_or_else(wrong)
        }
        value => match value.as_str() {
            Some("content") => Ok(Commit::Content),
            Some("tool_call") => Ok(Commit::ToolCall),
            Some("complete") => Ok(Commit::Complete),
            _ => Err(wrong()),
        },
    }
}
