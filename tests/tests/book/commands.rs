//! What the book tells to type is understood.

use super::pages;
use buttress_gateway::cli;

/// The words of each command of `buttress` in a block for a shell.
fn commands(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim_start_matches("$ ").trim_start();
        for command in split(line) {
            // Variables may stand before the program.
            let mut words = command.into_iter();
            let words = words.by_ref().skip_while(|word| is_assignment(word));
            let words: Vec<_> = words.collect();
            if words.first().is_some_and(|word| word == "buttress") {
                found.push(words);
            }
        }
    }
    found
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| name.bytes().all(|c| c.is_ascii_uppercase() || c == b'_'))
}

/// A line as a shell would take it apart, without what is redirected, and up to a comment.
fn split(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut words = quoted_words(line).into_iter();
    while let Some((word, quoted)) = words.next() {
        match word.as_str() {
            word if quoted => commands.last_mut().expect("one").push(word.to_owned()),
            word if word.starts_with('#') => break,
            "|" | "&&" | "||" | "&" | ";" => commands.push(Vec::new()),
            "<" | ">" | ">>" => drop(words.next()),
            "2>&1" => {}
            word => commands.last_mut().expect("one").push(word.to_owned()),
        }
    }
    commands
}

/// Words, and whether each stands in quotes.
fn quoted_words(line: &str) -> Vec<(String, bool)> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, behind, quoted) = match first {
            '\'' | '"' => {
                let (word, behind) = rest[1..].split_once(first).unwrap_or((&rest[1..], ""));
                (word, behind, true)
            }
            _ => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (&rest[..end], &rest[end..], false)
            }
        };
        words.push((word.to_owned(), quoted));
        rest = behind.trim_start();
    }
    words
}

#[test]
fn they_are_understood() {
    let mut count = 0;
    for (path, page) in pages::all() {
        let shells = ["sh", "console"];
        let blocks = page.blocks.iter();
        for block in blocks.filter(|block| shells.contains(&block.language.as_str())) {
            for words in commands(&block.text) {
                if let Err(error) = cli::parse(&words) {
                    panic!("{path}: {words:?}\n{error}");
                }
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn a_line_is_taken_apart_as_a_shell_does() {
    let line = "$ A_KEY=… curl -d '{\"a\": 1}' x 2>&1 | buttress explain --json > out.jsonl # why";
    assert_eq!(commands(line), [["buttress", "explain", "--json"]]);
    assert_eq!(commands("A=b buttress"), [["buttress"]]);
    assert_eq!(commands("buttressed"), [[""; 0]; 0]);
}
