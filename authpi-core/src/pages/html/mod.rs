//! The hosted pages: what each shows, and how it looks (idp §1.6, §1.7, §23). Every page works without scripts; its forms
//! post `application/x-www-form-urlencoded` to the paths in its context, with the flow's `ticket` where it has one.
//!
//! A page is a struct of [`sign_in`], [`link`], [`factor`], [`password`], [`sign_up`], [`decision`], [`notice`], [`fault`]
//! or [`machine`]; [`render`] makes it HTML for a [`Frame`], with the policy it is sent under.

pub mod assets;
pub mod decision;
pub mod factor;
pub mod fault;
pub mod frame;
pub mod link;
pub mod machine;
pub mod notice;
pub mod parts;
pub mod password;
mod policy;
mod problem;
mod qr;
mod render;
pub mod sign_in;
pub mod sign_up;
mod texts;
pub mod theme;

#[cfg(test)]
mod checker;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod typed;

pub use frame::{Brand, Frame, Links};
pub use policy::{Forms, Policy};
pub use problem::{Errors, Problem};
pub use render::{Page, RenderedPage, render};
