//! A request for the rest of an answer whose stream broke.

use super::{
    Address, Encoded, Field, Fields, LlmRequest, Target, fields::range_of, index::Index,
    splice::Splice,
};
use crate::{Dialect, cross::Role, model};
use bytes::Bytes;
use serde_json::value::RawValue;
use std::str;

/// How a model is made to go on from the beginning of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Prefill {
    /// It can't be: to it, an answer that stands last is one that is over. It is asked to go on
    /// in words. The default.
    #[default]
    No,
    /// It goes on from an answer that stands last. Of Anthropic's models those before 4.6 do,
    /// when they do not think.
    Last,
    /// It does if that answer is marked with `prefix`, as Mistral has it.
    Prefix,
    /// It does if it is told so beside the conversation, by vLLM's `continue_final_message`.
    FinalMessage,
}

/// What a model is told that can't be given the beginning of its answer.
const INSTRUCTION: &str = "Your answer above was cut off by a technical failure. Continue it from \
    exactly where it stops, as if it had not been interrupted: do not repeat any of it, and do \
    not add anything before the continuation.";

/// About so many bytes of text are one token, as in
/// [`estimated_tokens`](LlmRequest::estimated_tokens).
const BYTES_PER_TOKEN: u64 = 4;

/// The fewest tokens to ask for: OpenAI's responses take no fewer.
const LEAST_TOKENS: u64 = 16;

impl LlmRequest {
    /// The request for the rest of an answer of which this was said.
    ///
    /// Where it is [written](Self::encode), what was said stands at the end of the conversation,
    /// without white space at its end. A place that can go on from there is told to
    /// ([`Target::prefill`]); any other one is asked to in words, as the user. The limit on tokens
    /// is lowered by about what was said, unless the model thinks, which counts too.
    ///
    /// ```
    /// use buttress_llm::{Dialect, LlmRequest, Prefill, Target};
    ///
    /// let body = r#"{"model": "m", "messages": [{"role": "user", "content": "Count."}]}"#;
    /// let request = LlmRequest::parse(Dialect::OpenAiChat, body.into())?;
    ///
    /// let target = Target::new(Dialect::OpenAiChat).prefill(Prefill::Prefix);
    /// let encoded = request.carrying_on("One, two, ").encode(&target)?;
    /// let prefilled = r#"{"role":"assistant","content":"One, two,","prefix":true}]}"#;
    /// assert!(encoded.body.ends_with(prefilled.as_bytes()));
    /// # Ok::<_, buttress_llm::InvalidRequest>(())
    /// ```
    #[must_use]
    pub fn carrying_on(&self, said: &str) -> Self {
        let mut request = self.clone();
        request.said = Some(said.trim_end().into());
        request.ahead = None;
        request
    }
}

impl Encoded {
    /// The same, and then what was said in answer to it, to be carried on.
    pub(super) fn carrying_on(mut self, said: &str, target: &Target, model: &str) -> Self {
        if let Some(body) = carry_on(&self.body, said, target, model) {
            self.body = body;
        }
        self
    }
}

fn carry_on(body: &Bytes, said: &str, target: &Target, model: &str) -> Option<Bytes> {
    let dialect = target.dialect;
    let text = str::from_utf8(body).ok()?;
    let Fields(fields) = serde_json::from_str(text).ok()?;
    let thinks = fields.iter().any(|(name, value)| thinks(name, value));
    let prefill = match target.prefill {
        Prefill::Last if thinks || !model::claude_takes_prefill(model) => Prefill::No,
        prefill => prefill,
    };

    let mut splice = Splice::default();
    let mut turns = dialect.turn(Role::Assistant, said, prefill == Prefill::Prefix);
    if prefill == Prefill::No {
        turns.push(',');
        turns.push_str(&dialect.turn(Role::User, INSTRUCTION, false));
    }
    let mut lists = fields.iter();
    let list = lists.find(|(name, _)| dialect.field(name) == Field::Messages);
    match list {
        Some((_, list)) => {
            splice.replace(range_of(list.get(), text), longer(dialect, list, &turns))
        }
        None => insert(
            &mut splice,
            text,
            &format!("\"{}\":[{turns}],", dialect.messages_field()),
        ),
    }
    if prefill == Prefill::FinalMessage {
        const FINAL: &str = "\"continue_final_message\":true,\"add_generation_prompt\":false,";
        insert(&mut splice, text, FINAL);
    }
    if !thinks {
        let spent = said.len() as u64 / BYTES_PER_TOKEN;
        for limit in limits(dialect, text) {
            let Some(tokens) = limit.tokens else { continue };
            let left = tokens.saturating_sub(spent).max(LEAST_TOKENS);
            if left < tokens {
                splice.replace(limit.at, left.to_string());
            }
        }
    }
    Some(splice.apply(body))
}

/// Whether this field has one of Anthropic's models think.
fn thinks(name: &str, value: &RawValue) -> bool {
    name == "thinking" && value.get() != "null" && !value.get().contains("\"disabled\"")
}

/// The list of a conversation with these turns at its end.
fn longer(dialect: Dialect, list: &RawValue, turns: &str) -> String {
    let list = list.get();
    if let Some(inside) = list
        .strip_prefix('[')
        .and_then(|list| list.strip_suffix(']'))
    {
        let comma = if inside.trim().is_empty() { "" } else { "," };
        return format!("[{inside}{comma}{turns}]");
    }
    match list.as_bytes().first() {
        // One question, without anything around it.
        Some(b'"') => {
            let question = serde_json::from_str::<String>(list).unwrap_or_default();
            format!("[{},{turns}]", dialect.turn(Role::User, &question, false))
        }
        Some(b'{') => format!("[{list},{turns}]"),
        _ => format!("[{turns}]"),
    }
}

/// Puts this in front of all fields, of which there is one at least.
fn insert<'a>(splice: &mut Splice<'a>, text: &str, fields: &str) {
    let brace = text.find('{').unwrap_or_default();
    splice.insert(brace + 1, fields.to_owned());
}

fn limits(dialect: Dialect, text: &str) -> impl Iterator<Item = super::index::Limit> {
    let address = dialect.is_addressed().then_some(Address {
        model: "any",
        stream: true,
    });
    let index = Index::read(dialect, text, address).ok();
    index.into_iter().flat_map(|index| index.limits).flatten()
}
