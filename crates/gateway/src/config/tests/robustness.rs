use super::{
    super::{Config, Options},
    keys,
    schema::refused,
};
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../../../../docs/buttress.example.toml");

/// Nothing panics, whatever is said can be shown, and an editor has what can be read.
fn survives(bytes: &[u8]) {
    let options = Options::new(&keys);
    match Config::parse_bytes("buttress.toml", bytes, &options) {
        Ok((config, report)) => {
            drop((config.to_string(), report.to_string()));
            assert_eq!(refused(str::from_utf8(bytes).unwrap()), [""; 0]);
        }
        Err(report) => {
            assert!(!report.is_empty());
            assert!(!report.to_string().is_empty() && !report.styled().is_empty());
        }
    }
}

/// A line that could stand in a file, or nearly.
fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "listen",
        "deadline",
        "max_calls",
        "kind",
        "base_url",
        "key_env",
        "headers",
        "name",
        "provider",
        "model",
        "patience",
        "retry.base",
        "breaker.window",
        "accepts.tools",
        "é",
        "\"*\"",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "-1",
        "0x7f",
        "1e400",
        "nan",
        "true",
        "\"\"",
        "\"off\"",
        "\"1s\"",
        "\"55%\"",
        "[]",
        "[\"a\"]",
        "{}",
        "{ a = 1 }",
        "1979-05-27",
        "\"http://[::1]:1/v1\"",
        "\"\\u0000\"",
        "'é\u{1b}'",
        "\"openai\"",
        "\"99999999999999999999h\"",
        "99999999999999999999",
        "\"${A_NAME}\"",
        "\"${A_NAME}${\"",
        "\"${A_URL:-1s}\"",
        "\"$$${B_URL}\"",
        "[\"${A_URL:-a}\", \"${}\"]",
    ]);
    let table = prop::sample::select(vec![
        "[server]",
        "[limits]",
        "[providers.x]",
        "[providers.openai]",
        "[[routes]]",
        "[models]",
        "[defaults.retry]",
        "[defaults]",
        "[routes.retry]",
        "[providers.x.headers]",
        "[[models]]",
    ]);
    prop_oneof![
        3 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => table.prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&bytes);
    }

    #[test]
    fn any_text(text in "\\PC{0,80}\n[a-z]{1,5} ?= ?\\PC{0,20}") {
        survives(text.as_bytes());
    }

    #[test]
    fn any_lines(lines in prop::collection::vec(line(), 0..20)) {
        survives(lines.join("\n").as_bytes());
    }

    #[test]
    fn the_example_with_a_hole(start in 0..EXAMPLE.len(), length in 0..80_usize, byte: u8) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, [byte]);
        survives(&bytes);
    }
}
