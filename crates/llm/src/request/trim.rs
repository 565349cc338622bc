//! Making a request smaller that was too large.

use super::{LlmRequest, Target, fields::range_of, splice::Splice};
use crate::{
    Dialect,
    dialect::MessageKind,
    request::{Address, Field, Fields},
};
use serde_json::value::RawValue;
use std::{mem, ops::Range, str};

/// Messages that only make sense together.
#[derive(Debug)]
struct Unit {
    messages: Range<usize>,
    bytes: usize,
}

impl LlmRequest {
    /// The request without its oldest turns, in at most so many per cent of its size, or as near
    /// to that as it gets; nothing, if there is none that could be left out.
    ///
    /// System prompts stay, and so does all from the last message of the user's on. A turn goes as
    /// a whole, with what the model said to it and with the tools that were called; only of the
    /// last one, calls go by themselves, each with its results and the oldest first, and what was
    /// called last stays.
    #[must_use]
    pub fn without_oldest_turns(&self, percent: u8) -> Option<Self> {
        let text = str::from_utf8(&self.body).ok()?;
        let Fields(fields) = serde_json::from_str(text).ok()?;
        let mut fields = fields.iter();
        let (_, list) = fields.find(|(name, _)| self.dialect.field(name) == Field::Messages)?;
        let messages: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;

        let spare = usize::from(100_u8.saturating_sub(percent));
        let mut excess = self.body.len().saturating_mul(spare) / 100;
        let mut left_out = vec![false; messages.len()];
        for unit in units(self.dialect, &messages) {
            if excess == 0 {
                break;
            }
            excess = excess.saturating_sub(unit.bytes);
            left_out[unit.messages].fill(true);
        }
        if !left_out.contains(&true) {
            return None;
        }
        let kept = messages.iter().zip(&left_out);
        let kept: Vec<_> = kept
            .filter(|(_, left_out)| !**left_out)
            .map(|(message, _)| message.get())
            .collect();
        let mut splice = Splice::default();
        let list = range_of(list.get(), text);
        splice.replace(list, format!("[{}]", kept.join(",")));
        self.changed(splice)
    }

    /// The request for an answer of at most half as many tokens, and not more than this; nothing,
    /// if it asks for few already.
    #[must_use]
    pub fn with_half_the_tokens(&self, most: u64) -> Option<Self> {
        const LEAST: u64 = 256;
        let half = self
            .max_tokens()
            .map_or(most, |tokens| tokens.min(2 * most) / 2);
        let fewer = half >= LEAST && self.max_tokens().is_none_or(|tokens| half < tokens);
        if !fewer {
            return None;
        }
        let target = Target::new(self.dialect).max_output_tokens(half);
        let body = self.amend(&target).body;
        self.with_body(body)
    }

    /// The request for this model, whatever model the place is set to ask for.
    #[must_use]
    pub fn for_model(&self, model: &str) -> Self {
        let mut request = self.clone();
        request.insisted = Some(model.into());
        request.ahead = None;
        request
    }

    /// The model that it is [for](Self::for_model) whatever the place is set to ask for.
    #[must_use]
    pub fn insists_on(&self) -> Option<&str> {
        self.insisted.as_deref()
    }

    fn changed(&self, splice: Splice<'_>) -> Option<Self> {
        self.with_body(splice.apply(&self.body))
    }

    pub(super) fn with_body(&self, body: bytes::Bytes) -> Option<Self> {
        let address = self.dialect.is_addressed().then(|| Address {
            model: self.model(),
            stream: self.streams(),
        });
        let read = Self::read(self.dialect, body, address).ok()?;
        Some(self.keeping(read))
    }

    /// What was read anew, with all that does not stand in a body as it is here.
    pub(super) fn keeping(&self, read: Self) -> Self {
        Self {
            call: self.call.clone(),
            session: self.session.clone(),
            headers: self.headers.clone(),
            insisted: self.insisted.clone(),
            said: self.said.clone(),
            corrections: self.corrections,
            ..read
        }
    }
}

