//! What the book shows of `buttress.toml` is one, or a part of one.

use super::pages;
use buttress_gateway::config::{Config, Options};

/// What is to be set where a page speaks of it.
fn env(name: &str) -> Option<String> {
    let value = match name {
        "BUTTRESS_SEAL_KEYS" => return None,
        name if name.ends_with("_QUEUE_URL") || name.ends_with("_JOURNAL_URL") => {
            "redis://localhost:6379".to_owned()
        }
        name if name.ends_with("_URL") || name.starts_with("OTEL_") => return None,
        "PORT" => "8080".to_owned(),
        "RETRIES" | "MODEL" => return None,
        // Each its own: two providers with one key are told of.
        name => format!("the-key-in-{name}"),
    };
    Some(value)
}

/// The routes that pages speak of, for what has none.
const ROUTES: &str = "
[[routes]]
provider = \"openai\"
model = \"gpt-4.1\"

[[routes]]
provider = \"anthropic\"
model = \"claude-sonnet-4-5\"
";

#[test]
fn they_load_without_a_word() {
    let mut count = 0;
    for (path, page) in pages::all() {
        for block in page.blocks.iter().filter(|block| block.language == "toml") {
            let source = match block.text.contains("[[routes]]") {
                true => block.text.clone(),
                false => format!("{}{ROUTES}", block.text),
            };
            match Config::parse(&path, &source, &Options::new(&env)) {
                Ok((_, report)) => assert!(report.is_empty(), "{report}"),
                Err(report) => panic!("{report}"),
            }
            count += 1;
        }
    }
    assert!(count > 15, "{count}");
}

#[test]
fn the_example_does() {
    let path = pages::root().join("docs/buttress.example.toml");
    let (_, report) = Config::load(Some(&path), &Options::new(&env)).unwrap();
    assert!(report.is_empty(), "{report}");
}
