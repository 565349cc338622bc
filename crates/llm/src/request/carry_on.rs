//! A request for the rest of an answer whose stream broke.

use super::{
    Address, BYTES_PER_TOKEN, Encoded, Field, Fields, LlmRequest, Target,
    fields::range_of,
    index::{Index, Limit},
    splice::Splice,
};
use crate::{Dialect, Lax, cross::Role, model, stream::json};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, str};

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

/// The fewest tokens to ask for: OpenAI's responses take no fewer.
const LEAST_TOKENS: u64 = 16;

impl LlmRequest {
    /// The request for the rest of an answer of which this was said.
    ///
    /// Where it is [written](Self::encode), what was said stands at the end of the conversation,
    /// without white space at its end. A place that can go on from there is told to
    /// ([`Target::prefill`]); any other one is asked to in words, as the user. The limit on tokens
    /// is lowered by about what was said, down to 16, unless the model thinks, which counts too.
    ///
    /// A request that is made of another one's [body](Self::body) is not for the rest.
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

    /// Whether another answer could go on with one to this request.
    ///
    /// # Errors
    /// Why not, in stable words.
    pub(crate) fn can_be_carried_on(&self) -> Result<(), &'static str> {
        if self.wants_json() {
            return Err("a stream of JSON is not carried on");
        }
        let text = str::from_utf8(&self.body).unwrap_or_default();
        let Ok(Fields(fields)) = serde_json::from_str(text) else {
            return Ok(());
        };
        for (name, value) in fields {
            let value = value.get();
            match &*name {
                "conversation" | "background" if !matches!(value, "null" | "false") => {
                    return Err("a stream in a conversation that is kept is not carried on");
                }
                "n" if !matches!(value, "null" | "1") => {
                    return Err("a stream of several answers is not carried on");
                }
                // vLLM's words for the form of an answer.
                name if name.starts_with("guided_") || name == "structured_outputs" => {
                    return Err("a stream that follows a grammar is not carried on");
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Encoded {
    /// The same, and then what was said in answer to it, to be carried on.
    pub(super) fn carrying_on(mut self, said: &str, target: &Target, model: &str) -> Self {
        if let Some((body, prefill)) = carry_on(&self.body, said, target, model) {
            self.body = body;
            self.echoes = prefill == Prefill::Prefix;
        }
        self
    }
}

fn carry_on(body: &Bytes, said: &str, target: &Target, model: &str) -> Option<(Bytes, Prefill)> {
    let dialect = target.dialect;
    let text = str::from_utf8(body).ok()?;
    let Fields(fields) = serde_json::from_str(text).ok()?;
    let told_to_think = fields.iter().any(|(name, value)| thinks(name, value));
    let prefill = match target.prefill {
        Prefill::Last if told_to_think || !model::claude_takes_prefill(model) => Prefill::No,
        prefill => prefill,
    };

    let mut splice = Splice::default();
    let instruction = match prefill {
        Prefill::No => format!(",{}", dialect.turn(Role::User, INSTRUCTION, false)),
        _ => String::new(),
    };
    let mut lists = fields.iter();
    let list = lists.find(|(name, _)| dialect.field(name) == Field::Messages);
    match list {
        Some((_, list)) => {
            let turns = turns(dialect, list, said, prefill);
            splice.replace(
                range_of(list.get(), text),
                format!("[{turns}{instruction}]"),
            );
        }
        None => {
            let turn = dialect.turn(Role::Assistant, said, prefill == Prefill::Prefix);
            let name = dialect.messages_field();
            insert(
                &mut splice,
                text,
                format!("\"{name}\":[{turn}{instruction}],"),
            );
        }
    }
    if prefill == Prefill::FinalMessage {
        for (name, value) in [
            ("continue_final_message", "true"),
            ("add_generation_prompt", "false"),
        ] {
            match fields.iter().find(|(field, _)| field == name) {
                Some((_, there)) => splice.replace(range_of(there.get(), text), value),
                None => insert(&mut splice, text, format!("\"{name}\":{value},")),
            }
        }
    }
    // What a model thinks counts, and how much it did is not known.
    let thinks = match dialect {
        Dialect::AnthropicMessages => told_to_think,
        _ => target.reasons(model),
    };
    if !thinks {
        let spent = (said.len() / BYTES_PER_TOKEN) as u64;
        for limit in limits(dialect, text) {
            let Some(tokens) = limit.tokens else { continue };
            let left = tokens.saturating_sub(spent).max(LEAST_TOKENS);
            if left < tokens {
                splice.replace(limit.at, left.to_string());
            }
        }
    }
    Some((splice.apply(body), prefill))
}

/// Whether this field has one of Anthropic's models think.
fn thinks(name: &str, value: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Thinking<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Lax<'a>,
    }
    let kind = serde_json::from_str::<Option<Thinking<'_>>>(value.get());
    let off = |kind: Option<Thinking<'_>>| kind.is_none_or(|it| it.kind.as_str() == "disabled");
    name == "thinking" && !kind.is_ok_and(off)
}

/// The turns of a conversation, at the end of which this was said. What a last turn of the model's
/// says already, this goes on with.
fn turns(dialect: Dialect, list: &RawValue, said: &str, prefill: Prefill) -> String {
    let prefix = prefill == Prefill::Prefix;
    let mut turns = list_of(dialect, list);
    match turns.last().and_then(|last| longer(last, said, prefix)) {
        Some(last) => {
            turns.pop();
            turns.push(last.into());
        }
        None => turns.push(dialect.turn(Role::Assistant, said, prefix).into()),
    }
    turns.join(",")
}

/// The turns of a conversation, in whatever form it stands in a request.
pub(super) fn list_of(dialect: Dialect, list: &RawValue) -> Vec<Cow<'_, str>> {
    let list = list.get();
    if let Ok(turns) = serde_json::from_str::<Vec<&RawValue>>(list) {
        let turns = turns.into_iter();
        return turns.map(|turn| Cow::Borrowed(turn.get())).collect();
    }
    match list.as_bytes().first() {
        // One question, without anything around it.
        Some(b'"') => {
            let question = serde_json::from_str::<String>(list).unwrap_or_default();
            vec![dialect.turn(Role::User, &question, false).into()]
        }
        Some(b'{') => vec![list.into()],
        _ => Vec::new(),
    }
}

/// A turn of the model's that says this at its end; nothing, if it is none that says only text.
pub(super) fn longer(turn: &str, said: &str, prefix: bool) -> Option<String> {
    let Fields(fields) = serde_json::from_str(turn).ok()?;
    let known = |name: &str| matches!(name, "role" | "content" | "prefix" | "type" | "parts");
    let mut field = fields.iter();
    let role = &field.find(|(name, _)| name == "role")?.1;
    let is_models = matches!(role.get(), "\"assistant\"" | "\"model\"");
    if !is_models || !fields.iter().all(|(name, _)| known(name)) {
        return None;
    }
    let mut field = fields.iter();
    let (name, content) = field.find(|(name, _)| matches!(&**name, "content" | "parts"))?;
    let content = match serde_json::from_str::<Cow<'_, str>>(content.get()) {
        Ok(text) => json(&format!("{text}{said}")),
        Err(_) => {
            let parts: Vec<&RawValue> = serde_json::from_str(content.get()).ok()?;
            let said = json(said);
            let part = match (&**name, fields.iter().any(|(name, _)| name == "type")) {
                ("parts", _) => format!(r#"{{"text":{said}}}"#),
                (_, true) => format!(r#"{{"type":"output_text","text":{said}}}"#),
                (_, false) => format!(r#"{{"type":"text","text":{said}}}"#),
            };
            let parts = parts.iter().map(|part| part.get());
            let parts: Vec<_> = parts.chain([&*part]).collect();
            format!("[{}]", parts.join(","))
        }
    };
    let kind = fields.iter().find(|(name, _)| name == "type");
    let kind = kind.map_or_else(String::new, |(_, kind)| format!(r#""type":{kind},"#));
    let prefix = if prefix { r#","prefix":true"# } else { "" };
    Some(format!(
        r#"{{{kind}"role":{role},"{name}":{content}{prefix}}}"#
    ))
}

/// Puts this in front of all fields, of which there is one at least.
fn insert<'a>(splice: &mut Splice<'a>, text: &str, fields: String) {
    let brace = text.find('{').unwrap_or_default();
    splice.insert(brace + 1, fields);
}

fn limits(dialect: Dialect, text: &str) -> impl Iterator<Item = Limit> {
    let address = dialect.is_addressed().then_some(Address {
        model: "any",
        stream: true,
    });
    let index = Index::read(dialect, text, address).ok();
    index.into_iter().flat_map(|index| index.limits).flatten()
}
