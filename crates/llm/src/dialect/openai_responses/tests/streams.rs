use super::*;
use crate::{
    End, EventPipe, Kind, LlmError, Part, Stop, StreamReader, Summary,
    sse::{Decoder, Frame},
};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

/// The events of this stream in the other dialect, and what is known of it in the end.
fn pipe(from: Dialect, to: Dialect, text: &str) -> (Vec<Value>, Option<LlmError>, Summary) {
    let mut pipe = EventPipe::new(from, to).keep(1 << 20);
    let (mut out, mut failed) = (Vec::new(), None);
    for piece in text.as_bytes().chunks(7) {
        pipe.push(Bytes::copy_from_slice(piece));
        while let Some(event) = pipe.next_event() {
            match event {
                Ok(event) => out.extend_from_slice(&event.frame),
                Err(error) => failed = Some(error),
            }
        }
    }
    pipe.close(None);
    while let Some(event) = pipe.next_event() {
        match event {
            Ok(event) => out.extend_from_slice(&event.frame),
            Err(error) => failed = Some(error),
        }
    }
    (events(out), failed, pipe.summary().clone())
}

fn events(bytes: Vec<u8>) -> Vec<Value> {
    let mut decoder = Decoder::new();
    decoder.push(bytes.into());
    let mut events = Vec::new();
    while let Some(frame) = decoder.next_frame() {
        let Frame::Event(event) = frame.unwrap() else {
            continue;
        };
        let Ok(data) = serde_json::from_slice::<Value>(&event.data) else {
            assert_eq!(event.data, "[DONE]");
            continue;
        };
        if let Some(name) = event.name() {
            assert_eq!(data["type"], name, "named by its type");
        }
        events.push(data);
    }
    events
}

fn event(fields: &Value) -> String {
    format!(
        "event: {}\ndata: {fields}\n\n",
        fields["type"].as_str().unwrap()
    )
}

/// What OpenAI sends of a text and a call.
fn original() -> String {
    let response = |status: &str| {
        json!({"id": "resp_1", "object": "response", "model": "m", "status": status, "error": null,
            "incomplete_details": null, "output": [], "usage": null})
    };
    let mut end = response("completed");
    end["usage"] = json!({"input_tokens": 9, "output_tokens": 3, "total_tokens": 12});
    let call = |status: &str, arguments: &str| {
        json!({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f",
            "arguments": arguments, "status": status})
    };
    let part = json!({"type": "output_text", "text": "", "annotations": []});
    [
        json!({"type": "response.created", "response": response("in_progress")}),
        json!({"type": "response.in_progress", "response": response("in_progress")}),
        json!({"type": "response.output_item.added", "output_index": 0,
            "item": {"type": "reasoning", "id": "rs_1", "summary": []}}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hm"}),
        json!({"type": "response.output_item.added", "output_index": 1,
            "item": {"type": "message", "id": "msg_1", "content": []}}),
        json!({"type": "response.content_part.added", "output_index": 1, "part": part}),
        json!({"type": "response.output_text.delta", "output_index": 1, "delta": "H\"i\n"}),
        json!({"type": "response.output_text.delta", "output_index": 1, "delta": " there"}),
        json!({"type": "response.output_text.done", "output_index": 1, "text": "H\"i\n there"}),
        json!({"type": "response.output_item.added", "output_index": 2,
            "item": call("in_progress", "")}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2,
            "delta": "{\"x\":"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "1}"}),
        json!({"type": "response.function_call_arguments.done", "output_index": 2,
            "arguments": "{\"x\":1}"}),
        json!({"type": "response.output_item.done", "output_index": 2,
            "item": call("completed", "{\"x\":1}")}),
        json!({"type": "response.completed", "response": end}),
    ]
    .iter()
    .map(event)
    .collect()
}

