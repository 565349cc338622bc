//! The program ends well only if no step was paid for twice.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::process::Command;

#[test]
fn no_step_is_paid_for_twice() {
    let ran = Command::new(env!("CARGO_BIN_EXE_example-resumed-agent"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert_eq!(said.matches(": paid, ").count(), 6, "{said}");
    assert_eq!(
        said.matches(": given from the journal, ").count(),
        9,
        "{said}"
    );
    assert!(said.contains("(killed)"), "{said}");
}
