use super::*;
use crate::sse::{Decoder, Frame};
use crate::{End, EventPipe, LlmError, Stop, StreamReader, Summary, Target};
use bytes::Bytes;
use serde_json::{Value, json};

/// A stream as a provider of each dialect tells it, event by event: thinking where there is any,
/// and a text. The last events end it.
fn native(dialect: Dialect, texts: &[&str], stop: bool) -> Vec<Value> {
    let mut events = match dialect {
        Dialect::OpenAiChat => {
            let chunk = |delta: Value, finish: Value| {
                json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7,
                    "model": "gpt", "system_fingerprint": "fp",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
            };
            let mut events = vec![
                // As Azure begins.
                json!({"id": "", "model": "", "created": 0, "choices": [],
                    "prompt_filter_results": []}),
                chunk(json!({"role": "assistant", "content": ""}), Value::Null),
            ];
            let says = |text: &&str| chunk(json!({"content": text}), Value::Null);
            events.extend(texts.iter().map(says));
            events.push(chunk(json!({}), json!("stop")));
            events
        }
        Dialect::AnthropicMessages => {
            let block = |index: u32, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
            let change = |index: u32, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
            let mut events = vec![
                json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
                    "role": "assistant", "model": "claude", "content": [],
                    "usage": {"input_tokens": 10, "output_tokens": 1}}}),
                block(0, json!({"type": "thinking", "thinking": ""})),
                change(0, json!({"type": "thinking_delta", "thinking": "hm"})),
                json!({"type": "content_block_stop", "index": 0}),
                block(1, json!({"type": "text", "text": ""})),
                json!({"type": "ping"}),
            ];
            let says = |text: &&str| change(1, json!({"type": "text_delta", "text": text}));
            events.extend(texts.iter().map(says));
            events.extend([
                json!({"type": "content_block_stop", "index": 1}),
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                    "usage": {"output_tokens": 5}}),
                json!({"type": "message_stop"}),
            ]);
            events
        }
        Dialect::Gemini => {
            let piece = |text: &str| {
                json!({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"},
                    "index": 0}], "modelVersion": "gemini", "responseId": "g1",
                    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5}})
            };
            let mut events: Vec<_> = texts.iter().map(|text| piece(text)).collect();
            let mut end = piece("");
            end["candidates"][0]["finishReason"] = json!("STOP");
            events.push(end);
            events
        }
        Dialect::OpenAiResponses => {
            let response = |kind: &str, status: &str| {
                json!({"type": kind, "response": {"id": "resp_1", "object": "response",
                    "created_at": 7, "model": "gpt", "status": status, "output": [],
                    "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}}})
            };
            let thought = json!({"type": "reasoning", "id": "rs_1", "summary": []});
            let said = texts.concat();
            let part = json!({"type": "output_text", "text": said, "annotations": []});
            let message = |status: &str, content: Value| {
                json!({"type": "message", "id": "msg_1", "status": status, "role": "assistant",
                    "content": content})
            };
            let place = |kind: &str, more: Value| {
                let mut event = json!({"type": kind, "item_id": "msg_1", "output_index": 1,
                    "content_index": 0});
                let fields = more.as_object().unwrap().clone();
                event.as_object_mut().unwrap().extend(fields);
                event
            };
            let item = |kind: &str, at: u32, item: Value| json!({"type": kind, "output_index": at, "item": item});
            let (added, done) = ("response.output_item.added", "response.output_item.done");
            let mut events = vec![
                response("response.created", "in_progress"),
                response("response.in_progress", "in_progress"),
                item(added, 0, thought.clone()),
                item(done, 0, thought),
                item(added, 1, message("in_progress", json!([]))),
                place(
                    "response.content_part.added",
                    json!({"part": {"type": "output_text",
                    "text": "", "annotations": []}}),
                ),
            ];
            let says = |text: &&str| place("response.output_text.delta", json!({"delta": text}));
            events.extend(texts.iter().map(says));
            events.extend([
                place("response.output_text.done", json!({"text": said})),
                place("response.content_part.done", json!({"part": part})),
                item(done, 1, message("completed", json!([part]))),
                response("response.completed", "completed"),
            ]);
            for (at, event) in events.iter_mut().enumerate() {
                event["sequence_number"] = json!(at);
            }
            events
        }
    };
    if !stop {
        events.truncate(events.len() - 1);
    }
    events
}

fn frame(event: &Value) -> Bytes {
    let kind = event["type"].as_str();
    let name = kind.map(|kind| format!("event: {kind}\n"));
    format!("{}data: {event}\n\n", name.unwrap_or_default()).into()
}

/// What a caller of the one dialect gets of these events of the other.
fn piped(from: Dialect, to: Dialect, events: &[Value]) -> Vec<StreamEvent> {
    let mut pipe = EventPipe::new(from, to).include_usage(true);
    let mut given = Vec::new();
    for event in events {
        pipe.push(frame(event));
        while let Some(Ok(event)) = pipe.next_event() {
            given.push(event);
        }
    }
    if from == Dialect::OpenAiChat {
        pipe.push("data: [DONE]\n\n".into());
    }
    pipe.close(None);
    while let Some(Ok(event)) = pipe.next_event() {
        given.push(event);
    }
    given
}

fn request(dialect: Dialect) -> LlmRequest {
    let body = match dialect {
        Dialect::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
        Dialect::OpenAiResponses => json!({"model": "m", "input": "Hi", "stream": true}),
        Dialect::OpenAiChat => json!({"model": "m", "stream": true,
            "messages": [{"role": "user", "content": "Hi"}],
            "stream_options": {"include_usage": true}}),
        Dialect::AnthropicMessages => json!({"model": "m", "stream": true,
            "messages": [{"role": "user", "content": "Hi"}]}),
    };
    let body = body.to_string().into();
    match dialect {
        Dialect::Gemini => LlmRequest::parse_addressed(dialect, "m", true, body),
        _ => LlmRequest::parse(dialect, body),
    }
    .unwrap()
}

/// What is known of an answer after these frames.
fn summary(dialect: Dialect, frames: &[StreamEvent]) -> Summary {
    let mut reader = StreamReader::new(dialect).keep(1 << 20);
    for event in frames {
        reader.push(event.frame.clone());
        while reader.next_item().is_some() {}
    }
    reader.summary().clone()
}

fn events(frames: &[StreamEvent]) -> Vec<Value> {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    for event in frames {
        decoder.push(event.frame.clone());
        while let Some(Ok(frame)) = decoder.next_frame() {
            if let Frame::Event(event) = frame {
                events.extend(serde_json::from_slice::<Value>(&event.data).ok());
            }
        }
    }
    events
}

/// What a client of this dialect relies on, beyond what is read here.
fn check(dialect: Dialect, frames: &[StreamEvent], text: &str) {
    let events = events(frames);
    let of = |kind: &str| {
        let mut count = 0;
        for event in &events {
            count += usize::from(event["type"] == kind);
        }
        count
    };
    match dialect {
        Dialect::OpenAiChat => {
            let named = events.iter().skip(1);
            for event in named.filter(|event| event["id"] != "") {
                assert_eq!(event["id"], events[1]["id"], "{event}");
                assert_eq!(event["created"], events[1]["created"], "{event}");
            }
        }
        Dialect::AnthropicMessages => {
            assert_eq!((of("message_start"), of("message_stop")), (1, 1));
            let mut open = None;
            let mut next = 0;
            for event in &events {
                match event["type"].as_str().unwrap() {
                    "content_block_start" => {
                        assert_eq!((open, &event["index"]), (None, &json!(next)), "{event}");
                        open = Some(next);
                        next += 1;
                    }
                    "content_block_delta" => assert_eq!(event["index"], json!(open), "{event}"),
                    "content_block_stop" => {
                        assert_eq!(event["index"], json!(open.take()), "{event}");
                    }
                    _ => {}
                }
            }
            assert_eq!(open, None);
        }
        Dialect::Gemini => {
            for event in &events {
                assert_eq!(event["responseId"], events[0]["responseId"], "{event}");
            }
        }
        Dialect::OpenAiResponses => {
            assert_eq!((of("response.created"), of("response.completed")), (1, 1));
            for (at, event) in events.iter().enumerate() {
                assert_eq!(event["sequence_number"], json!(at), "{event}");
            }
            let last = &events.last().unwrap()["response"];
            assert_eq!(last["id"], events[0]["response"]["id"]);
            assert_eq!(last["created_at"], events[0]["response"]["created_at"]);
            let items = last["output"].as_array().unwrap();
            let said = items.iter().filter(|item| item["type"] == "message");
            let parts = said.flat_map(|item| item["content"].as_array().unwrap());
            let said: String = parts.map(|part| part["text"].as_str().unwrap()).collect();
            assert_eq!(said, text);
            let ended = events
                .iter()
                .filter(|event| event["type"] == "response.output_item.done");
            for (item, ended) in items.iter().zip(ended) {
                assert_eq!(item["id"], ended["item"]["id"]);
            }
            assert_eq!(of("response.output_item.done"), items.len());
        }
    }
}

#[test]
fn two_streams_are_one_to_the_caller_wherever_the_first_one_breaks() {
    let (said, more) = (["One,", " two,", " three, "], ["four,", " five."]);
    for (first, second) in pairs() {
        for to in Dialect::ALL {
            let whole = native(first, &said, false);
            for cut in 0..=whole.len() {
                let mut frames = piped(first, to, &whole[..cut]);
                let mut told = Told::new(to);
                frames.iter().for_each(|event| told.add(event));
                let begun = summary(to, &frames).text().to_owned();
                let carried = told.carry_on(&request(to));
                if begun.is_empty() {
                    assert!(carried.is_err(), "{first} {to} {cut}");
                    continue;
                }
                // Who knows how it was to end needs no more.
                if summary(to, &frames).end() == End::Complete {
                    assert!(carried.is_err(), "{first} {to} {cut}");
                    continue;
                }
                // The text of a response is over, and the end of its item is not told.
                if to == Dialect::OpenAiResponses && is_between(&frames) {
                    assert!(carried.is_err(), "{first} {to} {cut}");
                    continue;
                }
                let case = format!("{first}, then {second}, to {to}, cut at {cut}");
                let (_, mut continuation) = carried.unwrap_or_else(|why| panic!("{case}: {why}"));
                let before = input(&frames).unwrap_or(0);
                let rest = piped(second, to, &native(second, &more, true));
                let own = input(&rest);
                for event in rest {
                    frames.extend(continuation.event(event));
                }
                frames.extend(continuation.end());
                let summary = summary(to, &frames);
                let text = format!("{begun}four, five.");
                assert_eq!(summary.end(), End::Complete, "{case}");
                assert_eq!(summary.text(), text, "{case}");
                assert_eq!(summary.finish().unwrap().stop, Stop::Stop, "{case}");
                let both = own.map_or(before, |own| own + before);
                assert_eq!(summary.usage().input.unwrap_or(0), both, "{case}");
                assert!(frames.last().unwrap().is_last(), "{case}");
                check(to, &frames, &text);
            }
        }
    }
}

/// Whether the last event is one after which nothing can be added to the item that is open.
fn is_between(frames: &[StreamEvent]) -> bool {
    let events = events(frames);
    let last = events.last().map(|event| event["type"].clone());
    let last = last.unwrap_or_default();
    last == "response.output_text.done" || last == "response.content_part.done"
}

/// The tokens of the request, as the events tell them.
fn input(events: &[StreamEvent]) -> Option<u64> {
    let mut usage = Usage::default();
    events
        .iter()
        .filter_map(|event| event.usage)
        .for_each(|later| usage.update(later));
    usage.input
}

fn pairs() -> impl Iterator<Item = (Dialect, Dialect)> {
    let all = Dialect::ALL.into_iter();
    all.flat_map(|first| Dialect::ALL.map(|second| (first, second)))
}

#[test]
fn what_is_carried_on_can_be_carried_on_again() {
    for to in Dialect::ALL {
        let begun = native(to, &["One, "], false);
        let until = begun
            .iter()
            .position(|event| event.to_string().contains("One, "));
        let mut frames = piped(to, to, &begun[..=until.unwrap()]);
        let mut told = Told::new(to);
        frames.iter().for_each(|event| told.add(event));
        for (text, stop) in [("two, ", false), ("three.", true)] {
            let (_, mut continuation) = told.carry_on(&request(to)).unwrap();
            let rest = native(Dialect::OpenAiChat, &[text], stop);
            let rest = if stop { &rest[..] } else { &rest[..3] };
            let mut rest = piped(Dialect::OpenAiChat, to, rest);
            if !stop {
                rest.retain(|event| !event.is_last());
            }
            for event in rest {
                if let Some(event) = continuation.event(event) {
                    told.add(&event);
                    frames.push(event);
                }
            }
        }
        assert_eq!(summary(to, &frames).text(), "One, two, three.", "{to}");
        check(to, &frames, "One, two, three.");
    }
}

#[test]
fn a_call_of_a_tool_comes_after_the_seam_like_any_other() {
    let call = json!({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0,
        "id": "call_1", "function": {"name": "look", "arguments": "{\"at\":1}"}}]}}]});
    let end = json!({"id": "c", "choices": [{"index": 0, "delta": {},
        "finish_reason": "tool_calls"}]});
    for to in Dialect::ALL {
        let begun = native(to, &["Let me"], false);
        let until = begun
            .iter()
            .position(|event| event.to_string().contains("Let me"));
        let mut frames = piped(to, to, &begun[..=until.unwrap()]);
        let mut told = Told::new(to);
        frames.iter().for_each(|event| told.add(event));
        let (_, mut continuation) = told.carry_on(&request(to)).unwrap();
        let mut rest = native(Dialect::OpenAiChat, &[" look."], false);
        rest.truncate(3);
        rest.extend([call.clone(), end.clone()]);
        for event in piped(Dialect::OpenAiChat, to, &rest) {
            if let Some(event) = continuation.event(event) {
                told.add(&event);
                frames.push(event);
            }
        }
        let summary = summary(to, &frames);
        assert_eq!(summary.text(), "Let me look.", "{to}");
        let [call] = summary.tool_calls() else {
            panic!("{to}: {summary:?}");
        };
        assert_eq!(
            (&*call.name, &*call.arguments),
            ("look", "{\"at\":1}"),
            "{to}"
        );
        assert_eq!(summary.finish().unwrap().stop, Stop::ToolCalls, "{to}");
        // A break after this is final.
        assert!(told.carry_on(&request(to)).is_err(), "{to}");
    }
}