#[test]
fn a_stream_crosses_to_both_others() {
    let (chunks, failed, summary) = pipe(RESPONSES, CHAT, &original());
    assert!(failed.is_none() && summary.is_complete() && summary.terminal_marker());
    assert_eq!(summary.text(), "H\"i\n there");
    assert_eq!(summary.tool_calls()[0].arguments, "{\"x\":1}");
    assert_eq!(summary.usage().total(), Some(12));
    let calls = |chunk: &Value| chunk["choices"][0]["delta"]["tool_calls"][0].clone();
    assert_eq!(calls(&chunks[3])["id"], "c");
    assert_eq!(calls(&chunks[4])["index"], 0);
    let last = chunks.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");

    let (events, failed, _) = pipe(RESPONSES, ANTHROPIC, &original());
    assert!(failed.is_none());
    let kinds: Vec<_> = events
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    assert_eq!(events[9]["usage"]["output_tokens"], 3);
}

/// What the official SDKs make of the events: a response that grows.
fn accumulated(events: &[Value]) -> Value {
    assert_eq!(events[0]["type"], "response.created");
    let mut response = events[0]["response"].clone();
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], at);
        let item = event["output_index"].as_u64().map(|at| at as usize);
        let part = event["content_index"].as_u64().map(|at| at as usize);
        let append = |place: &mut Value| {
            let text = place.as_str().unwrap().to_owned() + event["delta"].as_str().unwrap();
            *place = text.into();
        };
        match event["type"].as_str().unwrap() {
            "response.output_item.added" => {
                let output = response["output"].as_array_mut().unwrap();
                assert_eq!(item, Some(output.len()));
                output.push(event["item"].clone());
            }
            "response.content_part.added" => {
                let item = &mut response["output"][item.unwrap()];
                assert_eq!(item["id"], event["item_id"]);
                let content = item["content"].as_array_mut().unwrap();
                assert_eq!(part, Some(content.len()));
                content.push(event["part"].clone());
            }
            "response.output_text.delta" => {
                append(&mut response["output"][item.unwrap()]["content"][part.unwrap()]["text"]);
            }
            "response.refusal.delta" => {
                append(&mut response["output"][item.unwrap()]["content"][part.unwrap()]["refusal"]);
            }
            "response.function_call_arguments.delta" => {
                append(&mut response["output"][item.unwrap()]["arguments"]);
            }
            "response.output_text.done" => {
                let part = &response["output"][item.unwrap()]["content"][part.unwrap()];
                assert_eq!(part["text"], event["text"]);
            }
            "response.content_part.done" => {
                let grown = &response["output"][item.unwrap()]["content"][part.unwrap()];
                assert_eq!(*grown, event["part"]);
            }
            "response.function_call_arguments.done" => {
                assert_eq!(
                    response["output"][item.unwrap()]["arguments"],
                    event["arguments"]
                );
            }
            "response.output_item.done" => {
                let grown = &mut response["output"][item.unwrap()];
                grown["status"] = event["item"]["status"].clone();
                assert_eq!(*grown, event["item"]);
            }
            "response.completed" | "response.incomplete" => {
                assert_eq!(at, events.len() - 1);
                assert_eq!(response["output"], event["response"]["output"]);
                response = event["response"].clone();
            }
            "response.created" | "response.in_progress" | "response.refusal.done" => {}
            other => panic!("what is {other}?"),
        }
    }
    response
}

fn chunk(delta: Value) -> String {
    let chunk =
        json!({"id": "chatcmpl-1", "model": "m", "choices": [{"index": 0, "delta": delta}]});
    format!("data: {chunk}\n\n")
}

fn finish(reason: &str) -> String {
    let chunk = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]});
    format!(
        "data: {chunk}\n\ndata: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":9,\"completion_tokens\":2}}}}\n\ndata: [DONE]\n\n"
    )
}

