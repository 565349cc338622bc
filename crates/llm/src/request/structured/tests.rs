use super::*;
use crate::{Encoded, Provider};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

fn parse(dialect: Dialect, body: &str) -> LlmRequest {
    let body = Bytes::from(body.to_owned());
    let parsed = match dialect {
        Dialect::Gemini => LlmRequest::parse_addressed(dialect, "m", false, body),
        _ => LlmRequest::parse(dialect, body),
    };
    parsed.unwrap()
}

/// A request for an answer that follows `{"type":"object"}`, or is JSON.
fn request(dialect: Dialect, schema: bool) -> Value {
    let object = json!({"type": "object"});
    let messages = json!([{"role": "user", "content": "Hi"}]);
    match dialect {
        Dialect::OpenAiChat => json!({"model": "m", "own": [1], "messages": messages,
        "response_format": match schema {
            true => json!({"type": "json_schema", "json_schema": {"name": "n", "schema": object}}),
            false => json!({"type": "json_object"}),
        }}),
        Dialect::AnthropicMessages => {
            json!({"model": "m", "own": [1], "max_tokens": 9, "messages": messages,
            "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": object}}})
        }
        Dialect::OpenAiResponses => {
            json!({"model": "m", "own": [1], "input": "Hi", "text": {"verbosity": "low",
            "format": match schema {
                true => json!({"type": "json_schema", "name": "n", "schema": object}),
                false => json!({"type": "json_object"}),
            }}})
        }
        Dialect::Gemini => {
            json!({"own": [1], "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
            "generationConfig": match schema {
                true => json!({"temperature": 1, "responseMimeType": "application/json", "responseSchema": object}),
                false => json!({"temperature": 1, "responseMimeType": "application/json"}),
            }})
        }
    }
}

fn encode(request: &LlmRequest, to: Dialect, structured: Structured) -> (Value, Encoded) {
    let encoded = request.encode(&Target::new(to).structured(structured));
    let encoded = encoded.unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), encoded)
}

fn schema_words() -> String {
    format!("{SCHEMA}\n{{\"type\":\"object\"}}")
}

#[test]
fn a_place_with_a_word_for_it_is_asked_by_that() {
    for dialect in Dialect::ALL {
        let request = parse(dialect, &request(dialect, true).to_string());
        let (_, encoded) = encode(&request, dialect, Structured::Schema);
        assert_eq!(encoded.body.as_ptr(), request.body().as_ptr(), "{dialect}");
    }
    // What is not asked for is not told, either.
    let plain = r#"{"model": "m", "messages": [], "response_format": {"type": "text"}}"#;
    let plain = parse(Dialect::OpenAiChat, plain);
    let (_, encoded) = encode(&plain, Dialect::OpenAiChat, Structured::Words);
    assert_eq!(encoded.body, plain.body());
    let json = parse(
        Dialect::OpenAiChat,
        &request(Dialect::OpenAiChat, false).to_string(),
    );
    let (_, encoded) = encode(&json, Dialect::OpenAiChat, Structured::Json);
    assert_eq!(encoded.body, json.body());
}

#[test]
fn in_its_own_dialect_only_the_form_and_the_system_prompt_change() {
    let words = schema_words();
    for structured in [Structured::Json, Structured::Words] {
        let is_json = structured == Structured::Json;
        for dialect in Dialect::ALL {
            let mut expected = request(dialect, true);
            match dialect {
                Dialect::OpenAiChat => {
                    let messages = expected["messages"].as_array_mut().unwrap();
                    messages.insert(0, json!({"role": "system", "content": words}));
                    match is_json {
                        true => expected["response_format"] = json!({"type": "json_object"}),
                        false => drop(expected.as_object_mut().unwrap().remove("response_format")),
                    }
                }
                Dialect::AnthropicMessages => {
                    expected["system"] = json!(words);
                    expected["output_config"]["format"] = Value::Null;
                }
                Dialect::OpenAiResponses => {
                    expected["instructions"] = json!(words);
                    let kind = if is_json { "json_object" } else { "text" };
                    expected["text"]["format"] = json!({"type": kind});
                }
                Dialect::Gemini => {
                    expected["systemInstruction"] = json!({"parts": [{"text": words}]});
                    let settings = &mut expected["generationConfig"];
                    settings["responseSchema"] = Value::Null;
                    if !is_json {
                        settings["responseMimeType"] = json!("text/plain");
                    }
                }
            }
            let request = parse(dialect, &request(dialect, true).to_string());
            let (body, encoded) = encode(&request, dialect, structured);
            assert_eq!(body, expected, "{dialect}");
            assert_eq!(encoded.notes, ["asked for the schema in words"]);
        }
    }
}