#[test]
fn only_text_is_carried_on() {
    let chat = Dialect::OpenAiChat;
    let why = |events: &[Value]| {
        let mut told = Told::new(chat).keep(10);
        piped(chat, chat, events)
            .iter()
            .for_each(|event| told.add(event));
        told.carry_on(&request(chat)).err()
    };
    let chunk = |delta: Value| json!({"id": "c", "choices": [{"index": 0, "delta": delta}]});
    let other = json!({"id": "c", "choices": [{"index": 1, "delta": {"content": "b"}}]});
    let call = json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]});
    let text = chunk(json!({"content": "Hi"}));
    assert_eq!(why(std::slice::from_ref(&text)), None);
    for event in [chunk(call), chunk(json!({"refusal": "No"})), other] {
        assert!(why(&[text.clone(), event.clone()]).is_some(), "{event}");
    }
    assert!(
        why(&[chunk(json!({"content": "12345678901"}))]).is_some(),
        "too much"
    );
    assert!(
        why(&[chunk(json!({"content": " "}))]).is_some(),
        "nothing to go on from"
    );
}

#[test]
fn what_a_tool_of_the_provider_s_does_is_not_taken_up() {
    let to = Dialect::AnthropicMessages;
    let mut begun = native(to, &["Let me look. "], false);
    begun.truncate(begun.len() - 1);
    let mut told = |block: &str| {
        begun.push(json!({"type": "content_block_start", "index": 2,
            "content_block": {"type": block, "id": "s", "name": "web_search"}}));
        let mut told = Told::new(to);
        piped(to, to, &begun)
            .iter()
            .for_each(|event| told.add(event));
        begun.pop();
        told.carry_on(&request(to)).err()
    };
    assert_eq!(told("text"), None);
    assert!(told("thinking").is_some(), "in the middle of it");
    assert!(told("server_tool_use").is_some());

    let to = Dialect::OpenAiResponses;
    for kind in ["custom_tool_call", "computer_call", "web_search_call"] {
        let mut begun = native(to, &["Let me look."], false);
        let item = json!({"type": kind, "id": "i"});
        for event in ["response.output_item.added", "response.output_item.done"] {
            begun.push(json!({"type": event, "output_index": 2, "item": item}));
        }
        let mut told = Told::new(to);
        piped(to, to, &begun)
            .iter()
            .for_each(|event| told.add(event));
        assert!(told.carry_on(&request(to)).is_err(), "{kind}");
    }
    let legacy = json!({"id": "c", "choices": [{"index": 0, "delta": {"content": "Hi",
        "function_call": {"name": "f", "arguments": ""}}}]});
    let to = Dialect::OpenAiChat;
    let mut told = Told::new(to);
    piped(to, to, &[legacy])
        .iter()
        .for_each(|event| told.add(event));
    assert!(told.carry_on(&request(to)).is_err());
}