#[test]
fn a_text_is_written_as_the_sdks_expect_it() {
    let text = [
        ": hello\n\n".to_owned(),
        chunk(json!({"role": "assistant", "content": ""})),
        chunk(json!({"content": "H\"i"})),
        chunk(json!({"content": " there"})),
        finish("stop"),
    ];
    let (events, failed, _) = pipe(CHAT, RESPONSES, &text.concat());
    assert!(failed.is_none());
    let kinds: Vec<_> = events
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    assert_eq!(
        events[4],
        json!({"type": "response.output_text.delta", "sequence_number": 4, "content_index": 0,
            "item_id": "msg_chatcmpl-1_0", "output_index": 0, "delta": "H\"i", "logprobs": []})
    );
    let response = accumulated(&events);
    assert_eq!(response["status"], "completed");
    assert_eq!(response["output"][0]["content"][0]["text"], "H\"i there");
    assert_eq!(response["usage"]["total_tokens"], 11);
    assert_eq!(
        (&response["id"], &response["model"]),
        (&json!("chatcmpl-1"), &json!("m"))
    );
    // And what is written can be read.
    let stream: String = events.iter().map(event).collect();
    let (_, failed, summary) = pipe(RESPONSES, RESPONSES, &stream);
    assert!(failed.is_none() && summary.outcome().is_ok());
    assert_eq!(summary.text(), "H\"i there");
}

#[test]
fn calls_refusals_and_limits_are_written_as_the_sdks_expect_them() {
    let call = |index: u32, id: Option<&str>, arguments: &str| {
        let mut call = json!({"index": index, "function": {"arguments": arguments}});
        if let Some(id) = id {
            call["id"] = id.into();
            call["function"]["name"] = "f".into();
        }
        chunk(json!({"tool_calls": [call]}))
    };
    let text = [
        chunk(json!({"content": "Let me see."})),
        call(0, Some("a"), "{\"x\":"),
        call(1, Some("b"), ""),
        // The pieces of calls may come in any order.
        call(0, None, "1}"),
        finish("tool_calls"),
    ];
    let (events, _, _) = pipe(CHAT, RESPONSES, &text.concat());
    let response = accumulated(&events);
    let output = response["output"].as_array().unwrap();
    assert_eq!(output.len(), 3);
    assert_eq!(
        (&output[1]["call_id"], &output[1]["arguments"]),
        (&json!("a"), &json!("{\"x\":1}"))
    );
    // None at all are an empty object.
    assert_eq!(
        (&output[2]["call_id"], &output[2]["arguments"]),
        (&json!("b"), &json!("{}"))
    );
    assert_eq!(response["status"], "completed");

    let text = chunk(json!({"refusal": "No."})) + &finish("stop");
    let (events, _, _) = pipe(CHAT, RESPONSES, &text);
    let response = accumulated(&events);
    assert_eq!(response["status"], "completed");
    assert_eq!(
        response["output"][0]["content"],
        json!([{"type": "refusal", "refusal": "No."}])
    );

    for (reason, expected) in [
        ("length", "max_output_tokens"),
        ("content_filter", "content_filter"),
    ] {
        let text = chunk(json!({"content": "Hel"})) + &finish(reason);
        let (events, _, _) = pipe(CHAT, RESPONSES, &text);
        let response = accumulated(&events);
        assert_eq!(events.last().unwrap()["type"], "response.incomplete");
        assert_eq!(response["incomplete_details"], json!({"reason": expected}));
        assert_eq!(response["output"][0]["status"], "incomplete");
    }
}

#[test]
fn a_call_that_is_told_only_at_its_end_is_a_call() {
    let item = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let text = [
        json!({"type": "response.created", "response": {"id": "r"}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 3, "delta": "{}"}),
        json!({"type": "response.completed", "response": {"id": "r"}}),
    ];
    let text: String = text.iter().map(event).collect();
    let (_, failed, summary) = pipe(RESPONSES, RESPONSES, &text);
    assert!(failed.is_none());
    assert_eq!(summary.tool_calls().len(), 2);
    assert_eq!(summary.tool_calls()[0].id, "c");
    assert_eq!(summary.finish().unwrap().stop, Stop::ToolCalls);
}

