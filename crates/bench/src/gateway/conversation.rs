//! A conversation of 200 KB, as an agent has it that works on code.

use buttress_llm::{Dialect, LlmRequest, Target};
use hyper::body::Bytes;
use serde_json::{Value, json};

const SIZE: usize = 200 << 10;

/// The models of the three providers.
pub(super) const OPENAI: &str = "gpt-4o-mini";
pub(super) const ANTHROPIC: &str = "claude-sonnet-4-5";
pub(super) const GEMINI: &str = "gemini-2.5-flash";

/// The conversation in this dialect, for this model.
pub(super) fn in_dialect(dialect: Dialect, model: &str) -> Bytes {
    let written = LlmRequest::parse(Dialect::OpenAiChat, openai(model)).expect("a request");
    let encoded = written.encode(&Target::new(dialect));
    encoded.expect("one that can cross").body
}

/// In OpenAI's chat: turns of a question, a call of a tool, its result and an answer.
fn openai(model: &str) -> Bytes {
    let mut messages = vec![json!({"role": "system", "content": prose(2_000)})];
    let mut size = 0;
    let mut turn = 0;
    while size < SIZE {
        let id = format!("call_{turn:020}");
        let arguments = json!({"path": format!("src/module_{turn}.rs"), "lines": [1, 120]});
        let call = json!({
            "id": id,
            "type": "function",
            "function": {"name": "read_file", "arguments": arguments.to_string()},
        });
        let added = [
            json!({"role": "user", "content": prose(400)}),
            json!({"role": "assistant", "content": prose(200), "tool_calls": [call]}),
            json!({"role": "tool", "tool_call_id": id, "content": code(3_000)}),
            json!({"role": "assistant", "content": prose(900)}),
        ];
        size += added.iter().map(|one| one.to_string().len()).sum::<usize>();
        messages.extend(added);
        turn += 1;
    }
    messages.push(json!({"role": "user", "content": "Go on."}));
    let tools = ["read_file", "write_file", "search", "run"].map(tool);
    let request = json!({
        "model": model,
        "messages": messages,
        "tools": tools,
        "max_tokens": 1024,
        "temperature": 0.7,
    });
    request.to_string().into()
}

fn tool(name: &str) -> Value {
    let parameters = json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Where the file is found."},
            "lines": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["path"],
    });
    json!({
        "type": "function",
        "function": {"name": name, "description": prose(200), "parameters": parameters},
    })
}

/// A character that JSON escapes among each 100, as in most texts.
fn prose(bytes: usize) -> String {
    repeated(
        "It reads one line at a time, and that's where the buffer grows: a line has no end until \
         its end is there. So a file without any — a dump, say — is read as a whole, and \"only\" \
         then looked at.\n\n",
        bytes,
    )
}

/// One among each 23, as in the source of this program.
fn code(bytes: usize) -> String {
    repeated(
        "    let mut lines = text.split('\\n').filter(|line| !line.is_empty());\n    \
         if let Some(line) = lines.next() {\n        \
         println!(\"{line}\");\n    }\n",
        bytes,
    )
}

fn repeated(text: &str, bytes: usize) -> String {
    text.repeat(bytes.div_ceil(text.len()))
}
