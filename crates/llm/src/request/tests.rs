use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const OPENAI: Dialect = Dialect::OpenAiChat;
const ANTHROPIC: Dialect = Dialect::AnthropicMessages;
const RESPONSES: Dialect = Dialect::OpenAiResponses;

fn parse(body: &str) -> Result<LlmRequest, InvalidRequest> {
    LlmRequest::parse(OPENAI, body.to_owned().into())
}

fn encode(body: &str, target: &Target) -> (String, Vec<&'static str>) {
    let encoded = parse(body).unwrap().encode(target).unwrap();
    let body = String::from_utf8(encoded.body.to_vec()).unwrap();
    serde_json::from_str::<Value>(&body).expect("still JSON");
    (body, encoded.notes)
}

#[test]
fn the_index_says_what_routing_asks() {
    let request = parse(
        r#"{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, {}],
        "mod\u0065l": "gpt\n5", "stream": true, "max_tokens": 7, "max_completion_tokens": 9,
        "tools": [{}], "response_format": {"type": "json_schema"},
        "stream_options": {"include_usage": true}, "unknown": {"model": "x"}}"#,
    )
    .unwrap();
    assert_eq!(request.model(), "gpt\n5");
    assert_eq!(request.max_tokens(), Some(9));
    assert_eq!(request.message_count(), 2);
    assert!(request.streams() && request.includes_usage());
    assert!(request.wants_tools() && request.wants_images() && request.wants_json_schema());

    let request = parse(
        r#"{"model": "m", "stream": null, "max_tokens": null, "tools": [], "messages": [
        {"role": "assistant", "content": "image_url", "x": {"input": {"type": "image"}}}]}"#,
    )
    .unwrap();
    assert_eq!(request.max_tokens(), None);
    assert!(!request.streams() && !request.includes_usage());
    assert!(!request.wants_tools() && !request.wants_images() && !request.wants_json_schema());

    let body = r#"{"model": "m", "max_tokens": 5, "messages": [], "tools": null,
        "output_config": {"format": {"type": "json_schema"}}}"#;
    let request = LlmRequest::parse(ANTHROPIC, body.into()).unwrap();
    assert!(request.wants_json_schema() && request.includes_usage() && !request.wants_tools());
    assert_eq!(request.estimated_tokens(), body.len().div_ceil(4) as u64);
}

