//! JSON answers: whether they follow a schema, and what can be repaired without asking anybody.
//!
//! ```
//! use buttress_correct::json::{Schema, repair};
//!
//! let schema = Schema::compile(r#"{
//!     "type": "object",
//!     "properties": {"age": {"type": "integer", "minimum": 0}},
//!     "required": ["age"]
//! }"#)?;
//!
//! let answer = "Here you are:\n```json\n{\"age\": 7,}\n```";
//! let repaired = repair::repair(answer, false).expect("one value");
//! assert_eq!(repaired.json, r#"{"age": 7}"#);
//! assert!(schema.violations(&serde_json::from_str(&repaired.json)?).is_empty());
//!
//! let wrong = schema.violations(&serde_json::json!({"age": -1}));
//! assert_eq!(wrong[0].to_string(), "/age: value is less than the minimum of 0");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod prefix;
pub mod repair;
mod schema;
mod schemas;
mod violation;
mod weight;

pub use self::{
    prefix::Prefix,
    schema::{InvalidSchema, Schema},
    schemas::Schemas,
    violation::Violation,
};
