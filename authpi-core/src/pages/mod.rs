//! What people see: typed contexts, templates and catalogues of texts. Renders, decides nothing.

pub mod api;
pub mod color;
pub mod html;
pub mod inert;
pub mod language;
pub mod mail;
