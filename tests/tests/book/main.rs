//! The book in `docs/` says what is so: its links lead somewhere, its configurations load, its
//! commands parse, and what it ships to operate the gateway by agrees with the program. Its Rust
//! is compiled with the documentation of this package.

mod commands;
mod configurations;
mod defaults;
mod deploy;
mod links;
mod pages;
mod summary;
mod words;
