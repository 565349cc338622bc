//! What servers send that are not quite compatible.

use crate::{
    AnswerTranslator, Dialect, EventPipe, LlmError, LlmRequest, Said, SaidReader, Stop,
    StreamEvent, StreamReader, Target,
    stream::{Part, StreamItem},
};
use bytes::Bytes;
use serde_json::{Value, json};

const CHAT: Dialect = Dialect::OpenAiChat;

/// A chunk with this delta.
fn chunk(delta: &Value) -> String {
    let chunk = json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]});
    format!("data: {chunk}\n\n")
}

/// The last chunk but the usage, and the marker.
fn finish(reason: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]}}\n\n\
         data: [DONE]\n\n"
    )
}

fn read(text: &str) -> (Vec<StreamItem>, StreamReader) {
    let mut reader = StreamReader::new(CHAT).keep(1 << 20);
    reader.push(text.to_owned().into());
    reader.close();
    let items = std::iter::from_fn(|| reader.next_item()).collect();
    (items, reader)
}

/// What a caller of this dialect gets of the stream.
fn cross(to: Dialect, text: &str) -> String {
    let mut pipe = EventPipe::new(CHAT, to);
    pipe.push(text.to_owned().into());
    pipe.close(None);
    let events = std::iter::from_fn(|| pipe.next_event());
    let frames = events.map(|event| event.unwrap().frame);
    String::from_utf8(frames.flatten().collect()).unwrap()
}

/// The answer of a model of Mistral's that thinks.
fn thinking() -> Value {
    json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "h"},
            {"type": "text", "text": "m"}], "closed": true},
        {"type": "text", "text": "{\"a\":"},
        {"type": "reference", "reference_ids": [1]},
        {"type": "text", "text": "1}"},
    ])
}

#[test]
fn an_answer_that_is_a_list_of_pieces_is_read() {
    let body = json!({"id": "c", "model": "m", "choices": [{"index": 0, "own": 1,
        "message": {"role": "assistant", "content": thinking()}, "finish_reason": "stop"}]});
    let body = Bytes::from(body.to_string());
    let translator = AnswerTranslator::new(CHAT, Dialect::AnthropicMessages);
    let (answer, notes) = translator.write_noting(&body).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(
        answer["content"],
        json!([{"type": "text", "text": "{\"a\":1}"}])
    );
    assert_eq!(notes, ["dropped thinking", "dropped citations"]);

    // What is changed in it stands in the first piece of text.
    let mut said = Said::read(CHAT, &body).unwrap();
    assert_eq!(said.text, "{\"a\":1}");
    said.text = "{}".to_owned();
    let changed: Value = serde_json::from_slice(&said.write_into(&body).unwrap()).unwrap();
    let choice = &changed["choices"][0];
    assert_eq!(choice["own"], 1);
    let pieces = choice["message"]["content"].as_array().unwrap();
    assert_eq!(pieces[0], thinking()[0]);
    assert_eq!(pieces[1], json!({"type": "text", "text": "{}"}));
    assert_eq!(pieces.len(), 3);
}

/// A caller sends it back as it came, and the next route may be another vendor's.
#[test]
fn an_answer_that_is_a_list_of_pieces_can_be_sent_on() {
    let content = json!([thinking()[0], thinking()[1]]);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"},
        {"role": "assistant", "content": content}, {"role": "user", "content": "So?"}]});
    let request = LlmRequest::parse(CHAT, body.to_string().into()).unwrap();
    let target = Target::new(Dialect::AnthropicMessages);
    let encoded = request.encode(&target).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["messages"][1]["content"], "{\"a\":");
    assert!(encoded.notes.contains(&"dropped thinking"));
}

#[test]
fn thinking_that_comes_in_a_list_is_progress_and_no_content() {
    let think =
        |text: &str| json!({"type": "thinking", "thinking": [{"type": "text", "text": text}]});
    let said = |pieces: &[Value]| chunk(&json!({"content": pieces}));
    let text = |text: &str| json!({"type": "text", "text": text});
    let stream = [
        said(&[think("h"), think("m")]),
        said(&[json!({"type": "thinking", "thinking": "so"})]),
        said(&[text("one")]),
        said(&[text("two")]),
        said(&[text("three")]),
        finish("stop"),
    ]
    .concat();
    let (items, reader) = read(&stream);
    let thought = |item: &StreamItem| match &item.part {
        Part::Delta(delta) => delta.reasoning.as_ref().map(ToString::to_string),
        _ => None,
    };
    let thoughts: Vec<_> = items.iter().filter_map(thought).collect();
    assert_eq!(thoughts, ["hm", "so"]);
    assert!(!items[1].is_content());
    assert_eq!(reader.summary().text(), "onetwothree");
    assert_eq!(reader.summary().finish().unwrap().stop, Stop::Stop);

    // The same, where what is alike is read at once.
    let mut pipe = EventPipe::new(CHAT, CHAT).keep(100);
    pipe.push(stream.clone().into());
    let mut frames = Vec::new();
    while let Some(event) = pipe.next_event() {
        frames.extend_from_slice(&event.unwrap().frame);
    }
    assert_eq!(frames, stream.as_bytes());
    assert_eq!(pipe.summary().text(), "onetwothree");
}

