//! What the testkit has no word for: answers that call tools.

mod anthropic;
mod gemini;
mod openai;
mod responses;

pub use self::gemini::SIGNATURE;

use crate::prompt::Problem;
use buttress_testkit::{Dialect, Received, Reply};
use serde_json::{Value, json};

/// Calls of tools: id, name, arguments.
type Calls<'a> = &'a [(&'a str, &'a str, Value)];

/// An answer, whole or streamed, that calls these tools.
pub fn tool_calls(call: &Received, calls: Calls<'_>) -> Reply {
    let model = call.model();
    match (call.dialect(), call.wants_stream()) {
        (Dialect::OpenAi, false) => json_of(200, &openai::whole(model, calls)),
        (Dialect::OpenAi, true) => Reply::sse(openai::stream(call, calls)),
        (Dialect::Responses, false) => json_of(200, &responses::whole(model, calls)),
        (Dialect::Responses, true) => Reply::sse(responses::stream(model, calls)),
        (Dialect::Gemini, false) => json_of(200, &gemini::whole(model, calls)),
        (Dialect::Gemini, true) => Reply::sse(gemini::stream(model, calls)),
        (_, false) => json_of(200, &anthropic::whole(model, calls)),
        (_, true) => Reply::sse(anthropic::stream(model, calls)),
    }
}

/// A request that is refused for this reason.
pub fn refusal(dialect: Dialect, problem: &Problem) -> Reply {
    let status = match problem {
        Problem::Unprocessable => 422,
        Problem::Invalid(_) | Problem::Thread => 400,
    };
    let mut error = match dialect {
        Dialect::Gemini => json!({ "code": status, "status": "INVALID_ARGUMENT" }),
        _ => json!({ "type": "invalid_request_error" }),
    };
    match problem {
        Problem::Invalid(message) => error["message"] = message.as_str().into(),
        Problem::Unprocessable => error["message"] = "That makes no sense.".into(),
        // In the words of Anthropic, whose tool runners then send the whole conversation.
        Problem::Thread => {
            error["message"] = "thread: not supported for this organization".into();
            error["details"] = json!({ "error_code": "thread_unsupported_request" });
        }
    }
    let body = match dialect {
        Dialect::Anthropic => json!({ "type": "error", "error": error }),
        _ => json!({ "error": error }),
    };
    json_of(status, &body)
}

fn json_of(status: u16, body: &Value) -> Reply {
    let reply = Reply::raw(status).header("content-type", "application/json");
    reply.body(body.to_string())
}

fn halves(arguments: &Value) -> [String; 2] {
    let mut first = arguments.to_string();
    let second = first.split_off(first.len() / 2);
    [first, second]
}
