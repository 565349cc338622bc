use super::*;
use crate::{EventStream, LlmError, LlmResponse, Stop};
use bytes::Bytes;
use futures_core::Stream as _;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

/// An answer with text in two pieces, a call, what is not known here, and usage.
fn answer(dialect: Dialect) -> Value {
    match dialect {
        Dialect::OpenAiChat => json!({"id": "a", "model": "m", "own": [1], "choices": [
            {"index": 0, "own": 2, "finish_reason": "tool_calls", "message": {"role": "assistant",
                "content": "one two", "reasoning_content": "hm", "tool_calls": [
                {"id": "c", "type": "function", "own": 3, "function": {"name": "f", "arguments": "{\"x\": 1}"}}]}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.5,
                "prompt_cache_hit_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 0}}}),
        Dialect::AnthropicMessages => json!({"id": "a", "model": "m", "own": [1], "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "one ", "citations": [1]},
            {"type": "text", "text": "two"},
            {"type": "tool_use", "id": "c", "name": "f", "own": 3, "input": {"x": 1}}],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 8, "cache_read_input_tokens": 2, "output_tokens": 5,
                "cache_creation": {"ephemeral_5m_input_tokens": 0}, "service_tier": "standard"}}),
        Dialect::OpenAiResponses => {
            json!({"id": "a", "model": "m", "own": [1], "status": "completed", "output": [
            {"type": "reasoning", "id": "rs", "summary": []},
            {"type": "message", "id": "msg", "own": 2, "content": [
                {"type": "output_text", "text": "one ", "annotations": []},
                {"type": "output_text", "text": "two", "annotations": []}]},
            {"type": "function_call", "id": "fc", "call_id": "c", "own": 3, "name": "f", "arguments": "{\"x\": 1}"}],
            "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 2}, "output_tokens": 5,
                "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 15, "own": 4}})
        }
        Dialect::Gemini => {
            json!({"responseId": "a", "modelVersion": "m", "own": [1], "candidates": [
            {"index": 0, "own": 2, "finishReason": "STOP", "content": {"role": "model", "parts": [
                {"text": "hm", "thought": true}, {"text": "one "}, {"text": "two", "thoughtSignature": "s"},
                {"functionCall": {"id": "c", "name": "f", "args": {"x": 1}}, "thoughtSignature": "s"}]}}],
            "usageMetadata": {"promptTokenCount": 8, "toolUsePromptTokenCount": 2,
                "cachedContentTokenCount": 2, "candidatesTokenCount": 5, "totalTokenCount": 15,
                "trafficType": "ON_DEMAND"}})
        }
    }
}

fn read(dialect: Dialect, body: &Bytes) -> Said {
    Said::read(dialect, body).unwrap()
}

fn value(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn an_answer_says_the_same_in_each_dialect() {
    for dialect in Dialect::ALL {
        let body = Bytes::from(answer(dialect).to_string());
        let said = read(dialect, &body);
        assert_eq!(
            (&*said.id, &*said.model, &*said.text),
            ("a", "m", "one two")
        );
        let call = &said.calls[0];
        assert_eq!((&*call.id, &*call.name), ("c", "f"));
        assert_eq!(
            serde_json::from_str::<Value>(&call.arguments).unwrap(),
            json!({"x": 1})
        );
        assert_eq!(
            said.finish.as_ref().unwrap().stop,
            Stop::ToolCalls,
            "{dialect}"
        );
        assert_eq!(
            (said.usage.input, said.usage.output),
            (Some(10), Some(5)),
            "{dialect}"
        );
        let unchanged = said.write_into(&body).unwrap();
        assert_eq!(unchanged.as_ptr(), body.as_ptr(), "{dialect}");
        assert!(Said::read(dialect, b"{}").is_err());
    }
}

/// All that differs between the two, by its place.
fn differences(before: &Value, after: &Value, at: &str, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for name in before
                .keys()
                .chain(after.keys().filter(|it| !before.contains_key(*it)))
            {
                let value = |it: &serde_json::Map<String, Value>| it.get(name).cloned();
                let (one, other) = (value(before), value(after));
                let null = Value::Null;
                let (one, other) = (
                    one.as_ref().unwrap_or(&null),
                    other.as_ref().unwrap_or(&null),
                );
                differences(one, other, &format!("{at}.{name}"), found);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (at_of, (one, other)) in before.iter().zip(after).enumerate() {
                differences(one, other, &format!("{at}[{at_of}]"), found);
            }
        }
        _ if before == after => {}
        _ => found.push(format!("{at}={after}")),
    }
}

fn changed(dialect: Dialect, change: impl FnOnce(&mut Said)) -> Vec<String> {
    let body = Bytes::from(answer(dialect).to_string());
    let mut said = read(dialect, &body);
    change(&mut said);
    let written = said.write_into(&body).unwrap();
    let now = read(dialect, &written);
    assert_eq!(
        (&now.text, &now.finish),
        (&said.text, &said.finish),
        "{dialect}"
    );
    assert_eq!(now.calls[0].arguments, said.calls[0].arguments, "{dialect}");
    assert_eq!(now.usage, said.usage, "{dialect}");
    let mut found = Vec::new();
    differences(&value(&body), &value(&written), "", &mut found);
    found
}

#[test]
fn a_text_is_changed_where_it_stands() {
    let text = |dialect| {
        changed(dialect, |said| {
            said.text = "{\"a\": \"\u{1f600}\n\"}".to_owned()
        })
    };
    let json = r#""{\"a\": \"😀\n\"}""#;
    assert_eq!(
        text(Dialect::OpenAiChat),
        [format!(".choices[0].message.content={json}")]
    );
    assert_eq!(
        text(Dialect::OpenAiResponses),
        [
            format!(".output[1].content[0].text={json}"),
            ".output[1].content[1].text=\"\"".to_owned()
        ]
    );
    let parts = ".candidates[0].content.parts";
    assert_eq!(
        text(Dialect::Gemini),
        [
            format!("{parts}[1].text={json}"),
            format!("{parts}[2].text=\"\"")
        ]
    );
    // An empty piece would be refused when it is sent back.
    let body = Bytes::from(answer(Dialect::AnthropicMessages).to_string());
    let mut said = read(Dialect::AnthropicMessages, &body);
    said.text = "x".to_owned();
    let mut expected = answer(Dialect::AnthropicMessages);
    expected["content"][1]["text"] = "x".into();
    expected["content"].as_array_mut().unwrap().remove(2);
    assert_eq!(value(&said.write_into(&body).unwrap()), expected);
}

#[test]
fn arguments_are_changed_where_they_stand() {
    let arguments = r#"{"x":"2"}"#;
    for (dialect, expected) in [
        (
            Dialect::OpenAiChat,
            r#".choices[0].message.tool_calls[0].function.arguments="{\"x\":\"2\"}""#,
        ),
        (Dialect::AnthropicMessages, r#".content[3].input.x="2""#),
        (
            Dialect::OpenAiResponses,
            r#".output[2].arguments="{\"x\":\"2\"}""#,
        ),
        (
            Dialect::Gemini,
            r#".candidates[0].content.parts[3].functionCall.args.x="2""#,
        ),
    ] {
        let found = changed(dialect, |said| {
            said.calls[0].arguments = arguments.to_owned()
        });
        assert_eq!(found, [expected], "{dialect}");
        let body = Bytes::from(answer(dialect).to_string());
        let mut said = read(dialect, &body);
        said.calls[0].arguments = "[]".to_owned();
        let strict = matches!(dialect, Dialect::AnthropicMessages | Dialect::Gemini);
        assert_eq!(said.write_into(&body).is_err(), strict, "{dialect}");
    }
}

#[test]
fn usage_is_changed_in_the_dialects_own_fields_with_its_totals() {
    let more = |said: &mut Said| {
        let mut more = Usage::default();
        (more.input, more.output, more.cached) = (Some(100), Some(50), Some(1));
        said.usage = said.usage.and(more);
    };
    for (dialect, expected) in [
        (
            Dialect::OpenAiChat,
            &[
                ".usage.prompt_tokens=110",
                ".usage.completion_tokens=55",
                ".usage.total_tokens=165",
                ".usage.prompt_cache_hit_tokens=null",
                ".usage.prompt_tokens_details.cached_tokens=3",
            ][..],
        ),
        (
            Dialect::AnthropicMessages,
            &[
                ".usage.input_tokens=107",
                ".usage.cache_read_input_tokens=3",
                ".usage.output_tokens=55",
            ],
        ),
        (
            Dialect::OpenAiResponses,
            &[
                ".usage.input_tokens=110",
                ".usage.input_tokens_details.cached_tokens=3",
                ".usage.output_tokens=55",
                ".usage.total_tokens=165",
            ],
        ),
        (
            Dialect::Gemini,
            &[
                ".usageMetadata.promptTokenCount=110",
                ".usageMetadata.toolUsePromptTokenCount=null",
                ".usageMetadata.cachedContentTokenCount=3",
                ".usageMetadata.candidatesTokenCount=55",
                ".usageMetadata.totalTokenCount=165",
            ],
        ),
    ] {
        assert_eq!(changed(dialect, more), expected, "{dialect}");
    }
}

#[test]
fn usage_is_told_where_there_was_none() {
    for dialect in Dialect::ALL {
        let mut without = answer(dialect);
        let field = if dialect == Dialect::Gemini {
            "usageMetadata"
        } else {
            "usage"
        };
        for usage in [None, Some(Value::Null)] {
            match usage {
                None => _ = without.as_object_mut().unwrap().remove(field),
                Some(null) => without[field] = null,
            }
            let body = Bytes::from(without.to_string());
            let mut said = read(dialect, &body);
            said.usage.input = Some(7);
            let written = said.write_into(&body).unwrap();
            assert_eq!(read(dialect, &written).usage.input, Some(7), "{dialect}");
            let mut expected = value(&written);
            assert!(expected[field].is_object());
            without[field] = expected[field].take();
            expected[field] = without[field].clone();
            assert_eq!(expected, without, "{dialect}");
        }
    }
}

#[test]
fn what_has_no_place_in_it_makes_a_new_answer() {
    for dialect in Dialect::ALL {
        let body = Bytes::from(answer(dialect).to_string());
        let mut said = read(dialect, &body);
        said.calls.clear();
        said.text = "Done.".to_owned();
        said.finish.as_mut().unwrap().stop = Stop::Length;
        let now = read(dialect, &said.write_into(&body).unwrap());
        assert_eq!((&*now.text, now.calls.len()), ("Done.", 0), "{dialect}");
        assert_eq!(now.finish.unwrap().stop, Stop::Length, "{dialect}");
        assert_eq!((&*now.id, &*now.model), ("a", "m"));
    }
    // A call alone, and text instead of it.
    let body = Bytes::from(
        json!({"id": "a", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}],
            "stop_reason": "tool_use"})
        .to_string(),
    );
    let mut said = read(Dialect::AnthropicMessages, &body);
    said.text = "So:".to_owned();
    let now = read(Dialect::AnthropicMessages, &said.write_into(&body).unwrap());
    assert_eq!((&*now.text, now.calls.len()), ("So:", 1));
}

fn events(mut stream: EventStream) -> Vec<Result<StreamEvent, LlmError>> {
    let mut events = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(event)) = Pin::new(&mut stream).poll_next(&mut cx) {
        events.push(event);
    }
    events
}

fn heard(dialect: Dialect, events: &[Result<StreamEvent, LlmError>]) -> Said {
    let mut reader = SaidReader::new(dialect);
    for event in events {
        reader.add(event.as_ref().unwrap());
    }
    assert!(reader.is_whole());
    reader.into_said()
}

#[test]
fn a_stream_says_what_the_whole_answer_does() {
    for dialect in Dialect::ALL {
        let body = Bytes::from(answer(dialect).to_string());
        let mut said = read(dialect, &body);
        said.text = "é\u{1f600}".repeat(10_000);
        said.calls.push(said.calls[0].clone());
        said.calls[1].id = "d".to_owned();
        let events = events(said.clone().into_stream(true));
        let last = events.last().unwrap().as_ref().unwrap();
        assert!(last.is_last(), "{dialect}");
        let finish = events.iter().find_map(|it| it.as_ref().unwrap().finish);
        assert_eq!(finish, said.finish.as_ref().map(|finish| finish.stop));
        let most = events
            .iter()
            .map(|it| it.as_ref().unwrap().frame.len())
            .max();
        let whole = dialect == Dialect::OpenAiResponses;
        assert!(whole || most.unwrap() < 64 << 10, "no event is large");
        let text = events
            .iter()
            .filter_map(|it| it.as_ref().unwrap().text.as_deref());
        assert_eq!(text.collect::<String>(), said.text);
        let now = heard(dialect, &events);
        assert_eq!(
            (&now.id, &now.model, &now.text),
            (&said.id, &said.model, &said.text)
        );
        let calls = |said: &Said| {
            let calls = said
                .calls
                .iter()
                .map(|it| (it.name.clone(), it.arguments.clone()));
            calls.collect::<Vec<_>>()
        };
        assert_eq!(calls(&now), calls(&said), "{dialect}");
        assert_eq!(now.finish.unwrap().stop, Stop::ToolCalls, "{dialect}");
        let told = |usage: Usage| (usage.input, usage.output, usage.cached);
        assert_eq!(told(now.usage), told(said.usage), "{dialect}");
        // Whoever did not ask for the usage is told of it by the events alone.
        let hidden = heard(dialect, &self::events(said.clone().into_stream(false)));
        assert_eq!(told(hidden.usage), told(said.usage));
    }
}

#[test]
fn a_stream_that_has_not_finished_breaks_off() {
    for dialect in Dialect::ALL {
        let mut said = read(dialect, &Bytes::from(answer(dialect).to_string()));
        said.finish = None;
        let events = events(said.into_stream(true));
        assert!(
            matches!(events.last(), Some(Err(LlmError::Truncated(error))) if error.emitted > 7)
        );
        assert!(
            events[..events.len() - 1]
                .iter()
                .all(|it| !it.as_ref().unwrap().is_last())
        );
    }
}

#[test]
fn a_refusal_is_told_as_one() {
    let answer =
        json!({"id": "a", "choices": [{"message": {"refusal": "No."}, "finish_reason": "stop"}]});
    let mut said = read(Dialect::OpenAiChat, &Bytes::from(answer.to_string()));
    assert_eq!((&*said.refusal, &*said.text), ("No.", ""));
    assert_eq!(said.finish.as_ref().unwrap().stop, Stop::ContentFilter);
    for dialect in [Dialect::OpenAiChat, Dialect::OpenAiResponses] {
        said.dialect = dialect;
        let now = heard(dialect, &events(said.clone().into_stream(true)));
        assert_eq!(now.refusal, "No.");
        let whole = read(dialect, &said.write().unwrap());
        assert_eq!(whole.refusal, "No.");
    }
}

#[test]
fn a_held_stream_is_known_only_as_far_as_it_is_kept() {
    let event = |json: &str| StreamEvent::new(format!("data: {json}\n\n").into());
    let said = |text: &str| {
        event(&format!(
            r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#
        ))
    };
    let mut reader = SaidReader::new(Dialect::OpenAiChat).keep(4);
    reader.add(&said("abc"));
    assert!(reader.is_whole());
    reader.add(&said("def"));
    assert!(!reader.is_whole());
    assert_eq!(reader.text(), "abcd");
    assert!(!format!("{reader:?}").contains("abcd"));

    let mut reader = SaidReader::new(Dialect::OpenAiChat);
    reader.add(&event(
        r#"{"choices":[{"index":1,"delta":{"content":"x"}}]}"#,
    ));
    assert!(!reader.is_whole(), "another answer");
    let mut reader = SaidReader::new(Dialect::OpenAiChat);
    reader.add(&event("{"));
    reader.add(&event("[DONE]"));
    assert!(reader.into_said().finish.is_none());
}

#[test]
fn the_text_of_an_answer_is_the_text_of_its_stream() {
    let body = Bytes::from(answer(Dialect::Gemini).to_string());
    let said = read(Dialect::Gemini, &body);
    let stream = LlmResponse::new(
        Dialect::Gemini,
        "m".into(),
        said.clone().into_stream(true).into(),
    );
    let mut text = pin!(stream.into_text());
    let Poll::Ready(text) = text.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("never pending");
    };
    assert_eq!(text.unwrap(), said.text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is written into an answer, it is read out of it again.
    #[test]
    fn what_is_written_is_read(text in any::<String>(), argument in any::<String>(), tokens in 0..1_u64 << 60) {
        for dialect in Dialect::ALL {
            let body = Bytes::from(answer(dialect).to_string());
            let mut said = read(dialect, &body);
            said.text.clone_from(&text);
            said.calls[0].arguments = json!({ "x": argument }).to_string();
            said.usage.input = Some(tokens);
            let now = read(dialect, &said.write_into(&body).unwrap());
            prop_assert_eq!(&now.text, &text);
            prop_assert_eq!(&now.calls[0].arguments, &said.calls[0].arguments);
            if tokens >= 3 {
                prop_assert_eq!(now.usage.input, Some(tokens));
            }
            let streamed = heard(dialect, &events(said.clone().into_stream(true)));
            prop_assert_eq!(&streamed.text, &text);
            prop_assert_eq!(&streamed.calls[0].arguments, &said.calls[0].arguments);
        }
    }
}
