use super::{
    Repair::{Commas, Comments, Fences, Literals, Prose, Tail},
    *,
};
use proptest::prelude::*;
use serde_json::Value;

fn repaired(text: &str) -> Option<(String, Vec<Repair>)> {
    let found = repair(text, false)?;
    Some((found.json, found.repairs))
}

#[test]
fn what_can_only_mean_one_thing_is_repaired() {
    for (text, json, repairs) in [
        ("```json\n{\"a\": 1}\n```", "{\"a\": 1}", &[Fences][..]),
        ("```\n[1]\n```\n", "[1]", &[Fences]),
        ("```json {\"a\": 1}```", "{\"a\": 1}", &[Fences]),
        ("```json\n\"a word\"\n```", "\"a word\"", &[Fences]),
        (
            "``` json5\n{\"a\": \"```\"}\n```",
            "{\"a\": \"```\"}",
            &[Fences],
        ),
        ("Sure! {\"a\": 1} Anything else?", "{\"a\": 1}", &[Prose]),
        (
            "Here:\n```json\n{\"a\": 1}\n```\nBye",
            "{\"a\": 1}",
            &[Prose],
        ),
        ("Of {these} [two} this: [\"]\"]", "[\"]\"]", &[Prose]),
        ("{\"a\": [1, 2,], }", "{\"a\": [1, 2] }", &[Commas]),
        (
            "{\"a\": 1, // one\n \"b\": /* \" */ 2}",
            "{\"a\": 1,  \n \"b\":   2}",
            &[Comments],
        ),
        (
            "{\"a\": True, \"b\": [None, False]}",
            "{\"a\": true, \"b\": [null, false]}",
            &[Literals],
        ),
        ("{\"a\": [1, \"x\"]", "{\"a\": [1, \"x\"]}", &[Tail]),
        ("{\"a\": {\"b\": \"x\"", "{\"a\": {\"b\": \"x\"}}", &[Tail]),
        ("[[true", "[[true]]", &[Tail]),
        (
            "```json\n{\"a\": [\"x\",], // so\n",
            "{\"a\": [\"x\"], \n",
            &[],
        ),
        (
            "Well:\n{\"a\": [True,], \"b\": \"c\"",
            "{\"a\": [true], \"b\": \"c\"}",
            &[Prose, Literals, Commas, Tail],
        ),
    ] {
        let expected = (json.to_owned(), repairs.to_vec());
        // The one that has nothing that could be closed.
        let expected = (!repairs.is_empty()).then_some(expected);
        assert_eq!(repaired(text), expected, "{text}");
    }
}

#[test]
fn what_could_mean_two_things_is_left_alone() {
    for text in [
        "",
        "no JSON here",
        "{\"a\": 1} or {\"a\": 2}",
        "[1] and {\"a\": 2}",
        "{'a': 1}",
        "{a: 1}",
        "{\"a\": 1 \"b\": 2}",
        "[1,, 2]",
        "[,]",
        "{\"a\":,}",
        "{\"a\": undefined}",
        // Cut off in the middle of something, or before it.
        "{\"a\": 1",
        "{\"a\": \"x",
        "{\"a\": tru",
        "{\"a\": Tru",
        "{\"a",
        "{\"a\"",
        "{\"a\":",
        "{\"a\": 2, ",
        "[\"x\",",
        "{",
        "[",
        // Two numbers, and not one.
        "[1/**/2]",
        "{\"n\": 1/*.*/5}",
        "{\"a\": [",
        "{\"a\": \"x\" // and",
    ] {
        // A comment may hide what came behind, but not the value before it.
        let repaired = repaired(text);
        let hidden = text.contains("//");
        assert_eq!(repaired.is_some(), hidden, "{text}: {repaired:?}");
    }
}

#[test]
fn of_an_answer_that_was_cut_off_no_array_is_closed() {
    let closed = |text| repair(text, true).map(|found| found.json);
    assert_eq!(closed("{\"a\": \"x\""), Some("{\"a\": \"x\"}".to_owned()));
    assert_eq!(
        closed("{\"a\": [\"x\"]"),
        Some("{\"a\": [\"x\"]}".to_owned())
    );
    assert_eq!(closed("[\"x\""), None);
    assert_eq!(closed("{\"a\": [{\"b\": \"x\"}"), None);
}

#[test]
fn a_megabyte_of_anything_takes_no_time() {
    let megabyte = 1 << 20;
    for piece in [
        "{", "[", "{\"a\":", "[{", "{}", "[1]", "{\"", "\\\"", "/*{", "{/*", "[,", "[1,",
    ] {
        let text = piece.repeat(megabyte / piece.len());
        // It is the test's own limit on time that this is about.
        let _ = repair(&text, false);
    }
    let commas = format!("[{}", "[1,],".repeat(megabyte / 5));
    assert!(repair(&(commas + "2]"), false).is_some());
}

/// A text as models write them, and as nobody does.
fn text() -> impl Strategy<Value = String> {
    let pieces = [
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"", "\\", "1", "-2.5e3", "true", "None", " ",
        "\n", "```", "json", "//", "/*", "*/", "ö", "\"b\": ", "Sure",
    ];
    let piece = prop::sample::select(pieces.to_vec());
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z\"\\\\`{},/]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"]{0,3}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_comes_out_is_json_and_is_not_repaired_again(text in text(), cut: bool) {
        if let Some(found) = repair(&text, cut) {
            prop_assert!(is_json(&found.json));
            prop_assert!(!found.repairs.is_empty());
            prop_assert_eq!(repair(&found.json, cut), None);
        }
    }

    #[test]
    fn json_is_never_changed(value in json()) {
        prop_assert_eq!(repair(&value.to_string(), false), None);
        prop_assert_eq!(repair(&format!(" {value:#}\n"), true), None);
    }

    #[test]
    fn what_is_wrapped_comes_out_as_it_was(value in json()) {
        prop_assume!(value.is_object() || value.is_array());
        for wrapped in [
            format!("```json\n{value:#}\n```"),
            format!("Here you are: {value} Is it right?"),
        ] {
            let found = repair(&wrapped, false);
            let found = found.map(|found| serde_json::from_str::<Value>(&found.json).unwrap());
            prop_assert_eq!(found.as_ref(), Some(&value), "{}", wrapped);
        }
    }

    /// What is closed at its end is what was there, up to the cut.
    #[test]
    fn nothing_is_made_up(value in json(), at: prop::sample::Index) {
        // A text that is cut may well be prose around the JSON in it.
        prop_assume!(!value.is_string());
        let whole = value.to_string();
        let cut = whole.floor_char_boundary(at.index(whole.len() + 1));
        if let Some(found) = repair(&whole[..cut], false) {
            prop_assert_eq!(&found.repairs, &[Tail]);
            prop_assert!(found.json.starts_with(&whole[..cut]));
            let rest = &found.json[cut..];
            let closes = |closing| matches!(closing, ']' | '}');
            prop_assert!(rest.chars().all(closes));
        }
    }
}