#[test]
fn a_stream_that_breaks_off_is_never_given_an_end() {
    let whole = original();
    let cut = whole.rfind("event: ").unwrap();
    for to in Dialect::ALL {
        let (events, failed, summary) = pipe(RESPONSES, to, &whole[..cut]);
        assert!(matches!(failed, Some(LlmError::Truncated(_))));
        assert_eq!(summary.end(), End::Truncated);
        let told = json!(events).to_string();
        for end in ["finish_reason\":\"", "message_stop", "response.completed"] {
            assert!(!told.contains(end), "{told}");
        }
    }
    let text = chunk(json!({"content": "Hi"})) + "data: [DONE]\n\n";
    let (events, failed, _) = pipe(CHAT, RESPONSES, &text);
    assert!(failed.is_some());
    assert_eq!(events.last().unwrap()["type"], "response.output_text.delta");
}

#[test]
fn errors_are_read_in_every_form() {
    let failed = json!({"type": "response.failed", "response": {"status": "failed",
        "error": {"code": "rate_limit_exceeded", "message": "Please try again in 1.5s."}}});
    for (text, kind) in [
        (event(&failed), Kind::RateLimited),
        (
            event(&json!({"type": "response.failed", "response": {"error": null}})),
            Kind::ServerError,
        ),
        (
            "data: {\"error\":{\"type\":\"overloaded_error\"}}\n\n".to_owned(),
            Kind::Overloaded,
        ),
        (
            "event: error\ndata: {\"code\":\"server_error\"}\n\n".to_owned(),
            Kind::ServerError,
        ),
        (
            "data: {\"type\":\"x\",\"error\":{\"code\":\"insufficient_quota\"}}\n\n".to_owned(),
            Kind::QuotaExhausted,
        ),
    ] {
        let (_, error, summary) = pipe(RESPONSES, RESPONSES, &text);
        assert_eq!(error.unwrap().kind(), kind, "{text}");
        assert_eq!(summary.end(), End::Failed);
    }
    let mut reader = StreamReader::new(RESPONSES);
    reader.push(event(&failed).into());
    assert!(matches!(reader.next_item().unwrap().part, Part::Error(_)));
    assert!(reader.is_over() && reader.summary().terminal_marker());
    assert_eq!(&*reader.summary().finish().unwrap().raw, "failed");
}

#[test]
fn what_is_too_large_to_be_said_again_is_a_failure() {
    let mut pipe = EventPipe::new(CHAT, RESPONSES);
    let piece = chunk(json!({"content": "x".repeat(1 << 19)}));
    let mut given = 0;
    let failed = loop {
        pipe.push(piece.clone().into());
        match pipe.next_event().unwrap() {
            Ok(event) => given += event.text.unwrap().len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(failed, LlmError::Truncated(_)));
    assert!(pipe.is_over());
    assert!((7 << 20..=8 << 20).contains(&given), "{given}");
}

proptest! {
    /// However a stream is made up, what is written of it adds up, and reads as it was.
    #[test]
    fn what_is_written_adds_up(
        pieces in prop::collection::vec((0_u8..4, ".{1,4}", 0_u32..3), 0..12),
    ) {
        let mut calls = [false; 3];
        let mut stream = chunk(json!({"content": ""}));
        for (kind, text, index) in pieces {
            stream += &chunk(match kind {
                0 => json!({"content": text}),
                1 => json!({"refusal": text}),
                _ if std::mem::replace(&mut calls[index as usize], true) => {
                    json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]})
                }
                _ => json!({"tool_calls": [{"index": index, "id": format!("c{index}"),
                    "function": {"name": "f", "arguments": ""}}]}),
            });
        }
        stream += &finish("stop");
        let (events, failed, before) = pipe(CHAT, RESPONSES, &stream);
        prop_assert!(failed.is_none());
        accumulated(&events);
        let written: String = events.iter().map(event).collect();
        let (_, failed, after) = pipe(RESPONSES, RESPONSES, &written);
        prop_assert!(failed.is_none());
        prop_assert_eq!(before.text(), after.text());
        prop_assert_eq!(before.refusal(), after.refusal());
        prop_assert_eq!(before.usage().total(), after.usage().total());
    }
}
