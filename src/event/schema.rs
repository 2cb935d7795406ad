//! The published JSON Schema of the events.

/// The schema, as `forwarden schema` prints it.
pub fn schema() -> &'static str {
    include_str!("schema.json")
}
