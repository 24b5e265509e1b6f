//! Custom fields of users and organizations: free scalars, and those with a definition (core-api 12.3).

mod definition;
mod free;

pub use definition::{FieldDefinition, FieldDefinitions, FieldKind, Visibility, check_types_kept};
pub use free::check;
