//! The words that stand in logs, errors and answers are explained.

use super::pages::{self, Page};
use buttress::{Blame, Class, circuit_breaker::State, llm::Kind};
use std::fs;

fn explained(page: &str, words: impl IntoIterator<Item = String>) {
    let text = fs::read_to_string(pages::root().join(page)).unwrap();
    for word in words {
        assert!(text.contains(&word), "{page} does not explain {word}");
    }
}

#[test]
fn every_kind_of_failure_has_a_row() {
    let rows = || Kind::ALL.into_iter().map(|kind| format!("\n| `{kind}` | "));
    explained("docs/concepts.md", rows());
    let words = Kind::ALL.into_iter().map(|kind| format!("`{kind}`"));
    explained("docs/failures.md", words);
}

#[test]
fn so_has_every_part_of_a_verdict() {
    // A part that is new makes these incomplete, which the compiler can't see.
    let classes = [
        Class::Transient,
        Class::Timeout,
        Class::Persistent,
        Class::BadInput,
        Class::Partial,
        Class::Rejected,
    ];
    let blames = [
        Blame::Request,
        Blame::Key,
        Blame::Limit,
        Blame::Service,
        Blame::Local,
    ];
    let rows = classes.map(|class| format!("\n| `{class:?}` | "));
    explained("docs/concepts.md", rows);
    let rows = blames.map(|blame| format!("\n| `{blame:?}` | "));
    explained("docs/concepts.md", rows);
}

#[test]
fn every_state_of_a_circuit_is_drawn() {
    let page = Page::read(&pages::root().join("docs/layers/circuit-breaker.md"));
    let picture = page.blocks.iter().find(|block| block.language == "text");
    let picture = &picture.expect("there is one").text;
    for state in State::ALL {
        let name = state.as_str().replace('_', "-");
        let drawn = picture.contains(&format!("│ {name} │"));
        assert!(
            drawn || picture.contains(&format!("│  {name}  │")),
            "{name}"
        );
    }
    let words = State::ALL.map(|state| format!("`{}`", state.as_str()));
    explained("docs/operating.md", words);
}
