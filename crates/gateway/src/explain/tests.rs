use super::*;
use proptest::prelude::*;
use serde_json::json;

/// The code, and what was printed to either side.
fn explain_with(args: &ExplainArgs, input: impl AsRef<[u8]>) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = explain(args, &mut input.as_ref(), &mut out, &mut err).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (code, text(out), text(err))
}

fn people(input: impl AsRef<[u8]>) -> String {
    let (code, out, err) = explain_with(&ExplainArgs::default(), input);
    assert_eq!((code, err.as_str()), (READ, ""));
    out
}

fn args(set: impl FnOnce(&mut ExplainArgs)) -> ExplainArgs {
    let mut args = ExplainArgs::default();
    set(&mut args);
    args
}

fn json(input: impl AsRef<[u8]>) -> Vec<Value> {
    let (code, out, err) = explain_with(&args(|args| args.json = true), input);
    assert_eq!((code, err.as_str()), (READ, ""));
    objects(&out)
}

fn objects(out: &str) -> Vec<Value> {
    let lines = out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

const LIMITED: &str = "HTTP/2 429 \r\nopenai-version: 2020-10-01\r\nretry-after: 20\r\n\r\n\
    {\"error\": {\"message\": \"secret\", \"code\": \"rate_limit_exceeded\"}}";

#[test]
fn people_are_told_what_would_be_done() {
    let expected = "\
429 from openai, by its headers
  means     rate_limited: the key's rate limit is reached
  retry     yes, in 20s as the answer asks, and a little jitter; up to 3 times
  fallback  yes, at once, to any other route: only the last one waits longer than 2s
  breaker   does not count it: it speaks of the key, not of the service's health
  gate      closes for 20s; other calls wait in line
";
    assert_eq!(people(LIMITED), expected);
}

#[test]
fn each_answer_of_several_stands_by_itself() {
    let rows = [
        json!({"id": "a", "provider": "anthropic", "status": 529}),
        json!({"id": "b\u{1b}", "provider": "acme", "status": 401}),
        json!({"id": 7, "status": 200, "body": {"choices": [{"finish_reason": "stop"}]}}),
    ];
    let expected = "\
a: 529 from anthropic
  means     overloaded: the service is overloaded
  retry     yes, up to 3 times, after random waits of up to 1s, 2s, 4s
  fallback  yes, to any other route, after the retries here or 2s of waits
  breaker   counts it as a failure of the service
  gate      stays open

b\\u{1b}: 401 from a provider that is not known
  means     auth: the key is missing, wrong or expired
  retry     no: the same key would be refused again
  fallback  yes, at once, to any other route
  breaker   does not count it: it speaks of the key, not of the service's health
  gate      parks the key for 1m; then one call tries it

7: 200 from a provider that is not known
  healthy   there is nothing to recover from
";
    assert_eq!(people(rows.map(|row| row.to_string()).join("\n")), expected);
}

#[test]
fn every_way_to_act_has_its_words() {
    let row = |status: u16, headers: Value, body: &str| {
        people(json!({"status": status, "headers": headers, "body": body}).to_string())
    };
    let none = || json!({});
    for (text, parts) in [
        (
            row(429, json!({"retry-after": "3600"}), ""),
            &[
                "no: the answer asks to wait 1h, and 1m is the most",
                "yes, at once",
                "closes for 1h; calls that would wait more than 30s are rejected",
            ][..],
        ),
        (
            row(429, json!({"retry-after": "0"}), ""),
            &["yes, at once, as the answer asks"],
        ),
        (
            row(429, json!({"retry-after": "1.0005"}), ""),
            &["in 1s 1ms as"],
        ),
        (
            row(429, none(), ""),
            &["closes for 1s at first, and for up to 30s"],
        ),
        (
            row(503, json!({"retry-after": "9"}), ""),
            &["counts it as a failure of the service"],
        ),
        (
            row(503, json!({"retry-after": "31"}), ""),
            &["if that opens it, it stays so for 31s"],
        ),
        (
            row(500, json!({"x-should-retry": "false"}), ""),
            &["no: the answer forbids it"],
        ),
        (
            row(404, none(), ""),
            &["not be there a moment later", "it speaks of the request"],
        ),
        (
            row(
                400,
                none(),
                r#"{"error": {"code": "context_length_exceeded"}}"#,
            ),
            &[
                "no: the same request would be refused again",
                "`context_window`",
            ],
        ),
        (
            row(400, none(), r#"{"error": {"code": "content_filter"}}"#),
            &["`accepts.content_policy`"],
        ),
        (row(400, none(), ""), &["`accepts.invalid_request`"]),
        (
            row(429, none(), r#"{"error": {"code": "insufficient_quota"}}"#),
            &["does not come back within a call", "parks the key for 1m"],
        ),
        (
            people(
                r#"{"provider": "bedrock", "status": 429, "body": {"__type": "ThrottlingException", "message": "Too many tokens per day"}}"#,
            ),
            &["perhaps of this model alone", "parks this model of the key"],
        ),
        (
            row(200, none(), r#"{"choices": [{"finish_reason": "length"}]}"#),
            &[
                "given to the caller",
                "no: there is an answer",
                "as a success",
                "stays open",
            ],
        ),
        (
            people(r#"{"status": null, "body": "read timed out"}"#),
            &[
                "no answer\n",
                "only once",
                "counts it as a failure of the service",
            ],
        ),
        (
            people(r#"{"status": null, "body": "http2 GOAWAY"}"#),
            &["once, at once and for free", "it speaks of this side"],
        ),
        (
            people(r#"{"status": null, "body": "invalid peer certificate"}"#),
            &[
                "it has to be mended first",
                "yes, at once, to any other route",
            ],
        ),
    ] {
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

#[test]
fn nothing_that_was_sent_is_printed() {
    let row = json!({
        "status": 401,
        "headers": {"x-key": "sesame", "www-authenticate": "sesame"},
        "body": {"error": {"message": "sesame", "type": "sesame", "code": "sesame", "param": "sesame"}},
    });
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"sesame\"}}]}\n\n";
    let delays = args(|args| args.delays = true);
    let streamed = args(|args| args.stream = true);
    for (args, input) in [
        (ExplainArgs::default(), row.to_string()),
        (args(|args| args.json = true), row.to_string()),
        (delays, row.to_string()),
        (streamed, stream.to_owned()),
        (
            ExplainArgs::default(),
            "sesame\n{\"sesame\": 1}\n\"sesame\"\n".to_owned(),
        ),
    ] {
        let (_, out, err) = explain_with(&args, input);
        assert!(!format!("{out}{err}").contains("sesame"), "{out}{err}");
    }
}

#[test]
fn a_bad_line_is_told_and_the_rest_goes_on() {
    let input =
        "nonsense\n\n{\"id\": 2, \"status\": 700000}\n{\"id\": 3, \"status\": 429}\n{\"id\": 4";
    let (code, out, err) = explain_with(&args(|args| args.json = true), input);
    assert_eq!(code, UNREADABLE);
    let told: Vec<_> = err
        .lines()
        .map(|line| line.split(": ").nth(1).unwrap())
        .collect();
    assert_eq!(told, ["line 1", "line 3", "line 5"]);
    let objects = objects(&out);
    let ids: Vec<_> = objects.iter().map(|object| &object["id"]).collect();
    assert_eq!(ids, [&json!(null), &json!(2), &json!(3), &json!(null)]);
    let failed: Vec<_> = objects
        .iter()
        .map(|object| object.get("error").is_some())
        .collect();
    assert_eq!(failed, [true, true, false, true]);
    assert_eq!(objects[2]["class"], "rate_limited");
}

#[test]
fn nothing_is_nothing_to_explain() {
    let (code, out, err) = explain_with(&ExplainArgs::default(), " \n\r\n");
    assert_eq!((code, out.as_str()), (UNREADABLE, ""));
    assert!(err.contains("empty"), "{err}");
}

#[test]
fn the_body_of_an_answer_alone_is_told_from_a_row() {
    let body = "{\n    \"error\": {\n        \"message\": \"no\"\n    }\n}\n";
    let (code, _, err) = explain_with(&ExplainArgs::default(), body);
    assert_eq!((code, err.lines().count()), (UNREADABLE, 1));
    assert!(err.contains("curl -i"), "{err}");
}

#[test]
fn what_is_too_large_is_left_out() {
    let mut curl = b"HTTP/2 500\n\n".to_vec();
    curl.resize(MAX_INPUT, b'x');
    assert!(people(&curl).contains("server_error"));
    curl.push(b'x');
    let (code, _, err) = explain_with(&ExplainArgs::default(), &curl);
    assert_eq!(
        (code, err.as_str()),
        (UNREADABLE, "buttress: larger than 32 MiB\n")
    );
}

const MAX_INPUT: usize = input::MAX;

#[test]
fn an_answer_means_the_same_in_either_form() {
    let row = json!({
        "provider": "openai",
        "status": 429,
        "headers": {"retry-after": "20"},
        "body": {"error": {"message": "secret", "code": "rate_limit_exceeded"}},
    });
    let expected = json!([{
        "id": null,
        "class": "rate_limited",
        "retry_same": true,
        "fallback": true,
        "counts_toward_breaker": false,
        "delay_ms": 20_000,
    }]);
    assert_eq!(Value::from(json(LIMITED)), expected);
    assert_eq!(Value::from(json(row.to_string())), expected);
    let pretty = serde_json::to_string_pretty(&row).unwrap();
    assert_eq!(Value::from(json(pretty)), expected);
}

#[test]
fn a_healthy_answer_has_no_class() {
    let answer = "HTTP/2 200\n\n{\"choices\": [{\"finish_reason\": \"stop\"}]}";
    let expected = json!({
        "id": null,
        "class": null,
        "retry_same": false,
        "fallback": false,
        "counts_toward_breaker": false,
        "delay_ms": null,
    });
    assert_eq!(json(answer), [expected]);
}

#[test]
fn bytes_that_are_no_text_are_fine() {
    let mut curl = b"HTTP/1.1 429 \xff\nx-a: \xfe\n\n".to_vec();
    curl.extend_from_slice(b"\xff\x00\xfe");
    assert_eq!(json(&curl)[0]["class"], "rate_limited");
    let row = b"{\"status\": 503, \"body\": \"\xff\"}";
    assert_eq!(json(row)[0]["class"], "overloaded");
    let zipped = b"HTTP/1.1 429\ncontent-encoding: gzip\n\n\x1f\x8b\x08\x00";
    assert!(people(zipped).contains("curl --compressed"));
}

#[test]
fn who_answered_is_told_by_the_row_then_the_caller_then_the_headers() {
    let with = args(|args| args.provider = Some(buttress_llm::Provider::Groq));
    let named = r#"{"status": 500, "provider": "mistral", "headers": {"openai-version": "1"}}"#;
    let unnamed = r#"{"status": 500, "headers": {"openai-version": "1"}}"#;
    for (args, row, expected) in [
        (&with, named, "from mistral"),
        (&with, unnamed, "from groq"),
        (
            &ExplainArgs::default(),
            unnamed,
            "from openai, by its headers",
        ),
    ] {
        let (_, out, _) = explain_with(args, row);
        assert!(out.starts_with(&format!("500 {expected}\n")), "{out}");
    }
}

#[test]
fn a_wait_is_told_alone_where_only_that_is_asked_for() {
    let rows = "{\"id\": \"a\", \"status\": 429, \"headers\": {\"retry-after\": \"3600\"}}\n\
                {\"id\": \"b\", \"status\": 429}\n";
    let (_, out, _) = explain_with(&args(|args| args.delays = true), rows);
    assert_eq!(out, "a: 1h\nb: no usable hint\n");
    let both = args(|args| (args.delays, args.json) = (true, true));
    let (_, out, _) = explain_with(&both, rows);
    assert_eq!(
        out,
        "{\"id\":\"a\",\"delay_ms\":3600000}\n{\"id\":\"b\",\"delay_ms\":null}\n"
    );
    let (_, out, _) = explain_with(&both, LIMITED);
    assert_eq!(out, "{\"id\":null,\"delay_ms\":20000}\n");
}

const BROKEN_OFF: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";

#[test]
fn people_are_told_how_a_stream_ended() {
    let streamed = args(|args| args.stream = true);
    let expected = "\
stream of openai.chat: broken off
  content   2 bytes
  end       reason: none is told; the marker of the end did not come
  means     partial: the answer breaks off or is not JSON
  retry     no: the caller has content already, and gets a typed error behind it
  fallback  not for this caller, who has content already; before content, to any other route
  breaker   counts it as a failure of the service
  gate      stays open
";
    let head = "HTTP/2 200\ncontent-type: text/event-stream\n\n";
    for input in [BROKEN_OFF.to_owned(), format!("{head}{BROKEN_OFF}")] {
        let (code, out, err) = explain_with(&streamed, input);
        assert_eq!((code, out.as_str(), err.as_str()), (READ, expected, ""));
    }
}

#[test]
fn a_complete_stream_is_its_callers_whatever_is_in_it() {
    let streamed = args(|args| args.stream = true);
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{'"}}]}"#;
    let input = format!(
        "data: {{\"choices\":[{{\"delta\":{call},\"finish_reason\":\"tool_calls\"}}]}}\n\n"
    );
    let (_, out, _) = explain_with(&streamed, input);
    for part in [
        "openai.chat: complete",
        "1 call of a tool",
        "given to the caller",
        "a success",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
}

#[test]
fn a_streamed_body_is_read_as_a_stream() {
    let curl = format!("HTTP/2 200\nContent-Type: Text/Event-Stream\n\n{BROKEN_OFF}");
    assert_eq!(json(&curl)[0]["retry_same"], false);
    let body =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";
    let row = json!({
        "status": 200,
        "headers": {"content-type": "text/event-stream; charset=utf-8"},
        "body": body,
    });
    assert_eq!(json(row.to_string())[0]["class"], "overloaded");
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let args = args(|args| args.file = "no/such/file".into());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(run(&args, &mut out, &mut err).unwrap(), UNREADABLE);
    assert!(String::from_utf8(err).unwrap().contains("no/such/file"));
}

#[test]
fn what_fails_before_it_streams_is_explained_as_an_answer() {
    let streamed = args(|args| args.stream = true);
    let failed = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 20\r\n\
        content-type: application/json\r\n\r\n{\"error\":{\"code\":\"rate_limit_exceeded\"}}";
    for input in [failed, "curl: (7) Connection refused", "HTTP/2 200\n\n{}"] {
        let (code, out, err) = explain_with(&streamed, input);
        assert_eq!((code, err.as_str()), (READ, ""));
        assert_eq!(out, people(input));
    }
    let both = args(|args| (args.stream, args.json) = (true, true));
    let (_, out, _) = explain_with(&both, failed);
    assert_eq!(objects(&out)[0]["class"], "rate_limited");
}

#[test]
fn no_stream_is_nothing_to_explain() {
    let streamed = args(|args| args.stream = true);
    for input in ["", "\n \r\n"] {
        let (code, out, err) = explain_with(&streamed, input);
        assert_eq!((code, out.as_str()), (UNREADABLE, ""));
        assert!(err.contains("there is nothing to explain"), "{err}");
    }
}

#[test]
fn a_stream_of_another_api_is_told_and_not_judged() {
    let streamed = args(|args| args.stream = true);
    let responses = "event: response.created\ndata: {\"type\":\"response.created\"}\n\n";
    let failed = "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\"}\n\n";
    let expected = "buttress: not a stream of openai.chat, openai.responses, anthropic.messages or \
         gemini.generateContent\n";
    for input in [responses, &format!("{responses}{failed}"), "{}", "text"] {
        let (code, out, err) = explain_with(&streamed, input);
        assert_eq!(
            (code, out.as_str(), err.as_str()),
            (UNREADABLE, "", expected),
            "{input}"
        );
    }
    let head = "HTTP/2 200\ncontent-type: text/event-stream\n\n";
    let (code, _, err) = explain_with(&ExplainArgs::default(), format!("{head}{responses}"));
    assert_eq!((code, err.as_str()), (UNREADABLE, expected));
    // Azure begins so, and OpenRouter while it waits.
    for input in ["data: {\"choices\":[]}\n\n", ": OPENROUTER PROCESSING\n\n"] {
        assert_eq!(explain_with(&streamed, input).0, READ, "{input}");
    }
}

#[test]
fn a_stream_of_geminis_is_known_by_its_words() {
    let said = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\r\n\r\n";
    let last = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\r\n\r\n";
    let streamed = args(|args| args.stream = true);
    let (code, out, _) = explain_with(&streamed, said);
    assert_eq!(code, READ);
    assert!(out.contains("gemini.generateContent"), "{out}");
    let (_, whole, _) = explain_with(&streamed, format!("{said}{last}"));
    assert_ne!(out, whole);
}

#[test]
fn a_streamed_answer_reads_the_same_with_its_flag_and_without() {
    let head = "HTTP/2 200\ncontent-type: text/event-stream\n\n";
    let own = buttress_llm::LlmError::from(buttress_llm::Truncated::new(2));
    let own = own.render_event(buttress_llm::Dialect::OpenAiChat);
    let own = String::from_utf8(own.to_vec()).unwrap();
    for end in ["", own.trim_end(), &own] {
        let input = format!("{head}{BROKEN_OFF}{end}");
        let streamed = args(|args| args.stream = true);
        let (_, out, _) = explain_with(&streamed, &input);
        assert!(out.contains("no: the caller has content already"), "{out}");
        assert!(out.contains("not for this caller"), "{out}");
        assert_eq!(people(&input), out);
    }
    let row = json!({
        "id": 7,
        "status": 200,
        "headers": {"content-type": "text/event-stream"},
        "body": BROKEN_OFF,
    });
    assert!(people(row.to_string()).starts_with("7: stream of openai.chat: broken off\n"));
}

#[test]
fn one_thing_is_told_once() {
    let verbose = "* Trying\n> GET / HTTP/2\n< HTTP/2 429\n{ [5 bytes data]\n{}\n";
    let meter = "  % Total    % Received\n                Dload  Upload\n";
    let page = "<html>\n<body>\n</body>\n</html>\n";
    for input in [verbose, &format!("{meter}{verbose}"), page] {
        let (code, _, err) = explain_with(&ExplainArgs::default(), input);
        assert_eq!((code, err.lines().count()), (UNREADABLE, 1), "{err}");
    }
    let (_, _, err) = explain_with(&args(|args| args.stream = true), verbose);
    assert!(err.contains("curl -sSi"), "{err}");
}

#[test]
fn what_can_not_be_read_is_named() {
    let directory = env!("CARGO_MANIFEST_DIR");
    let args = args(|args| args.file = directory.into());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(run(&args, &mut out, &mut err).unwrap(), UNREADABLE);
    let err = String::from_utf8(err).unwrap();
    assert!(err.contains(directory), "{err}");
}

fn any_args() -> impl Strategy<Value = ExplainArgs> {
    (any::<bool>(), 0..3).prop_map(|(json, form)| {
        args(|args| {
            args.json = json;
            args.delays = form == 1;
            args.stream = form == 2;
        })
    })
}

/// Bytes that look more or less like something.
fn any_input() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::sample::select(vec![
            "HTTP/1.1 429 x\r\n",
            "HTTP/2 200\n",
            "retry-after: ",
            "99999999999999999999",
            "\r\n",
            "\n",
            " ",
            ":",
            "{",
            "}",
            "{\n",
            "\n}\n",
            "\"status\":",
            "429",
            "null",
            ",",
            "\"headers\":{\"retry-after\":\"",
            "\"}",
            "\"body\":",
            "\"now\":\"",
            "-009999-01-01T00:00:00Z",
            "data: ",
            "event: error\n",
            "[DONE]",
            "curl: (7) ",
            "content-type: text/event-stream\n",
            "\u{feff}",
            "x-ratelimit-reset-requests: ",
            "grpc-retry-pushback-ms: ",
            "1e308",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_comes_in_is_read_to_its_end(args in any_args(), input in any_input()) {
        let (code, out, err) = explain_with(&args, input);
        prop_assert_eq!(code == UNREADABLE, !err.is_empty());
        if args.json {
            objects(&out);
        }
    }

    #[test]
    fn however_long_the_wait_it_can_be_told(millis in any::<u64>(), seconds in any::<u64>()) {
        for (name, value) in [("retry-after-ms", millis), ("retry-after", seconds)] {
            people(json!({"status": 429, "headers": {name: value}}).to_string());
            let delays = args(|args| args.delays = true);
            explain_with(&delays, json!({"status": 429, "headers": {name: value}}).to_string());
        }
    }
}
