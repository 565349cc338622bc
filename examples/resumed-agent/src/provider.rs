//! A model on a loopback socket that wants to know the weather of four cities, one by one. Each of
//! its answers says which call it was.

use buttress_testkit::{Provider, Received, Reply};
use serde_json::json;
use std::io;

const CITIES: [&str; 4] = ["Lisbon", "Porto", "Faro", "Braga"];

pub(crate) async fn start() -> io::Result<Provider> {
    Provider::openai()
        .forever(|call: &Received| answer(call))
        .start()
        .await
}

fn answer(call: &Received) -> Reply {
    let index = call.index();
    if call.wants_stream() {
        return Reply::text(format!("It is warmest in Faro, says call {index}."));
    }
    let body = call.json();
    let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let seen = messages
        .iter()
        .filter(|message| message["role"] == "tool")
        .count();
    let Some(city) = CITIES.get(seen) else {
        return Reply::text(format!("That is enough, says call {index}."));
    };
    let arguments = json!({"city": city}).to_string();
    let answer = json!({
        "id": format!("chatcmpl-{index}"),
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-5-mini",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant",
            "content": null,
            "tool_calls": [{"id": format!("call_{index}"), "type": "function", "function": {
                "name": "weather", "arguments": arguments
            }}],
        }}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30},
    });
    Reply::raw(200)
        .header("content-type", "application/json")
        .body(answer.to_string())
}