#[test]
fn a_list_of_what_is_not_known_breaks_nothing() {
    for (content, is_content) in [
        (json!([{"type": "image_url", "image_url": {}}]), true),
        (json!([1, "x", null, [], {"type": "text"}]), false),
        (json!([{"type": "text", "text": 1.5}]), false),
        (
            json!([{"type": "thinking", "thinking": [[{"thinking": []}]]}]),
            false,
        ),
        (json!([]), false),
        (json!({}), false),
    ] {
        let (items, reader) = read(&(chunk(&json!({"content": content})) + &finish("stop")));
        assert_eq!(items[0].is_content(), is_content, "{content}");
        assert!(reader.summary().is_complete(), "{content}");
        assert_eq!(reader.summary().text(), "", "{content}");
    }
    // Not looked into as deep as it goes.
    let deep = "[{\"type\":\"thinking\",\"thinking\":".repeat(50_000) + "1" + &"}]".repeat(50_000);
    let delta = format!("{{\"content\":{deep}}}");
    let event = format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n\n");
    let mut reader = StreamReader::new(CHAT).max_event(1 << 24);
    reader.push(event.into());
    assert!(reader.next_item().is_some());
}

/// As the documentation has it, they are a text.
#[test]
fn arguments_that_are_an_object_are_read_as_what_they_are() {
    let call = json!([{"index": 0, "id": "a", "type": "function",
        "function": {"name": "f", "arguments": {"x": 1}}}]);
    let message = json!({"role": "assistant", "content": null, "tool_calls": call});
    let body = json!({"id": "c", "model": "m", "choices": [
        {"index": 0, "message": message, "finish_reason": "tool_calls"}]});
    let translator = AnswerTranslator::new(CHAT, Dialect::AnthropicMessages);
    let answer = translator.write(&body.to_string().into()).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["content"][0]["input"], json!({"x": 1}));

    let stream = chunk(&json!({"tool_calls": call})) + &finish("tool_calls");
    let (_, reader) = read(&stream);
    assert_eq!(reader.summary().tool_calls()[0].arguments, "{\"x\":1}");
    let crossed = cross(Dialect::AnthropicMessages, &stream);
    assert!(
        crossed.contains(r#""partial_json":"{\"x\":1}""#),
        "{crossed}"
    );
}

/// A piece of a call.
fn call(piece: Value) -> String {
    chunk(&json!({"tool_calls": [piece]}))
}

/// As they come from servers that number none of their calls, or all of them 0.
#[test]
fn a_new_id_is_a_new_call_whatever_its_index() {
    let whole = |id: &str| {
        json!({"index": 0, "id": id, "type": "function",
            "function": {"name": "f", "arguments": "{\"x\":1}"}})
    };
    let mut unnumbered = [whole("a"), whole("b")];
    for call in &mut unnumbered {
        call.as_object_mut().unwrap().remove("index");
    }
    let together = chunk(&json!({"tool_calls": unnumbered}));
    for calls in [
        call(whole("a")) + &call(whole("b")),
        unnumbered.map(call).concat(),
        together,
        // Piece by piece, with the id in each; the second one is numbered from 1.
        [
            call(json!({"index": 1, "id": "a", "function": {"name": "f", "arguments": ""}})),
            call(json!({"index": 1, "id": "a", "function": {"arguments": "{\"x\""}})),
            call(json!({"index": 1, "id": "", "function": {"arguments": ":1}"}})),
            call(json!({"index": 1, "id": "b", "function": {"name": "f"}})),
            call(json!({"index": 1, "function": {"arguments": "{\"x\":1}"}})),
        ]
        .concat(),
    ] {
        let stream = calls + &finish("tool_calls");
        let (_, reader) = read(&stream);
        let seen = reader.summary().tool_calls();
        let seen: Vec<_> = seen
            .iter()
            .map(|call| (&*call.id, &*call.name, &*call.arguments))
            .collect();
        let expected = [("a", "f", "{\"x\":1}"), ("b", "f", "{\"x\":1}")];
        assert_eq!(seen, expected, "{stream}");
        for to in Dialect::ALL {
            let mut reader = StreamReader::new(to).keep(1 << 20);
            reader.push(cross(to, &stream).into());
            while reader.next_item().is_some() {}
            let seen = reader.summary().tool_calls();
            let seen: Vec<_> = seen.iter().map(|call| (&*call.id, &*call.name)).collect();
            assert_eq!(seen, [("a", "f"), ("b", "f")], "{to}: {stream}");
        }
    }
}