/// What the caller would miss without a word ends the stream.
#[test]
fn content_that_can_not_be_told_breaks_the_rest() {
    let image = json!({"candidates": [{"content": {"parts": [{"inlineData":
        {"mimeType": "image/png", "data": ""}}]}}]});
    let call = json!({"type": "response.output_item.added", "output_index": 1,
        "item": {"type": "custom_tool_call", "id": "i"}});
    let search = json!({"type": "content_block_start", "index": 2,
        "content_block": {"type": "server_tool_use", "id": "s", "name": "web_search"}});
    let other = json!({"id": "c", "choices": [{"index": 1, "delta": {"content": "b"}}]});
    for (to, strange) in [
        (Dialect::Gemini, image),
        (Dialect::OpenAiResponses, call),
        (Dialect::AnthropicMessages, search),
        (Dialect::OpenAiChat, other),
    ] {
        let begun = native(to, &["One, "], false);
        let until = begun
            .iter()
            .position(|event| event.to_string().contains("One, "));
        let mut told = Told::new(to);
        let given = piped(to, to, &begun[..=until.unwrap()]);
        given.iter().for_each(|event| told.add(event));
        let (_, mut continuation) = told.carry_on(&request(to)).unwrap();
        for event in piped(to, to, &native(to, &["two."], false)) {
            continuation.event(event);
        }
        assert!(continuation.broken().is_none(), "{to}");
        for event in piped(to, to, &[strange]) {
            continuation.event(event);
        }
        assert!(continuation.broken().is_some(), "{to}");
    }
}