#[test]
fn the_words_stand_behind_what_the_system_prompt_says() {
    let words = schema_words();
    let chat = |system: Value| {
        let mut body = request(Dialect::OpenAiChat, true);
        let messages = body["messages"].as_array_mut().unwrap();
        messages.splice(0..0, system.as_array().unwrap().iter().cloned());
        let request = parse(Dialect::OpenAiChat, &body.to_string());
        let (body, _) = encode(&request, Dialect::OpenAiChat, Structured::Json);
        body["messages"].clone()
    };
    let behind = format!("Be \"brief\".\n\n{words}");
    let system = |content: Value| json!({"role": "system", "content": content});
    let user = json!({"role": "user", "content": "Hi"});
    assert_eq!(
        chat(json!([system(json!("Be \"brief\"."))])),
        json!([system(json!(behind)), user])
    );
    let developer = json!({"role": "developer", "content": [{"type": "text", "text": "x"}]});
    assert_eq!(
        chat(json!([system(json!("y")), developer])),
        json!([system(json!("y")), {"role": "developer", "content": [
            {"type": "text", "text": "x"}, {"type": "text", "text": words}]}, user])
    );
    assert_eq!(
        chat(json!([system(Value::Null)])),
        json!([system(json!(words)), system(Value::Null), user])
    );

    let other = |dialect: Dialect, name: &str, system: Value| {
        let mut body = request(dialect, true);
        body[name] = system;
        let request = parse(dialect, &body.to_string());
        let (body, _) = encode(&request, dialect, Structured::Words);
        body[name].clone()
    };
    let (claude, responses) = (Dialect::AnthropicMessages, Dialect::OpenAiResponses);
    assert_eq!(
        other(claude, "system", json!("Be \"brief\".")),
        json!(behind)
    );
    assert_eq!(
        other(claude, "system", json!([])),
        json!([{"type": "text", "text": words}])
    );
    assert_eq!(other(claude, "system", Value::Null), json!(words));
    assert_eq!(
        other(responses, "instructions", json!("Be \"brief\".")),
        json!(behind)
    );
    assert_eq!(other(responses, "instructions", Value::Null), json!(words));
    let part = |text: &str| json!({"text": text});
    for (name, before, after) in [
        (
            "systemInstruction",
            json!({"role": "user", "parts": [part("x")]}),
            vec![part("x"), part(&words)],
        ),
        (
            "system_instruction",
            json!({"parts": part("x")}),
            vec![part("x"), part(&words)],
        ),
        ("systemInstruction", Value::Null, vec![part(&words)]),
    ] {
        let now = other(Dialect::Gemini, name, before.clone());
        assert_eq!(now["parts"], json!(after));
        assert_eq!(now.get("role"), before.get("role"), "all else stays");
    }
}

#[test]
fn on_its_way_to_another_dialect_it_is_told_in_words_too() {
    for from in Dialect::ALL {
        for to in Dialect::ALL.into_iter().filter(|to| *to != from) {
            for structured in [Structured::Json, Structured::Words] {
                let request = parse(from, &request(from, true).to_string());
                let (body, encoded) = encode(&request, to, structured);
                let again = parse(to, &body.to_string());
                assert!(!again.wants_json_schema(), "{from} to {to}");
                let json = structured == Structured::Json && to != Dialect::AnthropicMessages;
                assert_eq!(again.wants_json(), json, "{from} to {to}");
                let told = serde_json::to_string(&schema_words()).unwrap();
                assert!(body.to_string().contains(told.trim_matches('"')), "{body}");
                assert!(encoded.notes.contains(&"asked for the schema in words"));
                assert!(!encoded.json_tool);
            }
        }
    }
    let json = parse(
        Dialect::OpenAiChat,
        &request(Dialect::OpenAiChat, false).to_string(),
    );
    let (body, encoded) = encode(&json, Dialect::AnthropicMessages, Structured::Words);
    assert_eq!(body["system"], JSON);
    assert!(encoded.notes.contains(&"asked for JSON in words"));
    assert!(!encoded.notes.contains(&"dropped response_format"));
}

