//! What crosses to another dialect and back is what it was, unless a note says what was lost: and
//! what each note stands for, the table in `docs/dialects.md` tells.

use super::*;
use crate::{Dialect, LlmRequest, Target};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Value, value::RawValue};
use std::borrow::Cow;

/// How many conversations are tried.
const CASES: usize = 300;

fn raw(json: &str) -> Cow<'static, RawValue> {
    Cow::Owned(RawValue::from_string(json.to_owned()).expect("JSON"))
}

fn words() -> impl Strategy<Value = Cow<'static, str>> {
    // Escapes, a character outside of the first plane, and white space inside.
    prop_oneof![
        "[a-z]{1,8}",
        "[a-zé\"\\\\]{1,4} \n[a-z]{1,3}",
        "\u{1f600}[a-z]{1,3}"
    ]
    .prop_map(Cow::Owned)
}

fn schema() -> impl Strategy<Value = Cow<'static, RawValue>> {
    prop_oneof![
        Just(r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}"#),
        Just(r#"{"type":"object","properties":{"b":{"type":"array","items":{"type":"integer"}}}}"#),
    ]
    .prop_map(raw)
}

fn image() -> impl Strategy<Value = Block<'static>> {
    prop_oneof![
        Just(Source::Base64 {
            media_type: "image/png".into(),
            data: "aGVsbG8=".into(),
        }),
        Just(Source::Url("https://x.test/a.png".into())),
    ]
    .prop_map(|source| Block::Image(Image { source }))
}

/// What the user says, and what the model answers: with calls of tools and what came of them, or
/// without.
fn exchange() -> impl Strategy<Value = Vec<Turn<'static>>> {
    let said = prop_oneof![3 => words().prop_map(Block::Text), 1 => image()];
    let asked = prop::collection::vec(said, 1..3);
    let calls = prop::collection::vec((0..2_usize, words(), words()), 0..3);
    let answered = prop::option::of(words());
    (asked, answered, calls, words()).prop_map(|(asked, answered, calls, after)| {
        let turn = |role, content| Turn { role, content };
        let mut called: Vec<_> = answered.into_iter().map(Block::Text).collect();
        let mut results = Vec::new();
        for (at, (tool, argument, result)) in calls.iter().enumerate() {
            let id = format!("call_{at}");
            let argument = serde_json::to_string(argument).expect("a string");
            called.push(Block::ToolCall(ToolCall {
                id: id.clone().into(),
                name: ["look", "tell"][*tool].into(),
                arguments: format!("{{\"a\":{argument}}}").into(),
            }));
            results.push(Block::ToolResult(ToolResult {
                id: id.into(),
                name: None,
                content: vec![Block::Text(result.clone())],
                is_error: false,
            }));
        }
        let mut turns = vec![turn(Role::User, asked)];
        match results.is_empty() {
            true => called = vec![Block::Text(after)],
            false => {
                turns.push(turn(Role::Assistant, std::mem::take(&mut called)));
                turns.push(turn(Role::User, results));
                called = vec![Block::Text(after)];
            }
        }
        turns.push(turn(Role::Assistant, called));
        turns
    })
}

fn tool() -> impl Strategy<Value = Vec<Tool<'static>>> {
    let one = (prop::option::of(words()), schema());
    prop::collection::vec(one, 2..3).prop_map(|tools| {
        let named = tools.into_iter().zip(["look", "tell"]);
        let tool = |((description, schema), name): (_, &'static str)| Tool {
            name: name.into(),
            description,
            parameters: Some(schema),
            strict: None,
        };
        named.map(tool).collect()
    })
}

fn format() -> impl Strategy<Value = Format<'static>> {
    schema().prop_map(|schema| Format::Schema {
        // What it is called where the other side has no name for it.
        name: Some("response".into()),
        description: None,
        schema,
        strict: Some(true),
    })
}

fn prompt() -> impl Strategy<Value = Prompt<'static>> {
    let choice = prop_oneof![
        Just(None),
        Just(Some(ToolChoice::Auto)),
        Just(Some(ToolChoice::Required)),
        Just(Some(ToolChoice::None)),
        Just(Some(ToolChoice::One("tell".into()))),
    ];
    let conversation = (
        prop::collection::vec(words(), 0..2),
        prop::collection::vec(exchange(), 0..3),
        words(),
    );
    let settings = (
        16..2000_u64,
        // One of Anthropic's takes one of the two.
        prop::option::of((any::<bool>(), 0..=4_u8)),
        prop::collection::vec("[A-Z]{2,5}".prop_map(Cow::Owned), 0..3),
    );
    let tools = prop::option::of((tool(), choice));
    let format = prop::option::weighted(0.2, format());
    (conversation, settings, tools, format).prop_map(|(conversation, settings, tools, format)| {
        let (system, exchanges, last) = conversation;
        let (tokens, sampling, stop) = settings;
        let (tools, tool_choice) = tools.unwrap_or_default();
        let quarters = |count: u8| f64::from(count) / 4.0;
        Prompt {
            model: "m".into(),
            system,
            turns: turns(exchanges, last),
            max_tokens: Some(tokens),
            temperature: sampling.filter(|it| it.0).map(|it| quarters(it.1)),
            top_p: sampling.filter(|it| !it.0).map(|it| quarters(it.1)),
            stop,
            tools,
            tool_choice,
            format,
            ..Prompt::default()
        }
    })
}

