//! Custom fields of users and organizations: free scalars, and those with a definition (core-api 12.3).

mod claims;
mod definition;
mod definitions;
mod free;

pub use definition::{FieldDefinition, FieldKind, Visibility};
pub use definitions::{FieldDefinitions, check_types_kept};
pub use free::check;
