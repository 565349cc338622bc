use super::*;
use serde_json::{Value, json};

/// The events of this stream in the other dialect, named and parsed; comments as text.
fn translate(from: Dialect, to: Dialect, text: &str, usage: bool) -> Vec<Value> {
    let mut reader = StreamReader::new(from);
    let mut translator = StreamTranslator::new(to).include_usage(usage);
    reader.push(text.to_owned().into());
    reader.close();
    let mut out = Vec::new();
    while let Some(item) = reader.next_item() {
        match &item.part {
            Part::Error(error) => out.extend_from_slice(&translator.error(&error.error)),
            _ => out.extend_from_slice(&translator.write(&item)),
        }
    }
    out.extend_from_slice(&translator.end(reader.summary()));
    if let Some(truncated) = reader.truncated() {
        out.extend_from_slice(&translator.error(&truncated.into()));
    }

    let mut decoder = crate::sse::Decoder::new();
    let length = out.len();
    decoder.push(out.into());
    let mut events = Vec::new();
    let mut read = 0;
    while let Some(frame) = decoder.next_frame() {
        let frame = frame.unwrap();
        read += frame.raw().len();
        let crate::sse::Frame::Event(event) = frame else {
            events.push("comment".into());
            continue;
        };
        let Ok(mut data) = serde_json::from_slice::<Value>(&event.data) else {
            events.push(String::from_utf8(event.data.to_vec()).unwrap().into());
            continue;
        };
        assert_eq!(
            event.name(),
            data.get("type").and_then(Value::as_str),
            "named by its type"
        );
        if let Some(created) = data.get_mut("created") {
            assert!(created.as_u64().unwrap() > 1_700_000_000);
            *created = 0.into();
        }
        events.push(data);
    }
    assert_eq!(read, length, "nothing but whole frames");
    events
}

fn to_anthropic(text: &str) -> Vec<Value> {
    translate(Dialect::OpenAiChat, Dialect::AnthropicMessages, text, false)
}

fn to_openai(text: &str, usage: bool) -> Vec<Value> {
    translate(Dialect::AnthropicMessages, Dialect::OpenAiChat, text, usage)
}

/// An event of Anthropic's.
fn event(fields: &Value) -> String {
    format!(
        "event: {}\ndata: {fields}\n\n",
        fields["type"].as_str().unwrap()
    )
}

fn message_start() -> String {
    event(&json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m",
        "stop_reason": null, "usage": {"input_tokens": 25, "output_tokens": 1}}}))
}

fn text_delta(text: &str) -> String {
    event(&json!({"type": "content_block_delta", "index": 0,
        "delta": {"type": "text_delta", "text": text}}))
}