/// The exchanges, in which no two calls have one id, and the question to be answered.
fn turns(exchanges: Vec<Vec<Turn<'static>>>, last: Cow<'static, str>) -> Vec<Turn<'static>> {
    let mut turns = Vec::new();
    for (at, mut exchange) in exchanges.into_iter().enumerate() {
        for block in exchange.iter_mut().flat_map(|turn| &mut turn.content) {
            if let Block::ToolCall(ToolCall { id, .. }) | Block::ToolResult(ToolResult { id, .. }) =
                block
            {
                id.to_mut().push_str(&format!("_{at}"));
            }
        }
        turns.extend(exchange);
    }
    turns.push(Turn {
        role: Role::User,
        content: vec![Block::Text(last)],
    });
    turns
}

fn place(dialect: Dialect) -> Target {
    Target::new(dialect).json_schema(true).reasoning(false)
}

fn parse(dialect: Dialect, body: bytes::Bytes) -> LlmRequest {
    let read = match dialect {
        Dialect::Gemini => LlmRequest::parse_addressed(dialect, "m", false, body),
        _ => LlmRequest::parse(dialect, body),
    };
    read.expect("what was written can be read")
}

/// The JSON, with ids by the order in which they come: Gemini has none of its own, so that those
/// of calls that have been there are others.
fn shown(body: &[u8]) -> Value {
    fn rename(value: &mut Value, ids: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                // What it is where nothing is said, which not all dialects leave unsaid.
                fields.retain(|name, field| name != "strict" || *field == Value::Bool(true));
                fields.remove("store");
                for (name, field) in fields {
                    match field {
                        Value::String(id)
                            if matches!(
                                &**name,
                                "id" | "call_id" | "tool_call_id" | "tool_use_id"
                            ) =>
                        {
                            let known = ids.iter().position(|known| known == id);
                            let at = known.unwrap_or_else(|| {
                                ids.push(id.clone());
                                ids.len() - 1
                            });
                            *id = format!("id {at}");
                        }
                        field => rename(field, ids),
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| rename(value, ids)),
            _ => {}
        }
    }
    let mut value = serde_json::from_slice(body).expect("JSON");
    rename(&mut value, &mut Vec::new());
    value
}

#[test]
fn there_and_back_loses_what_notes_say_and_nothing_else() {
    let mut runner = TestRunner::deterministic();
    let strategy = prompt();
    let mut without_loss = [[0_usize; 4]; 4];
    for _ in 0..CASES {
        let prompt = strategy.new_tree(&mut runner).expect("a prompt").current();
        for (a, from) in Dialect::ALL.into_iter().enumerate() {
            let crossing = Crossing { from, to: from };
            let mut written = prompt.clone();
            let Ok(body) = written.encode(&place(from), crossing) else {
                continue;
            };
            // What was written and is read is written as it was.
            let text = std::str::from_utf8(&body).expect("text");
            let mut again = Prompt::decode(text, crossing).expect("its own");
            let again = again.encode(&place(from), crossing).expect("its own");
            assert_eq!(shown(&again), shown(&body), "{from}");

            for (b, to) in Dialect::ALL.into_iter().enumerate() {
                if from == to {
                    continue;
                }
                let request = parse(from, body.clone());
                let Ok(there) = request.encode(&place(to)) else {
                    continue;
                };
                let back = parse(to, there.body.clone()).encode(&place(from));
                let back = back.unwrap_or_else(|error| panic!("{from} {to}: {error}: {text}"));
                let mut notes = there.notes.iter().chain(&back.notes);
                // Of the answer, and not of what is asked.
                if notes.any(|note| !note.contains("store")) {
                    continue;
                }
                without_loss[a][b] += 1;
                let (mut before, after) = (shown(&body), shown(&back.body));
                // Gemini follows every schema as well as it can.
                if to == Dialect::Gemini {
                    let formats = ["/response_format/json_schema", "/text/format"];
                    for format in formats {
                        if let Some(Value::Object(format)) = before.pointer_mut(format) {
                            format.remove("strict");
                        }
                    }
                }
                let between = String::from_utf8_lossy(&there.body);
                assert_eq!(after, before, "{from}, to {to}: {between}");
            }
        }
    }
    for (a, row) in without_loss.iter().enumerate() {
        for (b, count) in row.iter().enumerate() {
            assert!(a == b || *count > CASES / 10, "{without_loss:?}");
        }
    }
}