#[test]
fn each_provider_is_asked_by_what_it_has() {
    let asked = |provider: Provider, model: &str| {
        let request = parse(
            Dialect::OpenAiChat,
            &request(Dialect::OpenAiChat, true).to_string(),
        );
        let target = provider.target().unwrap().model(model);
        let body = request.encode(&target).unwrap().body;
        let body: Value = serde_json::from_slice(&body).unwrap();
        body["response_format"]["type"].as_str().map(str::to_owned)
    };
    let (schema, json) = (
        Some("json_schema".to_owned()),
        Some("json_object".to_owned()),
    );
    assert_eq!(asked(Provider::DeepSeek, "deepseek-chat"), json);
    assert_eq!(asked(Provider::Groq, "llama-3.3-70b-versatile"), json);
    assert_eq!(asked(Provider::Groq, "openai/gpt-oss-120b"), schema);
    for provider in Provider::ALL {
        let own = provider.dialect() == Some(Dialect::OpenAiChat);
        if own && !matches!(provider, Provider::DeepSeek | Provider::Groq) {
            assert_eq!(asked(provider, "m"), schema, "{provider}");
        }
    }
    let target = Provider::Groq.target().unwrap();
    assert_eq!(target.structured_of("llama-3"), Structured::Json);
    let target = target.structured(Structured::Schema);
    assert_eq!(target.structured_of("llama-3"), Structured::Schema);
}

#[test]
fn a_field_goes_with_its_comma_wherever_it_stands() {
    let format = r#""response_f\u006frmat" : {"type": "json_object"}"#;
    let words = format!(r#"[{{"role":"system","content":"{JSON}"}}]"#);
    let limit = r#""max_completion_tokens":9,"#;
    for (body, expected) in [
        (
            format!(r#"{{{format} , "model": "m", "messages": []}}"#),
            format!(r#"{{{limit}"model": "m", "messages": {words}}}"#),
        ),
        (
            format!(r#"{{"x": ":\"", {format},"model": "m", "messages": []}}"#),
            format!(r#"{{{limit}"x": ":\"", "model": "m", "messages": {words}}}"#),
        ),
        (
            format!(r#"{{"model": "m", "messages": [] , {format} }}"#),
            format!(r#"{{{limit}"model": "m", "messages": {words}  }}"#),
        ),
    ] {
        let request = parse(Dialect::OpenAiChat, &body);
        let target = Target::new(Dialect::OpenAiChat)
            .structured(Structured::Words)
            .max_output_tokens(9);
        assert_eq!(request.encode(&target).unwrap().body, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever stands around it, what is sent is JSON and says all else that it said.
    #[test]
    fn what_is_told_in_words_is_still_json(
        system in any::<String>(),
        own in any::<String>(),
        at in 0_usize..5,
        text in any::<bool>(),
        space in "[ \n\t]{0,2}",
    ) {
        let system = match text {
            true => json!(system),
            false => json!([{"type": "text", "text": system}]),
        };
        for dialect in Dialect::ALL {
            for schema in [true, false] {
                let mut fields = request(dialect, schema);
                fields["own\"\\"] = json!(own);
                match dialect {
                    Dialect::OpenAiChat => {
                        let system = json!({"role": "system", "content": system});
                        fields["messages"].as_array_mut().unwrap().insert(0, system);
                    }
                    Dialect::AnthropicMessages => fields["system"] = system.clone(),
                    Dialect::OpenAiResponses if text => fields["instructions"] = system.clone(),
                    _ => {}
                }
                let mut fields: Vec<_> = fields.as_object().unwrap().iter().map(|(name, value)| {
                    format!("{}{space}:{space}{value}{space}", json!(name))
                }).collect();
                let count = fields.len();
                fields.rotate_left(at % count);
                let body = format!("{space}{{{space}{}}}", fields.join(&format!(",{space}")));
                let request = parse(dialect, &body);
                for structured in [Structured::Json, Structured::Words] {
                    let (body, _) = encode(&request, dialect, structured);
                    prop_assert_eq!(&body["own"], &json!([1]));
                    prop_assert_eq!(&body["own\"\\"], &json!(own));
                    let again = parse(dialect, &body.to_string());
                    prop_assert!(!again.wants_json_schema());
                    prop_assert_eq!(again.message_count().min(1), 1);
                }
            }
        }
    }
}