#[test]
fn text_and_its_end_cross_to_anthropic() {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\
        \"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n";
    let text = [
        ": hello\n\n",
        &chunk(r#"{"role":"assistant","content":""}"#),
        ": still here\n\n",
        &chunk(r#"{"content":"H\"i\n"}"#),
        &finish("length"),
        usage,
        DONE,
    ];
    assert_eq!(
        to_anthropic(&text.concat()),
        [
            json!("comment"),
            json!({"type": "message_start", "message": {
                "id": "c", "type": "message", "role": "assistant", "model": "m", "content": [],
                "stop_reason": null, "stop_sequence": null,
                "usage": {"input_tokens": 0, "output_tokens": 0}}}),
            json!({"type": "ping"}),
            json!({"type": "content_block_start", "index": 0,
                "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "text_delta", "text": "H\"i\n"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta",
                "delta": {"stop_reason": "max_tokens", "stop_sequence": null},
                "usage": {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 4}}),
            json!({"type": "message_stop"}),
        ]
    );
}

#[test]
fn text_and_its_end_cross_to_openai() {
    let stop = event(&json!({"type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 7}}));
    let text = [
        message_start(),
        event(&json!({"type": "content_block_start", "index": 0,
            "content_block": {"type": "text", "text": ""}})),
        event(&json!({"type": "ping"})),
        text_delta("Hi"),
        event(&json!({"type": "content_block_stop", "index": 0})),
        stop,
        event(&json!({"type": "message_stop"})),
    ]
    .concat();
    let chunk = |choices: Value| {
        json!({"id": "msg_1", "object": "chat.completion.chunk", "created": 0, "model": "m",
            "choices": choices})
    };
    let choice = |delta: Value, finish: Value| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]))
    };
    let mut usage = chunk(json!([]));
    usage["usage"] = json!({"prompt_tokens": 25, "completion_tokens": 7, "total_tokens": 32});
    let mut expected = vec![
        choice(json!({"role": "assistant", "content": ""}), Value::Null),
        json!("comment"),
        choice(json!({"content": "Hi"}), Value::Null),
        choice(json!({}), json!("stop")),
        usage,
        json!("[DONE]"),
    ];
    assert_eq!(to_openai(&text, true), expected);
    expected.remove(4);
    assert_eq!(to_openai(&text, false), expected);
}

#[test]
fn a_stream_that_breaks_off_ends_with_an_error_and_no_finish() {
    let said = chunk(r#"{"content":"Hi"}"#);
    // Also when the marker of the end is there, and the finish is not.
    for text in [said.clone(), said + DONE] {
        let events = to_anthropic(&text);
        assert_eq!(events.last().unwrap()["type"], "error");
        let ends = ["message_delta", "message_stop"];
        let mut names = events.iter().filter_map(|event| event["type"].as_str());
        assert!(names.all(|name| !ends.contains(&name)), "{text}");
    }

    let said = message_start() + &text_delta("Hi");
    let stop = event(&json!({"type": "message_stop"}));
    for text in [said.clone(), said + &stop] {
        let chunks = to_openai(&text, true);
        assert!(chunks.last().unwrap().get("error").is_some());
        assert!(chunks.iter().all(|chunk| chunk != "[DONE]"), "{text}");
        let mut choices = chunks.iter().map(|chunk| &chunk["choices"][0]);
        assert!(
            choices.all(|choice| choice["finish_reason"].is_null()),
            "{text}"
        );
    }
}

#[test]
fn an_error_is_told_in_the_other_words() {
    let error = event(&json!({"type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"}}));
    let chunks = to_openai(&(message_start() + &error), true);
    let expected = json!({"error": {"message": "Overloaded", "type": "service_unavailable_error",
        "param": null, "code": "server_is_overloaded"}});
    assert_eq!(chunks.last().unwrap(), &expected);
}

#[test]
fn an_end_without_its_marker_is_an_end() {
    let events = to_anthropic(&(chunk(r#"{"content":"Hi"}"#) + &finish("stop")));
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    let stop = event(&json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}));
    let chunks = to_openai(&(message_start() + &stop), false);
    assert_eq!(chunks.last().unwrap(), "[DONE]");
}

#[test]
fn a_stop_sequence_and_a_refusal_keep_their_meaning() {
    let refusal = chunk(r#"{"refusal":"No."}"#) + &finish("stop") + DONE;
    let events = to_anthropic(&refusal);
    assert_eq!(events[2]["delta"]["text"], "No.");
    assert_eq!(events[4]["delta"]["stop_reason"], "refusal");

    let stop = event(&json!({"type": "message_delta",
        "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"}}));
    let text = message_start() + &stop + &event(&json!({"type": "message_stop"}));
    let chunks = to_openai(&text, false);
    assert_eq!(chunks[1]["choices"][0]["finish_reason"], "stop");
}

#[test]
fn calls_of_tools_cross_both_ways() {
    let call = |call: Value| chunk(&json!({"tool_calls": [call]}).to_string());
    let text = [
        chunk(r#"{"content":"Checking."}"#),
        call(json!({"index": 0, "id": "a", "type": "function",
            "function": {"name": "f", "arguments": ""}})),
        call(json!({"index": 0, "function": {"arguments": "{\"x\":"}})),
        call(json!({"index": 0, "function": {"arguments": "1}"}})),
        call(json!({"index": 1, "id": "b", "type": "function",
            "function": {"name": "g", "arguments": "{}"}})),
        finish("tool_calls"),
        DONE.to_owned(),
    ]
    .concat();
    let events = to_anthropic(&text);
    let steps: Vec<_> = events
        .iter()
        .map(|event| (event["type"].as_str().unwrap(), event["index"].as_u64()))
        .collect();
    assert_eq!(
        steps,
        [
            ("message_start", None),
            ("content_block_start", Some(0)),
            ("content_block_delta", Some(0)),
            ("content_block_stop", Some(0)),
            ("content_block_start", Some(1)),
            ("content_block_delta", Some(1)),
            ("content_block_delta", Some(1)),
            ("content_block_stop", Some(1)),
            ("content_block_start", Some(2)),
            ("content_block_delta", Some(2)),
            ("content_block_stop", Some(2)),
            ("message_delta", None),
            ("message_stop", None),
        ]
    );
    let block = json!({"type": "tool_use", "id": "a", "name": "f", "input": {}});
    assert_eq!(events[4]["content_block"], block);
    assert_eq!(events[11]["delta"]["stop_reason"], "tool_use");

    // Back again: the block's index is not the call's.
    let back: String = events.iter().map(event).collect();
    let chunks = to_openai(&back, false);
    let deltas: Vec<_> = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"].get("tool_calls"))
        .map(|calls| calls[0].clone())
        .collect();
    let begin = |index: u32, id: &str, name: &str| {
        json!({"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": ""}})
    };
    let go_on =
        |index: u32, arguments: &str| json!({"index": index, "function": {"arguments": arguments}});
    assert_eq!(
        deltas,
        [
            begin(0, "a", "f"),
            go_on(0, "{\"x\":"),
            go_on(0, "1}"),
            begin(1, "b", "g"),
            go_on(1, "{}"),
        ]
    );
    assert_eq!(
        chunks[chunks.len() - 2]["choices"][0]["finish_reason"],
        "tool_calls"
    );
}