/// What can be left out, in the order in which it is.
fn units(dialect: Dialect, messages: &[&RawValue]) -> Vec<Unit> {
    let kinds: Vec<_> = messages
        .iter()
        .map(|message| dialect.message_kind(message.get()))
        .collect();
    let asked: Vec<_> = (0..kinds.len())
        .filter(|at| kinds[*at] == MessageKind::Asks)
        .collect();
    let unit = |messages_at: Range<usize>| Unit {
        bytes: messages[messages_at.clone()]
            .iter()
            .map(|message| message.get().len() + 1)
            .sum(),
        messages: messages_at,
    };
    let system = |at: usize| kinds[at] == MessageKind::System;
    // A run of messages without the system prompts that stand in it.
    let runs = |range: Range<usize>| {
        let mut runs = Vec::new();
        let mut start = range.start;
        for at in range.clone() {
            if system(at) {
                runs.extend((start < at).then_some(start..at));
                start = at + 1;
            }
        }
        runs.extend((start < range.end).then_some(start..range.end));
        runs
    };
    let mut units = Vec::new();
    let last = asked.last().copied().unwrap_or(0);
    // What stands before the first question is a turn of its own.
    let mut start = 0;
    for next in asked {
        if start < next {
            units.extend(
                runs(mem::replace(&mut start, next)..next)
                    .into_iter()
                    .map(unit),
            );
        }
    }
    // The steps of the last turn: a call, with all that follows it until the next one.
    let steps: Vec<_> = (last + 1..kinds.len())
        .filter(|at| {
            kinds[*at] == MessageKind::Calls
                && (*at == last + 1 || kinds[*at - 1] != MessageKind::Calls)
        })
        .collect();
    for step in steps.windows(2) {
        units.extend(runs(step[0]..step[1]).into_iter().map(unit));
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn request(dialect: Dialect, messages: &Value) -> LlmRequest {
        let body = json!({"model": "m", "max_tokens": 1000, "messages": messages, "own": [1]});
        LlmRequest::parse(dialect, body.to_string().into()).unwrap()
    }

    fn messages(request: &LlmRequest) -> Vec<String> {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["own"], json!([1]));
        let messages = body["messages"].as_array().unwrap().iter();
        let text = |message: &Value| match &message["content"] {
            Value::String(text) => text.chars().take(2).collect(),
            other => other[0]["type"].to_string(),
        };
        messages.map(text).collect()
    }

    fn padded(text: &str) -> String {
        format!("{text} {}", "x".repeat(200))
    }

    fn openai() -> LlmRequest {
        let call = |id: &str, text: &str| {
            json!({"role": "assistant", "content": padded(text),
            "tool_calls": [{"id": id, "type": "function", "function": {"name": "f"}}]})
        };
        let result = |id: &str, text: &str| {
            json!({"role": "tool", "tool_call_id": id,
            "content": padded(text)})
        };
        request(
            Dialect::OpenAiChat,
            &json!([
                {"role": "system", "content": padded("s1")},
                {"role": "user", "content": padded("u1")},
                call("a", "c1"),
                result("a", "r1"),
                {"role": "assistant", "content": padded("a1")},
                {"role": "user", "content": padded("u2")},
                {"role": "developer", "content": padded("s2")},
                {"role": "assistant", "content": padded("a2")},
                {"role": "user", "content": padded("u3")},
                call("b", "c2"),
                result("b", "r2"),
                result("b", "r3"),
                call("c", "c3"),
                result("c", "r4"),
            ]),
        )
    }

    #[test]
    fn the_oldest_turns_go_as_a_whole() {
        let kept = |percent| {
            openai()
                .without_oldest_turns(percent)
                .map(|it| messages(&it))
        };
        let all = 14;
        let first = kept(99).unwrap();
        assert_eq!(first.len(), all - 4);
        assert_eq!(first[..3], ["s1", "u2", "s2"]);
        let second = kept(60).unwrap();
        assert_eq!(second[..3], ["s1", "s2", "u3"]);
        // Then the oldest call of the last turn, with all its results.
        let least = ["s1", "s2", "u3", "c3", "r4"];
        assert_eq!(kept(40).unwrap(), least);
        assert_eq!(kept(1).unwrap(), least);
        assert_eq!(kept(100), None);
        let trimmed = openai().without_oldest_turns(1).unwrap();
        assert!(trimmed.without_oldest_turns(1).is_none(), "all else stays");
    }

    #[test]
    fn a_result_is_no_question_of_the_users() {
        let call = json!({"role": "assistant", "content": [
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": padded("c")}}]});
        let result = json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": padded("r")}]});
        let request = request(
            Dialect::AnthropicMessages,
            &json!([
                {"role": "user", "content": padded("u1")},
                {"role": "assistant", "content": padded("a1")},
                {"role": "user", "content": padded("u2")},
                call, result, call, result,
            ]),
        );
        let trimmed = request.without_oldest_turns(90).unwrap();
        let (call, result) = ("\"tool_use\"", "\"tool_result\"");
        assert_eq!(messages(&trimmed), ["u2", call, result, call, result]);
        let trimmed = request.without_oldest_turns(1).unwrap();
        assert_eq!(messages(&trimmed), ["u2", call, result]);
    }

    #[test]
    fn what_a_response_is_made_of_stays_together() {
        let user = |text: &str| json!({"role": "user", "content": padded(text)});
        let step = |id: &str| {
            [
                json!({"type": "reasoning", "id": padded("rs"), "summary": []}),
                json!({"type": "message", "role": "assistant", "content": "let me see"}),
                json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"}),
                json!({"type": "function_call_output", "call_id": id, "output": padded("o")}),
            ]
        };
        let items = [
            vec![
                json!({"role": "developer", "content": padded("s")}),
                user("1"),
            ],
            step("a").to_vec(),
            vec![user("2")],
            step("b").to_vec(),
            step("c").to_vec(),
        ];
        let body = json!({"model": "m", "input": items.concat()}).to_string();
        let request = LlmRequest::parse(Dialect::OpenAiResponses, body.into()).unwrap();
        let kept = |percent| {
            let trimmed = request.without_oldest_turns(percent).unwrap();
            let body: Value = serde_json::from_slice(trimmed.body()).unwrap();
            body["input"].as_array().unwrap().len()
        };
        assert_eq!(kept(95), 1 + 1 + 8);
        assert_eq!(kept(1), 1 + 1 + 4);
        let text = LlmRequest::parse(
            Dialect::OpenAiResponses,
            r#"{"model": "m", "input": "Hi"}"#.into(),
        );
        assert!(text.unwrap().without_oldest_turns(1).is_none());
    }

    #[test]
    fn one_question_stays() {
        let request = request(
            Dialect::OpenAiChat,
            &json!([{"role": "user", "content": "u1"}]),
        );
        assert!(request.without_oldest_turns(1).is_none());
        let none = json!([]);
        assert!(
            self::request(Dialect::OpenAiChat, &none)
                .without_oldest_turns(1)
                .is_none()
        );
    }

    #[test]
    fn fewer_tokens_are_asked_for_each_time() {
        let request = openai();
        let half = request.with_half_the_tokens(4096).unwrap();
        assert_eq!(half.max_tokens(), Some(500));
        assert!(
            half.with_half_the_tokens(4096).is_none(),
            "256 are the least"
        );
        assert_eq!(
            request.with_half_the_tokens(300).unwrap().max_tokens(),
            Some(300)
        );

        let body = r#"{"model": "m", "messages": []}"#;
        let request = LlmRequest::parse(Dialect::OpenAiChat, body.into()).unwrap();
        let limited = request.with_half_the_tokens(4096).unwrap();
        assert_eq!(limited.max_tokens(), Some(4096));
    }

    #[test]
    fn a_model_that_is_insisted_on_comes_before_the_one_of_the_place() {
        let target = Target::new(Dialect::OpenAiChat).model("large");
        let request = openai().for_model("small");
        let body = request.encode(&target).unwrap().body;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["model"], "small");
        let crossed = Target::new(Dialect::AnthropicMessages).model("large");
        let body = request.encode(&crossed).unwrap().body;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["model"], "small");
    }
}