#[test]
fn the_index_of_a_response_says_the_same() {
    let parse = |body: &str| LlmRequest::parse(RESPONSES, body.to_owned().into());
    let request = parse(
        r#"{"model": "m", "input": [{"role": "user", "content": [{"type": "input_image"}]}, {}],
        "max_output_tokens": 9, "stream": true, "tools": [{"type": "web_search"}],
        "stream_options": {"include_obfuscation": false},
        "text": {"format": {"type": "json_schema"}}}"#,
    )
    .unwrap();
    assert_eq!(
        (request.max_tokens(), request.message_count()),
        (Some(9), 2)
    );
    assert!(request.streams() && request.includes_usage());
    assert!(request.wants_tools() && request.wants_images() && request.wants_json_schema());

    let request = parse(r#"{"model": "m", "input": "Hi", "text": {"format": {"type": "text"}}}"#);
    let request = request.unwrap();
    assert_eq!(request.message_count(), 1);
    assert!(!request.wants_json_schema() && !request.streams());
    let body = r#"{"model": "m", "previous_response_id": "resp_1", "input": null}"#;
    assert_eq!(parse(body).unwrap().message_count(), 0);
    assert!(parse(r#"{"model": "m", "prompt": {"id": "p"}}"#).is_ok());
    for (body, field) in [
        (r#"{"model": "m", "input": 1}"#, "input"),
        (r#"{"input": "Hi"}"#, "model"),
        (r#"{"model": "m", "input": "", "input": ""}"#, "input"),
        (r#"{"model": "m", "input": "", "tools": "x"}"#, "tools"),
    ] {
        assert_eq!(parse(body).unwrap_err().field(), Some(field), "{body}");
    }
}

#[test]
fn a_response_is_asked_for_as_it_was_but_for_the_model_and_the_limit() {
    let body = r#" {"model": "m", "own": [1],  "input": "Hi", "max_output_tokens": 90}"#;
    let request = LlmRequest::parse(RESPONSES, body.into()).unwrap();
    let target = Target::new(RESPONSES).include_usage(true);
    let encoded = request.encode(&target).unwrap();
    assert_eq!(encoded.body.as_ptr(), request.body().as_ptr());
    let target = target.model("n").max_output_tokens(50);
    let encoded = request.encode(&target).unwrap();
    let changed = r#" {"model": "n", "own": [1],  "input": "Hi", "max_output_tokens": 50}"#;
    assert_eq!(encoded.body, changed);
    let request = LlmRequest::parse(RESPONSES, r#"{"model": "m", "input": "Hi"}"#.into()).unwrap();
    let limited = r#"{"max_output_tokens":50,"model": "n", "input": "Hi"}"#;
    assert_eq!(request.encode(&target).unwrap().body, limited);
}

#[test]
fn a_refused_request_is_told_what_to_change() {
    let image = r#"{"role": "user", "content": [{"type": "image_url"}]}"#;
    let deep = format!(
        r#"{{"model": "m", "messages": [{image}, {}{}]}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    for (body, said) in [
        ("", "the body must be a JSON object: EOF"),
        (
            " []",
            r#"the body must be a JSON object and is an array: send {"model": …"#,
        ),
        (
            r#""{\"model\": \"m\", \"secret\": 1}""#,
            "the body must be a JSON object and is a string: send",
        ),
        ("null", "the body must be a JSON object and is null: send"),
        (
            "true",
            "the body must be a JSON object and is a truth value: send",
        ),
        ("-1", "the body must be a JSON object and is a number: send"),
        (
            r#"{"model": "m", "messages": []} x"#,
            "the body must be a JSON object: trailing",
        ),
        (
            r#"{"model": "m", "messages": [1,]}"#,
            "the body must be a JSON object: trailing comma",
        ),
        (r#"{"messages": []}"#, "`model` is missing: add it"),
        (
            r#"{"model": "", "messages": []}"#,
            "`model` is missing: add it",
        ),
        (r#"{"model": "m"}"#, "`messages` is missing: add it"),
        (
            r#"{"model": 1, "messages": []}"#,
            "`model` must be a string",
        ),
        (
            r#"{"model": "m", "messages": null}"#,
            "`messages` must be an array",
        ),
        (
            r#"{"model": "m", "messages": "secret"}"#,
            "`messages` must be an array",
        ),
        (
            r#"{"model": "m", "messages": {"role": ["secret"]}}"#,
            "`messages` must be an array",
        ),
        (
            r#"{"model": "m", "messages": [], "tools": "secret"}"#,
            "`tools` must be an array",
        ),
        (
            r#"{"model": "m", "messages": [], "stream": "yes"}"#,
            "`stream` must be true or false",
        ),
        (
            r#"{"model": "m", "messages": [], "max_tokens": -1}"#,
            "`max_tokens` must be a whole number",
        ),
        (
            r#"{"model": "m", "messages": [], "max_tokens": 1.5}"#,
            "`max_tokens` must be a whole number",
        ),
        (
            r#"{"model": "m", "mo\u0064el": "n", "messages": []}"#,
            "`model` is there more than once: keep one",
        ),
        (
            r#"{"model": "m", "messages": [], "stream_options": {"include_usage": true, "include_usage": false}}"#,
            "`stream_options.include_usage` is there more than once: keep one",
        ),
        (&deep, "the body is nested too deeply: at most 128 levels"),
    ] {
        let error = parse(body).unwrap_err().to_string();
        assert!(error.starts_with(said), "{body}: {error}");
    }
    let error = LlmRequest::parse(OPENAI, Bytes::from_static(b"{\"\xff")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the body must be a JSON object: not UTF-8 at byte 2"
    );
}

#[test]
fn what_is_not_looked_into_may_be_as_deep_as_it_likes() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let messages = [
        format!(r#"{{"role": "user", "content": {deep}}}"#),
        format!(r#"{{"role": "user", "content": "Hi", "x": {deep}}}"#),
        deep.clone(),
    ];
    for message in messages {
        let turns = [r#"{"role": "user", "content": "Hi"}"#, &message, &message].join(", ");
        let body = format!(r#"{{"model": "m", "messages": [{turns}], "x": {deep}}}"#);
        let request = parse(&body).unwrap();
        let encoded = request.encode(&Target::new(OPENAI).model("n")).unwrap();
        assert_eq!(encoded.body.len(), body.len());
        // Whether it can, its stack takes it.
        for dialect in [ANTHROPIC, Dialect::Gemini, Dialect::OpenAiResponses] {
            drop(request.encode(&Target::new(dialect)));
        }
        drop(request.without_oldest_turns(50));
        drop(request.carrying_on("He"));
    }
}

#[test]
fn what_need_not_change_is_the_very_same() {
    let request = parse(r#"{"model": "m", "messages": [], "max_tokens": 5}"#).unwrap();
    let same = Target::new(OPENAI)
        .model("m")
        .max_output_tokens(5)
        .include_usage(true);
    for target in [Target::new(OPENAI), same] {
        let encoded = request.encode(&target).unwrap();
        assert_eq!(encoded.body.as_ptr(), request.body().as_ptr());
        assert!(encoded.notes.is_empty() && !encoded.hide_usage);
    }
}

#[test]
fn only_what_has_to_is_changed() {
    let target = Target::new(OPENAI).model("a\"b").max_output_tokens(10);
    let body = "\n{ \"x\" : 1.50, \"model\" : \"m\" ,\"max_tokens\":11,\"messages\":[ ],\
        \"max_completion_tokens\": 12 , \"x\" : [1, 2 ]}\n";
    let (changed, notes) = encode(body, &target);
    let expected = body
        .replace("\"m\"", r#""a\"b""#)
        .replace(":11", ":10")
        .replace(": 12", ": 10");
    assert_eq!(changed, expected);
    assert_eq!(notes, ["clamped max_tokens"]);

    let body = r#" {"model": "m", "messages": [], "max_tokens": null}"#;
    let (changed, notes) = encode(body, &Target::new(OPENAI).max_output_tokens(10));
    let expected =
        r#" {"max_completion_tokens":10,"model": "m", "messages": [], "max_tokens": null}"#;
    assert_eq!(changed, expected);
    assert_eq!(notes, ["added max_tokens"]);
}

#[test]
fn a_limit_is_added_under_the_name_that_is_known_there() {
    let target = Target::new(OPENAI)
        .max_output_tokens(10)
        .legacy_max_tokens(true);
    // Not twice, where a field that says nothing has the name already.
    for (body, expected) in [
        (
            r#"{"model":"m","messages":[]}"#,
            r#"{"max_tokens":10,"model":"m","messages":[]}"#,
        ),
        (
            r#"{"model":"m","messages":[],"max_tokens":null}"#,
            r#"{"model":"m","messages":[],"max_tokens":10}"#,
        ),
    ] {
        assert_eq!(encode(body, &target).0, expected);
    }
}

#[test]
fn ids_of_calls_are_made_nine_letters_and_all_else_stays() {
    let target = Target::new(OPENAI).nine_letter_ids(true);
    let (long, escaped, own) = ("call_PTLP8xhu3uwZ", r"call\u005f1", "D681PevKs");
    let body = format!(
        r#" {{"model": "m", "x": {{"tool_call_id": "{long}"}}, "messages": [
        {{"role": "user", "content": "{long}", "id": "{long}"}},
        {{"role": "assistant", "x": 1.50, "tool_calls": [
            {{ "id":"{long}" , "type": "function", "function": {{"name": "f", "arguments": "{{}}"}}}},
            {{"id": "{own}"}}, {{"id": "{escaped}"}}, {{"id": 7}}, {{}}, 5]}},
        {{"role": "tool", "tool_call_id": "{long}", "content": "1"}},
        {{"role": "tool", "content": "2", "tool_call_id" : "{own}"}},
        {{"role": "tool", "tool_call_id": "call_1"}}, {{"tool_calls": {{"id": "{long}"}}}}, 3]}} "#
    );
    let (changed, notes) = encode(&body, &target);
    assert!(notes.is_empty());
    let Value::Object(read) = serde_json::from_str(&changed).unwrap() else {
        panic!("{changed}")
    };
    let messages = &read["messages"];
    let ids = [
        &messages[1]["tool_calls"][0]["id"],
        &messages[1]["tool_calls"][2]["id"],
    ];
    let ids = ids.map(|id| id.as_str().unwrap());
    for id in ids {
        assert_eq!(id.len(), 9);
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
    let expected = body
        .replace(
            &format!(r#""id":"{long}" ,"#),
            &format!(r#""id":"{}" ,"#, ids[0]),
        )
        .replace(
            &format!(r#""tool_call_id": "{long}", "content""#),
            &format!(r#""tool_call_id": "{}", "content""#, ids[0]),
        )
        .replace(escaped, ids[1])
        .replace(r#""call_1""#, &format!(r#""{}""#, ids[1]));
    assert_eq!(changed, expected);
    // Once they fit they stay, and elsewhere they are nobody's business.
    let again = parse(&changed).unwrap();
    let same = again.encode(&target).unwrap().body;
    assert_eq!(same.as_ptr(), again.body().as_ptr());
    let other = parse(&body).unwrap();
    let same = other.encode(&Target::new(OPENAI)).unwrap().body;
    assert_eq!(same.as_ptr(), other.body().as_ptr());
}

#[test]
fn usage_is_asked_for_where_it_was_not() {
    let target = Target::new(OPENAI).include_usage(true);
    let asked = r#"{"include_usage":true}"#;
    for (before, after) in [
        ("", format!(r#""stream_options":{asked},"#)),
        (
            r#""stream_options": null,"#,
            format!(r#""stream_options": {asked},"#),
        ),
        (
            r#""stream_options": {},"#,
            format!(r#""stream_options": {asked},"#),
        ),
        (
            r#""stream_options": { "x": 1 },"#,
            r#""stream_options": {"include_usage":true, "x": 1 },"#.to_owned(),
        ),
        (
            r#""stream_options": {"include_usage": false, "x": 1},"#,
            r#""stream_options": {"include_usage": true, "x": 1},"#.to_owned(),
        ),
        (
            r#""stream_options": {"include_usage": null},"#,
            r#""stream_options": {"include_usage": true},"#.to_owned(),
        ),
    ] {
        let rest = r#""model": "m", "stream": true, "messages": []}"#;
        let request = parse(&format!("{{{before}{rest}")).unwrap();
        let encoded = request.encode(&target).unwrap();
        assert_eq!(encoded.body, format!("{{{after}{rest}"));
        assert!(encoded.hide_usage);
        assert!(
            parse(str::from_utf8(&encoded.body).unwrap())
                .unwrap()
                .includes_usage()
        );
    }
    // Not where there is no stream.
    let request = parse(r#"{"model": "m", "messages": []}"#).unwrap();
    assert!(!request.encode(&target).unwrap().hide_usage);
}

#[test]
fn a_request_is_built() {
    let request = LlmRequest::chat("m")
        .system("s")
        .user("u")
        .assistant("a")
        .user("v")
        .max_tokens(5)
        .temperature(0.5)
        .stop("END")
        .end_user("id")
        .stream(true)
        .field("seed", 7)
        .build()
        .unwrap();
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let message = |role: &str, content: &str| json!({"role": role, "content": content});
    assert_eq!(
        body,
        json!({"model": "m", "messages": [message("system", "s"), message("user", "u"),
            message("assistant", "a"), message("user", "v")], "max_completion_tokens": 5,
            "temperature": 0.5, "stop": ["END"], "user": "id", "stream": true, "seed": 7})
    );
    assert!(request.streams());
    assert!(LlmRequest::chat("m").field("model", "n").build().is_err());
}

#[test]
fn a_clone_shares_its_bytes_and_carries_its_call() {
    let mut request = LlmRequest::chat("m").user("secret").build().unwrap();
    assert!(request.call().is_none());
    request.set_call(Call::new());
    let clone = request.clone();
    assert_eq!(clone.body().as_ptr(), request.body().as_ptr());
    assert!(clone.call().is_some());
    assert!(!format!("{request:?}").contains("secret"));
}

/// Any JSON, written with any white space.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|it| it.to_string()),
        any::<i64>().prop_map(|it| it.to_string()),
        "-?[1-9][0-9]{0,3}\\.[0-9]{1,5}(e-?[0-9]{1,2})?",
        ".{0,8}".prop_map(|it| json!(it).to_string()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let fields = prop::collection::vec(("[a-z]{1,6}", inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
            fields.prop_map(|fields| {
                let fields = fields
                    .iter()
                    .map(|(name, value)| format!("\"{name}\" :\n{value}"));
                format!("{{ {} }}", fields.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

fn parse_in(dialect: Dialect, body: bytes::Bytes) -> Result<LlmRequest, InvalidRequest> {
    if dialect.is_addressed() {
        LlmRequest::parse_addressed(dialect, "m", true, body)
    } else {
        LlmRequest::parse(dialect, body)
    }
}

proptest! {
    #[test]
    fn unknown_fields_survive_byte_for_byte(
        fields in prop::collection::vec(("x_[a-z]{0,4}", any_json()), 0..6),
        messages in prop::collection::vec(any_json(), 0..4),
        at in any::<prop::sample::Index>(),
        limit in prop::option::of(0u64..100),
        model in ".{1,8}",
    ) {
        let mut fields: Vec<_> = fields
            .into_iter()
            .map(|(name, value)| format!("\"{name}\": {value}"))
            .collect();
        fields.insert(at.index(fields.len() + 1), "\"model\" :\t\"m\"".to_owned());
        fields.insert(at.index(fields.len() + 1), format!("\"messages\":[{}]", messages.join(",")));
        fields.extend(limit.map(|limit| format!("\"max_tokens\": {limit}")));
        let body = format!(" {{ {} }} ", fields.join(" , "));

        let request = parse(&body).unwrap();
        prop_assert_eq!(request.message_count(), messages.len());
        let same = request.encode(&Target::new(OPENAI)).unwrap().body;
        prop_assert_eq!(same.as_ptr(), request.body().as_ptr());

        let target = Target::new(OPENAI).model(model.as_str()).max_output_tokens(50);
        let (changed, _) = encode(&body, &target);
        let mut expected = body.replacen("\t\"m\"", &format!("\t{}", json!(model)), 1);
        match limit {
            None => expected = expected.replacen('{', "{\"max_completion_tokens\":50,", 1),
            Some(limit) if limit > 50 => {
                let at = expected.rfind("\"max_tokens\": ").unwrap();
                expected.replace_range(at.., "\"max_tokens\": 50 } ");
            }
            Some(_) => {}
        }
        prop_assert_eq!(&changed, &expected);
        let again = parse(&changed).unwrap();
        prop_assert_eq!(again.model(), &model);
        prop_assert!(again.max_tokens().unwrap() <= 50);
    }

    #[test]
    fn hostile_bytes_never_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..64),
        json in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"model\"", "\"messages\"", "\"m\"", "null", "1", "-1",
            "\"max_tokens\"", "\"stream_options\"", "\"role\"", "\"content\"", "\"user\"", "1e999",
            "\"\\ud800\"", "\"type\"", "\"text\"", "\"system\"", "\"contents\"", "\"parts\"",
            "\"functionCall\"", "\"functionResponse\"", "\"name\"", "\"generationConfig\"",
            "\"\\ud800\"", "\"type\"", "\"text\"", "\"system\"", "\"input\"", "\"function_call\"",
            "\"function_call_output\"", "\"call_id\"", "\"output\"", "\"input_text\"", "\"name\"",
        ]), 0..40),
        wrap in any::<bool>(),
    ) {
        let json = json.concat();
        if wrap {
            let content = format!(r#"[{{"role":"user","content":{json}}}]"#);
            bytes = format!(
                r#"{{"model":"m","messages":{content},"input":{content},"contents":{json}}}"#
            )
            .into();
        } else {
            bytes.extend(json.into_bytes());
        }
        for from in Dialect::ALL {
            let Ok(request) = parse_in(from, bytes.clone().into()) else { continue };
            for to in Dialect::ALL {
                let target = Target::new(to).model("n").max_output_tokens(1).include_usage(true);
                if let Ok(encoded) = request.encode(&target) {
                    prop_assert!(parse_in(to, encoded.body).is_ok());
                }
            }
        }
    }
}