/// An id may come after the name, and pieces of two calls in any order.
#[test]
fn a_call_goes_on_as_long_as_its_id_does() {
    let stream = [
        call(json!({"index": 0, "function": {"name": "f", "arguments": ""}})),
        call(json!({"index": 0, "id": "a", "function": {"arguments": "{\"x\""}})),
        call(json!({"index": 1, "id": "b", "function": {"name": "g", "arguments": "{"}})),
        call(json!({"index": 0, "function": {"arguments": ":1}"}})),
        call(json!({"index": 1, "function": {"arguments": "}"}})),
        finish("tool_calls"),
    ]
    .concat();
    let (_, reader) = read(&stream);
    let seen = reader.summary().tool_calls();
    let seen: Vec<_> = seen
        .iter()
        .map(|call| (&*call.id, &*call.name, &*call.arguments))
        .collect();
    assert_eq!(seen, [("a", "f", "{\"x\":1}"), ("b", "g", "{}")]);
}

/// Azure's first chunk has what was found in the prompt; others begin with the usage.
#[test]
fn what_comes_before_the_answer_does_not_begin_it() {
    for first in [
        json!({"choices": [], "created": 0, "id": "", "model": "", "object": "",
            "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 0}}),
    ] {
        let stream = [
            format!("data: {first}\n\n"),
            chunk(&json!({"role": "assistant", "content": ""})),
            chunk(&json!({"content": "Hi"})),
            finish("stop"),
        ]
        .concat();
        for to in [
            Dialect::AnthropicMessages,
            Dialect::OpenAiResponses,
            Dialect::Gemini,
        ] {
            let crossed = cross(to, &stream);
            let mut said = SaidReader::new(to);
            said.add(&StreamEvent::new(crossed.clone().into()));
            let said = said.into_said();
            assert_eq!((&*said.id, &*said.model, &*said.text), ("c", "m", "Hi"));
            let made_up = ["msg_0", "resp_0"];
            assert!(!made_up.iter().any(|id| crossed.contains(id)), "{crossed}");
        }
        assert_eq!(cross(CHAT, &stream), stream);
    }

    // The same of a writer of chunks.
    let usage = r#"{"usageMetadata":{"promptTokenCount":7}}"#;
    let text = r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],"modelVersion":"m","responseId":"c"}"#;
    let stream = format!("data: {usage}\n\ndata: {text}\n\n");
    let mut pipe = EventPipe::new(Dialect::Gemini, CHAT);
    pipe.push(stream.into());
    let first = pipe.next_event().unwrap().unwrap();
    assert!(first.frame.starts_with(b"data: {\"id\":\"c\""));
}

/// No server is known to send them so, but nothing says that none may.
#[test]
fn pieces_of_calls_that_come_mixed_are_told_one_call_after_the_other() {
    let begin = |index: u32, id: &str, arguments: &str| {
        call(json!({"index": index, "id": id, "type": "function",
            "function": {"name": "f", "arguments": arguments}}))
    };
    let more = |index: u32, arguments: &str| {
        call(json!({"index": index, "function": {"arguments": arguments}}))
    };
    let stream = [
        begin(0, "a", "{\"x\":"),
        begin(1, "b", "{\"y\""),
        chunk(&json!({"content": "So."})),
        more(0, "1"),
        more(1, ":2}"),
        more(0, "}"),
        finish("tool_calls"),
    ]
    .concat();
    for to in Dialect::ALL {
        let crossed = cross(to, &stream);
        let mut reader = StreamReader::new(to).keep(1 << 20);
        reader.push(crossed.clone().into());
        while reader.next_item().is_some() {}
        let summary = reader.summary();
        let calls = summary.tool_calls().iter();
        let calls: Vec<_> = calls
            .map(|call| (&*call.id, &*call.name, &*call.arguments))
            .collect();
        let expected = [("a", "f", "{\"x\":1}"), ("b", "f", "{\"y\":2}")];
        assert_eq!(calls, expected, "{to}");
        assert_eq!(summary.text(), "So.", "{to}");
        assert!(summary.is_complete(), "{to}");
    }

    // What has no place any more is no call of its own, and such a stream has no end.
    let stream = [
        begin(0, "a", "{}"),
        begin(1, "b", "{}"),
        more(0, "{}"),
        finish("tool_calls"),
    ]
    .concat();
    for to in [Dialect::AnthropicMessages, Dialect::Gemini] {
        let mut pipe = EventPipe::new(CHAT, to);
        pipe.push(stream.clone().into());
        let events: Vec<_> = std::iter::from_fn(|| pipe.next_event()).collect();
        let (last, told) = events.split_last().unwrap();
        assert!(matches!(last, Err(LlmError::Truncated(_))), "{to}");
        assert!(told.iter().all(Result::is_ok), "{to}");
    }
}