#[test]
fn what_the_provider_keeps_is_not_added_to() {
    for (to, fields) in [
        (Dialect::OpenAiResponses, json!({"conversation": "conv_1"})),
        (Dialect::OpenAiResponses, json!({"background": true})),
        (Dialect::OpenAiChat, json!({"n": 2})),
        (Dialect::OpenAiChat, json!({"guided_json": {}})),
    ] {
        let mut body: Value = serde_json::from_slice(request(to).body()).unwrap();
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let request = LlmRequest::parse(to, body.to_string().into()).unwrap();
        let begun = native(to, &["One, "], false);
        let until = begun
            .iter()
            .position(|event| event.to_string().contains("One, "));
        let mut told = Told::new(to);
        let given = piped(to, to, &begun[..=until.unwrap()]);
        given.iter().for_each(|event| told.add(event));
        assert!(told.carry_on(&request).is_err(), "{fields}");
        assert!(told.carry_on(&self::request(to)).is_ok());
    }
}

/// A caller may have begun the answer itself.
#[test]
fn a_last_turn_of_the_model_s_is_gone_on_with() {
    use crate::Provider;
    let (text, parts) = (json!("A: "), json!([{"type": "text", "text": "A: "}]));
    for (content, expected) in [
        (text, json!("A: One,")),
        (
            parts,
            json!([{"type": "text", "text": "A: "}, {"type": "text", "text": "One,"}]),
        ),
    ] {
        let body = json!({"model": "claude-haiku-4-5", "messages": [
            {"role": "user", "content": "Count."}, {"role": "assistant", "content": content}]});
        let request = LlmRequest::parse(Dialect::AnthropicMessages, body.to_string().into());
        let request = request.unwrap().carrying_on("One, ");
        let body = request
            .encode(&Provider::Anthropic.target().unwrap())
            .unwrap()
            .body;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["messages"][1]["content"], expected);
        assert_eq!(body["messages"].as_array().unwrap().len(), 2);
    }
    let body = json!({"model": "m", "continue_final_message": true,
        "add_generation_prompt": true, "messages": [{"role": "assistant", "content": "A: "}]});
    let request = LlmRequest::parse(Dialect::OpenAiChat, body.to_string().into()).unwrap();
    let target = Provider::Vllm.target().unwrap();
    let body = request.carrying_on("One").encode(&target).unwrap().body;
    let expected = json!({"model": "m", "continue_final_message": true,
        "add_generation_prompt": false, "messages": [{"role": "assistant", "content": "A: One"}]});
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    // What called a tool is no beginning of an answer.
    let body = json!({"model": "m", "messages": [{"role": "assistant", "content": null,
        "tool_calls": []}]});
    let request = LlmRequest::parse(Dialect::OpenAiChat, body.to_string().into()).unwrap();
    let body = request.carrying_on("One").encode(&target).unwrap().body;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["messages"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_given_up_is_not_kept() {
    let to = Dialect::OpenAiResponses;
    let mut told = Told::new(to);
    let begun = native(to, &["One, two"], false);
    piped(to, to, &begun[..7])
        .iter()
        .for_each(|event| told.add(event));
    assert!(told.text.len() + told.place.kept() > 0);
    let call = json!({"type": "response.output_item.added", "output_index": 2,
        "item": {"type": "function_call", "call_id": "c", "name": "f"}});
    piped(to, to, &[call])
        .iter()
        .for_each(|event| told.add(event));
    assert_eq!(told.text.len() + told.place.kept(), 0);
}

#[test]
fn json_is_not_carried_on() {
    let formats = [
        (
            Dialect::OpenAiChat,
            json!({"response_format": {"type": "json_object"}}),
        ),
        (
            Dialect::OpenAiChat,
            json!({"response_format": {"type": "json_schema",
            "json_schema": {"name": "n", "schema": {}}}}),
        ),
        (
            Dialect::OpenAiResponses,
            json!({"text": {"format": {"type": "json_object"}}}),
        ),
        (
            Dialect::AnthropicMessages,
            json!({"output_config": {"format": {"type": "json_schema",
            "schema": {}}}}),
        ),
        (
            Dialect::Gemini,
            json!({"generationConfig": {"responseMimeType": "application/json"}}),
        ),
    ];
    for (to, format) in formats {
        let begun = native(to, &["{\"a\":"], false);
        let mut told = Told::new(to);
        piped(to, to, &begun[..begun.len() - 1])
            .iter()
            .for_each(|event| told.add(event));
        let mut body: Value = serde_json::from_slice(request(to).body()).unwrap();
        body.as_object_mut()
            .unwrap()
            .extend(format.as_object().unwrap().clone());
        let body = body.to_string().into();
        let request = match to {
            Dialect::Gemini => LlmRequest::parse_addressed(to, "m", true, body),
            _ => LlmRequest::parse(to, body),
        };
        assert!(told.carry_on(&request.unwrap()).is_err(), "{to} {format}");
    }
}

#[test]
fn the_rest_is_asked_for_as_each_place_wants_it() {
    let said = "One, two, \n";
    for from in Dialect::ALL {
        for to in Dialect::ALL {
            let request = request(from).carrying_on(said);
            let target = Target::new(to).model("m").max_output_tokens(1000);
            let target = target.reasoning(false);
            let body = request.encode(&target).unwrap().body;
            let body: Value = serde_json::from_slice(&body).unwrap();
            let turns = body[to.messages_field()].as_array().unwrap();
            let [.., last, ask] = &turns[..] else {
                panic!("{from} {to}: {body}");
            };
            assert!(
                last.to_string().contains(r#""One, two,""#),
                "{from} {to}: {last}"
            );
            assert_eq!(ask["role"], "user", "{from} {to}");
            // As it stood, but for what was said.
            let limit = body.get(to.max_tokens_field(&target));
            let limit = limit.unwrap_or(&body["generationConfig"]["maxOutputTokens"]);
            assert_eq!(limit, 1000 - 2, "{from} {to}");
            // The request itself may still have to go elsewhere.
            assert_eq!(request.body(), self::request(from).body());
        }
    }
}

#[test]
fn a_model_that_can_goes_on_from_what_was_said() {
    use crate::Provider;
    let body = |provider: Provider, model: &str, more: Value| {
        let mut body = json!({"messages": [{"role": "user", "content": "Hi"}], "model": "m"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let dialect = provider.dialect().unwrap();
        let request = LlmRequest::parse(dialect, body.to_string().into()).unwrap();
        let target = provider.target().unwrap().model(model);
        let body = request.carrying_on("One, ").encode(&target).unwrap().body;
        let body: Value = serde_json::from_slice(&body).unwrap();
        let last = body["messages"].as_array().unwrap().last().unwrap().clone();
        (body, last)
    };
    let one = json!({"role": "assistant", "content": "One,"});
    let none = json!({});
    let (_, last) = body(Provider::Anthropic, "claude-haiku-4-5", none.clone());
    assert_eq!(last, one);
    for thinks in [
        json!({"type": "enabled", "budget_tokens": 1024}),
        json!({"type": "adaptive"}),
    ] {
        let more = json!({"thinking": thinks, "max_tokens": 2000});
        let (body, last) = body(Provider::Anthropic, "claude-haiku-4-5", more);
        assert_eq!(last["role"], "user");
        assert_eq!(body["max_tokens"], 2000, "thinking counts, too");
    }
    let off = json!({"thinking": {"type": "disabled"}, "max_tokens": 17});
    let (asked, last) = body(Provider::Anthropic, "claude-3-5-haiku-latest", off);
    assert_eq!((last, &asked["max_tokens"]), (one.clone(), &json!(16)));
    let (_, last) = body(Provider::Anthropic, "claude-opus-4-6", none.clone());
    assert_eq!(last["role"], "user");
    let (_, last) = body(Provider::Mistral, "mistral-large-latest", none.clone());
    assert_eq!(
        last,
        json!({"role": "assistant", "content": "One,", "prefix": true})
    );
    let (asked, last) = body(Provider::Vllm, "qwen3", none.clone());
    assert_eq!(last, one);
    assert_eq!(
        (
            &asked["continue_final_message"],
            &asked["add_generation_prompt"]
        ),
        (&json!(true), &json!(false))
    );
    let (asked, last) = body(Provider::OpenAi, "gpt-5", none);
    assert_eq!(last["role"], "user");
    assert_eq!(asked["messages"].as_array().unwrap().len(), 3);
}

#[test]
fn the_rest_fails_like_any_stream() {
    let chat = Dialect::OpenAiChat;
    let mut pipe = EventPipe::new(chat, chat);
    pipe.push(frame(&native(chat, &["One"], false)[2]));
    let event = pipe.next_event().unwrap().unwrap();
    let mut told = Told::new(chat);
    told.add(&event);
    let (_, continuation) = told.carry_on(&request(chat)).unwrap();
    assert!(continuation.broken().is_none());
    pipe.close(None);
    let error = pipe.next_event().unwrap().unwrap_err();
    assert!(matches!(error, LlmError::Truncated(_)));
}
