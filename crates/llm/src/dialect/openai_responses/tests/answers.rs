use super::*;
use crate::{
    Answer, AnswerTranslator, InvalidAnswer, Kind, LlmError, Provider, classify, read_finish,
    read_usage,
};
use http::HeaderMap;
use serde_json::json;

fn answer(status: &str, output: &Value) -> Value {
    json!({"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": status,
        "error": null, "incomplete_details": null, "output": output,
        "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4},
            "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 1},
            "total_tokens": 12}})
}

fn message(text: &str) -> Value {
    json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

fn translate(from: Dialect, to: Dialect, answer: &Value) -> Result<Value, InvalidAnswer> {
    let answer = AnswerTranslator::new(from, to).write(&answer.to_string().into())?;
    Ok(serde_json::from_slice(&answer).unwrap())
}

#[test]
fn an_answer_with_calls_crosses_both_ways() {
    let call = json!({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f",
        "arguments": "{\"x\":1}", "status": "completed"});
    let thought = json!({"type": "reasoning", "id": "rs_1", "summary": []});
    let original = answer("completed", &json!([thought, message("Hi"), call]));
    let chat = translate(RESPONSES, CHAT, &original).unwrap();
    assert_eq!(
        chat["choices"],
        json!([{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "Hi", "tool_calls": [{"id": "c", "type": "function",
                "function": {"name": "f", "arguments": "{\"x\":1}"}}]}}])
    );
    assert_eq!(chat["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
    let anthropic = translate(RESPONSES, ANTHROPIC, &original).unwrap();
    assert_eq!(anthropic["stop_reason"], "tool_use");
    assert_eq!(anthropic["content"][1]["input"], json!({"x": 1}));

    for (from, crossed) in [(CHAT, chat), (ANTHROPIC, anthropic)] {
        let mut back = translate(from, RESPONSES, &crossed).unwrap();
        assert!(back["created_at"].as_u64().unwrap() > 1_700_000_000);
        assert_eq!(
            back["output"],
            json!([
                {"type": "message", "id": "msg_resp_1_0", "role": "assistant",
                    "status": "completed", "content": [{"type": "output_text", "text": "Hi",
                        "annotations": [], "logprobs": []}]},
                {"type": "function_call", "id": "fc_resp_1_1", "call_id": "c", "name": "f",
                    "arguments": "{\"x\":1}", "status": "completed"},
            ])
        );
        assert_eq!(
            back["usage"]["input_tokens_details"],
            json!({"cached_tokens": 4})
        );
        for field in ["output", "usage", "created_at"] {
            back.as_object_mut().unwrap().remove(field);
        }
        assert_eq!(
            back,
            json!({"id": "resp_1", "object": "response", "model": "m", "status": "completed",
                "error": null, "incomplete_details": null, "instructions": null, "metadata": {},
                "parallel_tool_calls": true, "temperature": null, "tool_choice": "auto",
                "tools": [], "top_p": null})
        );
    }
}

#[test]
fn the_end_of_an_answer_keeps_its_meaning() {
    let text = json!([message("Hi")]);
    let incomplete = |reason: &str| {
        let mut answer = answer("incomplete", &text);
        answer["incomplete_details"] = json!({"reason": reason});
        answer
    };
    let refusal = json!([{"type": "message", "role": "assistant", "content": [
        {"type": "refusal", "refusal": "N"}, {"type": "refusal", "refusal": "o."}]}]);
    let refusal = answer("completed", &refusal);
    for (original, chat, anthropic, kind) in [
        (answer("completed", &text), "stop", "end_turn", None),
        (
            incomplete("max_output_tokens"),
            "length",
            "max_tokens",
            Some(Kind::Partial),
        ),
        (
            incomplete("something_new"),
            "length",
            "max_tokens",
            Some(Kind::Partial),
        ),
        (
            incomplete("content_filter"),
            "content_filter",
            "refusal",
            Some(Kind::ContentPolicy),
        ),
        (refusal, "content_filter", "refusal", None),
    ] {
        let finish = read_finish(RESPONSES, original.to_string().as_bytes()).unwrap();
        assert_eq!(finish.verdict().err().map(|verdict| verdict.kind), kind);
        let crossed = translate(RESPONSES, CHAT, &original).unwrap();
        assert_eq!(crossed["choices"][0]["finish_reason"], chat);
        let back = translate(CHAT, RESPONSES, &crossed).unwrap();
        assert_eq!(back["status"], original["status"]);
        let crossed = translate(RESPONSES, ANTHROPIC, &original).unwrap();
        assert_eq!(crossed["stop_reason"], anthropic);
    }
    let filtered = translate(RESPONSES, CHAT, &incomplete("content_filter")).unwrap();
    let back = translate(CHAT, RESPONSES, &filtered).unwrap();
    assert_eq!(
        back["incomplete_details"],
        json!({"reason": "content_filter"})
    );
    assert_eq!(back["output"][0]["status"], "incomplete");
}

#[test]
fn a_refusal_is_a_part_of_its_own() {
    let chat = json!({"id": "c", "choices": [{"message": {"content": null, "refusal": "No."},
        "finish_reason": "stop"}]});
    let body = translate(CHAT, RESPONSES, &chat).unwrap();
    assert_eq!(body["status"], "completed");
    assert_eq!(
        body["output"][0]["content"],
        json!([{"type": "refusal", "refusal": "No."}])
    );
    assert_eq!(body["usage"], Value::Null);
    let headers = HeaderMap::new();
    let body = body.to_string();
    let verdict = classify(
        Provider::OpenAi,
        &Answer::new(200, &headers, body.as_bytes()),
    );
    let verdict = verdict.unwrap_err();
    assert!(verdict.kind == Kind::ContentPolicy && verdict.usable);
}

#[test]
fn a_response_that_failed_is_no_answer() {
    let headers = HeaderMap::new();
    for (status, error, kind) in [
        (
            "failed",
            json!({"code": "server_error", "message": "x"}),
            Kind::ServerError,
        ),
        (
            "failed",
            json!({"code": "rate_limit_exceeded", "message": "x"}),
            Kind::RateLimited,
        ),
        ("failed", Value::Null, Kind::ServerError),
        ("cancelled", Value::Null, Kind::Transient),
    ] {
        let mut body = answer(status, &json!([]));
        body["error"] = error;
        let body = body.to_string();
        let answer = Answer::new(200, &headers, body.as_bytes());
        let error = LlmError::check(Provider::OpenAi, RESPONSES, &answer).unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        // Told as an error, and not as an answer that says so.
        for dialect in Dialect::ALL {
            let told: Value = serde_json::from_slice(&error.render(dialect).body).unwrap();
            let word = match dialect {
                Dialect::Gemini => "status",
                _ => "type",
            };
            assert!(told["error"][word].is_string(), "{told}");
            assert!(told.get("object").is_none());
        }
    }
}

#[test]
fn usage_is_counted_alike() {
    let body = answer("completed", &json!([])).to_string();
    let usage = read_usage(RESPONSES, body.as_bytes());
    assert_eq!(
        (usage.input, usage.output, usage.cached, usage.reasoning),
        (Some(9), Some(3), Some(4), Some(1))
    );
    let headers = HeaderMap::new();
    let answer = Answer::new(200, &headers, body.as_bytes());
    assert_eq!(
        LlmError::check(Provider::OpenAi, RESPONSES, &answer).unwrap(),
        usage
    );
    for body in [
        "",
        "{}",
        "<html>",
        r#"{"output": [1]}"#,
        r#"{"output": {}}"#,
    ] {
        let answer = AnswerTranslator::new(RESPONSES, CHAT).write(&body.into());
        assert!(answer.is_err(), "{body}");
    }
}

#[test]
fn errors_have_openais_shape() {
    let headers = HeaderMap::new();
    let body = r#"{"error":{"message":"Slow down.","type":"x","param":null,"code":"slow_down"}}"#;
    let answer = Answer::new(503, &headers, body.as_bytes());
    let error = LlmError::check(Provider::OpenAi, RESPONSES, &answer).unwrap_err();
    assert_eq!(error.render(RESPONSES), error.render(CHAT));
    assert_eq!(error.render(RESPONSES).body, body);
    let event = String::from_utf8(error.render_event(RESPONSES).to_vec()).unwrap();
    let data = event.strip_prefix("event: error\ndata: ").unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    // As it is documented, and as it is sent.
    assert_eq!(
        (&data["type"], &data["code"]),
        (&json!("error"), &json!("slow_down"))
    );
    assert_eq!(data["error"]["message"], "Slow down.");
    assert_eq!(data["message"], "Slow down.");
}
